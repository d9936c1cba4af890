/* The load of trace.py: one thread makes connections over loopback to itself, accepts and closes them; what each costs.

   connect COUNT [closed|full]  prints the CPU time of a connection, both ends, in nanoseconds. Ten stand in the queue at a time, and are
                                reset: the least that a connection can cost. closed: one at a time, with an answer of a byte, closed by
                                the server and then by the client. full: as the first, but the queue of another listener is full
                                meanwhile, and one SYN in eleven goes there. */
#include <arpa/inet.h>
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 10
#define ADDRESSES 200 /* of the server: ports that wait for their time are not used again */

static int listener(struct sockaddr_in *at, int backlog)
{
    socklen_t length = sizeof *at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof *at) || listen(fd, backlog) ||
        getsockname(fd, (struct sockaddr *)at, &length))
        err(1, "listen");
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd;
}

static int begin(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0)
        err(1, "socket");
    connect(fd, (const struct sockaddr *)to, sizeof *to);
    return fd;
}

/* No connection stays in TIME_WAIT: the ports would run out. */
static void end(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

static void round_of(int server, const struct sockaddr_in *to, const struct sockaddr_in *full)
{
    int clients[AT_ONCE], dropped = full ? begin(full) : -1;
    for (int i = 0; i < AT_ONCE; i++)
        clients[i] = begin(to);
    for (int i = 0; i < AT_ONCE; i++) {
        int fd = accept4(server, NULL, NULL, 0);
        if (fd < 0)
            err(1, "accept");
        end(fd);
    }
    for (int i = 0; i < AT_ONCE; i++)
        close(clients[i]);
    if (full)
        close(dropped);
}

static void whole(int server, struct sockaddr_in to, long number)
{
    char byte = 'x';
    int client = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number % ADDRESSES));
    if (client < 0 || connect(client, (struct sockaddr *)&to, sizeof to))
        err(1, "connect");
    int fd = accept4(server, NULL, NULL, 0);
    if (fd < 0 || write(fd, &byte, 1) != 1 || close(fd))
        err(1, "accept");
    while (read(client, &byte, 1) > 0)
        ;
    close(client);
}

static double cpu(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 0;
    struct sockaddr_in to, full;
    const char *how = argc > 2 ? argv[2] : "";
    bool is_full = !strcmp(how, "full");
    if (count < AT_ONCE)
        errx(2, "usage: connect COUNT [closed|full]");
    int server = listener(&to, 100);
    if (is_full) {
        listener(&full, 0);
        begin(&full);
    }
    double began = cpu();
    for (long i = 0; i < count && !strcmp(how, "closed"); i++)
        whole(server, to, i);
    for (long i = 0; i < count / AT_ONCE && strcmp(how, "closed"); i++)
        round_of(server, &to, is_full ? &full : NULL);
    printf("%.0f\n", (cpu() - began) / (double)(count / AT_ONCE * AT_ONCE));
    return 0;
}

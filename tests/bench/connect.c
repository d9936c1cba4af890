/* The load of trace.py: connections over loopback, accepted and closed; what each costs.

   connect COUNT [closed|full]  prints the CPU time of a connection, both ends, in nanoseconds. One thread makes ten,
                                accepts and resets them: the least that a connection can cost. closed: a process makes one after the
                                other, another answers with a byte and closes, then the first does. full: as the first, but the queue of another listener is full
                                meanwhile, and one SYN in eleven goes there. */
#include <arpa/inet.h>
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/wait.h>
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

static void serve(int server)
{
    for (;;) {
        int fd = accept4(server, NULL, NULL, 0);
        if (fd < 0 || write(fd, "x", 1) != 1 || close(fd))
            err(1, "accept");
    }
}

static void visit(struct sockaddr_in to, long number)
{
    char byte;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number % ADDRESSES));
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        err(1, "connect");
    while (read(fd, &byte, 1) > 0)
        ;
    close(fd);
}

static double cpu_of(int who)
{
    struct rusage used;
    getrusage(who, &used);
    return ((double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec) * 1e9 +
           ((double)used.ru_utime.tv_usec + (double)used.ru_stime.tv_usec) * 1e3;
}

static double visit_all(int server, const struct sockaddr_in *to, long count)
{
    pid_t pid = fork();
    if (!pid)
        serve(server);
    double began = cpu_of(RUSAGE_SELF);
    for (long i = 0; i < count; i++)
        visit(*to, i);
    double used = cpu_of(RUSAGE_SELF) - began;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return (used + cpu_of(RUSAGE_CHILDREN)) / (double)count;
}

static double rounds(int server, const struct sockaddr_in *to, const struct sockaddr_in *full, long count)
{
    double began = cpu_of(RUSAGE_SELF);
    for (long i = 0; i < count / AT_ONCE; i++)
        round_of(server, to, full);
    return (cpu_of(RUSAGE_SELF) - began) / (double)(count / AT_ONCE * AT_ONCE);
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 0;
    const char *how = argc > 2 ? argv[2] : "";
    struct sockaddr_in to, full;
    if (count < AT_ONCE)
        errx(2, "usage: connect COUNT [closed|full]");
    int server = listener(&to, 100);
    bool is_full = !strcmp(how, "full");
    if (is_full) {
        listener(&full, 0);
        begin(&full);
    }
    printf("%.0f\n", !strcmp(how, "closed") ? visit_all(server, &to, count) : rounds(server, &to, is_full ? &full : NULL, count));
    return 0;
}

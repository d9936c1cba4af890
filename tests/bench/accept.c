/* The yardstick of tests/bench/serve.py: the least that a server can do which holds its clients until they go, and the load for it.

   accept server PORT            listens, prints "listening", accepts and holds
   accept load PORT COUNT [PID]  opens COUNT connections, waits until they are accepted, closes them, waits until the server has.
                                 With PID that process is stopped until all of them stand in its queue.
   The load prints the seconds until all were accepted, and, when a byte comes on its standard input, closes. */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 1000000
#define AT_ONCE 256

/* Ports of one source run short, and are slow to find then. */
#define FROM_ONE_SOURCE 250

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct sockaddr_in address(uint32_t host, int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl((127u << 24) + host)};
}

static void raise_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- The server ---- */

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        err(1, "epoll_ctl");
}

static void accept_some(int epoll, int listener)
{
    struct sockaddr_storage peer;
    for (int i = 0; i < AT_ONCE; i++) {
        socklen_t size = sizeof peer;
        int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        watch(epoll, fd);
    }
}

static void serve(int port)
{
    struct sockaddr_in local = address(1, port);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), epoll = epoll_create1(EPOLL_CLOEXEC);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&local, sizeof local) || listen(listener, BACKLOG))
        err(1, "listen");
    watch(epoll, listener);
    puts("listening");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[AT_ONCE];
        char bytes[4096];
        int got = epoll_wait(epoll, events, AT_ONCE, -1);
        for (int i = 0; i < got; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_some(epoll, listener);
            else if (recv(fd, bytes, sizeof bytes, 0) <= 0)
                close(fd);
        }
    }
}

/* ---- The load ---- */

static int open_one(int port, int number)
{
    struct sockaddr_in from = address((1u << 16) + (uint32_t)(number / FROM_ONE_SOURCE) + 1, 0), to = address(1, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) || connect(fd, (struct sockaddr *)&to, sizeof to))
        err(1, "connection %d", number);
    return fd;
}

/* The kernel's table begins with the listeners; there is only one here. */
static long waiting(int port)
{
    static char table[4096];
    char place[32];
    FILE *file = fopen("/proc/net/tcp", "r");
    size_t size = file ? fread(table, 1, sizeof table - 1, file) : 0;
    table[size] = '\0';
    if (file)
        fclose(file);
    snprintf(place, sizeof place, ":%04X 00000000:0000 0A ", (unsigned)port);
    char *at = strstr(table, place);
    if (!at)
        errx(1, "nobody listens at port %d", port);
    return strtol(strchr(at + strlen(place), ':') + 1, NULL, 16);
}

static void load(int port, int count, pid_t pid)
{
    int *fds = calloc((size_t)count, sizeof *fds);
    char byte;
    double began = now();
    if (pid && kill(pid, SIGSTOP))
        err(1, "kill");
    for (int i = 0; i < count; i++)
        fds[i] = open_one(port, i);
    if (pid) {
        began = now();
        kill(pid, SIGCONT);
    }
    while (waiting(port))
        usleep(100);
    printf("%.6f\n", now() - began);
    fflush(stdout);
    if (read(0, &byte, 1) < 0)
        err(1, "read");
    for (int i = 0; i < count; i++)
        shutdown(fds[i], SHUT_WR);
    for (int i = 0; i < count; i++)
        if (read(fds[i], &byte, 1))
            err(1, "end of connection %d", i);
}

int main(int argc, char **argv)
{
    raise_limit();
    if (argc == 3 && !strcmp(argv[1], "server"))
        serve(atoi(argv[2]));
    else if (argc >= 4 && !strcmp(argv[1], "load"))
        load(atoi(argv[2]), atoi(argv[3]), argc > 4 ? atoi(argv[4]) : 0);
    else
        errx(2, "usage: accept server PORT | load PORT COUNT [PID]");
}

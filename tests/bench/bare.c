/* The least to ask of the kernel for connections and their states: the yardstick of the probe. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* With fewer ports of one address in use, the kernel's search for a free one costs next to nothing. */
#define CONNECTIONS_PER_SOURCE 8000

/* Descriptors left for everything else in a table. */
#define SPARE_DESCRIPTORS 40
#define LARGEST_SHARE 19000

/* What one thread opens, in a descriptor table of its own: the limit on open files counts per table. */
struct share {
    const struct sockaddr_in *destination;
    uint32_t first_source; /* host byte order */
    int *fds;              /* of all shares, by number */
    size_t first, end, established;
    sem_t opened, close;
};

static void fail(const char *call)
{
    perror(call);
    exit(1);
}

static void open_share(struct share *share)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    for (size_t i = share->first; i < share->end; i++) {
        struct tcp_info info = {0};
        socklen_t size = sizeof info;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            fail("socket");
        source.sin_addr.s_addr = htonl(share->first_source + (uint32_t)(i / CONNECTIONS_PER_SOURCE));
        if (bind(fd, (struct sockaddr *)&source, sizeof source))
            fail("bind");
        if (connect(fd, (const struct sockaddr *)share->destination, sizeof *share->destination) && errno != EINPROGRESS)
            fail("connect");
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
            fail("TCP_INFO");
        share->established += info.tcpi_state == 1; /* TCP_ESTABLISHED */
        share->fds[i] = fd;
    }
}

static void close_share(const struct share *share)
{
    for (size_t i = share->first; i < share->end; i++)
        close(share->fds[i]);
}

static void *share_thread(void *argument)
{
    struct share *share = argument;
    if (unshare(CLONE_FILES))
        fail("unshare");
    open_share(share);
    sem_post(&share->opened);
    sem_wait(&share->close);
    close_share(share);
    return NULL;
}

static size_t table_room(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max <= SPARE_DESCRIPTORS)
        return 1;
    size_t room = limit.rlim_max - SPARE_DESCRIPTORS;
    return room < LARGEST_SHARE ? room : LARGEST_SHARE;
}

/* Opened by one thread after the other, so that bursts never overlap: two at once would pass the queue check
   together. Closed by all at once: that is faster. */
static void open_in_threads(struct share *shares, size_t count)
{
    pthread_t *threads = calloc(count, sizeof *threads);
    if (!threads)
        fail("calloc");
    for (size_t s = 0; s < count; s++) {
        sem_init(&shares[s].opened, 0, 0);
        sem_init(&shares[s].close, 0, 0);
        errno = pthread_create(&threads[s], NULL, share_thread, &shares[s]);
        if (errno)
            fail("pthread_create");
        sem_wait(&shares[s].opened);
    }
    for (size_t s = 0; s < count; s++)
        sem_post(&shares[s].close);
    for (size_t s = 0; s < count; s++)
        pthread_join(threads[s], NULL);
    free(threads);
}

/* Somewhere in 127.1.0.0 to 127.253.255.255, fresh each run: an earlier run's ports are not in the way. */
static uint32_t random_source(void)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        fail("getrandom");
    return 0x7f010000u + random % 0x00fd0000u;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "Usage: bench_bare COUNT PORT queued|dropped\n");
        return 2;
    }
    size_t count = strtoul(argv[1], NULL, 10), room = table_room(), number = (count + room - 1) / room;
    struct sockaddr_in destination = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint32_t source = random_source();
    int *fds = malloc(count * sizeof *fds);
    struct share *shares = calloc(number, sizeof *shares);
    if (!fds || !shares || !count)
        fail("malloc");
    for (size_t s = 0; s < number; s++)
        shares[s] = (struct share){.destination = &destination,
                                   .first_source = source,
                                   .fds = fds,
                                   .first = count * s / number,
                                   .end = count * (s + 1) / number};
    if (number > 1) {
        open_in_threads(shares, number);
    } else {
        open_share(&shares[0]);
        close_share(&shares[0]);
    }
    size_t established = 0;
    for (size_t s = 0; s < number; s++)
        established += shares[s].established;
    free(shares);
    free(fds);
    if (established == (strcmp(argv[3], "queued") ? 0 : count))
        return 0;
    fprintf(stderr, "%zu of %zu established, not all %s\n", established, count, argv[3]);
    return 1;
}

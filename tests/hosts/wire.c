/* A path between two devices that takes its time: what comes in at one of them goes out at the other so many microseconds later, in
   order. Says "ready" when it carries; ends with its parent. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#define FRAME 1600
#define FRAMES (1u << 16) /* under way in one direction: a third of a second of 200 000 a second */
#define BATCH 64

struct frame {
    int64_t due;
    uint32_t length;
    unsigned char bytes[FRAME];
};

struct way {
    int from, to;
    struct frame *frames;
    uint32_t head, count;
    uint64_t carried, lost;
    int64_t worst_late;
};

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int open_device(const char *name)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name)};
    int room = 64 << 20, one = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
    struct packet_mreq all = {.mr_ifindex = at.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof at) ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all)) {
        perror(name);
        exit(1);
    }
    return fd;
}

static void take(struct way *way, int64_t delay)
{
    for (int i = 0; i < BATCH; i++) {
        struct frame *frame = &way->frames[(way->head + way->count) % FRAMES];
        unsigned char spare[FRAME];
        bool room = way->count < FRAMES;
        ssize_t got = recv(way->from, room ? frame->bytes : spare, FRAME, 0);
        if (got <= 0)
            return;
        way->lost += !room;
        if (!room)
            continue;
        frame->length = (uint32_t)got;
        frame->due = now() + delay;
        way->count++;
    }
}

/* Until when nothing is due; -1: nothing waits. */
static int64_t give(struct way *way)
{
    while (way->count) {
        struct frame *frame = &way->frames[way->head];
        int64_t late = now() - frame->due;
        if (late < 0)
            return frame->due;
        way->worst_late = late > way->worst_late ? late : way->worst_late;
        way->lost += send(way->to, frame->bytes, frame->length, 0) < 0;
        way->carried++;
        way->head = (way->head + 1) % FRAMES;
        way->count--;
    }
    return -1;
}

static volatile sig_atomic_t over;

static void end(int number)
{
    (void)number;
    over = 1;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    int64_t delay = atoll(argv[3]) * 1000;
    int ends[2] = {open_device(argv[1]), open_device(argv[2])};
    struct way ways[2];
    for (int i = 0; i < 2; i++)
        ways[i] = (struct way){.from = ends[i], .to = ends[!i], .frames = calloc(FRAMES, sizeof(struct frame))};
    if (!ways[0].frames || !ways[1].frames)
        return 1;
    puts("ready");
    fflush(stdout);
    while (!over) {
        struct pollfd fds[2] = {{.fd = ends[0], .events = POLLIN}, {.fd = ends[1], .events = POLLIN}};
        struct timespec left, *wait = NULL;
        int64_t next = -1;
        for (int i = 0; i < 2; i++) {
            take(&ways[i], delay);
            int64_t due = give(&ways[i]);
            next = due >= 0 && (next < 0 || due < next) ? due : next;
        }
        if (next >= 0) {
            int64_t span = next - now();
            left = (struct timespec){.tv_sec = 0, .tv_nsec = span > 0 ? span % 1000000000 : 0};
            wait = &left;
        }
        ppoll(fds, 2, wait, NULL);
    }
    for (int i = 0; i < 2; i++)
        printf("%llu carried, %llu lost, at most %lld us late\n", (unsigned long long)ways[i].carried,
               (unsigned long long)ways[i].lost, (long long)(ways[i].worst_late / 1000));
    return 0;
}

/* The server's side of conversations, against a model of what is said. The fuzzer's bytes are what a few clients do: send, read, wait,
   close. */
#include "fuzz.h"

#include "engine/conversation.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS 3
#define SENT_MAX 60000
#define GOT_MAX (2 * SENT_MAX + 1024) /* each newline gets a `!` */
#define TURNS_MAX 4096

/* A client. */
struct peer {
    int fd;                    /* -1: not there */
    bool added, begun, closed; /* at the server */
    bool finished, gone;       /* sends no more; has closed */
    size_t sent, got;
    char said[SENT_MAX], heard[GOT_MAX];
};

static struct peer peers[PEERS];
static struct clients clients;

/* ---- The model ---- */

/* What the server owes for all that was sent: the greeting, each line with a `!` before its end, up to `end`. Returns how much;
   *tail and *rest: behind the last newline, which may have come back in part, being long. */
static size_t model(const struct peer *peer, const char *greeting, char *out, const char **tail, size_t *rest, bool *ended)
{
    const char *at = peer->said, *end = at + peer->sent, *newline;
    size_t size = strlen(greeting);
    memcpy(out, greeting, size);
    *ended = false;
    for (; at < end && (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1) {
        size_t length = (size_t)(newline - at), text = length && newline[-1] == '\r' ? length - 1 : length;
        *ended = text == 3 && !memcmp(at, "end", 3);
        if (*ended)
            break;
        memcpy(out + size, at, text);
        size += text;
        out[size++] = '!';
        memcpy(out + size, at + text, length - text + 1);
        size += length - text + 1;
    }
    *tail = at;
    *rest = *ended ? 0 : (size_t)(end - at);
    return size;
}

/* `complete`: the server had all the time that it wants. */
static void check(const struct peer *peer, const char *greeting, bool complete)
{
    static char owed[GOT_MAX];
    const char *tail;
    size_t rest;
    bool ended;
    size_t size = model(peer, greeting, owed, &tail, &rest, &ended);
    size_t whole = peer->got < size ? peer->got : size, more = peer->got - whole;
    MUST(!memcmp(peer->heard, owed, whole));
    MUST(more <= rest && !memcmp(peer->heard + whole, tail, more));
    if (complete)
        MUST(whole == size && rest - more <= LONGEST_LINE + 1);
    /* What fits into one piece is answered in one piece. */
    MUST(!more || rest > LONGEST_LINE);
}

/* ---- What clients do ---- */

static void has_closed(struct clients *all, const struct client *client)
{
    MUST(all == &clients && client->number >= 1 && client->number <= PEERS && client->fd == -1 && !client->carry);
    struct peer *peer = &peers[client->number - 1];
    MUST(peer->begun && !peer->closed);
    peer->closed = true;
}

static void turn(void)
{
    clients.source.ready(&clients.source, EPOLLIN);
}

static void add(struct peer *peer)
{
    int ends[2], room = 1;
    if (peer->added)
        return;
    MUST(!clients_reserve(&clients) && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
    MUST(!setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room)); /* the least there is: so it has to wait */
    peer->fd = ends[0];
    peer->added = true;
    clients_add(&clients, &(struct client){.fd = ends[1], .number = (uint64_t)(peer - peers) + 1});
}

/* Those added before `most` are begun in their order. */
static void begin(uint32_t most)
{
    uint32_t fresh = clients.fresh;
    struct client list[PEERS];
    uint32_t count = 0;
    for (uint32_t slot = clients.first_fresh; count < fresh && count < most; slot = clients.slots[slot].next)
        list[count++] = clients.slots[slot];
    for (uint32_t i = 0; i < count; i++)
        peers[list[i].number - 1].begun = true;
    MUST(!clients_begin(&clients, most) && clients.fresh == fresh - count);
}

static void send_bytes(struct peer *peer, const void *bytes, size_t count)
{
    size_t room = SENT_MAX - peer->sent;
    if (peer->fd < 0 || peer->finished)
        return;
    ssize_t put = send(peer->fd, bytes, count < room ? count : room, MSG_NOSIGNAL);
    if (put > 0) {
        memcpy(peer->said + peer->sent, bytes, (size_t)put);
        peer->sent += (size_t)put;
    }
}

static void send_repeated(struct peer *peer, uint8_t byte, size_t count)
{
    static uint8_t many[UINT16_MAX];
    memset(many, byte, count);
    send_bytes(peer, many, count);
}

/* False at the end. */
static bool receive(struct peer *peer, size_t most)
{
    if (peer->fd < 0)
        return false;
    ssize_t got = recv(peer->fd, peer->heard + peer->got, most < GOT_MAX - peer->got ? most : GOT_MAX - peer->got, 0);
    if (got > 0)
        peer->got += (size_t)got;
    return got > 0;
}

static void leave(struct peer *peer)
{
    if (peer->fd < 0)
        return;
    close(peer->fd);
    peer->fd = -1;
    peer->gone = true;
}

static void act(struct bytes *bytes)
{
    uint8_t what = draw_byte(bytes);
    struct peer *peer = &peers[what / 16 % PEERS];
    struct bytes part;
    switch (what % 16) {
    case 0:
        add(peer);
        break;
    case 1:
        begin(draw_byte(bytes));
        break;
    case 2:
        send_repeated(peer, draw_byte(bytes), draw_raw(bytes, 2));
        break;
    case 3:
        receive(peer, draw_raw(bytes, 2));
        break;
    case 4:
        peer->finished = peer->fd >= 0 && !shutdown(peer->fd, SHUT_WR);
        break;
    case 5:
        leave(peer);
        break;
    case 6:
        send_bytes(peer, "end\n", 4);
        break;
    case 7:
        send_bytes(peer, "\r\n", 2);
        break;
    case 8:
    case 9:
    case 10:
        part = draw_part(bytes);
        send_bytes(peer, part.at, part.left);
        break;
    default:
        turn();
        break;
    }
}

/* The server has its turns and every client reads, until nothing moves. */
static void settle(void)
{
    bool moved = true;
    for (int turns = 0; moved; turns++) {
        MUST(turns < TURNS_MAX);
        struct pollfd server = {.fd = clients.source.fd, .events = POLLIN};
        moved = poll(&server, 1, 0) > 0;
        turn();
        for (size_t i = 0; i < PEERS; i++)
            while (receive(&peers[i], GOT_MAX))
                moved = true;
    }
}

/* A client that sends no more is let go, once all is answered; of one that left nothing stays. */
static void end(struct peer *peer, const char *greeting)
{
    const char *tail;
    size_t rest;
    bool ended;
    static char owed[GOT_MAX];
    char byte;
    if (!peer->added)
        return;
    check(peer, greeting, !peer->gone);
    model(peer, greeting, owed, &tail, &rest, &ended);
    if (peer->fd >= 0 && !peer->gone) {
        MUST(peer->closed == (ended || peer->finished));
        shutdown(peer->fd, SHUT_WR);
    }
    settle();
    MUST(peer->closed);
    if (peer->fd >= 0) {
        check(peer, greeting, true);
        MUST(recv(peer->fd, &byte, 1, 0) == 0);
    }
    leave(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    char greeting[300];
    struct error err = {0};
    draw_text(&bytes, greeting, sizeof greeting);
    MUST(!clients_open(&clients, greeting, strlen(greeting), has_closed, &err));
    for (size_t i = 0; i < PEERS; i++) {
        memset(&peers[i], 0, offsetof(struct peer, said));
        peers[i].fd = -1;
    }
    add(&peers[0]);
    while (bytes.left)
        act(&bytes);
    begin(UINT32_MAX);
    settle();
    for (size_t i = 0; i < PEERS; i++)
        end(&peers[i], greeting);
    MUST(!clients.fresh);
    clients_release(&clients);
    return 0;
}

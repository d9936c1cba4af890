/* Conversations: each line that a client sends comes back with `!` before its newline; the line `end`
   ends it. */
#include "conversation.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define EVENTS_AT_ONCE 256
#define FIRST_ROOM 64
#define READ_SIZE 16384

/* A line is kept with its carriage return. */
#define LINE_SIZE (LONGEST_LINE + 1)

/* The answer to a kept line and to what one read brings: at worst newlines alone, each of which gets a
   `!`. */
#define ANSWER_SIZE (LINE_SIZE + 2 * READ_SIZE)

/* Reads that throw away what still comes when a conversation ends; a client that sends without end is not
   waited for. */
#define LEFTOVER_READS 64

/* What a conversation remembers from one event to the next: a line begun, then an answer owed, in `bytes`.
   While an answer is owed nothing is read, so a client that sends and never reads holds no more than this. */
struct carry {
    size_t line;      /* bytes of the line */
    size_t answer;    /* bytes of the answer */
    size_t sent;      /* of them */
    bool inside_long; /* the beginning of this line went back already */
    bool ending;      /* close when all is sent */
    char bytes[];
};

/* The same while input is handled, with room for all that can come of it. Too big to be cleared each time. */
struct exchange {
    size_t line_length, answer_length;
    bool inside_long, ending;
    char line[LINE_SIZE];
    char answer[ANSWER_SIZE];
};

/* ---- Lines ---- */

static void answer_bytes(struct exchange *x, const char *bytes, size_t count)
{
    memcpy(x->answer + x->answer_length, bytes, count);
    x->answer_length += count;
}

static bool ends_in_return(const struct exchange *x)
{
    return x->line_length && x->line[x->line_length - 1] == '\r';
}

/* Sends the beginning of a line that is too long to keep; not a carriage return, which may belong to the
   newline. */
static void spill_line(struct exchange *x)
{
    size_t kept = ends_in_return(x);
    answer_bytes(x, x->line, x->line_length - kept);
    x->line[0] = '\r';
    x->line_length = kept;
    x->inside_long = true;
}

static void extend_line(struct exchange *x, const char *bytes, size_t count)
{
    while (count) {
        if (x->line_length == sizeof x->line)
            spill_line(x);
        size_t room = sizeof x->line - x->line_length;
        size_t part = count < room ? count : room;
        memcpy(x->line + x->line_length, bytes, part);
        x->line_length += part;
        bytes += part;
        count -= part;
    }
}

static void answer_line(struct exchange *x)
{
    size_t text = x->line_length - ends_in_return(x);
    if (!x->inside_long && text == 3 && !memcmp(x->line, "end", 3)) {
        x->ending = true;
    } else {
        answer_bytes(x, x->line, text);
        answer_bytes(x, "!", 1);
        answer_bytes(x, x->line + text, x->line_length - text);
        answer_bytes(x, "\n", 1);
    }
    x->line_length = 0;
    x->inside_long = false;
}

static void answer_input(struct exchange *x, const char *bytes, size_t count)
{
    const char *end = bytes + count;
    while (bytes < end && !x->ending) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *stop = newline ? newline : end;
        extend_line(x, bytes, (size_t)(stop - bytes));
        if (!newline)
            return;
        answer_line(x);
        bytes = newline + 1;
    }
}

/* ---- Slots ---- */

/* Taken out of the epoll by name: while a new thread's table is made the descriptor may have a copy there for
   a moment, and then closing this one would leave the registration behind. */
static void close_client(struct clients *clients, uint32_t slot)
{
    struct client *client = &clients->slots[slot];
    struct client closed = *client;
    free(client->carry);
    epoll_ctl(clients->source.fd, EPOLL_CTL_DEL, client->fd, NULL);
    fd_close(&client->fd);
    *client = (struct client){.fd = -1, .next = clients->free};
    clients->free = slot;
    closed.fd = -1;
    closed.carry = NULL;
    clients->closed(clients, &closed);
}

/* realloc() moves a block of this size by its pages (mremap), and pages never touched are not there: doubling
   neither copies nor keeps twice the memory. */
int clients_reserve(struct clients *clients)
{
    if (clients->free != NO_SLOT || clients->used < clients->room)
        return 0;
    if (clients->room > NO_SLOT / 2)
        return -ENOMEM;
    uint32_t room = clients->room ? 2 * clients->room : FIRST_ROOM;
    struct client *slots = realloc(clients->slots, room * sizeof *slots);
    if (!slots)
        return -ENOMEM;
    clients->slots = slots;
    clients->room = room;
    return 0;
}

/* ---- Sending ---- */

static int wait_for(struct clients *clients, uint32_t slot, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = slot};
    return epoll_ctl(clients->source.fd, operation, clients->slots[slot].fd, &event) ? -errno : 0;
}

/* How many bytes the socket took; -1 when the connection is broken. */
static ssize_t send_some(int fd, const char *bytes, size_t count)
{
    size_t sent = 0;
    while (sent < count) {
        ssize_t got = send(fd, bytes + sent, count - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (got < 0 && errno != EINTR)
            return errno == EAGAIN ? (ssize_t)sent : -1;
        sent += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)sent;
}

/* Ends a conversation whose answers are all sent. What the client has sent behind its `end` is taken out
   first: closing a socket with unread data resets the connection, and a reset can overtake the answers. */
static void finish_client(struct clients *clients, uint32_t slot)
{
    char discarded[READ_SIZE];
    int fd = clients->slots[slot].fd;
    for (int i = 0; i < LEFTOVER_READS && recv(fd, discarded, sizeof discarded, MSG_DONTWAIT) > 0; i++)
        ;
    close_client(clients, slot);
}

/* Keeps what is unfinished, in a block no larger than that. False when there is no memory. */
static bool keep_carry(struct client *client, const struct exchange *x, size_t sent)
{
    size_t owed = x->answer_length - sent;
    if (!x->line_length && !x->inside_long && !owed) {
        free(client->carry);
        client->carry = NULL;
        return true;
    }
    struct carry *carry = realloc(client->carry, sizeof *carry + x->line_length + owed);
    if (!carry)
        return false;
    client->carry = carry;
    *carry = (struct carry){.line = x->line_length, .answer = owed, .inside_long = x->inside_long, .ending = x->ending};
    memcpy(carry->bytes, x->line, x->line_length);
    memcpy(carry->bytes + x->line_length, x->answer + sent, owed);
    return true;
}

static void load_carry(struct exchange *x, const struct carry *carry)
{
    x->line_length = carry ? carry->line : 0;
    x->answer_length = 0;
    x->inside_long = carry && carry->inside_long;
    x->ending = false;
    if (carry)
        memcpy(x->line, carry->bytes, carry->line);
}

/* One read at a time: whoever sends much waits for its turn like the others. */
static void converse(struct clients *clients, uint32_t slot)
{
    struct client *client = &clients->slots[slot];
    struct exchange x;
    char input[READ_SIZE];
    ssize_t got = recv(client->fd, input, sizeof input, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        close_client(clients, slot);
        return;
    }
    load_carry(&x, client->carry);
    answer_input(&x, input, (size_t)got);
    ssize_t sent = send_some(client->fd, x.answer, x.answer_length);
    bool complete = sent == (ssize_t)x.answer_length;
    if (complete && x.ending)
        finish_client(clients, slot);
    else if (sent < 0 || !keep_carry(client, &x, (size_t)sent) || (!complete && wait_for(clients, slot, EPOLL_CTL_MOD, EPOLLOUT)))
        close_client(clients, slot);
}

static void send_owed(struct clients *clients, uint32_t slot)
{
    struct client *client = &clients->slots[slot];
    struct carry *carry = client->carry;
    ssize_t sent = send_some(client->fd, carry->bytes + carry->line + carry->sent, carry->answer - carry->sent);
    if (sent < 0) {
        close_client(clients, slot);
        return;
    }
    carry->sent += (size_t)sent;
    if (carry->sent < carry->answer)
        return;
    if (carry->ending) {
        finish_client(clients, slot);
        return;
    }
    carry->answer = carry->sent = 0;
    if (!carry->line && !carry->inside_long) {
        free(carry);
        client->carry = NULL;
    }
    if (wait_for(clients, slot, EPOLL_CTL_MOD, EPOLLIN))
        close_client(clients, slot);
}

/* A slot stands once in a batch at most and is taken anew only between batches, so no event can meet a
   stranger. */
static void clients_ready(struct loop_source *source, uint32_t ready)
{
    (void)ready;
    struct clients *clients = (struct clients *)((char *)source - offsetof(struct clients, source));
    struct epoll_event events[EVENTS_AT_ONCE];
    int got = epoll_wait(source->fd, events, EVENTS_AT_ONCE, 0);
    for (int i = 0; i < got; i++) {
        uint32_t slot = events[i].data.u32;
        const struct client *client = &clients->slots[slot];
        if (client->carry && client->carry->answer)
            send_owed(clients, slot);
        else
            converse(clients, slot);
    }
}

/* ---- Beginning and end ---- */

/* Sends the greeting; what the socket does not take at once is owed. A broken connection shows itself at
   the first read. */
static int greet(struct clients *clients, struct client *client)
{
    ssize_t sent = send_some(client->fd, clients->greeting, clients->greeting_length);
    if (sent < 0 || (size_t)sent == clients->greeting_length)
        return 0;
    size_t owed = clients->greeting_length - (size_t)sent;
    client->carry = malloc(sizeof *client->carry + owed);
    if (!client->carry)
        return -ENOMEM;
    *client->carry = (struct carry){.answer = owed};
    memcpy(client->carry->bytes, clients->greeting + sent, owed);
    return 0;
}

void clients_add(struct clients *clients, const struct client *added)
{
    uint32_t slot = clients->free != NO_SLOT ? clients->free : clients->used++;
    struct client *client = &clients->slots[slot];
    if (slot == clients->free)
        clients->free = client->next;
    *client = *added;
    client->carry = NULL;
    client->next = NO_SLOT;
    if (clients->fresh++)
        clients->slots[clients->last_fresh].next = slot;
    else
        clients->first_fresh = slot;
    clients->last_fresh = slot;
}

int clients_begin(struct clients *clients, uint32_t most)
{
    for (; clients->fresh && most; most--) {
        uint32_t slot = clients->first_fresh;
        struct client *client = &clients->slots[slot];
        int status = wait_for(clients, slot, EPOLL_CTL_ADD, EPOLLIN);
        if (status)
            return status;
        clients->first_fresh = client->next;
        clients->fresh--;
        if (clients->greeting_length)
            status = greet(clients, client);
        if (!status && client->carry)
            status = wait_for(clients, slot, EPOLL_CTL_MOD, EPOLLOUT);
        if (status)
            close_client(clients, slot);
    }
    return 0;
}

int clients_open(struct clients *clients, const char *greeting, size_t greeting_length, clients_closed *closed, struct error *err)
{
    *clients = (struct clients){
        .source = {.ready = clients_ready, .fd = epoll_create1(EPOLL_CLOEXEC)},
        .free = NO_SLOT,
        .greeting = greeting,
        .greeting_length = greeting_length,
        .closed = closed,
    };
    return clients->source.fd < 0 ? error_errno(err, "epoll_create1") : 0;
}

void clients_release(struct clients *clients)
{
    if (!clients->source.ready)
        return;
    for (uint32_t i = 0; i < clients->used; i++) {
        fd_close(&clients->slots[i].fd);
        free(clients->slots[i].carry);
    }
    fd_close(&clients->source.fd);
    free(clients->slots);
    *clients = (struct clients){0};
}

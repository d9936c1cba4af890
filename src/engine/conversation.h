/* Conversations: the accepted clients of a server and what is said with them. Private to the server. */
#ifndef ENGINE_CONVERSATION_H
#define ENGINE_CONVERSATION_H

#include "backlogctl/endpoint.h"
#include "backlogctl/loop.h"

#include <stddef.h>
#include <stdint.h>

/* Longest line that is answered in one piece. A longer one comes back in pieces as it arrives, with the `!`
   at its very end only, and is never taken for `end`. */
#define LONGEST_LINE 4096

struct carry;

/* One slot. Clients are held by the hundred thousand, nearly all of them silent: such a one costs no more
   than this. */
struct client {
    int fd;              /* -1: the slot is free */
    uint32_t next;       /* free one behind a free slot, or client not begun behind such; NO_SLOT: none */
    uint32_t listener;   /* index of the listener that it came through */
    uint64_t number;     /* from 1, in the order accepted */
    struct carry *carry; /* a line begun or an answer not sent yet; NULL: neither */
    struct endpoint peer;
};

struct clients;

/* Called when a conversation has ended and its descriptor is closed. Must not add clients. */
typedef void clients_closed(struct clients *clients, const struct client *client);

struct clients {
    struct loop_source source; /* the epoll of all their descriptors; its owner adds it to a loop with EPOLLIN */
    struct client *slots;
    uint32_t used; /* slots that were ever taken */
    uint32_t room;
    uint32_t free;                    /* the first free one among them; NO_SLOT: none */
    uint32_t first_fresh, last_fresh; /* those not begun, in the order added; NO_SLOT: none */
    uint32_t fresh;                   /* how many */
    const char *greeting;
    size_t greeting_length;
    clients_closed *closed;
};

#define NO_SLOT UINT32_MAX

/* The greeting's bytes are sent to every client first; they outlive the clients (length 0: none). Release
   also after a failed open; a zeroed struct is safe to release. Releasing closes every descriptor without
   calling `closed`. */
int clients_open(struct clients *clients, const char *greeting, size_t greeting_length, clients_closed *closed,
                 struct error *err);
void clients_release(struct clients *clients);

/* Makes sure that the next client has a slot, so that nothing is accepted that could not be kept. 0 or
   -ENOMEM. */
int clients_reserve(struct clients *clients);

/* Takes over a client's descriptor, after clients_reserve; `carry` and `next` are ignored. Nothing is said to
   it and nothing read from it before clients_begin: to watch a descriptor costs half as much as to accept it,
   and that can wait while others stand in the queue. */
void clients_add(struct clients *clients, const struct client *added);

/* Watches and greets those added, in their order, at most so many. 0; or -ENOMEM, -ENOSPC (too many epoll
   watches, epoll(7)) when one cannot be watched: it stays for the next call, like those behind it. */
int clients_begin(struct clients *clients, uint32_t most);

#endif

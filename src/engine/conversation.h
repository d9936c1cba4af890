/* Conversations: the accepted clients of a server and what is said with them. Private to the server. */
#ifndef ENGINE_CONVERSATION_H
#define ENGINE_CONVERSATION_H

#include "backlogctl/endpoint.h"
#include "backlogctl/loop.h"

#include <stddef.h>
#include <stdint.h>

/* Longest line that is answered in one piece. A longer one comes back in pieces as it arrives, with the `!` at its very end
   only, and is never taken for `end`. */
#define LONGEST_LINE 4096

struct carry;

/* One slot. Clients are held by the hundred thousand, nearly all of them silent: such a one costs no more than this. */
struct client {
    int fd;              /* -1: the slot is free */
    uint32_t listener;   /* index of the listener that it came through; of a free slot: the next free one */
    uint64_t number;     /* from 1, in the order accepted */
    struct carry *carry; /* a line begun or an answer not sent yet; NULL: neither */
    struct endpoint peer;
};

struct clients;

/* Called when a conversation has ended and its descriptor is closed. Must not add clients. */
typedef void clients_closed(struct clients *clients, const struct client *client);

struct clients {
    struct watch watch; /* the epoll of all their descriptors; its owner adds it to a loop with EPOLLIN */
    struct client *slots;
    uint32_t used; /* slots that were ever taken */
    uint32_t room;
    uint32_t free;  /* the first free one among them; NO_SLOT: none */
    char *greeting; /* with its newline; NULL: none */
    size_t greeting_length;
    clients_closed *closed;
};

#define NO_SLOT UINT32_MAX

/* `greeting` (NULL: none) is sent to every client, with a newline. Release also after a failed open; a zeroed struct is
   safe to release. Releasing closes every descriptor without calling `closed`. */
int clients_open(struct clients *clients, const char *greeting, clients_closed *closed, struct error *err);
void clients_release(struct clients *clients);

/* Makes sure that the next client has a slot, so that nothing is accepted that could not be kept. 0 or -ENOMEM. */
int clients_reserve(struct clients *clients);

/* Greets a client and takes over its descriptor, after clients_reserve; `carry` is ignored. 0; or -ENOMEM, -ENOSPC (too
   many epoll watches, epoll(7)) when it could not be watched: then the descriptor is closed. */
int clients_add(struct clients *clients, const struct client *client);

#endif

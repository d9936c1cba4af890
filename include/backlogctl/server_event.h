/* What happened at a server of ours, as the server tells it. */
#ifndef BACKLOGCTL_SERVER_EVENT_H
#define BACKLOGCTL_SERVER_EVENT_H

#include "backlogctl/clock.h"
#include "backlogctl/endpoint.h"
#include "backlogctl/vocabulary.h"

#include <stdint.h>

/* What happened at a server of ours. */
#define SERVER_EVENTS(X)                                                                       \
    X(SERVER_ACCEPTED, "accepted") /* accept() returned a client */                            \
    X(SERVER_CLOSED, "closed")     /* a conversation ended */                                  \
    X(SERVER_QUEUE, "queue")       /* the accept queue's length changed */                     \
    X(SERVER_DROPPED, "dropped")   /* the listener's drop counter rose */                      \
    X(SERVER_STOPPED, "stopped")   /* accept_count was reached: the rest stays in the queue */ \
    X(SERVER_FULL, "full")         /* the queues have been filled, and stay full */            \
    X(SERVER_STARVED, "starved")   /* no descriptor or memory for another client: accepts again when there is */
enum server_event_kind { SERVER_EVENTS(MODEL_ENUM) SERVER_EVENT_COUNT };
const char *server_event_name(enum server_event_kind value);

struct server_event {
    enum server_event_kind kind;
    nsec at;               /* since the server began to listen */
    struct endpoint local; /* the listener's address */
    const char *path;      /* its path, if it has one; as long as the server's settings */
    struct endpoint peer;  /* accepted, closed: the client */
    uint64_t number;       /* accepted, closed: the client's number from 1; dropped: how many more;
                              starved: the errno */
    uint64_t queue;        /* accept-queue length after the event */
    uint64_t capacity;
    uint64_t discarded; /* of this listener since it was made */
};

/* A server's life in numbers. */
struct server_totals {
    uint64_t accepted, closed, open; /* conversations */
    uint64_t queue, discarded;       /* over all listeners */
    uint64_t peak_queue;             /* highest length seen at any event: a lower bound */
};

#endif

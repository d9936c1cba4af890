/* A connection's attempts and the addresses that they were aimed at: the engine's facts, then the judge's verdicts. */
#ifndef BACKLOGCTL_CONNECTION_FACTS_H
#define BACKLOGCTL_CONNECTION_FACTS_H

#include "backlogctl/causes.h"
#include "backlogctl/clock.h"
#include "backlogctl/endpoint.h"
#include "backlogctl/error.h"
#include "backlogctl/listener_facts.h"
#include "backlogctl/timeline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One attempt of one connection at one address: the facts, then what the judge made of them. Times are spans since
   the start of the run, NSEC_NEVER where it did not happen or nobody saw it; their 60 bits hold 18 years. There may be a million. */
struct attempt {
    nsec opened : 60;      /* connect() was called */
    uint8_t state : 4;     /* enum tcp_state of the client's socket */
    nsec established : 60; /* the handshake was complete as the client sees it: the SYN-ACK's time where packets were captured,
                               else an upper bound (when we learned of it), lowered to `accepted` */
    uint8_t peer : 4;      /* enum peer */
    nsec accepted : 60;    /* accept() had returned it: exact in `run`, the first sighting in `probe` */
    uint8_t evidence : 4;  /* enum evidence; written by the judge */
    uint32_t id;           /* number of the connection in the burst, from 1; the same in every address it tries */
    int32_t age_ms;        /* how long it had waited in the accept queue at the last look; -1 unknown */
    uint8_t ipv4[4];       /* for attempt_source() */
    uint16_t ipv4_port;
    int16_t error;        /* positive errno of connect() or SO_ERROR; 0 none */
    uint16_t segments_in; /* segments the client received (tcpi_segs_in), capped at 65535 */
    uint8_t syn_retransmits;
    uint8_t data_retransmits; /* of what we sent, while unacknowledged */
    bool bound : 1;           /* it has a source */
    bool soft_error : 1;      /* `error` was reported while the kernel went on trying (ICMP) */
    bool sent : 1;            /* we sent bytes on it */
    bool acknowledged : 1;    /* ... and the server's kernel acknowledged them */
    bool replied : 1;         /* the application sent us bytes */
    bool was_half_open : 1;   /* an earlier look saw the server's side in SYN_RECV */
    bool was_queued : 1;      /* an earlier look saw the server's side in the accept queue */
    bool refused_here : 1;    /* connect() itself failed: no packet was sent */
    bool elsewhere : 1;       /* the server's side was found at target->served, or such a place */
    bool translated : 1;      /* address translation carried it to target->carried_to, or such an address */
    bool answered : 1;        /* a look saw the server's request while the client knew of no answer */
    bool drop_full : 1;       /* the listener discarded a packet while this SYN was sent, its queue being full before and after */
    bool drop_open : 1;       /* the same, its queue being full neither before nor after */
    bool accepted_in_packet : 1; /* `accepted` is when the server's first data or FIN came */
    bool told : 1; /* verdict, reason and evidence are those of the report it was read from: they stand, unless the server's
                                    side was seen since */
    /* Written by the judge: */
    bool decides : 1; /* this attempt's verdict is the connection's (see judge.h) */
    uint8_t verdict;  /* enum verdict */
    uint8_t reason;   /* enum reason */
};

/* One address that the burst was aimed at. */
struct target {
    struct endpoint address;
    struct endpoint bound; /* where the server's side of a connection is: the address, unless the path is reflected */
    struct transport transport;
    bool local;             /* an address of this host in this network namespace */
    bool reflected;         /* the path swaps the two addresses of each packet: the server's side has them the other way round */
    bool sole;              /* no server but the run's own can have its connections: nobody else is in that network namespace */
    bool looked;            /* the server's side was asked for through sock_diag, completely */
    bool grown;             /* ... by the length of the queue: it has grown by all who are connected, and nobody else was there */
    struct listener before; /* when the burst began */
    struct listener after;  /* at the last look; keeps the last known figures if the listener has gone */
    uint64_t late_drops;    /* of what `after` says it discarded, so many may have come after the run */
    bool listener_gone;     /* there was one before, and it is no longer there, or another took its place */
    bool undropped;         /* a SYN went unanswered, and the listener's counter did not rise while it was sent */
    struct endpoint served; /* where the server's side was found, if that is not `bound`; else its family is AF_UNSPEC */
    uint8_t translation;    /* enum translation */
    bool seen_direct;       /* a peer is called absent only where others of its address were found: translated or not */
    struct endpoint carried_to; /* where translation carried one of them to; else AF_UNSPEC */
    struct endpoint
        unroutable;          /* the source of a client without an answer that the kernel has no route back to; else AF_UNSPEC */
    struct listener carrier; /* the listener at `served` or `carried_to`, as far as it is on this host */
    struct listener other_listener; /* where nobody listens at the address: one of its port, bound to another address or device */
    uint32_t other_places;          /* so many such places; 0: none, or not looked for */
    struct attempt *attempts;       /* ascending id; owned by whoever made the run, as the next two are */
    size_t attempt_count;
    struct endpoint *sources; /* one an attempt, for attempt_source(); NULL: they are IPv4 addresses, which the attempts hold */
    nsec *failed;             /* one an attempt: when the kernel reported its error; NULL: not kept, there is no timeline */
    struct listener *members; /* of a reuseport group, each by itself, `drops` during the run; owned as the attempts are */
    size_t member_count;      /* 0: no group */
    struct timeline timeline;
    /* Written by the judge: */
    bool discarded_known;           /* the same listener was seen before and after, with its counter */
    uint64_t discarded;             /* packets that it discarded during the run */
    struct interval overflows;      /* of those, dropped on its full accept queue; not known with `discarded` */
    uint32_t causes[SYMPTOM_COUNT]; /* bits 1 << enum cause: what may have caused each symptom, if there is any */
};

/* Room for `count` attempts at target->address, all 0; with `failed` for a timeline. 0 or -ENOMEM. */
int attempts_make(struct target *target, size_t count, bool timeline, struct error *err);
void attempts_release(struct target *target);

/* Our end of one of the target's attempts; family AF_UNSPEC before it is bound; without a handshake: the abstract name it was given. */
static inline struct endpoint attempt_source(const struct target *target, const struct attempt *attempt)
{
    if (!attempt->bound)
        return (struct endpoint){0};
    if (target->sources)
        return target->sources[attempt - target->attempts];
    struct endpoint source = {.family = AF_INET, .port = attempt->ipv4_port};
    memcpy(source.bytes, attempt->ipv4, sizeof attempt->ipv4);
    return source;
}

void attempt_set_source(struct target *target, struct attempt *attempt, const struct endpoint *source);

#endif

/* What may have caused what a report tells of: a table of causes, each with the facts that it needs and the facts that refute it. A
   cause that is refuted is not told; several that remain are told as several (judge_causes in judge.h). */
#ifndef BACKLOGCTL_CAUSES_H
#define BACKLOGCTL_CAUSES_H

#include <stdint.h>

/* What is to be explained. */
enum symptom {
    SYMPTOM_HALF_OPEN, /* the server's side still waits for the last ACK */
    SYMPTOM_RESET,     /* was connected, then reset */
    SYMPTOM_SILENCE,   /* no answer, and no reason that was seen */
    SYMPTOM_ELSEWHERE, /* connected, and nothing here has the server's side */
    SYMPTOM_COUNT
};

enum cause {
    CAUSE_FULL_QUEUE,        /* dropped on a full accept queue */
    CAUSE_DEFER_ACCEPT,      /* held by TCP_DEFER_ACCEPT */
    CAUSE_ACK_LOST,          /* lost on the way to the server */
    CAUSE_SERVER_RESET,      /* the server closed with data unread, or with SO_LINGER 0 */
    CAUSE_ABORT_ON_OVERFLOW, /* a full accept queue with tcp_abort_on_overflow */
    CAUSE_CLOSED_LISTENER,   /* the listener was closed with them in its queue */
    CAUSE_SYN_QUEUE,         /* dropped on a full SYN queue, without cookies */
    CAUSE_LISTENER_FILTER,   /* the listener's own: TCP MD5 or AO, a filter on its socket */
    CAUSE_FIREWALL,          /* something on the way drops packets */
    CAUSE_TRANSLATION,       /* address translation carries them elsewhere */
    CAUSE_BELOW,             /* carried elsewhere without connection tracking: IPVS, BPF programs */
    CAUSE_COUNT
};

#endif

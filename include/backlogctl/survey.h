/* A survey: every listener that was selected, its network namespace, and what the judge thinks of them. Plain structs. */
#ifndef BACKLOGCTL_SURVEY_H
#define BACKLOGCTL_SURVEY_H

#include "backlogctl/clock.h"
#include "backlogctl/expectation.h"
#include "backlogctl/listener_facts.h"

/* A network namespace, and what in it binds listeners. */
struct netns_facts {
    uint64_t inode;   /* as the link /proc/PID/ns/net shows it */
    char name[64];    /* in /run/netns (ip-netns(8)), any bytes; "" for none */
    const char *path; /* the query's, by which it was asked for; NULL: by no path */
    bool ours;        /* where this program was started */
    pid_t pid;        /* a process that is in it; 0: none seen */
    int64_t somaxconn, tcp_max_syn_backlog, tcp_syncookies, tcp_abort_on_overflow, tcp_migrate_req; /* sysctls; -1: unknown */
    struct counters counters; /* since the namespace was made */
    uint64_t overflows_after; /* ListenOverflows read again, after the listeners; as in `counters`, which were read before them */
    bool children_known;      /* with the query's `children`: */
    uint64_t children;        /* sockets that listeners made since the namespace was (PassiveOpens), read before them */
    uint64_t tcp_listeners;   /* that are there, selected or not; */
    uint64_t discarded;       /* by all of them */
    uint64_t cookies;         /* the sum of their cookies: the same number, the same listeners */
    struct overflow_span span; /* watch: since the survey before */
    /* Written by the judge: */
    uint64_t drops_gone; /* ListenDrops that no listener which is there accounts for; 0 when counters are not known */
};

/* The namespace with this number; NULL: none of them. */
static inline const struct netns_facts *netns_facts_find(const struct netns_facts *list, size_t count, uint64_t inode)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].inode == inode)
            return &list[i];
    return NULL;
}

/* The oldest client in the queue of a listener: both ends of its connection. */
struct waiting_note {
    uint64_t cookie, netns; /* of the listener */
    struct endpoint local, remote;
};

/* Addresses that one name leads to. */
#define REACHED_MAX 4

/* What was asked for. */
struct survey_query {
    uint16_t port;           /* 0: any */
    const char *path;        /* of a socket's file, or '@' and an abstract name; NULL: any. A port leaves those without one out */
    struct endpoint address; /* as bound; its port and scope do not count; family AF_UNSPEC: any */
    const char *device;      /* that it is bound to; NULL: any */
    struct endpoint reached[REACHED_MAX]; /* those that take connections to one of these addresses, whatever they are bound to */
    size_t reached_count;                 /* 0: any */
    const char *process;                  /* command name of one of those that hold it; NULL: any */
    const char *unit;                     /* of systemd, of one of those that hold it, see socket_holder_in_unit(); NULL: any */
    pid_t pid;                            /* what this process holds, in whatever namespace; 0: whoever holds it */
    const char *container; /* likewise what its processes hold, as container_find() takes it; NULL: whoever holds it */
    const char *netns;     /* as netns_open_name() takes it; NULL: ours */
    bool all_netns;        /* every one that can be reached through /proc and /run/netns */
    bool no_owners;        /* do not look for processes: that reads the descriptors of all of them */
    const struct waiting_note
        *notes; /* with no_waiting: the oldest clients of an earlier survey, ascending by cookie and namespace */
    size_t note_count;
    bool children;   /* read how many sockets listeners made (netns_facts.children): some 20 us a namespace */
    bool no_waiting; /* do not look for half-open and oldest: that walks all TCP sockets */
};

struct trace_model;

struct survey {
    char kernel[72]; /* release, as uname -r */
    char taken_at[CLOCK_STAMP_SIZE];
    struct listener *listeners; /* owned; ordered by namespace, kind and address */
    size_t count;
    struct socket_holder *holders;  /* owned; those of a listener one after the other, by process id; NULL: not looked for */
    struct netns_facts *namespaces; /* owned; ours first, if it is among them */
    size_t namespace_count;
    size_t namespaces_closed; /* all_netns: those that could not be entered */
    size_t owners_unseen;     /* listeners that no process that we see holds */
    size_t processes_hidden;  /* processes that no right of ours lets us look into */
    char incomplete[160];     /* why evidence is missing, "" when it is complete */
    struct expectation expectations[EXPECTATIONS_MAX];
    size_t expectation_count;
    enum expectation_outcome outcome; /* by the judge, of all expectations: the worst */
    const struct trace_model *traced; /* what running traces know of them, judged; NULL: nobody asked, or none is known: */
    const char *no_trace;             /* why none is; NULL: nobody asked, or some is */
};

/* Those that hold a listener of this survey (NULL: none is known); NULL where nobody was looked for or seen. */
static inline const struct socket_holder *survey_holders(const struct survey *survey, const struct listener *listener,
                                                         size_t *count)
{
    *count = survey && survey->holders ? listener->processes : 0;
    return *count ? survey->holders + listener->holder_first : NULL;
}

/* The result for one listener whose backlog was to change. */
struct resized {
    struct listener before;
    struct listener after; /* as the kernel shows it then; .known false: it was not changed, or not seen again */
    bool changed;          /* listen(2) was called and succeeded */
    char error[384];       /* why not, "" when it was */
};

struct resizing {
    int32_t asked;
    bool dry_run;
    int64_t somaxconn;           /* of their network namespace; -1: unknown */
    const struct survey *survey; /* where they come from: the caller's; NULL: not known */
    struct resized *list;        /* owned */
    size_t count;
};

#endif

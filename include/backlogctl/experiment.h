/* An experiment: a burst at a server, followed until all is final, and the verdicts. A plan goes in, a run comes out. */
#ifndef BACKLOGCTL_EXPERIMENT_H
#define BACKLOGCTL_EXPERIMENT_H

#include "backlogctl/error.h"
#include "backlogctl/freeze.h"
#include "backlogctl/run.h"

#define SYSCTLS_MAX 32
struct sysctl_list {
    const char *list[SYSCTLS_MAX]; /* KEY=VALUE */
    size_t count;
};

/* A server to be started. In its words and variables {backlog} and {port} stand for those of the run. */
struct start_plan {
    char *const *words; /* NULL at the end; NULL: none is to be started */
    struct environment environment;
    const char *user; /* whose rights it has; NULL: ours */
    const char *log;  /* a file for its output; NULL: only the last of it is kept */
    nsec wait;        /* for it to listen */
    nsec warm_up;     /* then, before the burst */
    bool freeze;      /* it stands still during the burst: */
    enum freeze_method freeze_method;
    /* Where it listens, if that was said; else it is found. */
    bool has_host, has_port;
    int family;       /* AF_UNSPEC: any */
    bool has_backlog; /* it was said, too; where {backlog} stands nowhere, listen(2) is called again on its socket */
};

/* Plain values; what its pointers point to outlives the experiment. */
struct experiment_plan {
    struct endpoint addresses[TARGETS_MAX]; /* of the server; tried in turn, as telnet tries them */
    size_t address_count;
    struct transport transport;
    bool seqpacket; /* what the transport is, if it is one with a path */
    struct probe_settings probe;
    struct expectations expect;
    bool timeline; /* record one */
    /* The lab: a server of our own, or one that is started, in a private network namespace. Without it the burst goes to a server
       that is there. */
    bool lab;
    struct server_settings server; /* its transport is the plan's; of a server to be started the backlog alone counts */
    struct start_plan start;
    struct sysctl_list sysctls; /* of the private namespace */
    bool unclamped;             /* net.core.somaxconn is first raised out of the way, where this kernel has it there */
    nsec delay;                 /* of a path in it, one way, whose near end takes the place of the address; 0: none */
    bool host_net;              /* a server of our own, but no namespace */
    bool only_private;          /* the command has no --host-net to offer */
};

/* What is told on the way; each may be NULL. */
struct experiment_hooks {
    /* An address that the server could not be bound to. */
    void (*left_out)(void *context, const char *text);
    /* How it stands, each 100 ms while it waits. `elapsed` since the burst began. */
    void (*progress)(void *context, const struct run *run, nsec elapsed);
    /* All connections of the first burst are begun. */
    void (*burst_out)(void *context);
    void *context;
};

struct experiment;

/* Makes the lab and prepares the burst; nothing is sent. With a lab that is no host_net the process must have one thread only, and
   is in the private namespace from then on. Blocks the signals of loop_block_signals. Plan and hooks outlive the experiment.
   0 or -errno. */
int experiment_open(struct experiment **out, const struct experiment_plan *plan, const struct experiment_hooks *hooks,
                    struct error *err);

/* What is known. Its command, host and preset are the caller's to fill in. */
struct run *experiment_run(struct experiment *x);

/* From the first connection to the verdicts, the expectations and the timeline. 0 or -errno. */
int experiment_go(struct experiment *x, struct error *err);

/* NULL is fine. */
void experiment_close(struct experiment *x);

#endif

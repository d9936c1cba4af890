/* A server that was started for an experiment: a command of the user's. What was asked for, and what became of it. */
#ifndef BACKLOGCTL_STARTED_SERVER_H
#define BACKLOGCTL_STARTED_SERVER_H

#include "backlogctl/clock.h"
#include "backlogctl/listener_facts.h"

/* Variables of its environment, each NAME=VALUE, beside those of this process. */
#define ENVIRONMENT_MAX 32
struct environment {
    const char *list[ENVIRONMENT_MAX];
    size_t count;
};

/* Why it could not be tested, or not to the end. */
#define STARTED_TROUBLES(X)                                                                                                  \
    X(STARTED_FINE, "none")                                                                                                  \
    X(STARTED_NOT_EXECUTED, "not_executed")     /* `code` is the errno value of execvp(3) */                                 \
    X(STARTED_EXITED, "exited")                 /* before the verdict; `code` is its status */                               \
    X(STARTED_KILLED, "killed")                 /* before the verdict; `code` is the signal's number */                      \
    X(STARTED_NEVER_LISTENED, "never_listened") /* within `wait` */                                                          \
    X(STARTED_ELSEWHERE, "listens_elsewhere")   /* it listens, but not where it was said to: see `places` */                 \
    X(STARTED_SEVERAL, "several_listeners")     /* which of `places` is meant? */                                            \
    X(STARTED_UNREACHABLE, "unreachable")       /* it listens where the path with a delay does not lead */                   \
    X(STARTED_NO_BACKLOG, "backlog_not_set")    /* listen(2) could not be called on its socket: `code` is the errno value */ \
    X(STARTED_NOT_FROZEN, "not_frozen")         /* it could not be stopped: `code` is the errno value */
#define STARTED_ENUM(symbol, name) symbol,
enum started_trouble { STARTED_TROUBLES(STARTED_ENUM) STARTED_TROUBLE_COUNT };
const char *started_trouble_name(enum started_trouble value);

/* How its backlog came about. */
#define BACKLOG_WAYS(X)                                                           \
    X(BACKLOG_OWN, "own")         /* its own default or configuration */          \
    X(BACKLOG_WORD_GIVEN, "word") /* {backlog} in its arguments or environment */ \
    X(BACKLOG_LISTEN, "listen")   /* listen(2) was called again on its own socket */
#define BACKLOG_WAY_ENUM(symbol, name) symbol,
enum backlog_way { BACKLOG_WAYS(BACKLOG_WAY_ENUM) BACKLOG_WAY_COUNT };
const char *backlog_way_name(enum backlog_way value);

#define STARTED_PLACES_MAX 8
#define STARTED_OUTPUT_SIZE 2048

struct started_server {
    char *const *words; /* as they were executed; NULL: no server was started */
    const char *log;    /* the file that has its output; NULL: none, the last of it is in `output` */
    nsec wait;          /* how long it was waited for */
    enum backlog_way way;
    int32_t backlog;                            /* asked for, unless the way is BACKLOG_OWN */
    nsec listened;                              /* from its start until it listened; NSEC_NEVER: it did not */
    uint64_t other_listeners;                   /* of its own, beside the one that is tested */
    struct listener places[STARTED_PLACES_MAX]; /* where it listens, if that is the trouble */
    size_t place_count;                         /* more are left out */
    enum started_trouble trouble;
    int code;
    char why[400];                    /* the same in words, which may have any bytes of its own; "": no trouble */
    bool daemon;                      /* the command itself has ended with status 0, and what it has started runs on */
    bool shares_pids;                 /* it has no pid namespace of its own */
    bool host_proc;                   /* its /proc is this host's */
    bool frozen;                      /* it stood still during the burst, ... */
    bool ptraced;                     /* ... by ptrace(2), else by SIGSTOP, ... */
    nsec frozen_for;                  /* ... for so long, ... */
    bool held_known;                  /* ... and its queue, where that could be seen, ... */
    uint64_t held;                    /* ... was so long at the end of that */
    char output[STARTED_OUTPUT_SIZE]; /* the last of what it wrote, any bytes; filled in when there is trouble */
    size_t output_length;
};

#endif

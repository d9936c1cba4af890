/* The figures of a listener: a row each says what it is called, how it is written, what it costs and who knows it. --columns,
   --sort, JSON, Prometheus, --expect, --alert and the rows of watch read this table. Pure data and pure functions. */
#ifndef BACKLOGCTL_FIGURES_H
#define BACKLOGCTL_FIGURES_H

#include "backlogctl/listener_facts.h"

/* How a value is written, its unit with it. Text stands left and can be cut, all else stands right. */
enum figure_form {
    AS_NUMBER,
    AS_INTERVAL, /* "3", or "0..18" where only bounds are known; JSON {"min": 0, "max": 18} */
    AS_PERCENT,  /* "27%" in text */
    AS_MSEC,     /* "1.5s" in text; seconds in Prometheus */
    AS_FLAG,     /* JSON true or false */
    AS_MEMBER,   /* "2/4" in text, with the size of the reuseport group; "-" outside of one */
    AS_KIND,     /* enum socket_kind */
    AS_WORD,
    AS_PLACE,  /* "10.0.0.1:80" in text; the address alone in JSON */
    AS_HOLDER, /* "nginx/4711+3" in text; the name alone in JSON and labels */
    AS_REMARKS /* bits 1 << enum remark */
};

/* Where it stands in a JSON listener: these one after the other. */
enum figure_part { PART_WHERE, PART_LOAD, PART_HOLDER, FIGURE_PARTS };

/* What of a survey, that is not cheap, it takes: bits. */
enum figure_need {
    NEEDS_NOTHING = 0,
    NEEDS_OWNERS = 1,  /* the processes: reads the descriptors of all of them */
    NEEDS_WAITING = 2, /* clients waiting: walks all TCP sockets */
};

/* Whose expectations can ask for it: bits. */
enum measures { MEASURES_OF_BURST = 1, MEASURES_OF_LISTENER = 2, MEASURES_OF_WATCH = 4, MEASURES_OF_ALL = 7 };

enum figure_state {
    FIGURE_UNKNOWN, /* nobody knows */
    FIGURE_NONE,    /* there is none; who compares or sums takes it for `number` */
    FIGURE_KNOWN
};

struct figure_value {
    enum figure_state state;
    uint64_t number;  /* of all forms but words, places and holders; of an interval the lower bound, */
    uint64_t most;    /* and the upper one */
    const char *text; /* of those, the kernel's bytes: in the listener, or static; of a place only its socket's own name */
};

/* One row of a table on a screen. */
struct figure_column {
    const char *head; /* NULL: no column */
    const char *help;
    enum { SHOWN_USUALLY, SHOWN_IF_ASKED, SHOWN_OF_SEVERAL_NETNS } shown;
    /* On a narrow screen, first what has the lowest number; 0: never. */
    uint8_t leaves;      /* it is left out, */
    bool leaves_if_zero; /* but only if it is 0 in every row; */
    uint8_t shrinks;     /* it is cut */
    uint8_t shrinks_to;  /* down to so many characters */
    const char *name;    /* in --columns and --sort, where it is not the JSON member's */
};

struct figure {
    struct figure_value (*value)(const struct listener *l);
    enum figure_part part;
    enum figure_form form;
    const char *key;     /* the JSON member, and the measure of an expectation, */
    const char *measure; /* unless that has another name */
    unsigned needs;      /* enum figure_need */
    unsigned measures;   /* enum measures; 0: nobody expects anything of it */
    bool of_tcp;         /* AF_UNIX has none: expectations pass those by */
    struct figure_column column;
    struct {
        const char *name, *type, *help;
        const char *most; /* its name for the upper bound of an interval */
    } metric;             /* of Prometheus; name NULL: none */
    struct {
        const char *name; /* NULL: none */
        enum { LABEL_ALWAYS, LABEL_OF_MEMBERS, LABEL_OF_UNIX, LABEL_IF_KNOWN } when;
    } label; /* of the metrics */
    struct {
        uint8_t place; /* from the left, with gaps for more; 0: not in watch */
        const char *head;
        uint8_t narrow; /* characters it takes at least */
        uint8_t rank;   /* who is shown on a narrow screen: the lower ones */
    } watch;
};

/* X(symbol, part, form, value of the listener *l, JSON member, designated members of struct figure ...), in the order of the
   columns. The values are made by the functions at the top of figures.c. */
#define FIGURES(X)                                                                                                               \
    X(KIND, PART_WHERE, AS_KIND, known(l->kind), "kind", .label = {"kind"},                                                      \
      .column = {"kind", "tcp, mptcp, unix_stream or unix_seqpacket", .leaves = 1})                                              \
    X(FAMILY, PART_WHERE, AS_WORD, word(endpoint_family_name(&l->local)), "family")                                              \
    X(ADDRESS, PART_WHERE, AS_PLACE, word(l->path), "address", .label = {"listener"}, .watch = {10, "address", 20, 1},           \
      .column = {"address", "where it listens; *:PORT takes IPv6 and IPv4; a leading @: an abstract AF_UNIX name", .shrinks = 3, \
                 .shrinks_to = 21})                                                                                              \
    X(PORT, PART_WHERE, AS_NUMBER, known_if(!is_unix(l->kind), l->local.port), "port")                                           \
    X(PATH, PART_WHERE, AS_WORD, word(is_unix(l->kind) ? l->path : NULL), "path")                                                \
    X(DEVICE, PART_WHERE, AS_WORD, word(*l->device ? l->device : NULL), "device")                                                \
    X(DUAL_STACK, PART_WHERE, AS_FLAG, known(l->dual_stack), "dual_stack")                                                       \
    X(QUEUE, PART_LOAD, AS_NUMBER, known(l->queue), "queue", .watch = {30, "queue", 6, 1}, .measures = MEASURES_OF_ALL,          \
      .column = {"queue", "connections that wait to be accepted (accept queue)"},                                                \
      .metric = {"backlogctl_listener_queue_length", "gauge", "Connections that wait to be accepted."})                          \
    X(BACKLOG, PART_LOAD, AS_NUMBER, known(l->backlog), "backlog", .measures = MEASURES_OF_ALL,                                  \
      .column = {"backlog", "effective backlog, after the clamp by net.core.somaxconn"},                                         \
      .metric = {"backlogctl_listener_backlog", "gauge", "Effective backlog; the queue holds one more."})                        \
    X(CAPACITY, PART_LOAD, AS_NUMBER, known(l->capacity), "capacity", .watch = {40, "holds", 6, 2}, .measures = MEASURES_OF_ALL, \
      .column = {"capacity", "connections that the accept queue holds: backlog + 1", SHOWN_IF_ASKED})                            \
    X(PERCENT, PART_LOAD, AS_PERCENT, known(l->percent), "percent", .measures = MEASURES_OF_LISTENER | MEASURES_OF_WATCH,        \
      .column = {"full", "queue of capacity", .leaves = 7})                                                                      \
    X(HALF_OPEN, PART_LOAD, AS_NUMBER, known_if(l->half_open_known, l->half_open), "half_open", .needs = NEEDS_WAITING,          \
      .of_tcp = true, .measures = MEASURES_OF_LISTENER | MEASURES_OF_WATCH, .watch = {80, "half", 6, 11},                        \
      .column = {"half", "half-open requests (SYN queue)", .leaves = 3, .leaves_if_zero = true},                                 \
      .metric = {"backlogctl_listener_half_open", "gauge", "Half-open requests in the SYN queue."})                              \
    X(DROPS, PART_LOAD, AS_INTERVAL, bounds(&l->overflows), "overflows", .measure = "drops", .of_tcp = true,                     \
      .measures = MEASURES_OF_ALL, .watch = {70, "drops", 6, 6},                                                                 \
      .column = {"drops", "connections that it dropped on its full queue since it was made, or MIN..MAX", .name = "drops"},      \
      .metric = {"backlogctl_listener_overflows_min_total", "counter",                                                           \
                 "SYNs and ACKs dropped on the full accept queue since the listener was made: at least, and at most.",           \
                 "backlogctl_listener_overflows_max_total"})                                                                     \
    X(DISCARDED, PART_LOAD, AS_NUMBER, known_if(l->discarded_known, l->discarded), "discarded", .of_tcp = true,                  \
      .measures = MEASURES_OF_LISTENER | MEASURES_OF_WATCH,                                                                      \
      .column = {"discarded", "packets that it discarded for whatever reason since it was made", SHOWN_IF_ASKED},                \
      .metric = {"backlogctl_listener_discarded_total", "counter",                                                               \
                 "Packets that the listener discarded for whatever reason since it was made."})                                  \
    X(OLDEST, PART_LOAD, AS_MSEC, longest(l->oldest_known, nobody_waits(l), l->oldest_ms), "oldest_ms", .needs = NEEDS_WAITING,  \
      .of_tcp = true, .measures = MEASURES_OF_LISTENER | MEASURES_OF_WATCH, .watch = {90, "oldest", 6, 8},                       \
      .column = {"oldest", "how long the first in the queue has waited", .name = "oldest", .leaves = 6},                         \
      .metric = {"backlogctl_listener_oldest_wait_seconds", "gauge", "How long the first in the queue has waited."})             \
    X(CLOSED, PART_LOAD, AS_NUMBER, known_if(l->waiting_known, l->closed), "queue_closed", .needs = NEEDS_WAITING,               \
      .of_tcp = true, .measures = MEASURES_OF_LISTENER | MEASURES_OF_WATCH,                                                      \
      .column = {"closed", "in the queue, and closed by their clients, or half-closed", SHOWN_IF_ASKED})                         \
    X(VANISHED, PART_LOAD, AS_NUMBER, known_if(l->waiting_known, l->vanished), "queue_reset", .needs = NEEDS_WAITING,            \
      .of_tcp = true, .measures = MEASURES_OF_LISTENER | MEASURES_OF_WATCH,                                                      \
      .column = {"reset", "in the queue, and reset by their clients", SHOWN_IF_ASKED})                                           \
    X(WITH_DATA, PART_LOAD, AS_NUMBER, known_if(l->waiting_known, l->with_data), "queue_with_data", .needs = NEEDS_WAITING,      \
      .of_tcp = true, .measures = MEASURES_OF_LISTENER | MEASURES_OF_WATCH,                                                      \
      .column = {"data", "in the queue, with bytes to read", SHOWN_IF_ASKED})                                                    \
    X(MEMBER, PART_WHERE, AS_MEMBER, known(l->member), "member", .label = {"member", LABEL_OF_MEMBERS},                          \
      .column = {"member", "place in its reuseport group", .leaves = 2})                                                         \
    X(GROUP, PART_WHERE, AS_NUMBER, known(l->group), "group")                                                                    \
    X(PID, PART_HOLDER, AS_NUMBER, known_if(l->pid, (uint64_t)l->pid), "pid", .needs = NEEDS_OWNERS)                             \
    X(PROCESS, PART_HOLDER, AS_HOLDER, word(*l->process ? l->process : NULL), "process", .needs = NEEDS_OWNERS,                  \
      .label = {"process"}, .watch = {110, "process", 13, 7},                                                                    \
      .column = {"process", "name/pid of who holds it (a service before the systemd that keeps its socket), +N: and N more",     \
                 .leaves = 8, .shrinks = 2, .shrinks_to = 12})                                                                   \
    X(PROCESSES, PART_HOLDER, AS_NUMBER, known(l->processes), "processes", .needs = NEEDS_OWNERS)                                \
    X(PIDNS, PART_HOLDER, AS_NUMBER, known_if(l->pidns, l->pidns), "pidns", .needs = NEEDS_OWNERS,                               \
      .column = {"pidns", "pid namespace of that process, if it is not ours", .leaves = 4})                                      \
    X(UNIT, PART_HOLDER, AS_WORD, word(*l->place.unit ? l->place.unit : NULL), "unit", .needs = NEEDS_OWNERS,                    \
      .label = {"unit", LABEL_IF_KNOWN},                                                                                         \
      .column = {"unit", "systemd unit of that process", SHOWN_IF_ASKED, .shrinks = 5, .shrinks_to = 12})                        \
    X(CONTAINER, PART_HOLDER, AS_WORD, word(*l->place.container ? l->place.container : NULL), "container",                       \
      .needs = NEEDS_OWNERS, .label = {"container", LABEL_IF_KNOWN},                                                             \
      .column = {"container", "container that it runs in: id, or LXC's name", .leaves = 5, .shrinks = 4, .shrinks_to = 14})      \
    X(POD, PART_HOLDER, AS_WORD, word(*l->place.pod ? l->place.pod : NULL), "pod", .needs = NEEDS_OWNERS,                        \
      .label = {"pod", LABEL_IF_KNOWN},                                                                                          \
      .column = {"pod", "uid of the Kubernetes pod that it runs in", SHOWN_IF_ASKED, .shrinks = 6, .shrinks_to = 12})            \
    X(NETNS, PART_HOLDER, AS_NUMBER, known_if(l->netns, l->netns), "netns",                                                      \
      .column = {"netns", "network namespace (shown with --all-netns)", SHOWN_OF_SEVERAL_NETNS})                                 \
    X(UID, PART_HOLDER, AS_NUMBER, known(l->uid), "uid", .column = {"uid", "user id of who made it", SHOWN_IF_ASKED})            \
    X(INODE, PART_HOLDER, AS_NUMBER, known_if(l->inode, l->inode), "inode", .label = {"inode", LABEL_OF_UNIX},                   \
      .column = {"inode", "inode of the socket", SHOWN_IF_ASKED})                                                                \
    X(COOKIE, PART_HOLDER, AS_NUMBER, known(l->cookie), "cookie")                                                                \
    X(REMARKS, PART_LOAD, AS_REMARKS, known(l->remarks), "remarks", .needs = NEEDS_WAITING, .watch = {120, "remarks", 16, 9},    \
      .column = {"remarks", "what is worth saying, see backlogctl(7)", .shrinks = 1, .shrinks_to = 16}) /* the longest one */

#define FIGURE_ENUM(symbol, ...) FIGURE_##symbol,
enum figure_id { FIGURES(FIGURE_ENUM) FIGURE_COUNT };

extern const struct figure figures[FIGURE_COUNT];

struct figure_value figure_value(enum figure_id figure, const struct listener *listener);

/* Its name in --columns and --sort; NULL: it has no column. */
const char *figure_column_name(size_t figure);

/* The figure whose column has this name, '-' and '_' being the same; -1: no such column. */
int figure_find_column(const char *name);

/* What an expectation can ask for: the verdicts, the figures, and these that are no single listener's or no single look's. */
#define OTHER_MEASURES(X)                                                                                   \
    X(LISTENERS, "listeners", MEASURES_OF_LISTENER | MEASURES_OF_WATCH) /* how many were selected */        \
    X(PEAK, "peak", MEASURES_OF_WATCH)                                  /* longest queue of the interval */ \
    X(DROP_RATE, "drops_per_second", MEASURES_OF_WATCH)                 /* in the last interval */

#define MEASURE_ENUM(symbol, ...) MEASURE_##symbol,
enum measure { MEASURE_LAST_VERDICT = VERDICT_COUNT - 1, FIGURES(MEASURE_ENUM) OTHER_MEASURES(MEASURE_ENUM) MEASURE_COUNT };

/* The figure that a measure is, FIGURE_COUNT: it is none. */
enum figure_id measure_figure(size_t measure);

const char *measure_name(size_t measure);

/* Bits of enum figure_need. */
unsigned measure_needs(size_t measure);

/* Whether expectations of this kind know it. */
bool measure_is_of(size_t measure, enum measures kind);

/* -1: nothing of this name is known to them. */
int measure_find(const char *name, enum measures kind);

#endif

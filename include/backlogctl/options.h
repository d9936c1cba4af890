/* Options: one table feeds the parser, the help text and the tests. */
#ifndef BACKLOGCTL_OPTIONS_H
#define BACKLOGCTL_OPTIONS_H

#include "backlogctl/error.h"
#include "backlogctl/experiment.h"
#include "backlogctl/freeze.h"
#include "backlogctl/report.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* Whether what the kernel itself counts (a trace) is taken: where it can be had, or it is an error that it cannot, or not at all. */
enum exact_mode { EXACT_AUTO, EXACT_ALWAYS, EXACT_NEVER };

/* How a list is shown. */
#define SORT_KEYS_MAX 4
struct list_settings {
    struct list_view view;
    bool columns_help;
    struct {
        uint8_t column;
        bool down;
    } sort[SORT_KEYS_MAX];
    size_t sort_count;
    bool prometheus;
    const char *output; /* a file to write instead of stdout, put in place by rename(2); NULL: stdout */
};

struct resize_settings {
    bool given; /* there is no default for the backlog */
    int32_t backlog;
    bool all, dry_run;
};

struct watch_settings {
    nsec interval; /* between screens, blocks or records */
    bool batch;
    uint32_t iterations; /* 0: no bound */
    nsec duration;       /* 0: no bound */
    struct expectations alerts;
};

struct trace_settings {
    nsec interval; /* between screens, blocks or records */
    bool batch;
    nsec duration; /* 0: no bound */
    bool events;   /* a line for each connection, too */
    bool prometheus;
    const char *output; /* a file of metrics; NULL: stdout */
};

struct measure_settings {
    struct freeze_settings freeze;
    nsec timeout; /* for the server to have taken in what waits, and to accept one more; each */
    bool yes, with_waiting, all;
};

/* An option that a sweep varies: its values as typed. */
#define VARIED_MAX 8
struct varied {
    const char *name; /* of the option; static storage */
    const char *text;
};

struct sweep_settings {
    struct varied varied[VARIED_MAX];
    size_t varied_count;
    uint32_t repeat, jobs; /* jobs 0: as many as suit the runs */
    bool csv;
};

struct merge_settings {
    uint32_t hosts; /* reports that there should be; 0: unknown */
};

struct size_settings {
    uint32_t checks; /* runs with the answer, none of which may drop */
};

#define OPTIONS_MAX 80

/* A server to be started, beside its words. */
struct start_settings {
    nsec wait;    /* for it to listen */
    nsec warm_up; /* then */
    const char *user, *log;
    struct environment environment;
    enum freeze_method freeze; /* only if that is given */
};

/* What every command is told. Started from settings_default, filled by the parser, then passed down as const. */
struct settings {
    bool help, help_short, version;
    int family; /* AF_UNSPEC, AF_INET or AF_INET6 */
    const char *host;
    uint16_t port; /* 0: any free one; only for a server of our own */
    bool json, quiet;
    enum color_mode color;
    enum exact_mode exact;
    struct transport transport; /* what --unix, --seqpacket, --mptcp and --fastopen come to: see settings_transport */
    bool seqpacket, mptcp;
    struct server_settings server;
    struct probe_settings probe;
    struct expectations expect;
    struct survey_query survey;
    struct list_settings list;
    struct resize_settings resize;
    struct measure_settings measure;
    struct watch_settings watch;
    struct observe_settings observe; /* its start_at is in `probe` */
    struct trace_settings trace;
    struct sweep_settings sweep;
    struct size_settings size;
    struct merge_settings merge;
    struct sysctl_list sysctls;
    bool host_net;
    nsec delay;         /* of the lab's path, one way */
    bool tap;           /* expectations as tests, on stdout; */
    const char *junit;  /* and into this file; NULL: not */
    bool *tests_told;   /* they were; owned by command_main */
    const char *svg;    /* a file for the picture, NULL: none */
    const char *html;   /* one for the page, NULL: none */
    const char *preset; /* NULL: none */
    bool list_presets;
    const char *operand; /* the word beside the options, as typed; NULL: none */
    char **words;        /* a server to be started, or files, NULL at the end; NULL: none */
    struct start_settings start;
    const char *given[OPTIONS_MAX];  /* the names of the options that were given */
    size_t given_count, typed_count; /* the first `typed_count` were typed, the others are those that the target stands for */
    struct {
        const char *name, *text; /* NULL: it takes none */
    } said[OPTIONS_MAX];         /* each time that an option was given; later ones are forgotten */
    size_t said_count;
    char names[2048]; /* those given with escapes, without them, and what a target stands for; `names_used` bytes are taken */
    size_t names_used;
    char **line; /* the words of the command line, `line_count` of them and NULL; the first is the name of the command */
    int line_count;
};
extern const struct settings settings_default;

/* One option. `take` reads `text` (NULL for a flag) into *field, or fills err with what is accepted. */
struct option_spec {
    const char *name;     /* long name */
    char letter;          /* short name, or 0 */
    const char *argument; /* what the help calls its value, NULL for a flag */
    const char *help;     /* ends without a full stop */
    const char *usual;    /* the same in a line of the short help, which has the usual options only; NULL: it is none of them */
    int (*take)(const struct option_spec *spec, const char *text, void *field, struct error *err);
    size_t field;         /* offset in struct settings */
    int64_t min, max;     /* of numbers; of durations if max is not 0; of expectations max is enum measures */
    const char *excludes; /* long names of options that cannot go with this one, with commas between, or NULL */
    const char *needs;    /* long name of an option without which this one means nothing, or NULL */
    uint64_t rights;      /* what it takes beside those of its command, see rights.h */
};

/* A heading in the help and the options under it; the list ends with a name of NULL. */
struct option_group {
    const char *title;
    const struct option_spec *options;
};
extern const struct option_group options_target, options_socket, options_server, options_full, options_account, options_probe,
    options_running, options_lab, options_start, options_checks, options_output, options_select, options_vary, options_sweep,
    options_load, options_pace, options_size, options_list, options_resize, options_measure, options_watch, options_trace,
    options_observe, options_merge, options_about;

/* What a word that is no option means to a command, see target.h. */
enum target_use {
    TARGET_NONE,     /* nothing: it is an error */
    TARGET_PEER,     /* where to connect to */
    TARGET_LISTEN,   /* where to listen */
    TARGET_LISTENER, /* who listens already */
};

#define OPTION_GROUPS_MAX 10
struct command {
    const char *name;
    const char *summary; /* one line */
    int (*run)(const struct command *command, const struct settings *settings);
    const struct option_group *groups[OPTION_GROUPS_MAX]; /* NULL at the end */
    /* Those of a server of our own; NULL: the command starts no other. */
    const struct option_group *own_server;
    enum target_use target;              /* what the one word beside options means; or it is one of some words: */
    const char *operand;                 /* what the help calls it; NULL: none */
    const char *(*operand_at)(size_t n); /* the words that it can be; NULL behind the last */
    const char *files;     /* the words beside options are files, one or more: what they have to be; NULL: they are not */
    uint64_t rights;       /* those that it keeps where it has them, see rights.h; all where it starts a server */
    uint64_t rights_first; /* beside those, until it calls command_settle() */
    bool settles;          /* it does that: the filter begins then */
    bool only_reads;       /* under a filter of system calls, */
    unsigned also;         /* that lets it RIGHTS_TO_..., beside writing where an option says so */
};
/* Gives up what the command needed to begin with, and begins the filter. 0 or -errno. */
int command_settle(const struct command *command, const struct settings *settings, struct error *err);

/* A group hides options of the same name in those behind it. */
bool option_is_hidden(const struct command *command, const struct option_spec *spec);

/* Sets one option of a command as if it had been given. 0 or -EINVAL. */
int options_set(const struct command *command, const char *name, const char *text, struct settings *settings, struct error *err);

extern const struct command command_serve, command_probe, command_run, command_list, command_resize, command_measure,
    command_watch, command_trace, command_observe, command_sweep, command_size, command_merge, command_completion, command_schema;

/* The n-th command in the order of the help; NULL behind the last. */
const struct command *command_at(size_t n);

/* NULL: no such command. */
const struct command *command_find(const char *name);

/* list of those that are in trouble now: what backlogctl alone shows. */
extern const struct command command_trouble;

/* Whether the option of this long name was given, also by a preset. */
bool settings_given(const struct settings *settings, const char *name);

/* A copy of the text within the settings, NULL where it does not fit. */
char *settings_keep(struct settings *settings, const char *text, struct error *err);

/* The transport that the options name. The path is the settings' own. */
struct transport settings_transport(const struct settings *settings);

/* Where the options point: the addresses of --host, or the one place of --unix. How many, or -errno. */
int settings_resolve(const struct settings *settings, struct endpoint out[ENDPOINTS_MAX], struct error *err);

/* Reads argv[1..] into *settings. 0 or -EINVAL with a text that names the option, the value and what is accepted. A target is only
   noted: then whoever takes it (target_take) has options_check() look whether the options go together. */
int options_parse(const struct command *command, int argc, char **argv, struct settings *settings, struct error *err);

/* Whether the options that were given go together. 0 or -EINVAL. */
int options_check(const struct command *command, const struct settings *settings, struct error *err);

/* The word as a shell takes it; returns the length of the whole, like snprintf. */
size_t shell_quote(const char *word, char *out, size_t size);

/* The words that were parsed, as a shell takes them, without the options whose long names are in `left_out` (commas between) and
   without the target. Cut where it is longer than `size`. */
void options_line(const struct command *command, const struct settings *settings, const char *left_out, char *out, size_t size);

/* All options in groups, in lines of at most `width` cells; a screen of the usual ones. */
void options_help(const struct command *command, int width, FILE *out);
void options_help_short(const struct command *command, int width, FILE *out);

/* Words folded to the right of a column, where the line is already. */
void help_fold(FILE *out, const char *text, int indent, int width);

/* Adds the expectations in "connected=1,queued>=3". 0 or -EINVAL. */
int expectations_parse(const char *text, enum measures kind, struct expectations *out, struct error *err);

#endif

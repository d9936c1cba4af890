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

struct measure_settings {
    struct freeze_settings freeze;
    nsec timeout; /* for the server to have taken in what waits, and to accept one more; each */
    bool yes, with_waiting;
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
    bool help, version;
    int family; /* AF_UNSPEC, AF_INET or AF_INET6 */
    const char *host;
    uint16_t port; /* 0: any free one; only for a server of our own */
    bool json, quiet;
    enum color_mode color;
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
    struct sweep_settings sweep;
    struct size_settings size;
    struct sysctl_list sysctls;
    bool host_net;
    nsec delay;         /* of the lab's path, one way */
    bool tap;           /* expectations as tests, on stdout; */
    const char *junit;  /* and into this file; NULL: not */
    bool *tests_told;   /* they were; owned by command_main */
    const char *svg;    /* a file for the picture, NULL: none */
    const char *preset; /* NULL: none */
    bool list_presets;
    char **words; /* a server to be started, NULL at the end; NULL: none */
    struct start_settings start;
    const char *given[OPTIONS_MAX]; /* the names of the options that were given */
    size_t given_count;
    char names[1024]; /* those given with escapes, without them; `names_used` of these bytes are taken */
    size_t names_used;
};
extern const struct settings settings_default;

/* One option. `take` reads `text` (NULL for a flag) into *field, or fills err with what is accepted. */
struct option_spec {
    const char *name;     /* long name */
    char letter;          /* short name, or 0 */
    const char *argument; /* what the help calls its value, NULL for a flag */
    const char *help;     /* ends without a full stop */
    int (*take)(const struct option_spec *spec, const char *text, void *field, struct error *err);
    size_t field;         /* offset in struct settings */
    int64_t min, max;     /* of numbers; of durations if max is not 0; of expectations max is enum measures */
    const char *excludes; /* long names of options that cannot go with this one, with commas between, or NULL */
    const char *needs;    /* long name of an option without which this one means nothing, or NULL */
};

/* A heading in the help and the options under it; the list ends with a name of NULL. */
struct option_group {
    const char *title;
    const struct option_spec *options;
};
extern const struct option_group options_target, options_socket, options_server, options_full, options_account, options_probe,
    options_running, options_lab, options_start, options_checks, options_output, options_select, options_vary, options_sweep,
    options_load, options_pace, options_size, options_list, options_resize, options_measure, options_watch;

#define OPTION_GROUPS_MAX 10
struct command {
    const char *name;
    const char *summary; /* one line */
    int (*run)(const struct command *command, const struct settings *settings);
    const struct option_group *groups[OPTION_GROUPS_MAX]; /* NULL at the end */
    /* Those of a server of our own; NULL: the command starts no other. */
    const struct option_group *own_server;
};
/* A group hides options of the same name in those behind it. */
bool option_is_hidden(const struct command *command, const struct option_spec *spec);

/* Sets one option of a command as if it had been given. 0 or -EINVAL. */
int options_set(const struct command *command, const char *name, const char *text, struct settings *settings, struct error *err);

extern const struct command command_serve, command_probe, command_run, command_list, command_resize, command_measure,
    command_watch, command_sweep, command_size;

/* Whether the option of this long name was given, also by a preset. */
bool settings_given(const struct settings *settings, const char *name);

/* The transport that the options name. The path is the settings' own. */
struct transport settings_transport(const struct settings *settings);

/* Where the options point: the addresses of --host, or the one place of --unix. How many, or -errno. */
int settings_resolve(const struct settings *settings, struct endpoint out[ENDPOINTS_MAX], struct error *err);

/* Reads argv[1..] into *settings. 0 or -EINVAL with a text that names the option, the value and what is accepted. */
int options_parse(const struct command *command, int argc, char **argv, struct settings *settings, struct error *err);

void options_help(const struct command *command, FILE *out);

/* Adds the expectations in "connected=1,queued>=3". 0 or -EINVAL. */
int expectations_parse(const char *text, enum measures kind, struct expectations *out, struct error *err);

#endif

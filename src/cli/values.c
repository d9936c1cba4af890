/* From the kind of an option or a target to what can stand for it: words of the tables, or what runs on this machine. */
#include "settings_takes.h"
#include "values.h"

#include "backlogctl/figures.h"
#include "backlogctl/presets.h"

#include <string.h>

/* ---- Words of tables ---- */

static const char *preset_word(size_t n)
{
    const struct preset *preset = preset_at(n);
    return preset ? preset->name : NULL;
}

static const char *column_word(size_t n)
{
    for (size_t f = 0; f < FIGURE_COUNT; f++)
        if (figure_column_name(f) && !n--)
            return figure_column_name(f);
    return NULL;
}

static const char *measure_word(enum measures kind, size_t n)
{
    for (size_t m = 0; m < MEASURE_COUNT; m++)
        if (measure_is_of(m, kind) && !n--)
            return measure_name(m);
    return NULL;
}

static const char *burst_word(size_t n)
{
    return measure_word(MEASURES_OF_BURST, n);
}

static const char *listener_word(size_t n)
{
    return measure_word(MEASURES_OF_LISTENER, n);
}

static const char *watch_word(size_t n)
{
    return measure_word(MEASURES_OF_WATCH, n);
}

static const char *freeze_word(size_t n)
{
    return freeze_words[n];
}

static const char *color_word(size_t n)
{
    return color_words[n];
}

static const char *exact_word(size_t n)
{
    return exact_words[n];
}

static const char *form_word(enum target_use use, size_t n)
{
    const struct target_form *form;
    for (size_t f = 0; (form = target_form_at(f)); f++)
        if ((!form->running || use == TARGET_LISTENER) && !n--)
            return form->prefix;
    return NULL;
}

static const char *peer_word(size_t n)
{
    return form_word(TARGET_PEER, n);
}

static const char *who_word(size_t n)
{
    return form_word(TARGET_LISTENER, n);
}

/* ---- The kinds ---- */

/* The rows of a table that list prints end at an empty line, and a column without an answer has a '-'. */
#define ROWS(options, script) "backlogctl list " options " 2>/dev/null | sed -n '1d;/^$/q;s/ *$//;/^-$/d;" script "' | sort -u"
#define CONTAINERS ROWS("--all-netns --columns container", "p")
/* Those of the namespace alone that anybody can set there: not of an interface, nor of a neighbour. */
#define SYSCTLS                                                                                                 \
    "find /proc/sys/net/core /proc/sys/net/ipv4 /proc/sys/net/mptcp -maxdepth 1 -type f -perm -200 2>/dev/null" \
    " | sed 's,^/proc/sys/,,;y,/,.,;s,$,=,' | sort"

#define HOSTS "getent hosts 2>/dev/null | sed 's/  */ /g;y/ /\\n/' | sort -u"
/* As targets: ports and names of sockets; and of the names that people and systemd gave those that are read as names. */
#define PLACES ROWS("--columns address", "s/.*:\\([0-9][0-9]*\\)$/\\1/;p")
#define NAMES(column, script) ROWS("--columns " column, script "/^-/d;\\,[:%*/],d;/^@/d;/[^0-9]/p")

typedef int taking(const struct option_spec *spec, const char *text, void *field, struct error *err);

static const struct {
    taking *take;
    int64_t max;            /* of expectations: which measures */
    bool of_running;        /* of a server that runs already: nothing to be known of one that is about to begin */
    enum target_use target; /* of a target, and no option's */
    bool service;           /* of what can stand behind "service:" */
    struct value_kind kind;
} kinds[] = {
    {take_file, .kind = {"file", VALUE_FILE}},
    {take_place, .kind = {"place", VALUE_FILE}},
    {take_preset, .kind = {"preset", VALUE_ONE, preset_word}},
    {take_color, .kind = {"color", VALUE_ONE, color_word}},
    {take_exact, .kind = {"exact", VALUE_ONE, exact_word}},
    {take_freeze, .kind = {"freeze", VALUE_ONE, freeze_word}},
    {take_columns, .kind = {"columns", VALUE_LIST, column_word}},
    {take_sort, .kind = {"sort", VALUE_ORDER, column_word}},
    {take_expectations, MEASURES_OF_BURST, .kind = {"expect_burst", VALUE_LIST, burst_word}},
    {take_expectations, MEASURES_OF_LISTENER, .kind = {"expect_listener", VALUE_LIST, listener_word}},
    {take_expectations, MEASURES_OF_WATCH, .kind = {"alert", VALUE_LIST, watch_word}},
    {take_port, .of_running = true,
     .kind = {"port", VALUE_ONE, NULL, ROWS("--columns address", "s/.*:\\([0-9][0-9]*\\)$/\\1/p")}},
    {take_bound, .of_running = true,
     .kind = {"address", VALUE_ONE, NULL, ROWS("--columns address", "/:[0-9][0-9]*$/!d;s///;s/^\\[//;s/[]%].*//;s/^\\*$/::/;p")}},
    {take_path, .of_running = true, .kind = {"path", VALUE_ONE, NULL, ROWS("--columns address", "/:[0-9][0-9]*$/d;p")}},
    {take_process, .kind = {"process", VALUE_ONE, NULL, ROWS("--columns process", "s,/[^/]*$,,;p")}},
    {take_pid, .kind = {"pid", VALUE_ONE, NULL, ROWS("--all-netns --columns process", "s,.*/\\([0-9][0-9]*\\).*,\\1,p")}},
    {take_unit, .kind = {"unit", VALUE_ONE, NULL, ROWS("--columns unit", "p")}},
    {take_container, .kind = {"container", VALUE_ONE, NULL, CONTAINERS}},
    {take_netns, .kind = {"netns", VALUE_ONE, NULL, "ls /run/netns 2>/dev/null; " CONTAINERS " | sed 's/^/container:/'"}},
    {take_host, .kind = {"host", VALUE_ONE, NULL, HOSTS}},
    {take_user, .kind = {"user", VALUE_ONE, NULL, "getent passwd 2>/dev/null | sed 's/:.*//'"}},
    {take_environment, .kind = {"environment", VALUE_BEGINS, NULL, "env | sed -n 's/^\\([A-Za-z_][A-Za-z_0-9]*=\\).*/\\1/p'"}},
    {take_sysctl, .kind = {"sysctl", VALUE_BEGINS, NULL, SYSCTLS}},
    {take_varied_sysctl, .kind = {"sysctl_values", VALUE_BEGINS, NULL, SYSCTLS}},
    {.target = TARGET_PEER, .kind = {"peer", VALUE_TARGET, peer_word, PLACES "; " HOSTS}},
    {.target = TARGET_LISTENER,
     .kind = {"listener", VALUE_TARGET, who_word, PLACES "; " NAMES("process", "s,/[^/]*$,,;") "; " NAMES("unit", "")}},
    {.service = true, .kind = {"service", VALUE_ONE, NULL, "getent services 2>/dev/null | sed -n 's,[[:space:]].*/tcp.*,,p'"}},
};

#define KINDS (sizeof kinds / sizeof *kinds)

const struct value_kind *value_kind_at(size_t n)
{
    return n < KINDS ? &kinds[n].kind : NULL;
}

static bool begins_a_server(const struct command *command)
{
    for (size_t g = 0; command->groups[g]; g++)
        if (command->groups[g] == &options_server)
            return true;
    return command->own_server;
}

const struct value_kind *target_values(const struct command *command)
{
    for (size_t i = 0; i < KINDS; i++)
        if (command->files ? kinds[i].kind.form == VALUE_FILE : command->target && kinds[i].target == command->target)
            return &kinds[i].kind;
    return NULL;
}

const struct value_kind *form_values(const struct target_form *form)
{
    for (const struct option_spec *spec = options_select.options; form->option && spec->name; spec++)
        if (!strcmp(spec->name, form->option))
            return option_values(&command_list, spec);
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].service)
            return &kinds[i].kind;
    return NULL;
}

const struct value_kind *option_values(const struct command *command, const struct option_spec *spec)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].take && spec->take == kinds[i].take && (!kinds[i].max || spec->max == kinds[i].max))
            return kinds[i].of_running && begins_a_server(command) ? NULL : &kinds[i].kind;
    return NULL;
}

/* Reading the value of an option, by its kind. */
#include "settings_takes.h"

#include "backlogctl/closest.h"
#include "backlogctl/escape.h"
#include "backlogctl/netns.h"
#include "backlogctl/parse.h"
#include "backlogctl/presets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int take_flag(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec, (void)text, (void)err;
    *(option_flag *)field = true;
    return 0;
}

int take_text(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    if (!*text)
        return error_set(err, EINVAL, "want some text, not nothing");
    *(option_text *)field = text;
    return 0;
}

char *settings_keep(struct settings *settings, const char *text, struct error *err)
{
    char *kept = settings->names + settings->names_used;
    size_t room = sizeof settings->names - settings->names_used, size = strlen(text) + 1;
    if (size > room) {
        error_set(err, ENAMETOOLONG, "these names are too long: want at most %zu bytes of them", sizeof settings->names);
        return NULL;
    }
    settings->names_used += size;
    return memcpy(kept, text, size);
}

/* A name as the reports print it: escapes are what they stand for, kept in the settings that `field` is a member of. */
static int keep_name(const struct option_spec *spec, const char *text, void *field, const char **out, struct error *err)
{
    struct settings *settings = (struct settings *)(void *)((char *)field - spec->field);
    int status = take_text(spec, text, out, err);
    if (status || !strstr(text, "\\x"))
        return status;
    char *kept = settings_keep(settings, text, err);
    if (!kept)
        return -ENAMETOOLONG;
    *out = unescape(kept, kept);
    return 0;
}

int take_name(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    return keep_name(spec, text, field, field, err);
}

/* Read alike, and different in what can stand there: see values.c. */
#define TAKE_LIKE(kind, other)                                                                        \
    int take_##kind(const struct option_spec *spec, const char *text, void *field, struct error *err) \
    {                                                                                                 \
        return take_##other(spec, text, field, err);                                                  \
    }
TAKE_LIKE(file, text)
TAKE_LIKE(user, text)
TAKE_LIKE(host, name)
TAKE_LIKE(place, name)
TAKE_LIKE(path, name)
TAKE_LIKE(process, name)
TAKE_LIKE(container, name)
TAKE_LIKE(unit, name)
TAKE_LIKE(owned, address)

int take_family(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)text, (void)err;
    *(option_family *)field = spec->letter == '4' ? AF_INET : AF_INET6;
    return 0;
}

int take_port(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    int64_t value;
    int status = parse_integer(text, spec->min, spec->max, &value, err);
    if (!status)
        *(option_port *)field = (option_port)value;
    return status;
}

int take_backlog(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    int64_t value;
    int status = parse_count(text, spec->min, spec->max, &value, err);
    if (!status)
        *(option_backlog *)field = (option_backlog)value;
    return status;
}

int take_u32(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    int64_t value;
    int status = parse_count(text, spec->min, spec->max, &value, err);
    if (!status)
        *(option_u32 *)field = (option_u32)value;
    return status;
}

int take_i64(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    option_i64 *value = field;
    return parse_count(text, spec->min, spec->max, value, err);
}

int take_duration(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    nsec value;
    int status = parse_duration(text, &value, err);
    if (!status && spec->max && (value < spec->min || value > spec->max)) {
        char low[NSEC_TEXT_SIZE], high[NSEC_TEXT_SIZE];
        return error_set(err, ERANGE, "out of range: want %s to %s", nsec_text(spec->min, low), nsec_text(spec->max, high));
    }
    if (!status)
        *(option_duration *)field = value;
    return status;
}

int take_moment(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    option_moment *moment = field;
    return parse_moment(text, clock_wall(), moment, err);
}

const char *const freeze_words[] = {[FREEZE_AUTO] = "auto", [FREEZE_PTRACE] = "ptrace", [FREEZE_STOP] = "stop", NULL};
const char *const color_words[] = {[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never", NULL};
const char *const exact_words[] = {[EXACT_AUTO] = "auto", [EXACT_ALWAYS] = "always", [EXACT_NEVER] = "never", NULL};

/* Its place among the words, or -EINVAL with `wanted`, which names them. */
static int take_word(const char *const *words, const char *wanted, const char *text, struct error *err)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], text))
            return i;
    return error_set(err, EINVAL, "want %s", wanted);
}

int take_freeze(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    int word = take_word(freeze_words, "auto, ptrace or stop", text, err);
    if (word >= 0)
        *(option_freeze *)field = (option_freeze)word;
    return word < 0 ? word : 0;
}

int take_color(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    int word = take_word(color_words, "auto, always or never", text, err);
    if (word >= 0)
        *(option_color *)field = (option_color)word;
    return word < 0 ? word : 0;
}

int take_exact(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    int word = take_word(exact_words, "auto, always or never", text, err);
    if (word >= 0)
        *(option_exact *)field = (option_exact)word;
    return word < 0 ? word : 0;
}

int take_expectations(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    option_expectations *expectations = field;
    return expectations_parse(text, (enum measures)spec->max, expectations, err);
}

int take_resize(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    option_resize *resize = field;
    resize->given = true;
    return take_backlog(spec, text, &resize->backlog, err);
}

int take_accept_rate(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    int64_t value;
    int status = parse_count(text, spec->min, spec->max, &value, err);
    if (!status)
        *(option_accept_rate *)field = NSEC_PER_SEC / value;
    return status;
}

/* Values of an option that a sweep varies: that they make sense is found out when they are spread out (sweep_axes.c). */
static int take_values(size_t place, const struct option_spec *spec, const char *text, option_varied *sweep, struct error *err)
{
    if (place == VARIED_MAX)
        return error_set(err, EINVAL, "want at most %d of these options", VARIED_MAX);
    sweep->varied[place] = (struct varied){.name = spec->name, .text = text};
    sweep->varied_count += place == sweep->varied_count;
    return 0;
}

int take_varied(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    option_varied *sweep = field;
    size_t i = 0;
    while (i < sweep->varied_count && strcmp(sweep->varied[i].name, spec->name))
        i++;
    return take_values(i, spec, text, sweep, err);
}

/* Repeatable: each is of another key. */
int take_varied_sysctl(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    option_varied *sweep = field;
    return take_values(sweep->varied_count, spec, text, sweep, err);
}

int take_preset(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    struct closest closest = {.typed = text};
    char hint[CLOSEST_HINT_SIZE];
    for (size_t i = 0; preset_at(i); i++)
        closest_try(&closest, preset_at(i)->name);
    if (!preset_find(text))
        return error_set(err, EINVAL, "no such preset%s: --list-presets shows them", closest_hint(&closest, "", hint));
    *(option_preset *)field = text;
    return 0;
}

int take_pid(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    int64_t value;
    int status = parse_integer(text, spec->min, spec->max, &value, err);
    if (!status)
        *(option_pid *)field = (option_pid)value;
    return status;
}

int take_netns(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    int status = netns_name_check(text, err);
    return status ? status : take_name(spec, text, field, err);
}

int take_address(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    struct endpoint_range range;
    if (endpoint_range_parse(text, &range, NULL) || range.count != 1)
        return error_set(err, EINVAL, "want an address as the listener is bound to, such as 127.0.0.1, 0.0.0.0 or ::");
    *(option_address *)field = range.first;
    return 0;
}

/* As list prints it: with the device behind '%', and '*' for the address that takes IPv4 and IPv6. */
int take_bound(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    option_bound *query = field;
    const char *zone = strchr(text, '%');
    char address[ENDPOINT_TEXT_SIZE];
    snprintf(address, sizeof address, "%.*s", zone ? (int)(zone - text) : (int)strlen(text), text);
    int status = take_address(spec, strcmp(address, "*") ? address : "::", &query->address, err);
    query->device = NULL;
    return status || !zone ? status : keep_name(spec, zone + 1, field, &query->device, err);
}

/* One name of a list of columns; '-' in front sorts downwards. */
static int take_column_name(const char *name, size_t length, struct error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)length, name);
    int column = length < sizeof text ? figure_find_column(text) : -1;
    struct closest closest = {.typed = text};
    char hint[CLOSEST_HINT_SIZE];
    for (size_t f = 0; f < FIGURE_COUNT; f++)
        if (figures[f].column.head)
            closest_try(&closest, figure_column_name(f));
    return column >= 0
               ? column
               : error_set(err, EINVAL, "'%s' is no column%s: see --columns help", text, closest_hint(&closest, "", hint));
}

int take_columns(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    option_columns *list = field;
    list->view.count = 0;
    list->columns_help = !strcmp(text, "help");
    for (const char *p = text; !list->columns_help; p++) {
        size_t length = strcspn(p, ",");
        int column = take_column_name(p, length, err);
        if (column < 0)
            return column;
        if (list->view.count == LIST_COLUMNS_MAX)
            return error_set(err, EINVAL, "want at most %d columns", LIST_COLUMNS_MAX);
        list->view.columns[list->view.count++] = (uint8_t)column;
        p += length;
        if (!*p)
            break;
    }
    return 0;
}

int take_sort(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    option_sort *list = field;
    list->sort_count = 0;
    for (const char *p = text;; p++) {
        bool down = *p == '-';
        size_t length = strcspn(p + down, ",");
        int column = take_column_name(p + down, length, err);
        if (column < 0)
            return column;
        if (list->sort_count == SORT_KEYS_MAX)
            return error_set(err, EINVAL, "want at most %d columns to sort by", SORT_KEYS_MAX);
        list->sort[list->sort_count].column = (uint8_t)column;
        list->sort[list->sort_count++].down = down;
        p += length + down;
        if (!*p)
            return 0;
    }
}

int take_sysctl(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    option_sysctl *sysctls = field;
    char key[128];
    size_t length = strcspn(text, "=");
    if (!text[length] || !text[length + 1] || length >= sizeof key)
        return error_set(err, EINVAL, "want KEY=VALUE, such as net.core.somaxconn=16");
    memcpy(key, text, length);
    key[length] = '\0';
    if (!sysctl_key_valid(key))
        return error_set(err, EINVAL, "want a key of net.*, such as net.core.somaxconn");
    if (sysctls->count == SYSCTLS_MAX)
        return error_set(err, EINVAL, "want at most %d sysctls", SYSCTLS_MAX);
    sysctls->list[sysctls->count++] = text;
    return 0;
}

int take_environment(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    option_environment *environment = field;
    if (strcspn(text, "=") == 0 || !strchr(text, '='))
        return error_set(err, EINVAL, "want NAME=VALUE");
    if (environment->count == ENVIRONMENT_MAX)
        return error_set(err, EINVAL, "want at most %d variables", ENVIRONMENT_MAX);
    environment->list[environment->count++] = text;
    return 0;
}

int take_sources(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    option_sources *sources = field;
    sources->text = text;
    sources->count = 0;
    for (const char *p = text;; p++) {
        char item[ENDPOINT_TEXT_SIZE];
        size_t length = strcspn(p, ",");
        snprintf(item, sizeof item, "%.*s", (int)length, p);
        if (sources->count == SOURCES_MAX)
            return error_set(err, EINVAL, "want at most %d addresses or networks", SOURCES_MAX);
        struct endpoint_range *range = &sources->ranges[sources->count++];
        int status = endpoint_range_parse(item, range, err);
        if (status)
            return status;
        if (range->first.family != sources->ranges[0].first.family)
            return error_set(err, EINVAL, "want addresses of one family");
        p += length;
        if (!*p)
            return 0;
    }
}

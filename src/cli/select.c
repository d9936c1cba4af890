/* What the options select, in the order that they want. */
#include "select.h"

#include "backlogctl/escape.h"
#include "backlogctl/judge.h"
#include "backlogctl/output.h"
#include "backlogctl/surveyor.h"
#include "backlogctl/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int compare(const void *left, const void *right, void *context)
{
    const struct list_settings *list = context;
    const struct listener *a = left, *b = right;
    for (size_t i = 0; i < list->sort_count; i++) {
        int order = report_compare(list->sort[i].column, left, right);
        if (order)
            return list->sort[i].down ? -order : order;
    }
    int order = list->sort_count ? 0 : judge_compare(a, b);
    if (!order)
        order = report_compare(FIGURE_ADDRESS, left, right);
    if (order)
        return order;
    return a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

/* What nobody will see is not looked for. */
static struct survey_query query_for(const struct settings *settings)
{
    struct survey_query query = settings->survey;
    const struct list_settings *list = &settings->list;
    unsigned needs = NEEDS_NOTHING;
    if (settings->json || list->prometheus || !list->view.count)
        return query;
    for (size_t i = 0; i < list->view.count; i++)
        needs |= figures[list->view.columns[i]].needs;
    for (size_t i = 0; i < list->sort_count; i++)
        needs |= figures[list->sort[i].column].needs;
    for (size_t i = 0; i < settings->expect.count; i++)
        needs |= measure_needs(settings->expect.list[i].measure);
    query.no_owners = !(needs & NEEDS_OWNERS) && !survey_asks_holders(&query);
    query.no_waiting = !(needs & NEEDS_WAITING);
    return query;
}

int select_listeners(struct survey *survey, const struct settings *settings, struct exact_traces *exact, struct error *err)
{
    bool for_readers = !settings->json && !settings->list.prometheus; /* programs want the same order every time */
    struct selection_plan plan = {.query = query_for(settings),
                                  .expect = settings->expect,
                                  .order = for_readers || settings->list.sort_count ? compare : NULL,
                                  .context = (void *)&settings->list,
                                  .exact = exact};
    return selection_take(survey, &plan, err);
}

void select_closest(struct closest *closest, const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++) {
        size_t count;
        const struct socket_holder *holders = survey_holders(survey, &survey->listeners[i], &count);
        for (size_t h = 0; h < count && holders; h++) {
            closest_try(closest, holders[h].process);
            closest_try(closest, holders[h].place.unit);
        }
    }
}

bool select_asks_count(const struct expectations *asked)
{
    for (size_t i = 0; i < asked->count; i++)
        if (asked->list[i].measure != MEASURE_LISTENERS)
            return false;
    return asked->count;
}

/* " (did you mean redis-server?)", of those who listen in the same place. */
static const char *near_name(const struct survey_query *asked, char out[CLOSEST_HINT_SIZE])
{
    struct survey all = {0};
    struct survey_query query = *asked;
    struct closest closest = {.typed = asked->process ? asked->process : asked->unit};
    *out = '\0';
    query.process = query.unit = NULL;
    query.no_waiting = true;
    if (closest.typed && !survey_take(&all, &query, NULL))
        select_closest(&closest, &all);
    closest_hint(&closest, "", out); /* while the names are there */
    survey_release(&all);
    return out;
}

static bool was_typed(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->typed_count; i++)
        if (!strcmp(settings->given[i], name))
            return true;
    return false;
}

void select_say_none(const struct command *command, const struct settings *settings, const struct expectations *asked)
{
    static const char *const choosing[] = {"port", "host", "unix", "process", "unit", "pid", "container"};
    char what[256] = "", hint[CLOSEST_HINT_SIZE], port_hint[TARGET_HINT_SIZE];
    if (settings->operand)
        snprintf(what, sizeof what, "target '%.160s'", settings->operand);
    for (size_t i = 0; i < sizeof choosing / sizeof *choosing; i++)
        if (was_typed(settings, choosing[i]))
            snprintf(what + strlen(what), sizeof what - strlen(what), "%s--%s", *what ? ", " : "", choosing[i]);
    if (*what && !select_asks_count(asked))
        say(command, "no listener fits %s%s%s", what, near_name(&settings->survey, hint),
            target_port_hint(settings->operand ? settings->operand : "", port_hint));
}

#define NAMED_MAX 16
#define LINE_SIZE 2048

int select_check(const struct command *command, const struct settings *settings)
{
    const struct survey_query *query = &settings->survey;
    if (query->port || query->path || query->process || query->unit || query->pid || query->container || query->address.family ||
        query->reached_count)
        return EXIT_DONE;
    return say_usage(command, "a target, --port or --unix is needed, to tell which listener");
}

/* Those of a group go together. */
static bool is_next_member(const struct survey *survey, size_t i)
{
    return survey->listeners[i].member > 1;
}

static bool is_only_one_there(const struct survey *survey, const struct listener *listener, const char *place)
{
    char other[REPORT_PLACE_SIZE];
    size_t there = 0;
    for (size_t i = 0; i < survey->count; i++)
        there += !is_next_member(survey, i) && !strcmp(report_place(&survey->listeners[i], other), place);
    return there == 1 && (!is_unix((enum socket_kind)listener->kind) || *listener->path);
}

/* Cut off where the line is full. */
static void add_word(char *line, size_t size, const char *word)
{
    size_t used = strlen(line);
    if (used + 1 >= size)
        return;
    line[used] = ' ';
    shell_quote(word, line + used + 1, size - used - 1);
}

/* What is meant as a whole line to be typed; a name in it may be any bytes. */
static void say_choice(const struct command *command, const struct settings *settings, const struct survey *survey,
                       const struct listener *listener)
{
    char place[REPORT_PLACE_SIZE], target[REPORT_PLACE_SIZE + 8], line[LINE_SIZE];
    report_place(listener, place);
    bool only = is_only_one_there(survey, listener, place);
    bool named = !is_unix((enum socket_kind)listener->kind) || *listener->path;
    bool plain = !is_unix((enum socket_kind)listener->kind) || strchr("@/", *place);
    options_line(command, settings, only ? "port,host,unix" : "port,host,unix,pid,process,unit,container,netns,all-netns", line,
                 sizeof line);
    if (!only && listener->pid)
        snprintf(line + strlen(line), sizeof line - strlen(line), " --pid %d", (int)listener->pid);
    snprintf(target, sizeof target, "%s%s", plain ? "" : "unix:", place);
    if (named)
        add_word(line, sizeof line, target);
    terminal_printf(stderr, "  %s", line);
    if (listener->pid)
        terminal_printf(stderr, "   # %s/%d", listener->process, (int)listener->pid);
    fputc('\n', stderr);
}

static void say_choices(const struct command *command, const struct settings *settings, const struct survey *survey)
{
    size_t told = 0;
    char line[LINE_SIZE];
    for (size_t i = 0; i < survey->count && told < NAMED_MAX; i++)
        if (!is_next_member(survey, i)) {
            say_choice(command, settings, survey, &survey->listeners[i]);
            told++;
        }
    options_line(command, settings, "", line, sizeof line);
    if (settings->operand)
        add_word(line, sizeof line, settings->operand);
    if (!settings->survey.all_netns) {
        terminal_printf(stderr, "  %s --all   # all of them", line);
        fputc('\n', stderr);
    }
}

int select_is_one(const struct command *command, const struct settings *settings, const struct survey *survey, bool all)
{
    char names[200] = "", name[REPORT_PLACE_SIZE];
    if (!survey->count) {
        if (settings->operand)
            snprintf(names, sizeof names, " as '%.80s'", settings->operand);
        say(command, "no such listener here%s: 'backlogctl list' shows those that there are", names);
        return EXIT_CANNOT;
    }
    if (all || survey->count == survey->listeners[0].group || survey->count == 1)
        return EXIT_DONE;
    for (size_t i = 0; i < survey->count && i < 3; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.40s (%.20s/%d)", i ? ", " : "",
                 report_place(&survey->listeners[i], name), survey->listeners[i].process, (int)survey->listeners[i].pid);
    say(command, "%zu listeners are meant: %s%s: choose with one of", survey->count, names, survey->count > 3 ? " ..." : "");
    say_choices(command, settings, survey);
    return EXIT_CANNOT;
}

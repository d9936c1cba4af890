/* backlogctl watch: listeners over time, on a terminal or for a file. */
#include "watch_internal.h"

#include "backlogctl/judge.h"
#include "backlogctl/netns.h"
#include "backlogctl/surveyor.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLE_PAUSE NSEC_PER_MSEC
#define SAMPLE_PAUSE_GROUP (4 * NSEC_PER_MSEC) /* a member of a reuseport group takes a dump */

/* ---- Looking ---- */

static nsec elapsed(const struct watch_run *run)
{
    return clock_now() - run->began;
}

static void tell_news(struct watch_run *run)
{
    for (size_t i = 0; i < run->w.alert_count; i++) {
        struct alert *alert = &run->w.alerts[i];
        if (!alert->news)
            continue;
        alert->news = false;
        if (run->screen || run->settings->quiet)
            continue; /* shown by the frame, and said at the end */
        if (run->settings->json)
            report_alert_json(stdout, alert);
        else
            report_alert_text(stdout, alert);
        watch_flush(run);
    }
}

static int survey_once(struct watch_run *run, struct survey *survey, bool owners, struct error *err)
{
    struct survey_query query = run->settings->survey;
    query.no_owners = !owners && !query.process;
    *survey = (struct survey){0};
    return survey_take(survey, &query, err);
}

/* Owners are looked for when somebody new is there: that is costly. */
static int look_at_all(struct watch_run *run, struct error *err)
{
    struct survey survey;
    int status = survey_once(run, &survey, !run->w.number && !run->w.count, err);
    if (!status && watcher_has_news(&run->w, &survey) && run->w.count) {
        survey_release(&survey);
        status = survey_once(run, &survey, true, err);
    }
    if (!status && watcher_merge(&run->w, &survey, elapsed(run)))
        status = error_set(err, ENOMEM, "no memory for %zu listeners", survey.count);
    if (!status && (survey.owners_unseen || survey.processes_hidden))
        run->w.owners_unseen = survey.owners_unseen;
    survey_release(&survey);
    return status;
}

static struct watched *find(struct watch_run *run, uint64_t cookie)
{
    for (size_t i = 0; i < run->w.count; i++)
        if (run->w.list[i].now.cookie == cookie)
            return &run->w.list[i];
    return NULL;
}

static void sample(struct watch_run *run)
{
    struct watched *one = find(run, run->selected);
    uint64_t queue, drops;
    if (!one || one->state == WATCH_GONE || one->now.netns == run->closed_netns)
        return;
    if (run->sampler.netns != one->now.netns && sampler_open(&run->sampler, &one->now, run->home, NULL)) {
        run->closed_netns = one->now.netns; /* it is looked at once an interval then */
        return;
    }
    if (sampler_look(&run->sampler, &one->now, &queue, &drops))
        return; /* it has gone: the next survey will tell */
    watcher_sample(&run->w, one, queue, drops, elapsed(run));
    judge_watch_one(&run->w, one);
    tell_news(run);
}

static void sample_due(struct timer *timer)
{
    struct watch_run *run = (struct watch_run *)((char *)timer - offsetof(struct watch_run, sample));
    const struct watched *one = find(run, run->selected);
    nsec pause = one && one->now.group > 1 ? SAMPLE_PAUSE_GROUP : SAMPLE_PAUSE, now = clock_now();
    sample(run);
    nsec next = timer->due + pause;
    loop_arm(&run->loop, timer, next > now ? next : now + pause);
}

/* ---- What is shown, and in which order ---- */

static const char *const sort_names[] = {"percent", "queue", "drops", "oldest", "address", "process"};
#define SORT_NAMES (sizeof sort_names / sizeof *sort_names)

const char *watch_sort_name(const struct watch_run *run)
{
    return run->sort < SORT_NAMES ? sort_names[run->sort] : "as given";
}

void watch_next_sort(struct watch_run *run)
{
    run->sort = run->sort < SORT_NAMES ? (run->sort + 1) % SORT_NAMES : 0;
    run->reverse = run->sort < 4; /* figures: the largest first */
}

/* Without a choice at the screen the order is that of --sort, or what is fullest first. */
static int compare(const void *left, const void *right, void *context)
{
    const struct watch_run *run = context;
    const struct listener *a = &run->w.list[*(const size_t *)left].now, *b = &run->w.list[*(const size_t *)right].now;
    const struct list_settings *list = &run->settings->list;
    int order = 0;
    if (run->sort < SORT_NAMES) {
        order = report_column_compare((size_t)report_column_find(sort_names[run->sort]), a, b);
        order = run->reverse ? -order : order;
    }
    for (size_t i = 0; i < list->sort_count && !order && run->sort >= SORT_NAMES; i++) {
        order = report_column_compare(list->sort[i].column, a, b);
        order = list->sort[i].down ? -order : order;
    }
    if (!order && !list->sort_count && run->sort >= SORT_NAMES)
        order = a->percent != b->percent ? (a->percent > b->percent ? -1 : 1) : a->drops != b->drops ? (a->drops > b->drops ? -1 : 1) : 0;
    if (!order)
        order = report_column_compare((size_t)report_column_find("address"), a, b);
    return order ? order : a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

static bool matches(const struct watch_run *run, const struct listener *listener)
{
    char place[REPORT_PLACE_SIZE];
    return !*run->filter || strstr(report_place(listener, place), run->filter) || strstr(listener->process, run->filter);
}

/* Who was selected stays so; else the first is. */
int watch_choose(struct watch_run *run)
{
    size_t *order = realloc(run->order, (run->w.count + 1) * sizeof *order);
    if (!order)
        return -ENOMEM;
    run->order = order;
    run->shown = 0;
    for (size_t i = 0; i < run->w.count; i++)
        if (matches(run, &run->w.list[i].now))
            run->order[run->shown++] = i;
    qsort_r(run->order, run->shown, sizeof *run->order, compare, run);
    run->place = 0;
    for (size_t i = 0; i < run->shown; i++)
        if (run->w.list[run->order[i]].now.cookie == run->selected)
            run->place = i;
    watch_select(run, run->place);
    return 0;
}

void watch_select(struct watch_run *run, size_t place)
{
    run->place = place;
    run->selected = place < run->shown ? run->w.list[run->order[place]].now.cookie : 0;
}

/* ---- Intervals ---- */

void watch_flush(struct watch_run *run)
{
    if (!run->status)
        run->status = output_flush(run->command);
    if (run->status)
        loop_stop(&run->loop);
}

static void print_block(struct watch_run *run)
{
    struct report_style style = output_style(run->settings);
    if (run->settings->json)
        report_watch_json(stdout, &run->w, run->order, run->shown);
    else if (!run->settings->quiet)
        report_watch_text(stdout, &run->w, run->order, run->shown, run->place, &style);
    watch_flush(run);
}

static void interval_due(struct timer *timer)
{
    struct watch_run *run = (struct watch_run *)((char *)timer - offsetof(struct watch_run, interval));
    struct error err = {0};
    if (look_at_all(run, &err)) {
        run->status = watch_fail(run, &err);
        loop_stop(&run->loop);
        return;
    }
    watcher_end_interval(&run->w, elapsed(run));
    judge_watch(&run->w);
    watch_choose(run);
    tell_news(run);
    if (run->screen && !run->paused)
        watch_draw(run);
    else if (!run->screen)
        print_block(run);
    if (run->settings->watch.iterations && run->w.number >= run->settings->watch.iterations)
        loop_stop(&run->loop);
    nsec next = timer->due + run->w.interval, now = clock_now();
    loop_arm(&run->loop, timer, next > now ? next : now + run->w.interval);
}

/* ---- Beginning and end ---- */

static int finish(struct watch_run *run)
{
    bool any = false;
    for (size_t i = 0; i < run->w.alert_count; i++) {
        const struct alert *alert = &run->w.alerts[i];
        char place[REPORT_PLACE_SIZE], span[NSEC_TEXT_SIZE];
        any |= alert->ever;
        if (!alert->ever || run->status)
            continue;
        say(run->command, "alert %s held, last from %s on: seen %lld%s%s", alert->e.text, nsec_text(alert->at, span),
            (long long)alert->e.seen, alert->e.measure != MEASURE_LISTENERS ? " at " : "",
            alert->e.measure != MEASURE_LISTENERS ? report_place(&alert->by, place) : "");
    }
    if (run->status)
        return run->status;
    if (run->loop.signal)
        return EXIT_SIGNAL + run->loop.signal;
    return any ? EXIT_EXPECTATION : EXIT_DONE;
}

int watch_fail(struct watch_run *run, const struct error *err)
{
    watch_screen_close(run);
    return say_error(run->command, err);
}

static int watch_listeners(struct watch_run *run)
{
    struct error err = {0};
    const struct watch_settings *settings = &run->settings->watch;
    run->began = clock_now();
    run->w.interval = settings->interval;
    if (look_at_all(run, &err))
        return say_error(run->command, &err);
    judge_watch(&run->w);
    watch_choose(run);
    if (run->wants_screen && watch_screen_open(run, &err))
        say(run->command, "%s: going on as with --batch", err.text);
    err = (struct error){0};
    tell_news(run);
    if (run->screen)
        watch_draw(run);
    loop_arm(&run->loop, &run->sample, run->began + SAMPLE_PAUSE);
    loop_arm(&run->loop, &run->interval, run->began + run->w.interval);
    int status = loop_run(&run->loop, settings->duration ? run->began + settings->duration : NSEC_NEVER, &err);
    watch_screen_close(run);
    return status ? say_error(run->command, &err) : finish(run);
}

static int watch_run_command(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    struct watch_run *run = calloc(1, sizeof *run);
    if (!run)
        return say_error(command, &(struct error){.code = ENOMEM, .text = "no memory"});
    run->command = command;
    run->settings = settings;
    run->sample.fired = sample_due;
    run->interval.fired = interval_due;
    run->keys.fd = run->resized.fd = -1;
    run->sort = SORT_NAMES;
    run->home = netns_inode(0);
    run->wants_screen = !settings->watch.batch && !settings->json && !settings->quiet && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    run->w.alert_count = settings->watch.alerts.count;
    for (size_t i = 0; i < run->w.alert_count; i++)
        run->w.alerts[i].e = settings->watch.alerts.list[i];
    watch_block_signals(run);
    int status = loop_init(&run->loop, true, &err) ? say_error(command, &err) : watch_listeners(run);
    sampler_close(&run->sampler);
    watcher_release(&run->w);
    loop_release(&run->loop);
    free(run->order);
    free(run);
    return status;
}

const struct command command_watch = {
    .name = "watch",
    .summary = "Show listeners as they fill and drop, live or a block an interval",
    .run = watch_run_command,
    .groups = {&options_select, &options_watch, &options_output},
};

/* backlogctl watch: listeners over time, on a terminal or for a file. */
#include "backlogctl/judge.h"
#include "backlogctl/rights.h"

#include "select.h"
#include "watch_exact.h"
#include "watch_screen.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static nsec elapsed(const struct watch_run *run)
{
    return clock_now() - run->began;
}

/* ---- Looking ---- */

static void tell_news(struct watch_run *run)
{
    struct report_style style = output_style(run->settings);
    bool told = false;
    int status = 0;
    for (size_t i = 0; i < run->w.alert_count && !status; i++) {
        struct alert *alert = &run->w.alerts[i];
        if (!alert->news && !alert->open_news)
            continue;
        clock_stamp(alert->stamp);
        told = true;
        if (run->settings->json)
            status = report_alert_json(stdout, alert);
        else if (!run->live.screen && !run->settings->quiet)
            report_alert_text(stdout, alert, &style);
        alert->news = alert->open_news = false;
    }
    if (told && !run->live.screen)
        watch_flush(run, status);
    else if (told)
        live_draw(&run->live);
}

static int look_at_all(struct watch_run *run)
{
    struct survey survey;
    struct error err = {0};
    watch_exact_cut(run);
    int status = periodic_survey_take(&run->periodic_survey, &survey, &err);
    if (!status && watcher_merge(&run->w, &survey, elapsed(run)))
        status = error_set(&err, ENOMEM, "no memory for %zu listeners", survey.count);
    if (!status)
        status = watch_exact_take(run, &survey, &err);
    run->any = run->any || survey.count;
    survey_release(&survey);
    if (status)
        watch_fail(run, &err);
    return status;
}

static void seen(void *context, const struct listener *target, uint64_t queue, uint64_t drops)
{
    struct watch_run *run = context;
    struct listener_history *one = watcher_find(&run->w, target->cookie, target->netns);
    if (!one || one->state == WATCH_GONE)
        return;
    watcher_sample(&run->w, one, queue, drops, elapsed(run));
    if (!run->w.alert_count)
        return;
    judge_watch_one(&run->w, one);
    tell_news(run);
}

/* ---- Intervals ---- */

static void print_block(struct watch_run *run)
{
    struct report_style style = output_style(run->settings);
    int status = 0;
    if (run->settings->json)
        status = report_watch_json(stdout, &run->w, run->live.order, run->live.shown);
    else if (!run->settings->quiet)
        report_watch_text(stdout, &run->w, run->live.order, run->live.shown,
                          run->not_sampled.code ? run->live.shown : run->live.place, &style);
    watch_flush(run, status);
}

/* What a look at the moment of the longest queue would have met. */
static void judge_peaks(struct watch_run *run)
{
    for (size_t i = 0; i < run->w.count && run->w.alert_count; i++) {
        struct listener_history *one = &run->w.list[i];
        uint64_t now = one->now.queue;
        if (!one->exact.known || one->state == WATCH_GONE || one->last.peak <= now)
            continue;
        one->now.queue = one->last.peak;
        judge_watch_one(&run->w, one);
        one->now.queue = now;
    }
}

static void end_interval(struct watch_run *run)
{
    if (look_at_all(run))
        return;
    watcher_end_interval(&run->w, elapsed(run));
    judge_peaks(run);
    judge_watch(&run->w);
    if (live_arrange(&run->live)) {
        watch_fail(run, &(struct error){.code = ENOMEM, .text = "no memory"});
        return;
    }
    watch_ask_why(run);
    tell_news(run);
    if (run->live.screen)
        live_draw(&run->live);
    else if (!run->status)
        print_block(run);
}

static void interval_due(struct timer *timer)
{
    struct watch_run *run = (struct watch_run *)((char *)timer - offsetof(struct watch_run, interval));
    nsec next = timer->due + run->w.interval;
    end_interval(run);
    if (run->settings->watch.iterations && run->w.number >= run->settings->watch.iterations)
        loop_stop(&run->loop);
    /* What was missed, in a machine that slept, is left out. */
    nsec now = clock_now();
    if (next <= now)
        next += (now - next) / run->w.interval * run->w.interval + run->w.interval;
    loop_arm(&run->loop, timer, next);
}

/* ---- Beginning and end ---- */

/* An end this soon after an interval leaves no rest to speak of. */
#define REST_MIN (20 * NSEC_PER_MSEC)

/* What was seen since the last interval, when the end comes within one. */
static void print_rest(struct watch_run *run)
{
    nsec since = elapsed(run) - run->w.interval_began;
    if (!run->live.screen && !run->status && since > REST_MIN &&
        (!run->settings->watch.iterations || run->w.number < run->settings->watch.iterations))
        end_interval(run);
}

static int finish(struct watch_run *run)
{
    bool ever = false, open = false;
    if (run->failed.code)
        run->status = say_error(run->command, &run->failed);
    for (size_t i = 0; i < run->w.alert_count; i++) {
        const struct alert *alert = &run->w.alerts[i];
        char text[REPORT_ALERT_SIZE];
        ever |= alert->times > 0;
        open |= alert->open;
        if (!alert->times && alert->open)
            say(run->command, "could not be decided: %s", report_alert(alert, text));
        if (alert->times)
            say(run->command, "alert, %llu time%s, last at %s: %s", (unsigned long long)alert->times,
                alert->times == 1 ? "" : "s", alert->stamp, report_alert(alert, text));
    }
    if (run->status)
        return run->status;
    bool idle = !run->any && run->w.alert_count && !select_asks_count(&run->settings->watch.alerts);
    if (idle)
        say(run->command, "no listener was there at any time: nothing was watched for --alert");
    if (run->loop.signal)
        return EXIT_SIGNAL + run->loop.signal;
    if (idle)
        return EXIT_EXPECTATION;
    return output_status(ever ? OUTCOME_FAILED : open ? OUTCOME_OPEN : OUTCOME_HELD);
}

static int look_first(struct watch_run *run)
{
    run->began = clock_now();
    run->w.count = 0;
    run->w.surveys = 0;
    if (look_at_all(run))
        return -1;
    for (size_t i = 0; i < run->w.count; i++) /* what is there at the beginning is no news of the first interval's */
        run->w.list[i].last = run->w.list[i].open;
    judge_watch(&run->w);
    if (live_arrange(&run->live)) {
        watch_fail(run, &(struct error){.code = ENOMEM, .text = "no memory"});
        return -1;
    }
    return 0;
}

static void begin(struct watch_run *run)
{
    struct error err = {0};
    if (look_first(run))
        return;
    if (!run->any && !run->settings->quiet)
        select_say_none(run->command, run->settings, &run->settings->watch.alerts);
    if (run->live.wanted && live_open(&run->live, output_style(run->settings).color, &err))
        say(run->command, "%s: going on as with --batch", err.text);
    tell_news(run);
    if (run->live.screen)
        live_draw(&run->live);
}

static int watch_listeners(struct watch_run *run)
{
    struct error err = {0};
    const struct watch_settings *settings = &run->settings->watch;
    /* A person has something to look at while the programs are loaded. */
    bool later = run->live.wanted && run->settings->exact == EXACT_AUTO;
    if (!later && (run->status = watch_exact_begin(run)))
        return run->status;
    begin(run);
    if (later && !run->status && !(run->status = watch_exact_begin(run)) && run->w.exact)
        look_first(run);
    loop_arm(&run->loop, &run->interval, run->began + run->w.interval);
    if (!run->status && loop_run(&run->loop, settings->duration ? run->began + settings->duration : NSEC_NEVER, &err))
        watch_fail(run, &err);
    print_rest(run);
    live_close(&run->live);
    return finish(run);
}

static void set_up(struct watch_run *run, const struct command *command, const struct settings *settings)
{
    const struct watch_settings *watch = &settings->watch;
    run->command = command;
    run->settings = settings;
    run->interval.fired = interval_due;
    run->live = (struct live){.owner = &watch_live, .context = run, .loop = &run->loop};
    run->live.keys.fd = run->live.resized.fd = run->sampler.tick.fd = -1;
    run->sampler.loop = &run->loop;
    run->sampler.seen = seen;
    run->sampler.context = run;
    run->periodic_survey.query = settings->survey;
    run->w.interval = watch->interval;
    run->live.wanted = !watch->batch && !settings->json && !settings->quiet && live_has_terminal();
    run->w.alert_count = watch->alerts.count;
    for (size_t i = 0; i < run->w.alert_count; i++) {
        run->w.alerts[i].e = watch->alerts.list[i];
        run->periodic_survey.always_waiting |= measure_needs(watch->alerts.list[i].measure) & NEEDS_WAITING;
    }
}

static int watch_command(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    struct watch_run *run = calloc(1, sizeof *run);
    if (!run)
        return say_error(command, &(struct error){.code = ENOMEM, .text = "no memory"});
    set_up(run, command, settings);
    live_block_signals(&run->live);
    int status = loop_init(&run->loop, true, &err) ? say_error(command, &err) : watch_listeners(run);
    sampler_release(&run->sampler);
    periodic_survey_release(&run->periodic_survey);
    tracing_release(&run->tracing);
    watcher_release(&run->w);
    watcher_release(&run->still);
    loop_release(&run->loop);
    free(run->live.order);
    free(run);
    return status;
}

const struct command command_watch = {
    .name = "watch",
    .summary = "Show listeners as they fill and drop, live or a block an interval",
    .rights = RIGHTS_SEE | RIGHT(NET_ADMIN),
    .rights_first = RIGHT(BPF) | RIGHT(PERFMON),
    .settles = true,
    .only_reads = true,
    .also = RIGHTS_TO_COUNT,
    .run = watch_command,
    .target = TARGET_LISTENER,
    .groups = {&options_select, &options_watch, &options_output},
};

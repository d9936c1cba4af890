/* backlogctl trace: what happens in accept queues, as the kernel itself sees it. */
#include "trace_run.h"

#include "select.h"

#include "backlogctl/judge.h"
#include "backlogctl/rights.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>

void trace_fail(struct trace_run *run, const struct error *err)
{
    if (!run->failed.code)
        run->failed = *err;
    run->status = EXIT_CANNOT;
    loop_stop(&run->loop);
}

static int write_metrics(FILE *out, void *context)
{
    return report_trace_prometheus(out, context);
}

/* With --prometheus all goes to its file, or to stdout at the end: metrics are no stream. */
static void print(struct trace_run *run, bool last)
{
    const struct settings *settings = run->settings;
    struct trace_model *m = &run->tracing.model;
    struct report_style style = output_style(settings);
    struct error err = {0};
    int status = 0;
    if (settings->trace.output) {
        if (output_file("--output", settings->trace.output, write_metrics, m, &err))
            trace_fail(run, &err);
        return;
    }
    if (settings->quiet || (settings->trace.prometheus && !last))
        return;
    if (settings->trace.prometheus)
        status = report_trace_prometheus(stdout, m);
    else if (settings->json)
        status = report_trace_json(stdout, m, last);
    else if (!last)
        status = report_trace_text(stdout, m, &style);
    else
        report_trace_summary_text(stdout, m, &style);
    run->status = output_report(run->command, status);
    if (run->status)
        loop_stop(&run->loop);
}

/* ---- Looks ---- */

static int take_in(struct trace_run *run)
{
    judge_trace(&run->tracing.model);
    if ((run->settings->svg || run->settings->html) && trace_history_take(&run->history, &run->tracing.model)) {
        trace_fail(run, &(struct error){.code = ENOMEM, .text = "no memory for what happened over time"});
        return -1;
    }
    return 0;
}

static int look(struct trace_run *run)
{
    struct error err = {0};
    if (!tracing_look(&run->tracing, &err))
        return take_in(run);
    trace_fail(run, &err);
    return -1;
}

/* ---- Events ---- */

static void print_event(void *context, const struct trace_event *event)
{
    struct trace_run *run = context;
    struct listener at;
    if (run->settings->quiet || run->status || !tracing_listener(&run->tracing, event, &at))
        return;
    if (!run->settings->json)
        report_trace_event_text(stdout, event, &at);
    else if (report_trace_event_json(stdout, event, &at))
        trace_fail(run, &(struct error){.code = ENOMEM, .text = "no memory for an event"});
}

static void take_events(struct trace_run *run)
{
    struct error err = {0};
    if (tracer_events_take(run->tracing.tracer, print_event, run, &err))
        trace_fail(run, &err);
    if (!run->status)
        run->status = output_flush(run->command);
    if (run->status)
        loop_stop(&run->loop);
}

static void events_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    take_events((struct trace_run *)((char *)source - offsetof(struct trace_run, events)));
}

/* ---- Pictures ---- */

static int draw(FILE *out, void *context)
{
    const struct trace_run *run = context;
    report_trace_svg(out, &run->tracing.model, &run->history);
    return 0;
}

static int write_page(FILE *out, void *context)
{
    const struct trace_run *run = context;
    return report_trace_html(out, &run->tracing.model, &run->history, run->settings->line);
}

static void write_pictures(struct trace_run *run)
{
    const struct settings *settings = run->settings;
    struct error err = {0};
    if ((settings->svg && output_file("--svg", settings->svg, draw, run, &err)) ||
        (settings->html && output_file("--html", settings->html, write_page, run, &err)))
        trace_fail(run, &err);
}

/* ---- The live view ---- */

static void show(struct trace_run *run)
{
    if (live_arrange(&run->live))
        trace_fail(run, &(struct error){.code = ENOMEM, .text = "no memory"});
    else
        live_draw(&run->live);
}

static void open_screen(struct trace_run *run)
{
    struct error err = {0};
    if (live_open(&run->live, output_style(run->settings).color, &err))
        say(run->command, "%s: going on as with --batch", err.text);
    else
        show(run);
}

/* ---- Intervals ---- */

static void interval_due(struct timer *timer)
{
    struct trace_run *run = (struct trace_run *)((char *)timer - offsetof(struct trace_run, interval));
    nsec every = run->settings->trace.interval, next = timer->due + every, now = clock_now();
    if (look(run))
        return;
    if (run->live.screen)
        show(run);
    else
        print(run, false);
    if (run->status)
        return;
    if (next <= now) /* what was missed, in a machine that slept, is left out */
        next += (now - next) / every * every + every;
    loop_arm(&run->loop, timer, next);
}

/* All that was seen, also since the last interval, on the terminal as it was. The files first: they are whole without a reader, too. */
static int finish(struct trace_run *run)
{
    if (run->settings->trace.events && !run->status)
        take_events(run);
    bool looked = (!run->status || run->no_screen) && !look(run);
    live_close(&run->live);
    if (looked)
        write_pictures(run);
    if (looked && !run->no_screen)
        print(run, true);
    if (run->failed.code)
        run->status = say_error(run->command, &run->failed);
    return run->status ? run->status : run->loop.signal ? EXIT_SIGNAL + run->loop.signal : EXIT_DONE;
}

static int follow(struct trace_run *run)
{
    struct error err = {0};
    const struct trace_settings *settings = &run->settings->trace;
    take_in(run); /* what happened while listeners were looked for */
    run->began = clock_now();
    loop_arm(&run->loop, &run->interval, run->began + settings->interval);
    run->events.fd = tracer_events_fd(run->tracing.tracer);
    if (settings->events && loop_add(&run->loop, &run->events, EPOLLIN, &err))
        trace_fail(run, &err);
    if (!run->status && run->live.wanted)
        open_screen(run);
    if (!run->status && loop_run(&run->loop, settings->duration ? run->began + settings->duration : NSEC_NEVER, &err))
        trace_fail(run, &err);
    return finish(run);
}

static int trace_listeners(struct trace_run *run)
{
    struct error err = {0};
    const struct trace_settings *settings = &run->settings->trace;
    struct survey_query query = run->settings->survey;
    query.all_netns = query.all_netns || (!query.netns && !query.pid && !query.container);
    query.no_waiting = true;
    if (tracing_begin(&run->tracing, &query, settings->events, &err) || tracing_look(&run->tracing, &err)) {
        if (!run->tracing.refused)
            return say_error(run->command, &err);
        say(run->command, "%s; 'backlogctl watch' samples the queues, without any right", err.text);
        return EXIT_CANNOT;
    }
    run->tracing.model.interval = settings->interval;
    bool writes = settings->output || run->settings->svg || run->settings->html;
    /* The programs are there; their maps and the surveys need no more than this. */
    if (rights_keep(RIGHTS_SEE | RIGHT(NET_ADMIN) | RIGHTS_ENTER | RIGHT(BPF) | (writes ? RIGHTS_WRITE : 0), &err))
        return say_error(run->command, &err);
    return follow(run);
}

static void set_up(struct trace_run *run, const struct command *command, const struct settings *settings)
{
    const struct trace_settings *trace = &settings->trace;
    run->command = command;
    run->settings = settings;
    run->interval.fired = interval_due;
    run->events.fd = -1;
    run->events.ready = events_ready;
    run->live = (struct live){.owner = &trace_live, .context = run, .loop = &run->loop};
    run->live.keys.fd = run->live.resized.fd = -1;
    run->live.wanted =
        !trace->batch && !trace->events && !trace->prometheus && !settings->json && !settings->quiet && live_has_terminal();
}

static int trace_command(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    if (settings->survey.path)
        return say_usage(command, "AF_UNIX listeners cannot be followed in the kernel: 'backlogctl watch' samples them");
    if (output_file_check("--output", settings->trace.output, &err) || output_file_check("--svg", settings->svg, &err) ||
        output_file_check("--html", settings->html, &err))
        return say_error(command, &err);
    struct trace_run *run = calloc(1, sizeof *run);
    if (!run)
        return say_error(command, &(struct error){.code = ENOMEM, .text = "no memory"});
    set_up(run, command, settings);
    live_block_signals(&run->live);
    int status = loop_init(&run->loop, true, &err) ? say_error(command, &err) : trace_listeners(run);
    tracing_release(&run->tracing);
    trace_model_release(&run->still);
    trace_history_release(&run->history);
    free(run->live.order);
    loop_release(&run->loop);
    free(run);
    return status;
}

const struct command command_trace = {
    .name = "trace",
    .summary = "Follow accept queues in the kernel: exact peaks, waits, overflows",
    .rights = RIGHTS_SEE | RIGHT(NET_ADMIN) | RIGHTS_ENTER | RIGHT(BPF) | RIGHT(PERFMON),
    .run = trace_command,
    .target = TARGET_LISTENER,
    .groups = {&options_select, &options_trace, &options_output},
};

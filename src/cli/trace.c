/* backlogctl trace: what happens in accept queues, as the kernel itself sees it. */
#include "select.h"

#include "backlogctl/judge.h"
#include "backlogctl/loop.h"
#include "backlogctl/output.h"
#include "backlogctl/rights.h"
#include "backlogctl/tracing.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct trace_run {
    const struct command *command;
    const struct settings *settings;
    struct loop loop;
    struct timer interval;
    struct tracing tracing;
    nsec began;
    int status;
};

static void fail(struct trace_run *run, const struct error *err)
{
    if (!run->status)
        run->status = say_error(run->command, err);
    loop_stop(&run->loop);
}

static void print_interval(struct trace_run *run)
{
    struct report_style style = output_style(run->settings);
    int status = 0;
    if (run->settings->json)
        status = report_trace_json(stdout, &run->tracing.model, false);
    else if (!run->settings->quiet)
        status = report_trace_text(stdout, &run->tracing.model, &style);
    run->status = output_report(run->command, status);
    if (run->status)
        loop_stop(&run->loop);
}

static int look(struct trace_run *run)
{
    struct error err = {0};
    if (tracing_look(&run->tracing, &err)) {
        fail(run, &err);
        return -1;
    }
    judge_trace(&run->tracing.model);
    return 0;
}

static void interval_due(struct timer *timer)
{
    struct trace_run *run = (struct trace_run *)((char *)timer - offsetof(struct trace_run, interval));
    nsec every = run->settings->trace.interval, next = timer->due + every, now = clock_now();
    if (look(run))
        return;
    print_interval(run);
    if (next <= now) /* what was missed, in a machine that slept, is left out */
        next += (now - next) / every * every + every;
    loop_arm(&run->loop, timer, next);
}

static void print_summary(struct trace_run *run)
{
    struct report_style style = output_style(run->settings);
    int status = 0;
    if (run->status || look(run))
        return;
    if (run->settings->json)
        status = report_trace_json(stdout, &run->tracing.model, true);
    else if (!run->settings->quiet)
        report_trace_summary_text(stdout, &run->tracing.model, &style);
    run->status = output_report(run->command, status);
}

static int trace_listeners(struct trace_run *run)
{
    struct error err = {0};
    const struct trace_settings *settings = &run->settings->trace;
    struct survey_query query = run->settings->survey;
    query.all_netns = query.all_netns || (!query.netns && !query.pid && !query.container);
    query.no_waiting = true;
    if (tracing_begin(&run->tracing, &query, settings->events, &err)) {
        say_error(run->command, &err);
        if (err.code == EPERM || err.code == EACCES || err.code == ESRCH || err.code == ENOSYS)
            say(run->command, "'backlogctl watch' samples the queues, without any right");
        return EXIT_CANNOT;
    }
    run->began = clock_now();
    loop_arm(&run->loop, &run->interval, run->began + settings->interval);
    if (loop_run(&run->loop, settings->duration ? run->began + settings->duration : NSEC_NEVER, &err))
        fail(run, &err);
    print_summary(run);
    return run->status ? run->status : run->loop.signal ? EXIT_SIGNAL + run->loop.signal : EXIT_DONE;
}

static int trace_command(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    struct trace_run *run = calloc(1, sizeof *run);
    if (tracer_lacks()) {
        free(run);
        return say_error(command, &(struct error){.code = ENOSYS, .text = "this backlogctl was built without libbpf"});
    }
    if (!run)
        return say_error(command, &(struct error){.code = ENOMEM, .text = "no memory"});
    run->command = command;
    run->settings = settings;
    run->interval.fired = interval_due;
    loop_block_signals();
    int status = loop_init(&run->loop, true, &err) ? say_error(command, &err) : trace_listeners(run);
    tracing_release(&run->tracing);
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

/* watch lets the kernel count, as trace does, for as long as it runs. */
#include "watch_exact.h"

#include "backlogctl/judge.h"

#include <errno.h>

static int load(struct watch_run *run, struct error *err)
{
    struct survey_query query = run->settings->survey;
    if (query.path)
        return error_set(err, EOPNOTSUPP, "AF_UNIX listeners cannot be followed in the kernel");
    run->tracing.no_sources = true;
    query.no_waiting = true;
    query.no_owners = !survey_asks_holders(&query);
    return tracing_begin(&run->tracing, &query, false, err);
}

int watch_exact_begin(struct watch_run *run)
{
    struct error err = {0};
    if (run->settings->exact == EXACT_NEVER)
        return EXIT_DONE;
    if (load(run, &run->not_exact)) {
        tracing_release(&run->tracing);
        if (run->settings->exact == EXACT_ALWAYS)
            return say_error(run->command, &run->not_exact);
    }
    run->w.exact = !run->not_exact.code;
    run->periodic_survey.query.children = run->w.exact;
    run->w.not_exact = run->not_exact.code ? run->not_exact.text : NULL;
    return command_settle(run->command, run->settings, &err) ? say_error(run->command, &err) : EXIT_DONE;
}

void watch_exact_cut(struct watch_run *run)
{
    if (run->w.exact)
        tracer_cut(run->tracing.tracer);
}

int watch_exact_take(struct watch_run *run, const struct survey *survey, struct error *err)
{
    int status = run->w.exact ? tracing_take(&run->tracing, survey, err) : -ENODATA;
    if (status)
        return run->w.exact ? status : 0;
    judge_trace(&run->tracing.model);
    for (size_t i = 0; i < run->w.count; i++) {
        struct listener_history *one = &run->w.list[i];
        const struct trace_digest exact = trace_digest(trace_find(&run->tracing.model, &one->now));
        watcher_exact(one, &exact, run->began, run->w.elapsed);
    }
    return 0;
}

/* Within a longer interval samples tell when the queue was how long. */
bool watch_exact_suffices(const struct watch_run *run, const struct listener_history *one)
{
    return one->exact.known && one->exact.worth[TRACE_LENGTH] == TRACE_EXACT && run->w.interval <= NSEC_PER_SEC;
}

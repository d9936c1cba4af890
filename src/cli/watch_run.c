/* A watching: how it fails, and at which listener it looks fast. */
#include "watch_run.h"

#include "watch_exact.h"

#include "backlogctl/judge.h"
#include "backlogctl/selection.h"

#include <errno.h>

void watch_fail(struct watch_run *run, const struct error *err)
{
    if (!run->failed.code)
        run->failed = *err;
    run->status = EXIT_CANNOT;
    loop_stop(&run->loop);
}

void watch_flush(struct watch_run *run, int status)
{
    if (!run->status)
        run->status = output_report(run->command, status);
    if (run->status)
        loop_stop(&run->loop);
}

/* It takes a walk through all processes: once in so long, and in so many times its price. */
#define WHY_AGAIN (5 * NSEC_PER_SEC)
#define WHY_RATIO 100

void watch_ask_why(struct watch_run *run)
{
    struct listener_history *one = run->live.cookie ? watcher_find(&run->w, run->live.cookie, run->live.netns) : NULL;
    struct watch_why *why = &run->w.why;
    bool asked = one && one->state != WATCH_GONE && one->now.remarks & REMARKS_IN_TROUBLE;
    if (!asked || why->cookie != one->now.cookie || why->netns != one->now.netns)
        *why = (struct watch_why){0};
    nsec began = clock_now();
    if (!asked || began < run->why_due)
        return;
    struct survey_query query = run->periodic_survey.query;
    query.process = NULL;
    *why = (struct watch_why){.cookie = one->now.cookie, .netns = one->now.netns};
    holders_look(&query, &one->now, &why->look);
    one->now.causes = judge_holders(why->look.holders, why->look.count, why->look.waits_on);
    why->at = clock_now() - run->began;
    nsec again = (clock_now() - began) * WHY_RATIO;
    run->why_due = clock_now() + (again > WHY_AGAIN ? again : WHY_AGAIN);
}

void watch_aim(struct watch_run *run)
{
    const struct listener_history *one = run->live.cookie ? watcher_find(&run->w, run->live.cookie, run->live.netns) : NULL;
    const struct netns_facts *facts =
        one && one->state != WATCH_GONE ? netns_facts_find(run->w.namespaces, run->w.namespace_count, one->now.netns) : NULL;
    run->not_sampled = (struct error){0};
    if (!facts || watch_exact_suffices(run, one))
        sampler_rest(&run->sampler);
    else if (sampler_aim(&run->sampler, &one->now, facts, &run->not_sampled) == -EXDEV)
        watch_fail(run, &run->not_sampled);
}

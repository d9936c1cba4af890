/* Remarks on watched listeners, and alerts. */
#include "backlogctl/judge.h"

static bool measure(const struct watched *one, enum measure m, int64_t *seen)
{
    if (m == MEASURE_PEAK) {
        *seen = (int64_t)one->interval_peak;
        return true;
    }
    if (m == MEASURE_DROP_RATE) {
        *seen = (int64_t)(one->drops_per_second + 0.5);
        return one->now.drops_known;
    }
    return judge_listener_measure(&one->now, m, seen);
}

static bool meets(const struct watched *one, struct alert *alert)
{
    int64_t seen;
    if (one->state == WATCH_GONE || !measure(one, (enum measure)alert->e.measure, &seen) ||
        !judge_compare(seen, (enum compare)alert->e.compare, alert->e.expected))
        return false;
    alert->e.seen = seen;
    alert->e.seen_known = true;
    alert->by = one->now;
    return true;
}

static void begins(const struct watching *w, struct alert *alert)
{
    alert->news = !alert->holds;
    if (alert->news)
        alert->at = w->elapsed;
    alert->holds = alert->ever = true;
}

void judge_watch_one(struct watching *w, struct watched *one)
{
    one->now.percent = one->now.capacity ? (uint32_t)(one->now.queue * 100 / one->now.capacity) : 0;
    for (size_t i = 0; i < w->alert_count; i++)
        if (w->alerts[i].e.measure != MEASURE_LISTENERS && !w->alerts[i].holds && meets(one, &w->alerts[i]))
            begins(w, &w->alerts[i]);
}

static bool anybody_meets(const struct watching *w, struct alert *alert)
{
    size_t present = 0;
    for (size_t i = 0; i < w->count; i++) {
        present += w->list[i].state != WATCH_GONE;
        if (alert->e.measure != MEASURE_LISTENERS && meets(&w->list[i], alert))
            return true;
    }
    if (alert->e.measure != MEASURE_LISTENERS)
        return false;
    alert->e.seen = (int64_t)present;
    alert->e.seen_known = true;
    return judge_compare(alert->e.seen, (enum compare)alert->e.compare, alert->e.expected);
}

void judge_watch(struct watching *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct watched *one = &w->list[i];
        one->now.percent = one->now.capacity ? (uint32_t)(one->now.queue * 100 / one->now.capacity) : 0;
        one->now.remarks = judge_remarks(&one->now, one->now.netns == w->netns.inode ? &w->netns : 0);
        if (one->new_drops)
            one->now.remarks = (one->now.remarks & ~(1u << REMARK_DROPPED)) | 1u << REMARK_DROPPING;
    }
    for (size_t i = 0; i < w->alert_count; i++) {
        if (anybody_meets(w, &w->alerts[i]))
            begins(w, &w->alerts[i]);
        else
            w->alerts[i].holds = false;
    }
}

/* Remarks on watched listeners, and alerts. */
#include "backlogctl/judge.h"

/* Of the interval that has ended, where a measure is about one. A rate above 0 is never rounded to it. */
static bool measure(const struct listener_history *one, enum measure m, int64_t *seen)
{
    if (m == MEASURE_PEAK) {
        *seen = (int64_t)one->last.peak;
        return true;
    }
    if (m == MEASURE_DROP_RATE) {
        *seen = (int64_t)one->last.drops_per_second;
        *seen += one->last.drops_per_second > (double)*seen;
        return one->now.discarded_known;
    }
    return judge_listener_measure(&one->now, m, seen);
}

static bool meets(const struct expectation *e, const struct listener_history *one, int64_t *seen)
{
    return one->state != WATCH_GONE && measure(one, (enum measure)e->measure, seen) &&
           judge_compare(*seen, (enum compare)e->compare, e->expected);
}

static void met(const struct watch_model *w, struct alert *alert, int64_t seen, const struct listener *by)
{
    alert->met = true;
    if (alert->holds)
        return;
    alert->holds = alert->news = true;
    alert->times++;
    alert->at = w->elapsed;
    alert->stamp[0] = '\0';
    alert->by = by ? *by : (struct listener){0};
    alert->e.seen = seen;
    alert->e.seen_known = true;
}

/* Measures that are about an interval or about all listeners have nothing to say of one look. */
static bool tells_of_one_look(enum measure m)
{
    return m != MEASURE_LISTENERS && m != MEASURE_PEAK && m != MEASURE_DROP_RATE;
}

void judge_watch_one(struct watch_model *w, struct listener_history *one)
{
    int64_t seen;
    one->now.percent = judge_percent(&one->now);
    for (size_t i = 0; i < w->alert_count; i++)
        if (tells_of_one_look((enum measure)w->alerts[i].e.measure) && meets(&w->alerts[i].e, one, &seen))
            met(w, &w->alerts[i], seen, &one->now);
}

static void judge_alert(struct watch_model *w, struct alert *alert)
{
    int64_t seen = 0;
    if (alert->e.measure != MEASURE_LISTENERS) {
        for (size_t i = 0; i < w->count; i++)
            if (meets(&alert->e, &w->list[i], &seen))
                met(w, alert, seen, &w->list[i].now);
    } else {
        for (size_t i = 0; i < w->count; i++)
            seen += w->list[i].state != WATCH_GONE;
        if (judge_compare(seen, (enum compare)alert->e.compare, alert->e.expected))
            met(w, alert, seen, 0);
    }
    alert->holds = alert->met;
    alert->met = false;
}

void judge_watch(struct watch_model *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct listener_history *one = &w->list[i];
        judge_listener(&one->now, netns_facts_find(w->namespaces, w->namespace_count, one->now.netns));
        /* Here it is known whether it drops now. */
        one->now.remarks &= ~(1u << REMARK_DROPPING);
        if (one->last.discarded)
            one->now.remarks = (one->now.remarks & ~(1u << REMARK_DROPPED)) | 1u << REMARK_DROPPING;
        else if (one->now.discarded_known && one->now.discarded)
            one->now.remarks |= 1u << REMARK_DROPPED;
    }
    for (size_t i = 0; i < w->namespace_count; i++)
        judge_netns(&w->namespaces[i]);
    for (size_t i = 0; i < w->alert_count; i++)
        judge_alert(w, &w->alerts[i]);
}

/* Remarks on watched listeners, and alerts. */
#include "backlogctl/judge.h"

/* Bounds by what the kernel was seen to drop: that number, where all were seen, else at least that. */
static void narrow(struct interval *bounds, const struct trace_digest *exact, uint64_t seen)
{
    enum trace_worth syn = exact->worth[TRACE_SYN], ack = exact->worth[TRACE_ACK];
    if (!exact->known)
        return;
    if (syn == TRACE_EXACT && ack == TRACE_EXACT)
        *bounds = (struct interval){true, seen, seen};
    else
        judge_overflows_seen(bounds, exact, seen);
}

/* What it dropped in the interval that has ended. The namespace's span counts its own discarded packets among those of all. */
static void judge_interval(const struct watch_model *w, struct listener_history *one)
{
    const struct netns_facts *facts = netns_facts_find(w->namespaces, w->namespace_count, one->now.netns);
    struct overflow_span span = facts ? facts->span : (struct overflow_span){0};
    one->last.overflows = (struct interval){0};
    if (!one->now.discarded_known)
        return;
    if (span.others_known && span.others >= one->last.discarded)
        span.others -= one->last.discarded;
    else
        span.others_known = false;
    one->last.overflows = judge_overflows(one->last.discarded, &span);
    narrow(&one->last.overflows, &one->exact, one->exact.interval_syn + one->exact.interval_ack);
    one->overflows = one->overflows.known ? judge_sum(one->overflows, one->last.overflows) : one->last.overflows;
    narrow(&one->overflows, &one->exact, one->exact.syn + one->exact.ack);
    double seconds = w->took > 0 ? (double)w->took / NSEC_PER_SEC : 0;
    one->last.least_a_second = seconds > 0 ? (double)one->last.overflows.min / seconds : 0;
    one->last.most_a_second = seconds > 0 ? (double)one->last.overflows.max / seconds : 0;
}

/* A rate above 0 is never rounded to it. */
static uint64_t rounded_up(double rate)
{
    return (uint64_t)rate + (rate > (double)(uint64_t)rate);
}

/* Of the interval that has ended, where a measure is about one. */
static struct interval measure(const struct listener_history *one, enum measure m)
{
    if (m == MEASURE_PEAK)
        return (struct interval){true, one->last.peak, one->last.peak};
    if (m == MEASURE_DROP_RATE)
        return (struct interval){one->last.overflows.known, rounded_up(one->last.least_a_second),
                                 rounded_up(one->last.most_a_second)};
    return judge_listener_measure(&one->now, m);
}

/* A kind without a handshake drops nobody and so on: what it does not have, it does not meet. */
static bool may_meet(const struct expectation *e, const struct listener_history *one)
{
    enum figure_id figure = measure_figure(e->measure);
    bool of_tcp = e->measure == MEASURE_DROP_RATE || (figure < FIGURE_COUNT && figures[figure].of_tcp);
    return one->state != WATCH_GONE && (!of_tcp || has_handshake((enum socket_kind)one->now.kind));
}

static enum expectation_outcome meets(const struct expectation *e, const struct listener_history *one, struct interval *seen)
{
    if (!may_meet(e, one))
        return OUTCOME_FAILED;
    *seen = measure(one, (enum measure)e->measure);
    return judge_compare_interval(seen, (enum compare)e->compare, e->expected);
}

static void met(const struct watch_model *w, struct alert *alert, const struct interval *seen, const struct listener *by)
{
    alert->met = true;
    if (alert->holds)
        return;
    alert->holds = alert->news = true;
    alert->times++;
    alert->at = w->elapsed;
    alert->stamp[0] = '\0';
    alert->by = by ? *by : (struct listener){0};
    alert->e.seen = (int64_t)seen->min;
    alert->e.seen_max = (int64_t)seen->max;
    alert->e.seen_known = true;
}

/* Told once: that it cannot be decided is mostly so in each interval, or in none. */
static void undecided(const struct watch_model *w, struct alert *alert, const struct interval *seen, const struct listener *by)
{
    if (alert->open || alert->holds)
        return;
    alert->open = alert->open_news = true;
    alert->at = w->elapsed;
    alert->stamp[0] = '\0';
    alert->by = *by;
    alert->e.seen = (int64_t)seen->min;
    alert->e.seen_max = (int64_t)seen->max;
    alert->e.seen_known = seen->known;
}

/* Measures that are about an interval or about all listeners have nothing to say of one look. */
static bool tells_of_one_look(enum measure m)
{
    return m != MEASURE_LISTENERS && m != MEASURE_PEAK && m != MEASURE_DROP_RATE;
}

void judge_watch_one(struct watch_model *w, struct listener_history *one)
{
    struct interval seen;
    one->now.percent = judge_percent(&one->now);
    for (size_t i = 0; i < w->alert_count; i++)
        if (tells_of_one_look((enum measure)w->alerts[i].e.measure) && meets(&w->alerts[i].e, one, &seen) == OUTCOME_HELD)
            met(w, &w->alerts[i], &seen, &one->now);
}

static void judge_number(struct watch_model *w, struct alert *alert)
{
    struct interval seen = {.known = true};
    for (size_t i = 0; i < w->count; i++)
        seen.min += w->list[i].state != WATCH_GONE;
    seen.max = seen.min;
    if (judge_compare_interval(&seen, (enum compare)alert->e.compare, alert->e.expected) == OUTCOME_HELD)
        met(w, alert, &seen, NULL);
}

static void judge_alert(struct watch_model *w, struct alert *alert)
{
    if (alert->e.measure == MEASURE_LISTENERS)
        judge_number(w, alert);
    for (size_t i = 0; i < w->count && alert->e.measure != MEASURE_LISTENERS; i++) {
        struct interval seen;
        enum expectation_outcome outcome = meets(&alert->e, &w->list[i], &seen);
        if (outcome == OUTCOME_HELD)
            met(w, alert, &seen, &w->list[i].now);
        /* Before the first interval has ended there is no rate. */
        else if (outcome == OUTCOME_OPEN && (w->number || tells_of_one_look((enum measure)alert->e.measure)))
            undecided(w, alert, &seen, &w->list[i].now);
    }
    alert->holds = alert->met;
    alert->met = false;
}

void judge_watch(struct watch_model *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct listener_history *one = &w->list[i];
        judge_listener(&one->now, netns_facts_find(w->namespaces, w->namespace_count, one->now.netns));
        judge_interval(w, one);
        judge_overflows_seen(&one->now.overflows, &one->exact, one->exact.syn + one->exact.ack);
        /* Here it is known whether it drops now. */
        one->now.remarks &= ~(1u << REMARK_DROPPING);
        if (one->last.overflows.min)
            one->now.remarks = (one->now.remarks & ~(1u << REMARK_MAY_HAVE_DROPPED)) | 1u << REMARK_DROPPING;
        else if (one->overflows.min)
            one->now.remarks = (one->now.remarks & ~(1u << REMARK_MAY_HAVE_DROPPED)) | 1u << REMARK_DROPPED;
        else if (one->now.overflows.max)
            one->now.remarks |= 1u << REMARK_MAY_HAVE_DROPPED;
    }
    for (size_t i = 0; i < w->namespace_count; i++)
        judge_netns(&w->namespaces[i]);
    for (size_t i = 0; i < w->alert_count; i++)
        judge_alert(w, &w->alerts[i]);
}

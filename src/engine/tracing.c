/* Traces accept queues: attaches, finds who listens already, joins the kernel's counts with surveys. */
#include "backlogctl/tracing.h"

#include "backlogctl/fd.h"
#include "backlogctl/netns.h"

#include "tracing_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The beginning ---- */

static struct trace_account *add_account(struct trace_model *m, uint64_t netns)
{
    struct trace_account *list = realloc(m->accounts, (m->account_count + 1) * sizeof *list);
    if (!list)
        return NULL;
    m->accounts = list;
    list[m->account_count] = (struct trace_account){.netns = netns};
    return &list[m->account_count++];
}

static void begin_witness(struct trace_witness *w, const struct counters *before, const struct counters *base,
                          enum counter counter)
{
    *w = (struct trace_witness){.before = before->value[counter], .base = base->value[counter], .now = base->value[counter]};
}

/* In the namespace of the thread. What is dropped between the two readings is in doubt, so the later one counts. */
static int seed_here(struct tracing *t, const struct netns_facts *facts, struct error *err)
{
    struct counters counters = {0};
    struct connection_counters connections;
    struct trace_account *account = add_account(&t->model, netns_inode(0));
    if (!account)
        return error_set(err, ENOMEM, "no memory for a network namespace");
    int status = tracer_seed(t->tracer, err);
    account->known = !status && !counters_read(&counters, NULL) && counters.known;
    begin_witness(&account->overflows, &facts->counters, &counters, COUNTER_LISTEN_OVERFLOWS);
    begin_witness(&account->syn_queue, &facts->counters, &counters, COUNTER_REQ_QFULL_DROP);
    account->children_known = account->known && facts->children_known && counters_connections(&connections);
    if (account->children_known)
        account->children =
            (struct trace_witness){.before = facts->children, .base = connections.children, .now = connections.children};
    account->cookies_failed_base = counters.value[COUNTER_SYNCOOKIES_FAILED];
    account->deferred_base = counters.value[COUNTER_DEFER_ACCEPT_DROP];
    return status;
}

/* One that cannot be entered has been left out by the survey already. */
static int seed_there(struct tracing *t, const struct netns_facts *facts, struct error *err)
{
    if (netns_inode(0) == facts->inode)
        return seed_here(t, facts, err);
    SCOPED_FD there = netns_open_facts(facts, NULL);
    SCOPED_FD back = netns_open_own(err);
    if (back < 0)
        return back;
    if (there < 0 || netns_enter(there, 0, NULL) || netns_inode(0) != facts->inode) {
        t->model.not_seeded++;
        return netns_enter(back, 0, err);
    }
    int status = seed_here(t, facts, err);
    int returned = netns_enter(back, 0, err);
    return status ? status : returned;
}

static int seed_all(struct tracing *t, const struct survey *survey, struct error *err)
{
    int status = 0;
    for (size_t i = 0; i < survey->namespace_count && !status; i++)
        status = seed_there(t, &survey->namespaces[i], err);
    return status;
}

/* Once all is there that others need to judge the counts, too. */
static void announce(struct tracing *t)
{
    const struct trace_model *m = &t->model;
    struct trace_identity identity = {.began = (uint64_t)m->began};
    for (size_t i = 0; i < m->account_count && i < TRACE_BASES; i++) {
        const struct trace_account *account = &m->accounts[i];
        identity.bases[identity.base_count++] =
            (struct trace_base){account->netns, account->known, account->overflows.base, account->syn_queue.base, 0, 0};
    }
    tracer_announce(t->tracer, &identity);
}

int tracing_begin(struct tracing *t, const struct survey_query *query, bool events, struct error *err)
{
    struct survey survey = {0};
    t->survey.query = *query;
    t->survey.query.children = true;
    int status = periodic_survey_take(&t->survey, &survey, err);
    struct tracer_query asked = {.events = events, .no_sources = t->no_sources};
    for (size_t i = 0; i < survey.namespace_count; i++)
        asked.listeners += survey.namespaces[i].tcp_listeners;
    bool one = !status && !query->all_netns && !query->pid && !query->container && survey.namespace_count == 1;
    if (one)
        asked.netns = (uint32_t)survey.namespaces[0].inode;
    if (!status) {
        status = tracer_open(&t->tracer, &asked, err);
        t->refused = status && status != -ENOMEM;
    }
    t->model.began = clock_now(); /* the programs count */
    clock_stamp(t->model.began_at);
    if (!status)
        status = seed_all(t, &survey, err);
    snprintf(t->model.kernel, sizeof t->model.kernel, "%s", survey.kernel);
    survey_release(&survey);
    if (status)
        return status;
    t->model.hooks = tracer_hooks(t->tracer);
    announce(t);
    return 0;
}

/* ---- Looks ---- */

/* What the kernel itself told of a listener that no survey has shown. */
static struct listener listener_of(const struct trace_slot *slot)
{
    struct listener l = {.known = true,
                         .family = slot->family,
                         .members = 1,
                         .group = 1,
                         .member = 1,
                         .cookie = slot->cookie,
                         .netns = slot->netns,
                         .interface = slot->interface,
                         .pid = (pid_t)slot->tgid,
                         .kind = KIND_TCP};
    struct endpoint local = {.family = slot->family, .port = slot->port};
    memcpy(local.bytes, slot->address, sizeof local.bytes);
    l.local = endpoint_unmapped(&local);
    snprintf(l.process, sizeof l.process, "%.15s", slot->comm);
    return l;
}

/* Whether one that came and went unsurveyed is meant: who held it is known of the caller of listen(2) only. */
static bool is_meant(const struct survey_query *query, const struct listener *l)
{
    struct endpoint asked = query->address;
    asked.port = l->local.port;
    asked.scope = l->local.scope;
    return (!query->port || l->local.port == query->port) && !query->path && !query->reached_count && !query->device &&
           (query->address.family == AF_UNSPEC || endpoint_equal(&asked, &l->local)) && !query->unit && !query->container &&
           (!query->process || !strcmp(query->process, l->process)) && (!query->pid || query->pid == l->pid);
}

static int make_room(struct tracing *t, struct error *err)
{
    struct trace_model *m = &t->model;
    size_t slots = t->counts.count, room = m->count + slots;
    uint32_t *by_slot = slots > t->slots ? realloc(t->by_slot, slots * sizeof *by_slot) : t->by_slot;
    if (slots > t->slots && !by_slot)
        return error_set(err, ENOMEM, "no memory for %zu listeners", slots);
    t->by_slot = by_slot;
    for (; t->slots < slots; t->slots++)
        t->by_slot[t->slots] = 0;
    size_t fresh = 0;
    for (size_t i = 0; i < slots; i++)
        fresh += t->counts.slots[i].sk && !t->by_slot[i];
    if (m->count + fresh <= m->room)
        return 0;
    room = m->count + fresh + 16;
    struct traced *list = realloc(m->list, room * sizeof *list);
    if (!list)
        return error_set(err, ENOMEM, "no memory for %zu listeners", room);
    m->list = list;
    m->room = room;
    return 0;
}

static struct traced *add_new(struct tracing *t, uint32_t number)
{
    struct trace_model *m = &t->model;
    const struct trace_slot *slot = &t->counts.slots[number];
    struct traced *one = &m->list[m->count++];
    *one = (struct traced){.number = number, .now = listener_of(slot)};
    one->before.peak = slot->seeded ? slot->peak : 0;
    t->by_slot[number] = (uint32_t)m->count;
    return one;
}

/* Without cookies a full SYN queue drops; that may have been set meanwhile. */
static void take_facts(struct tracing *t, struct traced *one, const struct listener *l, int64_t cookies)
{
    one->now = *l;
    one->surveyed = one->selected = one->looked = true;
    if (t->tracer && (l->queue > l->backlog || !cookies) && !one->slot.in_full)
        tracer_note_full(t->tracer, one->number);
}

static void merge_survey(struct tracing *t, const struct survey *survey)
{
    struct trace_model *m = &t->model;
    for (size_t i = 0; i < m->count; i++) {
        m->list[i].queue_before = m->list[i].looked ? m->list[i].now.queue : 0;
        m->list[i].looked = false;
    }
    for (size_t i = 0; i < survey->count; i++) {
        const struct listener *l = &survey->listeners[i];
        struct traced *one = trace_find(m, l);
        const struct netns_facts *facts = one ? netns_facts_find(survey->namespaces, survey->namespace_count, l->netns) : NULL;
        if (one && !one->over)
            take_facts(t, one, l, facts ? facts->tcp_syncookies : -1);
    }
    for (size_t i = 0; i < m->count; i++)
        if (!m->list[i].surveyed && !m->list[i].over) {
            m->list[i].now = listener_of(&m->list[i].slot);
            m->list[i].selected =
                m->list[i].slot.closed && is_meant(&t->survey.query, &m->list[i].now) &&
                (t->tracer || netns_facts_find(survey->namespaces, survey->namespace_count, m->list[i].now.netns));
        }
}

/* Of a namespace that is new, or could not be entered before, all counts that it ever had: then those seen are fewer, and no figure of it is
   called exact. */
static void take_accounts(struct trace_model *m, const struct survey *survey)
{
    for (size_t i = 0; i < survey->namespace_count; i++) {
        struct trace_account *fresh =
            trace_account_of(m, survey->namespaces[i].inode) ? NULL : add_account(m, survey->namespaces[i].inode);
        if (fresh)
            fresh->known = fresh->children_known = true;
    }
    for (size_t i = 0; i < m->account_count; i++) {
        struct trace_account *account = &m->accounts[i];
        const struct netns_facts *facts = netns_facts_find(survey->namespaces, survey->namespace_count, account->netns);
        bool other = facts && (account->gone || facts->overflows_after < account->overflows.now);
        account->gone = !facts;
        account->known = account->known && !other && (!facts || facts->counters.known);
        if (!facts || !account->known)
            continue;
        account->migrates = facts->tcp_migrate_req > 0;
        account->overflows.now = facts->overflows_after;
        account->syn_queue.now = facts->counters.value[COUNTER_REQ_QFULL_DROP];
        account->children_known = account->children_known && facts->children_known;
        account->children.now = facts->children;
        account->cookies_failed = facts->counters.value[COUNTER_SYNCOOKIES_FAILED] - account->cookies_failed_base;
        account->deferred = facts->counters.value[COUNTER_DEFER_ACCEPT_DROP] - account->deferred_base;
    }
}

static int keep_namespaces(struct trace_model *m, const struct survey *survey, struct error *err)
{
    struct netns_facts *list = realloc(m->namespaces, (survey->namespace_count + 1) * sizeof *list);
    if (!list)
        return error_set(err, ENOMEM, "no memory for %zu network namespaces", survey->namespace_count);
    memcpy(list, survey->namespaces, survey->namespace_count * sizeof *list);
    m->namespaces = list;
    m->namespace_count = survey->namespace_count;
    m->namespaces_closed = survey->namespaces_closed;
    memcpy(m->incomplete, survey->incomplete, sizeof m->incomplete);
    return 0;
}

/* ---- Sources ---- */

static uint64_t weight(const struct trace_source_count *count)
{
    return count->syn + count->ack + count->syn_queue;
}

static struct trace_peer peer_of(const struct trace_source_row *row)
{
    struct endpoint address = {.family = row->source.family};
    memcpy(address.bytes, row->source.address, sizeof address.bytes);
    return (struct trace_peer){endpoint_unmapped(&address), row->count};
}

/* The most frequent, in their order. */
static void put_source(struct traced *one, const struct trace_source_row *row)
{
    size_t place = one->source_count;
    one->sources_known++;
    while (place && weight(&one->sources[place - 1].count) < weight(&row->count))
        place--;
    if (place == TRACE_SOURCES_SHOWN)
        return;
    size_t kept = one->source_count < TRACE_SOURCES_SHOWN ? one->source_count : TRACE_SOURCES_SHOWN - 1;
    memmove(&one->sources[place + 1], &one->sources[place], (kept - place) * sizeof *one->sources);
    one->sources[place] = peer_of(row);
    one->source_count = kept + 1;
}

/* The listener that has this slot now. */
static struct traced *traced_at(const struct tracing *t, uint32_t slot)
{
    uint32_t place = slot < t->slots ? t->by_slot[slot] : 0;
    return place ? &t->model.list[place - 1] : NULL;
}

static void take_sources(struct tracing *t, const struct trace_counts *counts)
{
    struct trace_model *m = &t->model;
    for (size_t i = 0; i < m->count; i++)
        if (!m->list[i].over)
            m->list[i].source_count = m->list[i].sources_known = 0;
    for (size_t i = 0; i < counts->source_count; i++) {
        const struct trace_source *source = &counts->sources[i].source;
        struct traced *one = traced_at(t, source->slot);
        if (one && (uint16_t)one->slot.turn == source->turn)
            put_source(one, &counts->sources[i]);
    }
    m->sources_lost = counts->common.sources > counts->source_count ? counts->common.sources - counts->source_count : 0;
}

/* ---- All of it ---- */

static int take_counts(struct tracing *t, struct error *err)
{
    struct trace_model *m = &t->model;
    int status = t->tracer ? tracer_read(t->tracer, &t->counts, err) : running_trace_read(t->running, &t->counts, err);
    if (!status)
        status = make_room(t, err);
    if (status)
        return status;
    for (size_t i = 0; i < m->count && m->number; i++)
        m->list[i].before = m->list[i].slot;
    for (uint32_t i = 0; i < t->counts.count; i++) {
        if (!t->counts.slots[i].sk)
            continue;
        struct traced *one = traced_at(t, i);
        one = one ? one : add_new(t, i);
        one->slot = t->counts.slots[i];
    }
    if (trace_model_index(m))
        return error_set(err, ENOMEM, "no memory for %zu listeners", m->count);
    take_sources(t, &t->counts);
    m->slots_missing = t->counts.common.slots_missing;
    m->full_missing = t->counts.common.full_missing;
    m->events_lost = t->counts.common.events_lost;
    memcpy(m->left_out, t->counts.left_out, sizeof m->left_out);
    return 0;
}

/* The survey has been taken before the counts: its counters must not have what the programs could not have seen yet. */
int tracing_take(struct tracing *t, const struct survey *survey, struct error *err)
{
    struct trace_model *m = &t->model;
    tracing_forget_oldest(t);
    int status = take_counts(t, err);
    if (!status)
        status = keep_namespaces(m, survey, err);
    if (status)
        return status;
    merge_survey(t, survey);
    take_accounts(m, survey);
    if (t->tracer)
        tracing_give_back(t);
    nsec elapsed = clock_now() - m->began;
    m->took = elapsed - m->elapsed;
    m->elapsed = elapsed;
    m->number++;
    clock_stamp(m->at);
    return 0;
}

int tracing_look(struct tracing *t, struct error *err)
{
    struct survey survey = {0};
    int status = periodic_survey_take(&t->survey, &survey, err);
    if (!status)
        status = tracing_take(t, &survey, err);
    survey_release(&survey);
    return status;
}

/* ---- A trace that another process runs ---- */

int tracing_join(struct tracing *t, const struct running_trace *running, const struct survey_query *query, struct error *err)
{
    t->running = running;
    t->survey.query = *query;
    t->model.hooks = &running->hooks;
    t->model.began = (nsec)running->identity.began;
    clock_stamp_at(t->model.began, t->model.began_at);
    for (uint32_t i = 0; i < running->identity.base_count; i++) {
        const struct trace_base *base = &running->identity.bases[i];
        struct trace_account *account = add_account(&t->model, base->netns);
        if (!account)
            return error_set(err, ENOMEM, "no memory for a network namespace");
        account->overflows = (struct trace_witness){.base = base->overflows, .now = base->overflows, .gone = base->gone};
        account->syn_queue =
            (struct trace_witness){.base = base->syn_queue, .now = base->syn_queue, .gone = base->syn_queue_gone};
        account->known = base->known;
    }
    return 0;
}

/* Told as its slot is another's already, it is among those that are over. */
static const struct traced *traced_then(const struct tracing *t, const struct trace_event *event)
{
    const struct traced *one = traced_at(t, event->slot);
    if (one && one->slot.begun <= event->at)
        return one;
    for (size_t i = t->model.count; i-- > 0;)
        if (t->model.list[i].number == event->slot && t->model.list[i].slot.begun <= event->at && t->model.list[i].over &&
            event->at <= t->model.list[i].slot.closed + NSEC_PER_SEC)
            return &t->model.list[i];
    return NULL;
}

bool tracing_listener(const struct tracing *t, const struct trace_event *event, struct listener *out)
{
    const struct traced *one = traced_then(t, event);
    const struct trace_slot *slot = one ? &one->slot : tracer_slot(t->tracer, event->slot);
    if (one && one->surveyed) {
        *out = one->now;
        return one->selected;
    }
    if (!slot)
        return false;
    *out = listener_of(slot);
    return is_meant(&t->survey.query, out);
}

void tracing_end(struct tracing *t)
{
    tracer_close(t->tracer);
    t->tracer = NULL;
}

void tracing_release(struct tracing *t)
{
    tracing_end(t);
    periodic_survey_release(&t->survey);
    trace_counts_release(&t->counts);
    free(t->by_slot);
    trace_model_release(&t->model);
    *t = (struct tracing){0};
}

/* Traces accept queues: attaches, finds who listens already, joins the kernel's counts with surveys. */
#include "backlogctl/tracing.h"

#include "backlogctl/fd.h"
#include "backlogctl/netns.h"

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

/* In the namespace of the thread. What is dropped between the two readings is in doubt, so the later one counts. */
static int seed_here(struct tracing *t, struct error *err)
{
    struct counters counters;
    struct trace_account *account = add_account(&t->model, netns_inode(0));
    if (!account)
        return error_set(err, ENOMEM, "no memory for a network namespace");
    int status = tracer_seed(t->tracer, err);
    account->known = !status && !counters_read(&counters, NULL) && counters.known;
    account->base = account->known ? counters.value[COUNTER_LISTEN_OVERFLOWS] : 0;
    return status;
}

/* One that cannot be entered has been left out by the survey already. */
static int seed_there(struct tracing *t, const struct netns_facts *facts, struct error *err)
{
    if (netns_inode(0) == facts->inode)
        return seed_here(t, err);
    SCOPED_FD there = netns_open_facts(facts, NULL);
    SCOPED_FD back = netns_open_own(err);
    if (back < 0)
        return back;
    if (there < 0 || netns_enter(there, 0, NULL) || netns_inode(0) != facts->inode) {
        t->model.not_seeded++;
        return netns_enter(back, 0, err);
    }
    int status = seed_here(t, err);
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
        identity.bases[identity.base_count++] = (struct trace_base){account->netns, account->base, account->known};
    }
    tracer_announce(t->tracer, &identity);
}

int tracing_begin(struct tracing *t, const struct survey_query *query, bool events, struct error *err)
{
    struct survey survey = {0};
    t->survey.query = *query;
    int status = periodic_survey_take(&t->survey, &survey, err);
    struct tracer_query asked = {.events = events, .no_sources = t->no_sources};
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

static int add_new(struct tracing *t, struct error *err)
{
    struct trace_model *m = &t->model;
    if (t->counts.count > m->room) {
        size_t room = t->counts.count + 16;
        struct traced *list = realloc(m->list, room * sizeof *list);
        if (!list)
            return error_set(err, ENOMEM, "no memory for %zu listeners", t->counts.count);
        m->list = list;
        m->room = room;
    }
    for (; m->count < t->counts.count; m->count++) {
        m->list[m->count] = (struct traced){.now = listener_of(&t->counts.slots[m->count])};
        m->list[m->count].before.peak = t->counts.slots[m->count].seeded ? t->counts.slots[m->count].peak : 0;
    }
    return 0;
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
        if (!one)
            continue;
        one->now = *l;
        one->surveyed = one->selected = one->looked = true;
        if (t->tracer && l->queue > l->backlog && !one->slot.in_full)
            tracer_note_full(t->tracer, l->cookie);
    }
    for (size_t i = 0; i < m->count; i++)
        if (!m->list[i].surveyed) {
            m->list[i].now = listener_of(&m->list[i].slot);
            m->list[i].selected =
                m->list[i].slot.closed && is_meant(&t->survey.query, &m->list[i].now) &&
                (t->tracer || netns_facts_find(survey->namespaces, survey->namespace_count, m->list[i].now.netns));
        }
}

static bool has_account(const struct trace_model *m, uint64_t netns)
{
    for (size_t i = 0; i < m->account_count; i++)
        if (m->accounts[i].netns == netns)
            return true;
    return false;
}

/* Of a namespace that is new, or could not be entered before, all counts that it ever had: then those seen are fewer, and no figure of it is
   called exact. */
static void take_accounts(struct trace_model *m, const struct survey *survey)
{
    for (size_t i = 0; i < survey->namespace_count; i++) {
        struct trace_account *fresh =
            has_account(m, survey->namespaces[i].inode) ? NULL : add_account(m, survey->namespaces[i].inode);
        if (fresh)
            fresh->known = true;
    }
    for (size_t i = 0; i < m->account_count; i++) {
        struct trace_account *account = &m->accounts[i];
        const struct netns_facts *facts = netns_facts_find(survey->namespaces, survey->namespace_count, account->netns);
        if (facts && facts->counters.known && account->known)
            account->counted = facts->overflows_after - account->base;
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
    return count->syn + count->ack;
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

static void take_sources(struct trace_model *m, const struct trace_counts *counts)
{
    for (size_t i = 0; i < m->count; i++)
        m->list[i].source_count = m->list[i].sources_known = 0;
    for (size_t i = 0; i < counts->source_count; i++)
        if (counts->sources[i].source.slot < m->count)
            put_source(&m->list[counts->sources[i].source.slot], &counts->sources[i]);
    m->sources_lost = counts->common.sources > counts->source_count ? counts->common.sources - counts->source_count : 0;
}

/* ---- All of it ---- */

static int take_counts(struct tracing *t, struct error *err)
{
    struct trace_model *m = &t->model;
    int status = t->tracer ? tracer_read(t->tracer, &t->counts, err) : running_trace_read(t->running, &t->counts, err);
    if (!status)
        status = add_new(t, err);
    if (status)
        return status;
    for (size_t i = 0; i < m->count; i++) {
        struct traced *one = &m->list[i];
        if (m->number)
            one->before = one->slot;
        one->slot = t->counts.slots[i];
    }
    if (trace_model_index(m))
        return error_set(err, ENOMEM, "no memory for %zu listeners", m->count);
    take_sources(m, &t->counts);
    m->slots_missing = t->counts.common.slots_missing;
    m->full_missing = t->counts.common.full_missing;
    m->events_lost = t->counts.common.events_lost;
    return 0;
}

/* The survey has been taken before the counts: its counters must not have what the programs could not have seen yet. */
int tracing_take(struct tracing *t, const struct survey *survey, struct error *err)
{
    struct trace_model *m = &t->model;
    int status = take_counts(t, err);
    if (!status)
        status = keep_namespaces(m, survey, err);
    if (status)
        return status;
    merge_survey(t, survey);
    take_accounts(m, survey);
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
        account->base = base->overflows;
        account->known = base->known;
    }
    return 0;
}

bool tracing_listener(const struct tracing *t, const struct trace_event *event, struct listener *out)
{
    const struct traced *one = event->slot < t->model.count ? &t->model.list[event->slot] : NULL;
    const struct trace_slot *slot = tracer_slot(t->tracer, event->slot);
    if (one && one->surveyed) {
        *out = one->now;
        return one->selected;
    }
    if (!slot)
        return false;
    *out = listener_of(slot);
    return is_meant(&t->survey.query, out);
}

/* ---- The model ---- */

/* A copy of `count` things, NULL: no memory. Of none it is one that can be freed, too. */
static void *copy_of(const void *list, size_t count, size_t size)
{
    void *copy = calloc(count + 1, size);
    if (copy && count)
        memcpy(copy, list, count * size);
    return copy;
}

int trace_model_copy(struct trace_model *copy, const struct trace_model *m)
{
    *copy = *m;
    copy->room = m->count;
    copy->list = copy_of(m->list, m->count, sizeof *m->list);
    copy->order = m->order ? copy_of(m->order, m->ordered, sizeof *m->order) : NULL;
    copy->accounts = copy_of(m->accounts, m->account_count, sizeof *m->accounts);
    copy->namespaces = copy_of(m->namespaces, m->namespace_count, sizeof *m->namespaces);
    if (copy->list && !copy->order == !m->order && copy->accounts && copy->namespaces)
        return 0;
    trace_model_release(copy);
    return -ENOMEM;
}

void trace_model_release(struct trace_model *m)
{
    free(m->list);
    free(m->order);
    free(m->accounts);
    free(m->namespaces);
    *m = (struct trace_model){0};
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
    trace_model_release(&t->model);
    *t = (struct tracing){0};
}

/* Takes a survey: visits namespaces, lists their listeners, finds who owns them. */
#include "backlogctl/surveyor.h"

#include "backlogctl/fd.h"
#include "backlogctl/listener.h"
#include "backlogctl/netns.h"
#include "backlogctl/owner.h"
#include "backlogctl/parse.h"

#include "held.h"
#include "socket_holders.h"
#include "waiting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

struct surveyor {
    struct survey *survey;
    const struct survey_query *query;
    size_t room; /* for listeners */
};

/* Keeps the first reason why evidence is missing. */
static void note(struct surveyor *s, const struct error *err)
{
    char *why = s->survey->incomplete;
    if (err->code && !*why)
        snprintf(why, sizeof s->survey->incomplete, "%.*s", (int)sizeof s->survey->incomplete - 1, err->text);
}

/* ---- Namespaces ---- */

static void read_namespace(struct surveyor *s, struct netns_facts *facts)
{
    struct error err = {0};
    facts->somaxconn = sysctl_number("net.core.somaxconn");
    facts->tcp_max_syn_backlog = sysctl_number("net.ipv4.tcp_max_syn_backlog");
    facts->tcp_syncookies = sysctl_number("net.ipv4.tcp_syncookies");
    facts->tcp_abort_on_overflow = sysctl_number("net.ipv4.tcp_abort_on_overflow");
    facts->tcp_migrate_req = s->query->children ? sysctl_number("net.ipv4.tcp_migrate_req") : -1;
    counters_read(&facts->counters, &err);
    struct connection_counters connections;
    facts->children_known = s->query->children && counters_connections(&connections);
    if (facts->children_known)
        facts->children = connections.children;
    note(s, &err);
}

/* Appends the listeners of the namespace that the thread is in, and the clients waiting at them. */
static int list_here(struct surveyor *s, struct sockdiag *sd, uint64_t netns, struct error *err)
{
    struct survey *survey = s->survey;
    struct listener_list all = {.list = survey->listeners, .count = survey->count, .room = s->room};
    struct error incomplete = {0};
    size_t here = survey->count;
    int status = listener_list(sd, &all, &incomplete, err);
    survey->listeners = all.list;
    s->room = all.room;
    if (status)
        return status;
    survey->count = all.count;
    if (!s->query->no_waiting && !s->query->path && all.count > here)
        waiting_find(sd, all.list + here, all.count - here, s->query->port, &incomplete);
    if (s->query->no_waiting && s->query->note_count) {
        for (size_t i = here; i < all.count; i++)
            all.list[i].netns = netns;
        waiting_follow(sd, all.list + here, all.count - here, s->query->notes, s->query->note_count);
    }
    note(s, &incomplete);
    return 0;
}

/* Everything about the namespace that the thread is in. */
static int survey_here(struct surveyor *s, struct netns_facts *facts, struct error *err)
{
    struct sockdiag sd;
    size_t here = s->survey->count;
    /* Before the listeners: what is dropped meanwhile must not seem to be the drops of one that has gone. */
    read_namespace(s, facts);
    int status = sockdiag_open(&sd, err);
    if (!status)
        status = list_here(s, &sd, facts->inode, err);
    sockdiag_close(&sd);
    struct counters after;
    if (facts->counters.known && !counters_read(&after, NULL))
        facts->overflows_after = after.value[COUNTER_LISTEN_OVERFLOWS];
    else
        facts->counters.known = false;
    for (size_t i = here; i < s->survey->count; i++) {
        s->survey->listeners[i].netns = facts->inode;
        facts->tcp_listeners += s->survey->listeners[i].kind == KIND_TCP || s->survey->listeners[i].kind == KIND_MPTCP;
        facts->discarded += s->survey->listeners[i].discarded;
        facts->cookies += s->survey->listeners[i].cookie;
    }
    return status;
}

static struct netns_facts *add_namespace(struct survey *survey)
{
    struct netns_facts *list = realloc(survey->namespaces, (survey->namespace_count + 1) * sizeof *list);
    if (!list)
        return NULL;
    survey->namespaces = list;
    list[survey->namespace_count] = (struct netns_facts){0};
    return &list[survey->namespace_count++];
}

struct namespace_visit {
    struct survey *survey;
    uint64_t ours;
    bool out_of_memory;
};

static void note_namespace(void *context, uint64_t inode, pid_t pid, const char *name)
{
    struct namespace_visit *namespace_visit = context;
    struct netns_facts *facts =
        inode == namespace_visit->ours ? namespace_visit->survey->namespaces : add_namespace(namespace_visit->survey);
    if (!facts) {
        namespace_visit->out_of_memory = true;
        return;
    }
    facts->inode = inode;
    facts->pid = pid;
    if (name)
        snprintf(facts->name, sizeof facts->name, "%.63s", name);
}

/* One namespace that is not ours; the caller brings us back. */
static int survey_there(struct surveyor *s, struct netns_facts *facts, int fd, bool may_change_user, struct error *err)
{
    int status = netns_enter(fd, may_change_user ? facts->pid : 0, err);
    if (!status)
        facts->inode = netns_inode(0);
    return status ? status : survey_here(s, facts, err);
}

/* Those that cannot be entered are dropped from the list, and counted. Who enters the namespace `last` (0: none) may have to change
   its user namespace for it, and then stays there. */
static int survey_others(struct surveyor *s, uint64_t last, struct error *err)
{
    struct survey *survey = s->survey;
    SCOPED_FD home = netns_open_own(err);
    if (home < 0)
        return home;
    size_t kept = 1;
    int status = 0;
    for (size_t i = 1; i < survey->namespace_count && !status; i++) {
        struct netns_facts facts = survey->namespaces[i];
        SCOPED_FD fd = netns_open_facts(&facts, NULL);
        bool is_last = last && facts.inode == last;
        int entered = fd < 0 ? fd : survey_there(s, &facts, fd, is_last, is_last ? err : NULL);
        if (entered)
            survey->namespaces_closed++;
        else
            survey->namespaces[kept++] = facts;
        if (is_last && entered)
            return entered;
        if (netns_inode(0) != survey->namespaces[0].inode) /* who could not leave has no right to come back either */
            status = netns_enter(home, 0, is_last ? NULL : err);
        status = is_last ? 0 : status;
    }
    survey->namespace_count = kept;
    return status;
}

static int survey_all(struct surveyor *s, struct error *err)
{
    struct namespace_visit namespace_visit = {.survey = s->survey, .ours = s->survey->namespaces[0].inode};
    s->survey->namespaces_closed = 0;
    size_t hidden = netns_list(note_namespace, &namespace_visit);
    if (namespace_visit.out_of_memory)
        return error_set(err, ENOMEM, "no memory for the list of network namespaces");
    if (hidden) {
        struct error why = {0};
        error_set(&why, EPERM, "the network namespaces of %zu processes cannot be seen (CAP_SYS_PTRACE shows them)", hidden);
        note(s, &why);
    }
    int status = survey_here(s, &s->survey->namespaces[0], err);
    return status ? status : survey_others(s, 0, err);
}

/* ---- What processes hold ---- */

/* Keeps the listeners that they hold, and the namespaces that have one; the last one if none has. */
static void keep_held(struct survey *survey, const struct held *held)
{
    size_t kept = 0, spaces = 0;
    for (size_t i = 0; i < survey->count; i++)
        if (held_by(held, survey->listeners[i].inode))
            survey->listeners[kept++] = survey->listeners[i];
    survey->count = kept;
    for (size_t n = 0; n < survey->namespace_count; n++) {
        bool has_one = !spaces && n + 1 == survey->namespace_count;
        for (size_t i = 0; i < kept && !has_one; i++)
            has_one = survey->listeners[i].netns == survey->namespaces[n].inode;
        if (has_one)
            survey->namespaces[spaces++] = survey->namespaces[n];
    }
    survey->namespace_count = spaces;
}

/* The one that has to be looked into is the last: we may not come back from it. */
static void put_last(struct survey *survey, uint64_t inode, pid_t pid)
{
    for (size_t n = 1; n < survey->namespace_count && inode; n++)
        if (survey->namespaces[n].inode == inode) {
            struct netns_facts facts = survey->namespaces[n], *end = &survey->namespaces[survey->namespace_count - 1];
            facts.pid = pid;
            survey->namespaces[n] = *end;
            *end = facts;
            return;
        }
}

/* A process can hold sockets of several namespaces: it may have moved, or been given them. So all are looked into that can be; only
   its own has to be, of a container that of its first process. */
static int survey_held(struct surveyor *s, const struct held *held, struct error *err)
{
    struct survey *survey = s->survey;
    struct namespace_visit collection = {.survey = survey, .ours = survey->namespaces[0].inode};
    uint64_t own = netns_inode(held->first);
    netns_list(note_namespace, &collection);
    if (collection.out_of_memory)
        return error_set(err, ENOMEM, "no memory for the list of network namespaces");
    put_last(survey, own, held->first);
    int status = survey_here(s, &survey->namespaces[0], err);
    if (!status)
        status = survey_others(s, own == collection.ours ? 0 : own, err);
    survey->namespaces_closed = 0;
    note(s, &held->unseen);
    if (!status)
        keep_held(survey, held);
    return status;
}

static int survey_one(struct surveyor *s, struct error *err)
{
    const struct survey_query *query = s->query;
    struct netns_facts *facts = &s->survey->namespaces[0];
    if (!query->netns)
        return survey_here(s, facts, err);
    SCOPED_FD fd = netns_open_name(query->netns, &facts->pid, err);
    if (fd < 0)
        return fd;
    SCOPED_FD home = netns_open_own(err);
    uint64_t ours = facts->inode;
    if (!facts->pid && strchr(query->netns, '/'))
        facts->path = query->netns;
    else if (!facts->pid)
        snprintf(facts->name, sizeof facts->name, "%.63s", query->netns);
    int status = survey_there(s, facts, fd, true, err);
    facts->ours = facts->inode == ours;
    netns_enter(home, 0, NULL); /* may fail from another user namespace: see survey_take */
    return status;
}

/* ---- What was asked for ---- */

static bool same_address(struct endpoint a, const struct endpoint *b)
{
    a.port = b->port;
    a.scope = b->scope;
    return endpoint_equal(&a, b);
}

/* Connections to the address come to it, if to any listener on its port. */
static bool reached_by(const struct listener *listener, const struct endpoint *address)
{
    if (!has_handshake((enum socket_kind)listener->kind))
        return false;
    if (endpoint_is_any(&listener->local))
        return listener->dual_stack || listener->local.family == address->family;
    return same_address(listener->local, address);
}

static bool reached_as_asked(const struct survey_query *query, const struct listener *listener)
{
    for (size_t i = 0; i < query->reached_count; i++)
        if (reached_by(listener, &query->reached[i]))
            return true;
    return !query->reached_count;
}

static bool selected(const struct survey_query *query, const struct listener *listener)
{
    return (!query->port || listener->local.port == query->port) &&
           (query->address.family == AF_UNSPEC || same_address(listener->local, &query->address)) &&
           (!query->device || !strcmp(listener->device, query->device)) && reached_as_asked(query, listener);
}

/* By what the sockets tell themselves: of the others nobody asks who holds them. */
static void keep_selected(struct survey *survey, const struct survey_query *query)
{
    size_t kept = 0;
    if (query->path)
        survey->count = listener_keep_at(query->path, survey->listeners, survey->count);
    for (size_t i = 0; i < survey->count; i++)
        if (selected(query, &survey->listeners[i]))
            survey->listeners[kept++] = survey->listeners[i];
    survey->count = kept;
}

/* By who holds them. */
static void keep_wanted(struct survey *survey, const struct survey_query *query)
{
    size_t kept = 0;
    for (size_t i = 0; i < survey->count; i++) {
        struct listener *listener = &survey->listeners[i];
        survey->owners_unseen += !query->no_owners && !listener->pid; /* one of them may be of the wanted process */
        if (survey_holds(survey, listener, query))
            survey->listeners[kept++] = *listener;
    }
    survey->count = kept;
}

/* Whoever else holds them: they were asked for as those of these processes. */
static void show_asked(struct survey *survey, const struct held *held)
{
    for (size_t i = 0; i < survey->count; i++) {
        struct socket_holder holder;
        owner_read(held_by(held, survey->listeners[i].inode), &holder);
        holder.pidns = netns_foreign_pidns(holder.pid);
        survey_show_holder(&survey->listeners[i], &holder);
    }
}

int survey_take(struct survey *survey, const struct survey_query *query, struct error *err)
{
    struct surveyor s = {.survey = survey, .query = query};
    struct utsname system;
    uname(&system);
    snprintf(survey->kernel, sizeof survey->kernel, "%s", system.release);
    clock_stamp(survey->taken_at);
    struct netns_facts *ours = add_namespace(survey);
    if (!ours)
        return error_set(err, ENOMEM, "no memory for a survey");
    ours->ours = true;
    ours->inode = netns_inode(0);
    struct held held = {0};
    bool by_holder = query->pid || query->container;
    int status = by_holder ? held_find(&held, query, err) : 0;
    if (!status)
        status = by_holder ? survey_held(&s, &held, err) : query->all_netns ? survey_all(&s, err) : survey_one(&s, err);
    if (!status)
        keep_selected(survey, query);
    if (!status)
        status = query->no_owners ? 0 : socket_holders_find(survey, err);
    if (!status && by_holder)
        show_asked(survey, &held);
    if (!status)
        keep_wanted(survey, query);
    held_release(&held);
    return status;
}

/* The counters are read before and after the listeners: what was counted between the two lists is least that which came between the
   inner readings, and at most that between the outer ones. */
struct overflow_span survey_span(const struct netns_facts *old, const struct netns_facts *now)
{
    uint64_t first = now->counters.value[COUNTER_LISTEN_OVERFLOWS], last = now->overflows_after;
    uint64_t old_first = old->counters.value[COUNTER_LISTEN_OVERFLOWS], old_last = old->overflows_after;
    bool same = now->cookies == old->cookies && now->discarded >= old->discarded; /* its counters have 32 bits and begin again */
    return (struct overflow_span){.known = now->counters.known && old->counters.known && first >= old_last,
                                  .least = first - old_last,
                                  .most = last - old_first,
                                  .others_known = same,
                                  .others = same ? now->discarded - old->discarded : 0};
}

void survey_release(struct survey *survey)
{
    free(survey->listeners);
    free(survey->holders);
    free(survey->namespaces);
    *survey = (struct survey){0};
}

/* The life of a server that is started for an experiment. */
#include "started.h"

#include "backlogctl/borrow.h"
#include "backlogctl/fd.h"
#include "backlogctl/launch.h"
#include "backlogctl/measurer.h"
#include "backlogctl/owner.h"

#include "start_words.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Nothing announces a listen(2), so it is asked for this often. */
#define LOOK_PAUSE NSEC_PER_MSEC

/* A server that listens at several places does so one after the other: it is ready when none has come for this long. */
#define SETTLED (8 * NSEC_PER_MSEC)

/* The sockets of a process that ends are closed some time before it can be waited for. */
#define END_PATIENCE NSEC_PER_SEC

/* The burst and its looks are over long before; the guardian lets go then. */
#define FREEZE_BUDGET (10 * NSEC_PER_SEC)

/* Before its processes are looked for again; twice as long the next time, a second in all. */
#define LOOK_AGAIN NSEC_PER_MSEC

struct started {
    const struct experiment_plan *plan;
    struct loop *loop;
    struct started_server *facts;
    struct launch *launch;
    char **words, **environment;
    bool has_port; /* it is said where it listens; 0 leaves it to the server */
    int log;
    struct sockdiag diag;
    struct listener_list others; /* of the namespace, before it was started */
    struct listener_list now;    /* its own */
    struct listener chosen;
    struct freeze *freeze;
};

/* ---- Trouble ---- */

__attribute__((format(printf, 4, 5))) static void fail(struct started *s, enum started_trouble trouble, int code,
                                                       const char *format, ...)
{
    va_list args;
    if (s->facts->trouble)
        return;
    s->facts->trouble = trouble;
    s->facts->code = code;
    va_start(args, format);
    vsnprintf(s->facts->why, sizeof s->facts->why, format, args);
    va_end(args);
}

static const char *moment(const struct started *s)
{
    return s->facts->listened == NSEC_NEVER ? "before it listened" : "before the verdict";
}

static void fail_ended(struct started *s, const struct launch_state *state)
{
    const char *name = s->words[0], *signal = sigabbrev_np(state->code);
    if (state->user_refused)
        fail(s, STARTED_NOT_EXECUTED, state->code, "cannot become --user '%.64s': %s: it takes root", s->plan->start.user,
             strerror(state->code));
    else if (state->end == LAUNCH_NOT_STARTED)
        fail(s, STARTED_NOT_EXECUTED, state->code, "'%.80s' cannot be executed: %s%s", name, strerror(state->code),
             state->code == ENOENT && !strchr(name, '/') ? ": it is not in PATH" : "");
    else if (state->end == LAUNCH_KILLED)
        fail(s, STARTED_KILLED, state->code, "'%.80s' was killed by signal %d (SIG%s) %s", name, state->code,
             signal ? signal : "?", moment(s));
    else
        fail(s, STARTED_EXITED, state->code, "'%.80s' exited with status %d %s", name, state->code, moment(s));
}

/* The places where it listens, in words. */
static const char *places_text(const struct started_server *facts, char *out, size_t size)
{
    char text[ENDPOINT_TEXT_SIZE];
    *out = '\0';
    for (size_t i = 0; i < facts->place_count; i++) {
        const struct listener *l = &facts->places[i];
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%.80s", i ? ", " : "",
                 has_handshake((enum socket_kind)l->kind) ? endpoint_text(&l->local, text) : l->path);
    }
    return out;
}

/* ---- Starting ---- */

static int fill_words(struct started *s, struct error *err)
{
    const struct start_plan *plan = &s->plan->start;
    uint16_t port = s->plan->addresses[0].port;
    s->words = start_words_fill(plan->words, s->plan->server.backlog, port);
    s->environment = start_environment_fill(&plan->environment, s->plan->server.backlog, port);
    if (!s->words || !s->environment)
        return error_set(err, ENOMEM, "no memory for the command");
    s->has_port = port && (plan->has_port || start_words_have(plan->words, &plan->environment, PORT_WORD));
    s->facts->words = s->words;
    s->facts->log = plan->log;
    s->facts->wait = plan->wait;
    s->facts->backlog = s->plan->server.backlog;
    s->facts->listened = NSEC_NEVER;
    s->facts->way = start_plan_way(plan);
    return 0;
}

static int start(struct started *s, struct error *err)
{
    const struct start_plan *plan = &s->plan->start;
    if (plan->log) {
        s->log = open(plan->log, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
        if (s->log < 0)
            return error_errno(err, "cannot open --server-log %.200s", plan->log);
    }
    struct launch_settings settings = {
        .words = s->words, .environment = s->environment, .user = plan->user, .log = s->log, .may_share_pids = s->plan->host_net};
    int status = launch_begin(&s->launch, &settings, err);
    return status ? status : launch_watch(s->launch, s->loop, err);
}

/* ---- Where it listens ---- */

static bool is_known(const struct listener_list *list, const struct listener *l)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->list[i].cookie == l->cookie)
            return true;
    return false;
}

/* Its own listeners: those that were not there before. */
static int list_own(struct started *s, struct error *err)
{
    size_t kept = 0;
    s->now.count = 0;
    int status = listener_list(&s->diag, &s->now, NULL, err);
    for (size_t i = 0; i < s->now.count && !status; i++)
        if (!is_known(&s->others, &s->now.list[i]))
            s->now.list[kept++] = s->now.list[i];
    s->now.count = kept;
    return status;
}

/* Whether a client that connects to this address comes to the listener; ports do not count. */
static bool reaches(const struct endpoint *address, const struct listener *l)
{
    struct endpoint at = *address, bound = l->local;
    at.port = bound.port = 0;
    if (endpoint_is_any(&bound))
        return at.family == bound.family || (at.family == AF_INET && l->dual_stack);
    return endpoint_equal(&at, &bound);
}

/* Where the burst goes: to the address that was said, if one was, of the family that was said. */
static struct endpoint aim_at(const struct started *s, const struct listener *l)
{
    struct endpoint at = l->local;
    for (size_t i = 0; i < s->plan->address_count && s->plan->start.has_host; i++)
        if (reaches(&s->plan->addresses[i], l)) {
            at = s->plan->addresses[i];
            break;
        }
    if (s->plan->start.family == AF_INET && at.family == AF_INET6)
        at = (struct endpoint){.family = AF_INET}; /* it takes IPv4 too */
    at.port = l->local.port;
    return endpoint_reachable(&at);
}

/* Whether it is where the server was told, or said, to listen. */
static bool suits(const struct started *s, const struct listener *l)
{
    const struct experiment_plan *plan = s->plan;
    const struct endpoint *wanted = plan->addresses;
    struct listener one = *l;
    if (plan->transport.path)
        return l->kind == plan->transport.kind && listener_keep_at(plan->transport.path, &one, 1);
    if (!has_handshake((enum socket_kind)l->kind))
        return !s->has_port && !plan->start.has_host && !plan->delay;
    if (s->has_port && l->local.port != wanted[0].port)
        return false;
    for (size_t i = 0; i < plan->address_count && plan->start.has_host; i++)
        if (reaches(&wanted[i], l))
            return true;
    return !plan->start.has_host && (plan->start.family == AF_UNSPEC || plan->start.family == l->local.family || l->dual_stack);
}

static bool same_place(const struct listener *a, const struct listener *b)
{
    bool packets = has_handshake((enum socket_kind)a->kind);
    if (packets != has_handshake((enum socket_kind)b->kind))
        return false;
    return packets ? a->local.port == b->local.port : !strcmp(a->path, b->path);
}

static void note_place(struct started_server *facts, const struct listener *l)
{
    for (size_t i = 0; i < facts->place_count; i++)
        if (same_place(&facts->places[i], l))
            return;
    if (facts->place_count < STARTED_PLACES_MAX)
        facts->places[facts->place_count++] = *l;
}

/* The one that the burst goes to. Of several addresses with one port the first, IPv4 before IPv6; a TCP port goes before socket files,
   by which servers are managed. Without a choice, *several is set. */
static const struct listener *choose(const struct started *s, bool *several)
{
    const struct listener *chosen = NULL;
    *several = false;
    for (size_t i = 0; i < s->now.count; i++) {
        const struct listener *l = &s->now.list[i];
        if (!suits(s, l))
            continue;
        if (!chosen)
            chosen = l;
        else if (!same_place(chosen, l) &&
                 has_handshake((enum socket_kind)chosen->kind) == has_handshake((enum socket_kind)l->kind))
            *several = true;
    }
    return chosen;
}

static void note_places(struct started *s, bool all)
{
    for (size_t i = 0; i < s->now.count; i++)
        if (all || suits(s, &s->now.list[i]))
            note_place(s->facts, &s->now.list[i]);
}

static void fail_several(struct started *s)
{
    char text[200];
    note_places(s, false);
    fail(s, STARTED_SEVERAL, 0, "'%.80s' listens at several places: %s: choose one with --port, --host or --unix", s->words[0],
         places_text(s->facts, text, sizeof text));
}

static void fail_no_listener(struct started *s)
{
    char text[200], span[NSEC_TEXT_SIZE], port[16];
    note_places(s, true);
    nsec_text(s->facts->wait, span);
    snprintf(port, sizeof port, "port %u", (unsigned)s->plan->addresses[0].port);
    if (!s->now.count)
        fail(s, STARTED_NEVER_LISTENED, 0, "'%.80s' did not listen within %s: give it more by --wait, or see what it wrote",
             s->words[0], span);
    else
        fail(s, STARTED_ELSEWHERE, 0,
             "'%.80s' does not listen at %s within %s, but at %s: choose that with --port, --host or --unix", s->words[0],
             s->plan->transport.path ? s->plan->transport.path
             : s->has_port           ? port
                                     : "that address",
             span, places_text(s->facts, text, sizeof text));
}

/* ---- Waiting for it ---- */

/* Whether it can still be hoped for; the trouble is noted when not. A command that ends with status 0 may have become a daemon. */
static bool still_runs(struct started *s)
{
    struct launch_state state;
    launch_look(s->launch, &state);
    s->facts->shares_pids = state.shares_pids;
    s->facts->host_proc = state.host_proc;
    s->facts->daemon = state.end == LAUNCH_EXITED && !state.code && !state.gone;
    if (state.end == LAUNCH_RUNS || s->facts->daemon)
        return true;
    fail_ended(s, &state);
    return false;
}

/* Until then, a signal, or its end. */
static int pause_until(struct started *s, nsec until, struct error *err)
{
    int status = 0;
    while (!status && clock_now() < until && !s->loop->signal && still_runs(s))
        status = loop_run(s->loop, until, err);
    return status;
}

static int wait_for_listener(struct started *s, struct listener *out, struct endpoint *address, struct error *err)
{
    nsec began = clock_now(), changed = began, until = began + s->facts->wait;
    size_t before = 0;
    for (;;) {
        bool several;
        int status = list_own(s, err);
        nsec now = clock_now();
        if (status || s->loop->signal || !still_runs(s))
            return status;
        const struct listener *chosen = choose(s, &several);
        changed = s->now.count != before ? now : changed;
        before = s->now.count;
        if (chosen && now - changed >= SETTLED) {
            s->facts->listened = changed - began;
            s->chosen = *chosen;
            if (several)
                fail_several(s);
            else
                *out = *chosen;
            *address = aim_at(s, chosen);
            return 0;
        }
        if (!chosen && now >= until) {
            fail_no_listener(s);
            return 0;
        }
        if ((status = pause_until(s, now + LOOK_PAUSE, err)))
            return status;
    }
}

/* ---- Its backlog ---- */

static void call_listen(struct started *s, struct listener *listener)
{
    for (size_t i = 0; i < s->now.count && !s->facts->trouble; i++) {
        struct listener *l = &s->now.list[i];
        struct error why = {0};
        if (!same_place(l, listener))
            continue;
        owner_find(l);
        if (!l->pid)
            owner_unseen(l, "it", &why);
        else
            borrow_listen(l->pid, l->inode, s->facts->backlog, &why);
        if (why.code)
            fail(s, STARTED_NO_BACKLOG, why.code,
                 "the backlog of '%.80s' cannot be set: %.200s: put {backlog} into its arguments", s->words[0], why.text);
    }
}

/* ---- The burst ---- */

/* A server that has just begun may have children that do something and end, as PostgreSQL's first one: where one ends before it stands
   still, those that hold the listener then are stopped instead. */
static int freeze_holders(struct started *s, const struct listener *listener, struct error *err)
{
    const struct freeze_settings settings = {.budget = FREEZE_BUDGET, .method = s->plan->start.freeze_method};
    struct owner_list owners = {0};
    int status = -ESRCH;
    for (nsec pause = LOOK_AGAIN; status == -ESRCH && pause < NSEC_PER_SEC; pause *= 2) {
        if (err->code)
            nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        *err = (struct error){0};
        owners_find(&owners, listener);
        status = freeze_begin(&s->freeze, owners.pids, owners.count, &settings, err);
    }
    owners_release(&owners);
    return status;
}

void started_freeze(struct started *s, const struct listener *listener)
{
    struct error why = {0};
    if (s->plan->start.freeze && freeze_holders(s, listener, &why))
        fail(s, STARTED_NOT_FROZEN, why.code, "'%.80s' cannot be stopped for the burst: %.200s", s->words[0], why.text);
}

void started_thaw(struct started *s, const struct listener *listener)
{
    struct freeze_facts facts;
    if (!s->freeze)
        return;
    s->facts->frozen = freeze_holds(s->freeze);
    s->facts->held_known = listener != NULL;
    s->facts->held = listener ? listener->queue : 0;
    freeze_end(s->freeze, &facts);
    s->freeze = NULL;
    s->facts->ptraced = facts.method == FREEZE_PTRACE;
    s->facts->frozen_for = facts.lasted;
    if (!s->facts->frozen)
        fail(s, STARTED_NOT_FROZEN, 0, "'%.80s' did not stand still during the whole burst", s->words[0]);
}

/* ---- Beginning and end ---- */

int started_open(struct started **out, const struct experiment_plan *plan, struct loop *loop, struct started_server *facts,
                 struct listener *listener, struct endpoint *address, struct error *err)
{
    struct started *s = *out = calloc(1, sizeof *s);
    *listener = (struct listener){0};
    if (!s)
        return error_set(err, ENOMEM, "no memory");
    s->plan = plan;
    s->loop = loop;
    s->facts = facts;
    s->log = -1;
    int status = sockdiag_open(&s->diag, err);
    if (!status && plan->host_net)
        status = listener_list(&s->diag, &s->others, NULL, err);
    if (!status)
        status = fill_words(s, err);
    if (!status)
        status = start(s, err);
    if (!status)
        status = wait_for_listener(s, listener, address, err);
    if (!status && listener->known && facts->way == BACKLOG_LISTEN)
        call_listen(s, listener);
    if (!status && listener->known && plan->start.warm_up)
        status = pause_until(s, clock_now() + plan->start.warm_up, err);
    if (!status && !facts->trouble)
        still_runs(s);
    return status;
}

void started_fail_unreachable(struct started *s, const struct listener *listener, const struct endpoint *near)
{
    char at[ENDPOINT_TEXT_SIZE], text[ENDPOINT_TEXT_SIZE];
    note_place(s->facts, listener);
    fail(s, STARTED_UNREACHABLE, 0, "'%.80s' listens at %s, where the path of --delay does not lead: let it listen at %s",
         s->words[0], endpoint_text(&listener->local, at), endpoint_address_text(near, text));
}

/* What programs write that miss the network. */
static const char *const network_words[] = {"Network is unreachable",
                                            "No route to host",
                                            "Name or service not known",
                                            "name resolution",
                                            "ENETUNREACH",
                                            "EHOSTUNREACH",
                                            "ENOTFOUND",
                                            "EAI_AGAIN",
                                            "no such host"};

static void note_network(struct started *s)
{
    struct started_server *facts = s->facts;
    bool early = facts->trouble == STARTED_EXITED || facts->trouble == STARTED_KILLED || facts->trouble == STARTED_NEVER_LISTENED;
    for (size_t i = 0; i < sizeof network_words / sizeof *network_words && early && !s->plan->host_net; i++)
        if (memmem(facts->output, facts->output_length, network_words[i], strlen(network_words[i]))) {
            size_t used = strlen(facts->why);
            snprintf(facts->why + used, sizeof facts->why - used,
                     "; what it wrote speaks of the network: it has none but the lab's");
            return;
        }
}

static bool has_place(const struct started *s)
{
    for (size_t i = 0; i < s->now.count; i++)
        if (same_place(&s->now.list[i], &s->chosen))
            return true;
    return false;
}

void started_look(struct started *s)
{
    bool listed = s->chosen.known && !list_own(s, NULL);
    if (listed && !has_place(s))
        pause_until(s, clock_now() + END_PATIENCE, NULL);
    if (!s->facts->trouble)
        still_runs(s);
    if (listed)
        for (size_t i = 0; i < s->now.count; i++)
            s->facts->other_listeners += !same_place(&s->now.list[i], &s->chosen);
    if (s->facts->trouble)
        s->facts->output_length = launch_output(s->launch, s->facts->output, sizeof s->facts->output);
    note_network(s);
}

/* Of one that is killed they would stay. It may find them gone when it ends. */
static void remove_files(struct started *s)
{
    if (!s->diag.netlink.socket || list_own(s, NULL))
        return;
    for (size_t i = 0; i < s->now.count; i++)
        if (!has_handshake((enum socket_kind)s->now.list[i].kind))
            listener_remove_file(&s->now.list[i]);
}

void started_close(struct started *s)
{
    if (!s)
        return;
    started_thaw(s, 0);
    if (s->launch && !s->plan->host_net)
        remove_files(s);
    launch_end(s->launch);
    sockdiag_close(&s->diag);
    free(s->others.list);
    free(s->now.list);
    free(s->words);
    free(s->environment);
    fd_close(&s->log);
    free(s);
}

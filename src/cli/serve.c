/* backlogctl serve: the experiment's server, on its own. */
#include "backlogctl/netns.h"
#include "backlogctl/output.h"
#include "backlogctl/rights.h"
#include "backlogctl/server.h"
#include "backlogctl/surveyor.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct serving {
    const struct command *command;
    const struct settings *settings;
    struct server_settings plan;
    struct report_style style;
    struct loop *loop;
    struct timer flush; /* once the events at hand are printed */
    int status;         /* set when stdout fails: then serving is over */
};

/* `status` is what the functions of the report returned. */
static void flush(struct serving *serving, int status)
{
    if (serving->status)
        return;
    serving->status = output_report(serving->command, status);
    if (serving->status)
        loop_stop(serving->loop);
}

static void print_event(void *context, const struct server_event *event)
{
    struct serving *serving = context;
    if (serving->settings->json)
        report_event_json(stdout, event);
    else if (!serving->settings->quiet)
        report_event_text(stdout, event, &serving->style);
    if (!serving->flush.armed)
        loop_arm(serving->loop, &serving->flush, clock_now());
}

static void flush_due(struct timer *timer)
{
    flush((struct serving *)((char *)timer - offsetof(struct serving, flush)), 0);
}

static void print_ready(struct serving *serving, const struct server *server)
{
    uint32_t somaxconn = sysctl_somaxconn();
    int status = 0;
    for (size_t i = 0; i < server_listener_count(server) && !status; i++) {
        struct listener listener;
        server_listener(server, i, &listener);
        if (serving->settings->json)
            status = report_ready_json(stdout, &listener, &serving->plan, somaxconn);
        else if (!serving->settings->quiet)
            report_ready_text(stdout, &listener, &serving->plan, somaxconn, &serving->style);
    }
    flush(serving, status);
}

static int serve_until_end(struct serving *serving, struct server *server, struct error *err)
{
    nsec began = clock_now();
    bool silent = serving->settings->quiet && !serving->settings->json;
    int status = server_attach(server, serving->loop, silent ? NULL : print_event, serving, err);
    if (!status)
        status = loop_run(serving->loop, NSEC_NEVER, err);
    if (!status)
        status = server_failure(server, err);
    if (status)
        return say_error(serving->command, err);
    server_stop(server);
    server_flush(server);
    struct server_totals totals;
    server_totals(server, &totals);
    if (serving->settings->json)
        status = report_totals_json(stdout, &totals, clock_now() - began);
    else if (!serving->settings->quiet)
        report_totals_text(stdout, &totals, clock_now() - began, &serving->style);
    flush(serving, status);
    if (serving->status)
        return serving->status;
    return serving->loop->signal ? EXIT_SIGNAL + serving->loop->signal : EXIT_DONE;
}

static void make_plan(struct serving *serving)
{
    struct server_settings *plan = &serving->plan;
    plan->transport = settings_transport(serving->settings);
    if (plan->full && plan->accept_count == ACCEPT_UNLIMITED)
        plan->accept_count = 0;
    if (plan->full && has_handshake(plan->transport.kind) && sysctl_number("net.ipv4.tcp_abort_on_overflow") > 0)
        say(serving->command, "net.ipv4.tcp_abort_on_overflow is 1: a client whose handshake began before the queue was full is "
                              "reset; one that comes later times out all the same");
}

/* Who has the place already, as far as that can be seen. */
static int say_taken(const struct command *command, const struct settings *settings, const struct endpoint *addresses, int count,
                     const struct error *err)
{
    const char *path = settings->transport.path;
    struct survey_query query = {.port = path ? 0 : settings->port, .path = path, .no_waiting = true};
    for (int i = 0; i < count && i < REACHED_MAX && !path; i++) { /* only those that are in the way; of the any-address all are */
        if (endpoint_is_any(&addresses[i])) {
            query.reached_count = 0;
            break;
        }
        query.reached[query.reached_count++] = addresses[i];
    }
    struct survey survey = {0};
    char place[REPORT_PLACE_SIZE], holder[64] = "a process that cannot be seen";
    int status = err->code == EADDRINUSE && (path || settings->port) ? survey_take(&survey, &query, NULL) : -ENOENT;
    if (status || !survey.count) {
        survey_release(&survey);
        return say_error(command, err);
    }
    const struct listener *l = &survey.listeners[0];
    if (l->pid)
        snprintf(holder, sizeof holder, "%s (pid %d)", l->process, (int)l->pid);
    say(command, "%.*s: %s listens at %s already: end it, or choose another place",
        (int)(path ? strcspn(err->text, ":") : strlen(err->text)), err->text, holder, report_place(l, place));
    survey_release(&survey);
    return EXIT_CANNOT;
}

static int serve_run(const struct command *command, const struct settings *settings)
{
    struct endpoint addresses[TARGETS_MAX];
    struct error err = {0}, left_out[TARGETS_MAX] = {0};
    struct server *server = NULL;
    struct loop loop;
    struct serving serving = {.command = command,
                              .settings = settings,
                              .plan = settings->server,
                              .style = output_style(settings),
                              .loop = &loop,
                              .flush.fired = flush_due};
    int count = settings_resolve(settings, addresses, &err);
    if (count < 0)
        return say_error(command, &err);
    loop_block_signals();
    if (loop_init(&loop, true, &err))
        return say_error(command, &err);
    int status = EXIT_CANNOT;
    make_plan(&serving);
    if (server_open(&server, &serving.plan, addresses, (size_t)count, left_out, &err)) {
        say_taken(command, settings, addresses, count, &err);
    } else {
        for (int i = 0; i < count; i++)
            if (left_out[i].code)
                say(command, "%s", left_out[i].text);
        print_ready(&serving, server);
        status = serving.status ? serving.status : serve_until_end(&serving, server, &err);
    }
    server_release(server);
    loop_release(&loop);
    return status;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "Listen with a given backlog, accept at a given pace, echo lines with a !",
    .rights = RIGHTS_BURST | RIGHTS_SEE,
    .run = serve_run,
    .target = TARGET_LISTEN,
    .groups = {&options_target, &options_socket, &options_server, &options_full, &options_output},
};

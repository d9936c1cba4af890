/* backlogctl measure: proves how many connections the queue of a running server holds. */
#include "backlogctl/capacity.h"
#include "backlogctl/escape.h"
#include "backlogctl/fd.h"
#include "backlogctl/judge.h"
#include "backlogctl/netns.h"
#include "backlogctl/output.h"
#include "backlogctl/owner.h"
#include "backlogctl/selection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct holders {
    pid_t *pids;
    size_t count, room;
};

static void note_holder(void *context, uint32_t inode, pid_t pid)
{
    struct holders *holders = context;
    (void)inode;
    if (holders->count && holders->pids[holders->count - 1] == pid)
        return;
    if (holders->count == holders->room) {
        size_t room = holders->room ? 2 * holders->room : 16;
        pid_t *pids = realloc(holders->pids, room * sizeof *pids);
        if (!pids)
            return; /* the one that is missing goes on accepting, which is noticed */
        holders->pids = pids;
        holders->room = room;
    }
    holders->pids[holders->count++] = pid;
}

static void find_holders(const struct listener *listener, struct holders *out)
{
    out->count = 0;
    owners_walk(&listener->inode, 1, note_holder, out);
}

/* What speaks against freezing it now. 0 or -errno. */
static int check(const struct settings *settings, const struct listener *listener, const struct holders *holders,
                 struct error *err)
{
    char place[REPORT_PLACE_SIZE];
    report_place(listener, place);
    if (listener->group > 1)
        return error_set(err, ENOTSUP,
                         "%s has %u sockets (SO_REUSEPORT), each with a queue of its own, and connections go to either: "
                         "they cannot be filled one by one",
                         place, listener->group);
    if (!holders->count)
        return error_set(err, EPERM,
                         "the process behind %s cannot be seen: as its user, or as root (CAP_SYS_PTRACE, "
                         "CAP_DAC_READ_SEARCH), it can",
                         place);
    if (listener->queue && !settings->measure.with_waiting)
        return error_set(err, EBUSY,
                         "%llu clients wait at %s now, and would wait longer: give --with-waiting to measure all the same",
                         (unsigned long long)listener->queue, place);
    for (size_t i = 0; i < holders->count; i++)
        if (holders->pids[i] == getpid() || holders->pids[i] == getppid())
            return error_set(err, EINVAL, "%s is held by process %d, which waits for this very command", place,
                             (int)holders->pids[i]);
    return 0;
}

/* A person at a terminal is asked; a script has to say --yes. True: go on. */
static bool confirmed(const struct settings *settings, const struct listener *listener, size_t processes)
{
    char answer[8] = "", place[REPORT_PLACE_SIZE], span[NSEC_TEXT_SIZE];
    if (settings->measure.yes)
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return false;
    terminal_printf(stderr, "This stops %s/%d (%zu process%s) for at most %s and fills the queue of %s.", listener->process,
                    (int)listener->pid, processes, processes == 1 ? "" : "es", nsec_text(settings->measure.freeze.budget, span),
                    report_place(listener, place));
    fprintf(stderr,
            "\nClients that come meanwhile wait, and those that find it full try again 1s later.\n"
            "The server will accept %llu connections that are closed without a word; blocking calls in it may return EINTR;\n"
            "a supervisor may notice. Go on? [y/N] ",
            (unsigned long long)listener->capacity);
    return fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y');
}

static int finish(const struct command *command, const struct settings *settings, struct measurement *m)
{
    struct report_style style = output_style(settings);
    int status = 0;
    judge_measurement(m);
    if (settings->json)
        status = report_measurement_json(stdout, m);
    else if (!settings->quiet)
        report_measurement_text(stdout, m, &style);
    status = output_report(command, status);
    if (status)
        return status;
    if (!m->full && !m->signal)
        say(command, "it was not measured to the end: %s", *m->incomplete ? m->incomplete : "the queue was not seen full");
    if (m->served == NSEC_NEVER && !m->signal)
        say(command, "the server has not accepted a fresh connection: look at it");
    if (m->signal)
        return EXIT_SIGNAL + m->signal;
    return !m->full ? EXIT_CANNOT : m->ok ? EXIT_DONE : EXIT_EXPECTATION;
}

static int measure_listener(const struct command *command, const struct settings *settings, const struct listener *listener,
                            const struct holders *holders)
{
    struct error err = {0};
    struct measurement m = {.listener = *listener, .expectation_count = settings->expect.count};
    memcpy(m.expectations, settings->expect.list, sizeof m.expectations);
    struct capacity_plan plan = {.pids = holders->pids,
                                 .pid_count = holders->count,
                                 .freeze = settings->measure.freeze,
                                 .patience = settings->measure.timeout};
    struct loop loop;
    loop_block_signals();
    if (loop_init(&loop, true, &err))
        return say_error(command, &err);
    int status = capacity_measure(&m, &plan, &loop, &err) ? say_error(command, &err) : finish(command, settings, &m);
    loop_release(&loop);
    return status;
}

/* The connections are made from where the server is: we go there first, and stay. */
static int enter_namespace(const struct settings *settings, struct survey_query *query, struct error *err)
{
    if (!query->pid && !query->netns)
        return 0;
    SCOPED_FD fd = query->pid ? netns_open_pid(query->pid, err) : netns_open_name(query->netns, err);
    if (fd < 0)
        return fd;
    bool already = query->pid && netns_inode(query->pid) == netns_inode(0);
    query->pid = 0;
    query->netns = NULL;
    return already ? 0 : netns_enter(fd, settings->survey.pid, err);
}

/* A person may have taken a while to answer: the process that the question named may have ended since, or closed its socket. */
static int find_again(const struct listener *listener, struct holders *holders, struct error *err)
{
    char place[REPORT_PLACE_SIZE];
    find_holders(listener, holders);
    if (holders->count && *holders->pids == listener->pid)
        return 0;
    return error_set(err, ESRCH, "process %d does not hold %s any more: nothing was stopped", (int)listener->pid,
                     report_place(listener, place));
}

static int measure_one(const struct command *command, const struct settings *settings, const struct survey *survey)
{
    struct error err = {0};
    struct holders holders = {0};
    const struct listener *listener = survey->listeners;
    int status = selection_is_one(survey, &err);
    if (!status) {
        find_holders(listener, &holders);
        status = check(settings, listener, &holders, &err);
    }
    int exit_status;
    if (status)
        exit_status = say_error(command, &err);
    else if (!confirmed(settings, listener, holders.count))
        exit_status = say_usage(command, "live clients wait while a server is measured: say --yes, or confirm at a terminal");
    else if (find_again(listener, &holders, &err))
        exit_status = say_error(command, &err);
    else
        exit_status = measure_listener(command, settings, listener, &holders);
    free(holders.pids);
    return exit_status;
}

static int measure_run(const struct command *command, const struct settings *given)
{
    struct settings settings = *given;
    struct survey survey = {0};
    struct error err = {0};
    if (!settings.survey.port && !settings.survey.path)
        return say_usage(command, "--port or --unix is needed: which listener?");
    if (settings.survey.all_netns)
        return say_usage(command, "--all-netns: want one namespace: --pid or --netns");
    int status = enter_namespace(given, &settings.survey, &err);
    if (!status)
        status = selection_take(&survey, &settings, &err);
    if (!status && given->survey.pid)
        selection_keep_held(&survey, given->survey.pid);
    int exit_status = status ? say_error(command, &err) : measure_one(command, &settings, &survey);
    survey_release(&survey);
    return exit_status;
}

const struct command command_measure = {
    .name = "measure",
    .summary = "Stop a running server for a moment and count what its queue holds",
    .run = measure_run,
    .groups = {&options_select, &options_measure, &options_output},
};

/* backlogctl measure: proves how many connections the queue of a running server holds. */
#include "checks.h"
#include "select.h"

#include "backlogctl/escape.h"
#include "backlogctl/measurer.h"
#include "backlogctl/output.h"
#include "backlogctl/owner.h"

#include <errno.h>
#include <unistd.h>

/* What speaks against freezing it now. 0 or -errno. */
static int check(const struct settings *settings, const struct listener *listener, const struct owner_list *owners,
                 struct error *err)
{
    char place[REPORT_PLACE_SIZE];
    report_place(listener, place);
    if (listener->group > 1)
        return error_set(err, ENOTSUP,
                         "%s has %u sockets (SO_REUSEPORT), each with a queue of its own, and connections go to either: "
                         "they cannot be filled one by one",
                         place, listener->group);
    if (!owners->count)
        return error_set(err, EPERM,
                         "the process behind %s cannot be seen: as its user, or as root (CAP_SYS_PTRACE, "
                         "CAP_DAC_READ_SEARCH), it can",
                         place);
    if (listener->queue && !settings->measure.with_waiting)
        return error_set(err, EBUSY,
                         "%llu clients wait at %s now, and would wait longer: give --with-waiting to measure all the same",
                         (unsigned long long)listener->queue, place);
    for (size_t i = 0; i < owners->count; i++)
        if (owners->pids[i] == getpid() || owners->pids[i] == getppid())
            return error_set(err, EINVAL, "%s is held by process %d, which waits for this very command", place,
                             (int)owners->pids[i]);
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

static int finish(const struct command *command, const struct settings *settings, const struct measurement *m)
{
    struct report_style style = output_style(settings);
    int status = 0;
    if (settings->json)
        status = report_measurement_json(stdout, m);
    else if (!settings->quiet && !settings->tap)
        report_measurement_text(stdout, m, &style);
    status = output_report(command, status);
    if (status)
        return status;
    if (!m->full && !m->signal)
        say(command, "it was not measured to the end: %s", *m->incomplete ? m->incomplete : "the queue was not seen full");
    if (m->served == NSEC_NEVER && !m->signal)
        say(command, "the server has not accepted a fresh connection: look at it");
    const struct checks checks = {.command = command->name,
                                  .list = m->expectations,
                                  .count = m->expectation_count,
                                  .took = m->frozen,
                                  .cannot = m->signal || !m->full ? "it was not measured to the end" : NULL};
    if (settings->quiet)
        checks_say_broken(command, &checks);
    status = checks_report(command, settings, &checks);
    if (status)
        return status;
    if (m->signal)
        return EXIT_SIGNAL + m->signal;
    return m->full ? output_status(m->outcome) : EXIT_CANNOT;
}

/* A person may have taken a while to answer: the process that the question named may have ended since, or closed its socket. */
static int find_again(const struct listener *listener, struct owner_list *owners, struct error *err)
{
    char place[REPORT_PLACE_SIZE];
    owners_find(owners, listener);
    if (owner_holds(listener->pid, listener->inode))
        return 0;
    return error_set(err, ESRCH, "process %d does not hold %s any more: nothing was stopped", (int)listener->pid,
                     report_place(listener, place));
}

static int measure_one(const struct command *command, const struct settings *settings, const struct listener *listener,
                       struct owner_list *owners)
{
    const struct measure_plan plan = {.freeze = settings->measure.freeze,
                                      .patience = settings->measure.timeout,
                                      .expect = settings->expect};
    struct error err = {0};
    struct measurement m;
    if (check(settings, listener, owners, &err))
        return say_error(command, &err);
    if (!confirmed(settings, listener, owners->count))
        return say_usage(command, "live clients wait while a server is measured: say --yes, or confirm at a terminal");
    if (find_again(listener, owners, &err))
        return say_error(command, &err);
    return measurer_run(&m, listener, owners, &plan, &err) ? say_error(command, &err) : finish(command, settings, &m);
}

static int measure_run(const struct command *command, const struct settings *settings)
{
    struct survey survey = {0};
    struct owner_list owners = {0};
    struct error err = {0};
    if (!settings->survey.port && !settings->survey.path)
        return say_usage(command, "--port or --unix is needed: which listener?");
    if (settings->survey.all_netns)
        return say_usage(command, "--all-netns: want one namespace: --netns, --pid or --container");
    int status = select_listeners(&survey, settings, &err);
    if (!status)
        status = select_is_one(&survey, &err);
    if (!status)
        status = measurer_enter(&survey, survey.listeners, &err);
    if (!status)
        owners_find(&owners, survey.listeners);
    int exit_status = status ? say_error(command, &err) : measure_one(command, settings, survey.listeners, &owners);
    owners_release(&owners);
    survey_release(&survey);
    return exit_status;
}

const struct command command_measure = {
    .name = "measure",
    .summary = "Stop a running server for a moment and count what its queue holds",
    .run = measure_run,
    .groups = {&options_select, &options_measure, &options_checks, &options_output},
};

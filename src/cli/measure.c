/* backlogctl measure: proves how many connections the queue of a running server holds. */
#include "checks.h"
#include "select.h"

#include "backlogctl/escape.h"
#include "backlogctl/measurer.h"
#include "backlogctl/output.h"
#include "backlogctl/owner.h"
#include "backlogctl/rights.h"

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
        return owner_unseen(listener, place, err);
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

enum answer { ANSWER_YES, ANSWER_NO, ANSWER_NOBODY };

/* A person at a terminal is asked; a script has to say --yes. */
static enum answer ask(const struct settings *settings, const struct listener *listener, size_t processes)
{
    char answer[8] = "", place[REPORT_PLACE_SIZE], span[NSEC_TEXT_SIZE], text[1024], safe[ESCAPED_SIZE(sizeof text)];
    if (settings->measure.yes)
        return ANSWER_YES;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return ANSWER_NOBODY;
    snprintf(text, sizeof text,
             "This stops %s/%d (%zu process%s) and fills the queue of %s. It stands still for at most %s. Clients that come then "
             "wait, and those that find it full try again 1s later. It will accept %llu connections that are closed without a "
             "word. Blocking calls in it may return EINTR, and a supervisor may notice.",
             listener->process, (int)listener->pid, processes, processes == 1 ? "" : "es", report_place(listener, place),
             nsec_text(settings->measure.freeze.budget, span), (unsigned long long)listener->capacity);
    terminal_text(text, safe, sizeof safe);
    help_fold(stderr, safe, 0, output_help_width(STDERR_FILENO));
    fputs("Go on? [y/N] ", stderr);
    return fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y') ? ANSWER_YES : ANSWER_NO;
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
    bool unserved = m->served == NSEC_NEVER && !m->untried;
    if (!m->full && !m->signal)
        say(command, "it was not measured to the end: %s%s", *m->incomplete ? m->incomplete : "the queue was not seen full",
            unserved ? "; and the server has not accepted a fresh connection: look at it" : "");
    else if (unserved && !m->signal)
        say(command, "the server has not accepted a fresh connection: look at it");
    else if (m->untried && !m->signal)
        say(command, "whether the server accepts again could not be tried: %s", m->incomplete);
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
    enum answer answer = ask(settings, listener, owners->count);
    if (answer == ANSWER_NOBODY)
        return say_usage(command, "live clients wait while a server is measured: say --yes, or confirm at a terminal");
    if (answer == ANSWER_NO)
        return EXIT_CANNOT; /* who says no knows what was not done */
    if (find_again(listener, owners, &err))
        return say_error(command, &err);
    return measurer_run(&m, listener, owners, &plan, &err) ? say_error(command, &err) : finish(command, settings, &m);
}

static int measure_there(const struct command *command, const struct settings *settings, const struct survey *survey,
                         const struct listener *listener)
{
    struct owner_list owners = {0};
    struct error err = {0};
    if (measurer_enter(survey, listener, &err))
        return say_error(command, &err);
    owners_find(&owners, listener);
    int status = measure_one(command, settings, listener, &owners);
    owners_release(&owners);
    return status;
}

/* What is worse of two; a job that was not done comes before an expectation. */
static int worse(int a, int b)
{
    static const int order[] = {EXIT_USAGE, EXIT_CANNOT, EXIT_EXPECTATION, EXIT_UNDECIDED};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return a;
}

/* One after the other; of a group, whose members cannot be told apart, that is said once. */
static int measure_each(const struct command *command, const struct settings *settings, const struct survey *survey)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < survey->count && status < EXIT_SIGNAL; i++) {
        if (survey->listeners[i].member > 1)
            continue;
        int one = measure_there(command, settings, survey, &survey->listeners[i]);
        status = one >= EXIT_SIGNAL ? one : worse(status, one);
    }
    return status;
}

static int measure_run(const struct command *command, const struct settings *settings)
{
    struct survey survey = {0};
    struct error err = {0};
    if (select_check(command, settings))
        return EXIT_USAGE;
    if (settings->survey.all_netns)
        return say_usage(command, "--all-netns: want one namespace: --netns, --pid or --container");
    int status = select_listeners(&survey, settings, NULL, &err)
                     ? say_error(command, &err)
                     : select_is_one(command, settings, &survey, settings->measure.all);
    if (!status)
        status = measure_each(command, settings, &survey);
    survey_release(&survey);
    return status;
}

const struct command command_measure = {
    .name = "measure",
    .summary = "Stop a running server for a moment and count what its queue holds",
    .rights = RIGHTS_BURST | RIGHTS_SEE | RIGHT(KILL) | RIGHT(SYS_NICE),
    .run = measure_run,
    .target = TARGET_LISTENER,
    .groups = {&options_select, &options_measure, &options_checks, &options_output},
};

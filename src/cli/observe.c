/* backlogctl observe: every connection that a listener has, seen from its host, untouched. */
#include "select.h"

#include "backlogctl/observer.h"
#include "backlogctl/output.h"
#include "backlogctl/rights.h"

#include <string.h>
#include <unistd.h>

static int write_json(FILE *out, void *context)
{
    return report_observation_json(out, context);
}

static int write_text(FILE *out, void *context)
{
    report_observation_text(out, context, &(struct report_style){0});
    return 0;
}

static int report(const struct command *command, const struct settings *settings, struct observation *o)
{
    struct report_style style = output_style(settings);
    struct error err = {0};
    if (settings->list.output)
        return output_file("--output", settings->list.output, settings->json ? write_json : write_text, o, &err)
                   ? say_error(command, &err)
                   : EXIT_DONE;
    int status = 0;
    if (settings->json)
        status = report_observation_json(stdout, o);
    else if (!settings->quiet)
        report_observation_text(stdout, o, &style);
    return output_report(command, status);
}

/* What it cannot do is said before it waits. */
static int check(const struct command *command, const struct survey *survey)
{
    char place[REPORT_PLACE_SIZE];
    for (size_t i = 0; i < survey->count; i++) {
        const struct listener *l = &survey->listeners[i];
        if (!has_handshake((enum socket_kind)l->kind)) {
            say(command, "%s is an AF_UNIX socket, whose clients have no addresses: nothing tells one from another",
                report_place(l, place));
            return EXIT_CANNOT;
        }
        if (l->netns != survey->listeners[0].netns) {
            say(command, "the listeners are of several network namespaces: choose one with --netns");
            return EXIT_CANNOT;
        }
    }
    return EXIT_DONE;
}

/* For who waits for it, such as a script that then lets the clients begin. */
static void say_began(void *context)
{
    const struct command *command = context;
    say(command, "the first look was taken: observing");
}

static int observe_these(const struct command *command, const struct settings *settings, const struct survey *survey)
{
    struct observe_settings observe = settings->observe;
    struct observation o = {0};
    struct error err = {0};
    observe.start_at = settings->probe.start_at;
    const struct observe_hook hook = {.began = settings->quiet ? NULL : say_began, .context = (void *)command};
    int status = observer_run(&o, survey, &observe, &hook, &err);
    if (status)
        status = say_error(command, &err);
    else if (*o.started_at)
        status = report(command, settings, &o);
    if (!status && o.signal)
        status = EXIT_SIGNAL + o.signal;
    observation_release(&o);
    return status;
}

static int observe_run(const struct command *command, const struct settings *given)
{
    struct settings settings = *given;
    struct survey survey = {0};
    struct error err = {0};
    if (select_check(command, &settings))
        return EXIT_USAGE;
    if (settings.survey.all_netns)
        return say_usage(command, "--all-netns: want one namespace: --netns, --pid or --container");
    settings.survey.no_waiting = true;
    int status = output_file_check("--output", settings.list.output, &err) || select_listeners(&survey, &settings, NULL, &err)
                     ? say_error(command, &err)
                     : select_is_one(command, &settings, &survey, true);
    if (!status)
        status = check(command, &survey);
    if (!status)
        status = observe_these(command, &settings, &survey);
    survey_release(&survey);
    return status;
}

const struct command command_observe = {
    .name = "observe",
    .summary = "Follow every connection that listeners get, from their host, untouched",
    .rights = RIGHTS_SEE | RIGHT(NET_ADMIN),
    .only_reads = true,
    .also = RIGHTS_TO_MARK,
    .run = observe_run,
    .target = TARGET_LISTENER,
    .groups = {&options_select, &options_observe, &options_output},
};

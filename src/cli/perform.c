/* An experiment with its report: what `probe` and `run` end with. */
#include "experiment_internal.h"

#include "backlogctl/output.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void draw(FILE *out, void *context)
{
    const struct experiment *x = context;
    report_timeline_svg(out, &x->run);
}

static void begin_report(const struct experiment *x)
{
    struct report_style style = output_style(x->settings);
    if (x->settings->json)
        report_json_begin(stdout, &x->run);
    else if (!x->settings->quiet)
        report_text_begin(stdout, &x->run, &style);
}

static int end_report(const struct experiment *x)
{
    struct report_style style = output_style(x->settings);
    if (x->settings->json)
        report_json_end(stdout, &x->run);
    else if (!x->settings->quiet)
        report_text_end(stdout, &x->run, &style);
    int status = output_flush(x->command);
    if (status)
        return status;
    /* Without a report the reason for status 1 would be nowhere. */
    for (size_t i = 0; i < x->run.expectation_count && x->settings->quiet; i++) {
        const struct expectation *e = &x->run.expectations[i];
        if (!e->ok && e->seen_known)
            say(x->command, "expected %s, seen %lld", e->text, (long long)e->seen);
        else if (!e->ok)
            say(x->command, "expected %s, but nobody knows: no listener was seen", e->text);
    }
    struct error err = {0};
    if (x->settings->svg && output_file("--svg", x->settings->svg, draw, (void *)x, &err))
        return say_error(x->command, &err);
    if (x->run.signal)
        return EXIT_SIGNAL + x->run.signal;
    return x->run.ok ? EXIT_DONE : EXIT_EXPECTATION;
}

int experiment_perform(const struct command *command, const struct settings *settings, const struct lab *lab)
{
    struct error err = {0};
    struct experiment *x = calloc(1, sizeof *x);
    if (!x) {
        say(command, "no memory");
        return EXIT_CANNOT;
    }
    *x = (struct experiment){.command = command, .settings = settings, .progress.columns = output_columns(STDERR_FILENO)};
    int status = output_file_check("--svg", settings->svg, &err);
    if (!status)
        status = experiment_begin(x, lab, &err);
    if (!status) {
        begin_report(x);
        status = output_flush(command) ? -EIO : experiment_go(x, &err);
    }
    if (!status && x->progress.columns)
        fputs("\r\033[K", stderr);
    int exit_status = !status ? end_report(x) : err.code ? say_error(command, &err) : EXIT_CANNOT;
    experiment_end(x);
    free(x);
    return exit_status;
}

/* An experiment with its report: what `probe` and `run` end with. */
#include "checks.h"
#include "plan.h"

#include "backlogctl/escape.h"
#include "backlogctl/output.h"
#include "backlogctl/presets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct performance {
    const struct command *command;
    const struct settings *settings;
    struct run *run;
    struct report_style progress; /* columns 0: stderr is no terminal */
};

static void say_left_out(void *context, const char *text)
{
    const struct performance *p = context;
    say(p->command, "%s", text);
}

static void show_progress(void *context, const struct run *run, nsec elapsed)
{
    const struct performance *p = context;
    fputs("\r\033[K", stderr);
    report_progress(stderr, run, elapsed, &p->progress);
}

static int draw(FILE *out, void *context)
{
    return report_timeline_svg(out, context);
}

static int write_page(FILE *out, void *context)
{
    const struct performance *p = context;
    return report_html(out, p->run, p->settings->line);
}

/* What the experiment itself does not know. */
static void head(const struct performance *p)
{
    const struct preset *preset = p->settings->preset ? preset_find(p->settings->preset) : NULL;
    p->run->command = p->command->name;
    if (!p->run->merged) {
        p->run->host = p->settings->host;
        p->run->netns = p->settings->survey.netns;
    }
    if (preset && !p->settings->words) { /* what it explains is a server of ours */
        p->run->preset = preset->name;
        p->run->preset_words = preset->explanation;
    }
}

static int begin_report(const struct performance *p)
{
    struct report_style style = output_style(p->settings);
    head(p);
    /* JSON comes whole at the end, or not at all: a burst can still be refused. */
    if (!p->settings->json && !p->settings->quiet && !p->settings->tap)
        report_text_begin(stdout, p->run, &style);
    return output_report(p->command, 0);
}

/* The last lines that the server wrote tell more than we can. */
#define LINES_SHOWN 10

static void say_trouble(const struct performance *p)
{
    const struct started_server *started = &p->run->started;
    char text[STARTED_OUTPUT_SIZE + 1];
    size_t length = 0, lines = 0;
    say(p->command, "%s", started->why);
    for (size_t i = 0; i < started->output_length; i++)
        if (started->output[i])
            text[length++] = started->output[i];
    while (length && text[length - 1] == '\n')
        length--;
    text[length] = '\0';
    char *from = text + length;
    while (from > text && (from[-1] != '\n' || ++lines < LINES_SHOWN))
        from--;
    for (char *line = from, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        fputs("  | ", stderr);
        terminal_put(stderr, line);
        fputc('\n', stderr);
    }
    if (started->log && *from)
        say(p->command, "all that it wrote is in %s", started->log);
}

static struct checks checks_of(const struct performance *p)
{
    const struct run *run = p->run;
    const char *cannot = run->started.trouble ? run->started.why : run->signal ? "interrupted before all was known" : NULL;
    return (struct checks){.command = p->command->name,
                           .list = run->expectations,
                           .count = run->target_count ? run->expectation_count : 0,
                           .run = run,
                           .started_at = run->started_at,
                           .took = run->elapsed,
                           .cannot = cannot};
}

static int end_report(const struct performance *p)
{
    struct report_style style = output_style(p->settings);
    int status = 0;
    if (p->settings->json)
        status = report_json(stdout, p->run);
    else if (!p->settings->quiet && !p->settings->tap)
        status = report_text_end(stdout, p->run, &style);
    status = output_report(p->command, status);
    if (status)
        return status;
    const struct checks checks = checks_of(p);
    if (p->settings->quiet)
        checks_say_broken(p->command, &checks);
    status = checks_report(p->command, p->settings, &checks);
    if (status)
        return status;
    struct error err = {0};
    if (p->settings->svg && output_file("--svg", p->settings->svg, draw, p->run, &err))
        return say_error(p->command, &err);
    if (p->settings->html && output_file("--html", p->settings->html, write_page, (void *)(uintptr_t)p, &err))
        return say_error(p->command, &err);
    if (p->run->started.trouble)
        say_trouble(p);
    if (p->run->signal)
        return EXIT_SIGNAL + p->run->signal;
    if (p->run->started.trouble)
        return EXIT_CANNOT;
    return output_status(p->run->outcome);
}

int perform_report(const struct command *command, const struct settings *settings, struct run *run)
{
    struct performance p = {.command = command, .settings = settings, .run = run};
    int status = begin_report(&p);
    return status ? status : end_report(&p);
}

int perform_check_files(const struct settings *settings, struct error *err)
{
    int status = output_file_check("--svg", settings->svg, err);
    return status ? status : output_file_check("--html", settings->html, err);
}

int plan_perform(const struct command *command, const struct settings *settings, const struct experiment_plan *plan)
{
    struct error err = {0};
    struct performance p = {.command = command, .settings = settings, .progress.columns = output_columns(STDERR_FILENO)};
    struct experiment_hooks hooks = {.left_out = say_left_out,
                                     .progress = p.progress.columns ? show_progress : NULL,
                                     .context = &p};
    struct experiment *x = NULL;
    int status = perform_check_files(settings, &err);
    if (!status)
        status = experiment_open(&x, plan, &hooks, &err);
    if (!status) {
        p.run = experiment_run(x);
        status = begin_report(&p) ? -EIO : experiment_go(x, &err);
    }
    if (!status && p.progress.columns)
        fputs("\r\033[K", stderr);
    int exit_status = !status ? end_report(&p) : err.code ? say_error(command, &err) : EXIT_CANNOT;
    experiment_close(x);
    return exit_status;
}

/* backlogctl sweep: runs over ranges of their options, and how the outcome depends on them. */
#include "plan.h"
#include "sweep_axes.h"

#include "backlogctl/output.h"
#include "backlogctl/rights.h"
#include "backlogctl/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX 100000

/* A sweep that has begun: an option with several values is an axis, with one it is a setting. */
struct sweeping {
    const struct command *command;
    const struct settings *settings;
    struct sweep sweep;
    struct varying {
        const char *name;         /* of the option */
        char key[AXIS_NAME_SIZE]; /* of a sysctl, "" otherwise */
        struct axis axis;
    } varying[VARIED_MAX];
    size_t varying_count;
    size_t axes[AXES_MAX];                             /* which of those vary */
    char (*sysctls)[AXIS_NAME_SIZE + AXIS_VALUE_SIZE]; /* KEY=VALUE of the run that is begun; one a varying option */
    struct experiment_plan plan;                       /* has the addresses of every run */
};

/* ---- What varies ---- */

static int spread(struct sweeping *s, const struct varied *varied, struct error *err)
{
    struct varying *v = &s->varying[s->varying_count++];
    struct error why = {0};
    const char *values = varied->text;
    v->name = varied->name;
    if (!strcmp(varied->name, "sysctl")) {
        const char *equals = strchr(varied->text, '=');
        if (!equals || (size_t)(equals - varied->text) >= sizeof v->key)
            return error_set(err, EINVAL, "--sysctl '%.80s': want KEY=VALUES, such as net.ipv4.tcp_syncookies=0,1", varied->text);
        memcpy(v->key, varied->text, (size_t)(equals - varied->text));
        values = equals + 1;
    }
    snprintf(v->axis.name, sizeof v->axis.name, "%s", *v->key ? v->key : v->name);
    if (axis_spread(values, &v->axis, &why))
        return error_set(err, why.code, "--%s '%.80s': %s", varied->name, varied->text, why.text);
    return 0;
}

/* Sets one of its values; a sysctl's text lives in s->sysctls. */
static int apply(struct sweeping *s, size_t n, size_t value, struct settings *settings, struct error *err)
{
    const struct varying *v = &s->varying[n];
    const char *text = v->axis.values[value];
    if (*v->key) {
        snprintf(s->sysctls[n], sizeof s->sysctls[n], "%s=%s", v->key, text);
        text = s->sysctls[n];
    }
    return options_set(&command_run, v->name, text, settings, err);
}

/* Every value is tried on before anything runs. */
static int check_values(struct sweeping *s, struct error *err)
{
    for (size_t n = 0; n < s->varying_count; n++)
        for (size_t i = 0; i < s->varying[n].axis.count; i++) {
            struct settings settings = *s->settings;
            int status = apply(s, n, i, &settings, err);
            if (status)
                return status;
        }
    return 0;
}

static int choose_axes(struct sweeping *s, struct error *err)
{
    struct sweep *sweep = &s->sweep;
    for (size_t n = 0; n < s->varying_count; n++) {
        if (s->varying[n].axis.count < 2)
            continue;
        if (sweep->axis_count == AXES_MAX)
            return error_set(err, EINVAL, "--%s: two options vary already: give this one a single value", s->varying[n].name);
        s->axes[sweep->axis_count] = n;
        sweep->axes[sweep->axis_count++] = s->varying[n].axis;
    }
    if (!sweep->axis_count)
        return error_set(err, EINVAL,
                         "nothing varies: give --backlog, --count, --accept-delay, --rate or --sysctl several values, "
                         "such as --backlog 0..64");
    sweep->cells = sweep->axes[0].count * (sweep->axis_count > 1 ? sweep->axes[1].count : 1);
    if (sweep->cells * sweep->repeat > RUNS_MAX)
        return error_set(err, EINVAL, "that makes %zu runs: want at most %d", sweep->cells * sweep->repeat, RUNS_MAX);
    return 0;
}

/* Whether it says something of every run, and not of the series or its report. */
static bool is_fixed(const struct sweeping *s, const char *name, const char *text)
{
    static const struct option_group *const others[] = {&options_sweep, &options_output, &options_checks};
    for (size_t a = 0; a < s->sweep.axis_count; a++) {
        const char *axis = s->sweep.axes[a].name;
        size_t length = strlen(axis);
        bool sysctl = text && !strncmp(text, axis, length) && text[length] == '='; /* has that name */
        if (sysctl || !strcmp(axis, name))
            return false;
    }
    for (size_t g = 0; g < sizeof others / sizeof *others; g++)
        for (const struct option_spec *spec = others[g]->options; spec->name; spec++)
            if (!strcmp(spec->name, name))
                return false;
    return true;
}

static void note_fixed(struct sweeping *s)
{
    char *out = s->sweep.fixed;
    size_t used = 0;
    for (size_t i = 0; i < s->settings->said_count && used < SWEEP_FIXED_SIZE; i++) {
        const char *name = s->settings->said[i].name, *text = s->settings->said[i].text;
        if (is_fixed(s, name, text))
            used += (size_t)snprintf(out + used, SWEEP_FIXED_SIZE - used, "%s--%s%s%s", used ? " " : "", name, text ? " " : "",
                                     text ? text : "");
    }
}

static int prepare(struct sweeping *s, struct error *err)
{
    const struct sweep_settings *plan = &s->settings->sweep;
    s->sweep.repeat = plan->repeat;
    s->sysctls = calloc(VARIED_MAX, sizeof *s->sysctls);
    if (!s->sysctls)
        return error_set(err, ENOMEM, "no memory");
    int status = 0;
    for (size_t i = 0; i < plan->varied_count && !status; i++)
        status = spread(s, &plan->varied[i], err);
    if (!status)
        status = check_values(s, err);
    if (!status)
        status = choose_axes(s, err);
    if (!status)
        note_fixed(s);
    return status;
}

/* ---- The runs ---- */

static void plan_cell(void *context, size_t cell, struct experiment_plan *plan)
{
    struct sweeping *s = context;
    size_t inner = s->sweep.axis_count > 1 ? s->sweep.axes[1].count : 1;
    struct settings settings = *s->settings;
    settings.json = false;
    settings.svg = settings.html = NULL;
    for (size_t n = 0; n < s->varying_count; n++) {
        size_t value = 0;
        if (n == s->axes[0])
            value = cell / inner;
        else if (s->sweep.axis_count > 1 && n == s->axes[1])
            value = cell % inner;
        apply(s, n, value, &settings, NULL); /* was tried before */
    }
    *plan = s->plan;
    plan_options(plan, &settings);
}

static int run_all(struct sweeping *s, struct error *err)
{
    const struct sweep_plan plan = {.cell = plan_cell, .context = s, .jobs = s->settings->sweep.jobs};
    struct trials_line line;
    s->plan.lab = true;
    int status = plan_addresses(&s->plan, s->settings, err);
    if (status)
        return status;
    status = series_sweep(&s->sweep, &plan, trials_line_begin(&line), err);
    trials_line_end(&line);
    return status;
}

/* ---- The report ---- */

static int draw(FILE *out, void *context)
{
    report_sweep_svg(out, context);
    return 0;
}

static int write_page(FILE *out, void *context)
{
    const struct sweeping *s = context;
    return report_sweep_html(out, &s->sweep, &s->settings->expect, s->settings->line);
}

static void say_failed(const struct sweeping *s)
{
    const struct sweep *sweep = &s->sweep;
    for (size_t i = 0; i < sweep->cells * sweep->repeat; i++)
        if (sweep->trials[i].done && sweep->trials[i].error) {
            say(s->command, "%zu of %zu runs could not be done; the first: %s", sweep->failed, sweep->done, sweep->trials[i].why);
            return;
        }
}

static int report(struct sweeping *s)
{
    const struct settings *settings = s->settings;
    struct report_style style = output_style(settings);
    struct error err = {0};
    int status = 0;
    if (settings->json)
        status = report_sweep_json(stdout, &s->sweep);
    else if (settings->sweep.csv)
        report_sweep_csv(stdout, &s->sweep);
    else if (!settings->quiet)
        status = report_sweep_text(stdout, &s->sweep, &style);
    status = output_report(s->command, status);
    if (status)
        return status;
    if (settings->svg && output_file("--svg", settings->svg, draw, &s->sweep, &err))
        return say_error(s->command, &err);
    if (settings->html && output_file("--html", settings->html, write_page, s, &err))
        return say_error(s->command, &err);
    if (s->sweep.failed)
        say_failed(s);
    if (s->sweep.signal)
        return EXIT_SIGNAL + s->sweep.signal;
    return s->sweep.failed ? EXIT_CANNOT : output_status(s->sweep.outcome);
}

static int sweep_run(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    struct sweeping s = {.command = command, .settings = settings};
    int exit_status = EXIT_DONE;
    if (prepare(&s, &err))
        exit_status = say_refusal(command, &err);
    else if (output_file_check("--svg", settings->svg, &err) || output_file_check("--html", settings->html, &err) ||
             run_all(&s, &err))
        exit_status = say_error(command, &err);
    else
        exit_status = report(&s);
    for (size_t n = 0; n < s.varying_count; n++)
        free(s.varying[n].axis.values);
    free(s.sysctls);
    sweep_release(&s.sweep);
    return exit_status;
}

const struct command command_sweep = {
    .name = "sweep",
    .summary = "Repeat 'run' over ranges and show how the outcome depends on them",
    .rights = RIGHTS_BURST | RIGHTS_SEE,
    .run = sweep_run,
    .own_server = &options_server,
    .groups = {&options_vary, &options_sweep, &options_server, &options_probe, &options_lab, &options_start, &options_target,
               &options_socket, &options_output},
};

/* Reading what the program reported, and asking the system's own tools for a second opinion. */
#include "report.h"

#include "suite.h"

#include "backlogctl/clock.h"
#include "backlogctl/vocabulary.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *at_path(const json_t *report, const char *path)
{
    char copy[128], *save = NULL;
    snprintf(copy, sizeof copy, "%s", path);
    const json_t *at = report;
    for (char *part = strtok_r(copy, ".", &save); part; part = strtok_r(NULL, ".", &save)) {
        at = json_object_get(at, part);
        ck_assert_msg(at != NULL, "no '%s' in the report", path);
    }
    return at;
}

long report_number(const json_t *report, const char *path)
{
    const json_t *value = at_path(report, path);
    ck_assert_msg(json_is_integer(value), "'%s' is no integer", path);
    return (long)json_integer_value(value);
}

const char *report_text(const json_t *report, const char *path)
{
    const json_t *value = at_path(report, path);
    ck_assert_msg(json_is_string(value), "'%s' is no string", path);
    return json_string_value(value);
}

long report_count(const json_t *report, const char *verdict)
{
    char path[64];
    snprintf(path, sizeof path, "counts.%s", verdict);
    return report_number(report, path);
}

/* A moment of a row; null is as late as can be. */
static json_int_t moment(const json_t *row, const char *name)
{
    const json_t *value = at_path(row, name);
    return json_is_null(value) ? INT64_MAX : json_integer_value(value);
}

static void check_promises(const json_t *report)
{
    ck_assert_str_eq(report_text(report, "schema"), "backlogctl.probe/2");
    size_t rows = json_array_size(json_object_get(report, "connections"));
    size_t sum = 0, index;
    for (size_t v = 0; v < VERDICT_COUNT; v++)
        sum += (size_t)report_count(report, verdict_name((enum verdict)v));
    ck_assert_uint_eq(sum, rows);
    json_t *row;
    json_array_foreach(json_object_get(report, "connections"), index, row)
    {
        ck_assert_int_eq(report_number(row, "id"), (long)index + 1);
        ck_assert_int_gt(report_count(report, report_text(row, "verdict")), 0);
        ck_assert_int_le(moment(row, "established_us"), moment(row, "accepted_us"));
        ck_assert(strcmp(report_text(row, "verdict"), "queued") != 0 || moment(row, "accepted_us") == INT64_MAX);
    }
}

static json_t *report_from(struct outcome *outcome, int status)
{
    ck_assert_msg(outcome->status == status, "status %d, stderr: %.600s\nstdout: %.1200s", outcome->status, outcome->err,
                  outcome->out);
    json_error_t error;
    json_t *report = json_loads(outcome->out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(report != NULL, "%s in: %.1500s", error.text, outcome->out);
    check_promises(report);
    outcome_free(outcome);
    return report;
}

json_t *report_of(const char *const argv[], const struct process_setup *setup, int status)
{
    struct outcome outcome = process_run(argv, setup);
    return report_from(&outcome, status);
}

static char *shell_of(const char *command)
{
    const char *argv[] = {"sh", "-c", command, NULL};
    struct outcome outcome = process_run(argv, NULL);
    ck_assert_msg(outcome.status == 0, "%.600s: status %d: %.800s", command, outcome.status, outcome.err);
    size_t length = strlen(outcome.out);
    if (length && outcome.out[length - 1] == '\n')
        outcome.out[length - 1] = '\0';
    char *out = outcome.out;
    outcome.out = NULL;
    outcome_free(&outcome);
    return out;
}

char *shell(const char *format, ...)
{
    char command[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return shell_of(command);
}

void await(const char *format, ...)
{
    char condition[1024], command[1152];
    va_list args;
    va_start(args, format);
    vsnprintf(condition, sizeof condition, format, args);
    va_end(args);
    snprintf(command, sizeof command, "until { %s; } >/dev/null; do sleep 0.02; done", condition);
    free(shell_of(command)); /* that has an end, after PATIENCE */
}

#define ARGS_MAX 24

static struct process serve_start_as(const struct process_setup *setup, const char *const args[], char **line)
{
    const char *argv[ARGS_MAX] = {BACKLOGCTL, "serve"};
    for (size_t i = 0; args[i]; i++) {
        ck_assert_uint_lt(i, ARGS_MAX - 3);
        argv[i + 2] = args[i];
    }
    struct process server = process_start(argv, setup);
    char *ready = process_line(&server, PATIENCE);
    ck_assert_msg(ready != NULL, "serve said nothing");
    if (line)
        *line = ready;
    else
        free(ready);
    return server;
}

struct process serve_start(const char *const args[], char **line)
{
    return serve_start_as(NULL, args, line);
}

static bool was_late(const struct outcome *outcome)
{
    return strstr(outcome->out, "The server accepted none of") ||
           (outcome->status && (!strstr(outcome->out, "\"lost\":0") || !strstr(outcome->out, "\"half_open\":0")));
}

json_t *report_at(struct process *server, const char *const serve_args[], const char *const argv[],
                  const struct process_setup *setup)
{
    for (nsec end = clock_now() + PATIENCE;;) {
        *server = serve_start_as(setup, serve_args, NULL);
        struct outcome outcome = process_run(argv, setup);
        if (!was_late(&outcome) || clock_now() > end)
            return report_from(&outcome, 0);
        outcome_free(&outcome);
        free(serve_stop(server));
    }
}

char *serve_stop(struct process *server)
{
    process_signal(server, SIGTERM);
    struct outcome outcome = process_finish(server, PATIENCE);
    ck_assert_int_eq(outcome.status, 128 + SIGTERM);
    char *out = outcome.out;
    outcome.out = NULL;
    outcome_free(&outcome);
    return out;
}

json_t *report_listener(const json_t *report, size_t n)
{
    json_t *one = json_array_get(json_object_get(report, "listeners"), n);
    ck_assert_msg(one != NULL, "no listener %zu", n);
    return one;
}

bool report_has_remark(const json_t *listener, const char *remark)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(listener, "remarks"), i, one) if (!strcmp(json_string_value(one), remark)) return true;
    return false;
}

long listen_overflows(void)
{
    char *text = shell("awk '/^TcpExt:/ {for (i = 1; i <= NF; i++) if (names[i] == \"ListenOverflows\") print $i; "
                       "split($0, names)}' /proc/thread-self/net/netstat");
    long value = strtol(text, NULL, 10);
    free(text);
    return value;
}

/* Expectations as tests, for the programs that count those: TAP (testanything.org, version 13) and JUnit's XML. */
#include "internal.h"
#include "markup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Why a value is not known. */
static const char *unknown(const struct checks *checks, const struct expectation *e)
{
    if (checks->survey && e->outcome == OUTCOME_FAILED)
        return checks->survey->count ? "AF_UNIX listeners have none" : "no listener was selected";
    if (checks->survey && !checks->survey->count)
        return "no listener was seen, and the list may be incomplete";
    if (checks->run && !checks->run->asked)
        return "the kernel could not be asked about the listener";
    if (checks->run)
        return e->outcome == OUTCOME_OPEN ? "the listener is not known" : "nobody listens there";
    return "it is not known";
}

const char *report_broken(const struct checks *checks, const struct expectation *e, char out[REPORT_BROKEN_SIZE])
{
    char seen[INTERVAL_TEXT_SIZE];
    interval_text(&(struct interval){e->seen_known, (uint64_t)e->seen, (uint64_t)e->seen_max}, seen);
    const char *open = e->outcome == OUTCOME_OPEN ? ", which cannot be decided: " : "";
    if (e->seen_known)
        snprintf(out, REPORT_BROKEN_SIZE, "expected %s%s%s%s", e->text, open, *open ? "it is " : ", seen ", seen);
    else
        snprintf(out, REPORT_BROKEN_SIZE, "expected %s%s%s%s", e->text, open, *open ? "" : ", but ", unknown(checks, e));
    return out;
}

/* Of which listener: the first that does not keep it. */
static const char *broken_by(const struct checks *checks, const struct expectation *e, char out[REPORT_PLACE_SIZE])
{
    bool known = checks->survey && e->broken && e->broken_by < checks->survey->count;
    return known ? report_place(&checks->survey->listeners[e->broken_by], out) : NULL;
}

/* ---- TAP ---- */

/* A JSON string is a YAML one. */
static void yaml_member(FILE *out, const char *name, const char *text)
{
    json_t *value = json_text(text);
    char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    fprintf(out, "  %s: %s\n", name, quoted ? quoted : "null");
    free(quoted);
    json_decref(value);
}

static void write_diagnosis(FILE *out, const struct checks *checks, const struct expectation *e)
{
    char text[REPORT_BROKEN_SIZE], place[REPORT_PLACE_SIZE], seen[INTERVAL_TEXT_SIZE];
    interval_text(&(struct interval){e->seen_known, (uint64_t)e->seen, (uint64_t)e->seen_max}, seen);
    fputs("  ---\n", out);
    yaml_member(out, "message", report_broken(checks, e, text));
    yaml_member(out, "severity", e->outcome == OUTCOME_OPEN ? "undecided" : "fail");
    yaml_member(out, "expected", e->text);
    yaml_member(out, "seen", e->seen_known ? seen : NULL);
    if (broken_by(checks, e, place))
        yaml_member(out, "listener", place);
    fputs("  ...\n", out);
}

void report_tap(FILE *out, const struct checks *checks)
{
    fputs("TAP version 13\n", out);
    if (checks->count) /* "1..0" would mean that all is skipped */
        fprintf(out, "1..%zu\n", checks->count);
    for (size_t i = 0; i < checks->count; i++) {
        const struct expectation *e = &checks->list[i];
        fprintf(out, "%s %zu - %s %s\n", e->outcome == OUTCOME_HELD ? "ok" : "not ok", i + 1, checks->command, e->text);
        if (e->outcome != OUTCOME_HELD)
            write_diagnosis(out, checks, e);
    }
    if (!checks->cannot)
        return;
    fputs("Bail out! ", out);
    terminal_put(out, checks->cannot);
    putc('\n', out);
}

/* ---- JUnit ---- */

static void write_case(FILE *out, const struct checks *checks, const char *name)
{
    fprintf(out, "<testcase classname=\"backlogctl.%s\" name=\"", checks->command);
    markup_attribute(out, name);
    fprintf(out, "\" time=\"%.6f\">", (double)checks->took / NSEC_PER_SEC);
}

static void write_problem(FILE *out, const char *element, const char *message, const char *place)
{
    fprintf(out, "\n<%s message=\"", element);
    markup_attribute(out, message);
    fputs("\">", out);
    markup_text(out, place ? place : message);
    fprintf(out, "</%s>\n", element);
}

static void write_counts_of(FILE *out, const struct checks *checks, const char *element)
{
    size_t of[OUTCOME_HELD + 1] = {0};
    for (size_t i = 0; i < checks->count; i++)
        of[checks->list[i].outcome]++;
    fprintf(out, "<%s name=\"backlogctl %s\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"%.6f\"", element,
            checks->command, checks->count + !!checks->cannot, of[OUTCOME_FAILED], of[OUTCOME_OPEN] + !!checks->cannot,
            (double)checks->took / NSEC_PER_SEC);
}

void report_junit(FILE *out, const struct checks *checks)
{
    char text[REPORT_BROKEN_SIZE], place[REPORT_PLACE_SIZE];
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", out);
    write_counts_of(out, checks, "testsuites");
    fputs(">\n", out);
    write_counts_of(out, checks, "testsuite");
    fputs(" skipped=\"0\"", out);
    if (checks->started_at)
        fprintf(out, " timestamp=\"%.19s\"", checks->started_at);
    fputs(">\n", out);
    for (size_t i = 0; i < checks->count; i++) {
        const struct expectation *e = &checks->list[i];
        write_case(out, checks, e->text);
        if (e->outcome != OUTCOME_HELD)
            write_problem(out, e->outcome == OUTCOME_OPEN ? "error" : "failure", report_broken(checks, e, text),
                          broken_by(checks, e, place));
        fputs("</testcase>\n", out);
    }
    if (checks->cannot) {
        write_case(out, checks, "done");
        write_problem(out, "error", checks->cannot, NULL);
        fputs("</testcase>\n", out);
    }
    fputs("</testsuite>\n</testsuites>\n", out);
}

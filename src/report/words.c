/* Words, colours and folding for the reports that people read. */
#include "internal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

const char *target_place(const struct target *target, char out[REPORT_PLACE_SIZE])
{
    char text[ENDPOINT_TEXT_SIZE];
    if (target->transport.path)
        snprintf(out, REPORT_PLACE_SIZE, "%s", target->transport.path);
    else
        snprintf(out, REPORT_PLACE_SIZE, "%s", endpoint_text(&target->address, text));
    return out;
}

const char *interval_text(const struct interval *interval, char out[INTERVAL_TEXT_SIZE])
{
    if (!interval->known)
        snprintf(out, INTERVAL_TEXT_SIZE, "unknown");
    else if (interval->min == interval->max)
        snprintf(out, INTERVAL_TEXT_SIZE, "%" PRIu64, interval->min);
    else if (interval->max >= (uint64_t)INT64_MAX)
        snprintf(out, INTERVAL_TEXT_SIZE, "%" PRIu64 " or more", interval->min);
    else
        snprintf(out, INTERVAL_TEXT_SIZE, "%" PRIu64 " to %" PRIu64, interval->min, interval->max);
    return out;
}

void write_outcome(FILE *out, const struct report_style *style, const struct expectation *e)
{
    char seen[INTERVAL_TEXT_SIZE];
    interval_text(&(struct interval){e->seen_known, (uint64_t)e->seen, (uint64_t)e->seen_max}, seen);
    switch ((enum expectation_outcome)e->outcome) {
    case OUTCOME_HELD:
        write_colored(out, style, COLOR_GREEN, "ok");
        break;
    case OUTCOME_OPEN:
        fprintf(out, "it is %s, ", seen);
        write_colored(out, style, COLOR_YELLOW, "cannot be decided");
        break;
    case OUTCOME_FAILED:
        fprintf(out, "seen %s, ", seen);
        write_colored(out, style, COLOR_RED, "FAILED");
        break;
    }
}

int words_width(const struct report_style *style)
{
    return style->columns > 0 ? style->columns : 80;
}

const char *verdict_color(enum verdict v)
{
    static const char *const colors[] = {
        [HUE_GOOD] = COLOR_GREEN, [HUE_WAITING] = COLOR_YELLOW, [HUE_GHOST] = COLOR_MAGENTA,
        [HUE_BAD] = COLOR_RED,    [HUE_OURS] = COLOR_BLUE,      [HUE_OPEN] = COLOR_CYAN,
    };
    return colors[verdict_traits(v)->hue];
}

void write_colored(FILE *out, const struct report_style *style, const char *color, const char *word)
{
    if (style->color)
        fprintf(out, "%s%s" COLOR_NONE, color, word);
    else
        fputs(word, out);
}

void write_counts(FILE *out, const uint64_t counts[VERDICT_COUNT], const struct report_style *style)
{
    const char *before = "";
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        if (counts[v]) {
            fprintf(out, "%s%" PRIu64 " ", before, counts[v]);
            write_colored(out, style, verdict_color(v), verdict_name(v));
            before = ", ";
        }
    if (!*before)
        fputs("none", out);
}

static void write_stalls(FILE *out, const struct server_settings *settings)
{
    char stall[NSEC_TEXT_SIZE], every[NSEC_TEXT_SIZE];
    if (settings->stall)
        fprintf(out, ", stalls for %s", nsec_text(settings->stall, stall));
    if (settings->stall && settings->stall_every)
        fprintf(out, " every %s", nsec_text(settings->stall_every, every));
}

void write_accept_plan(FILE *out, const struct server_settings *settings)
{
    char delay[NSEC_TEXT_SIZE];
    nsec_text(settings->accept_delay, delay);
    if (!settings->accept_count)
        fputs("never accepts", out);
    else if (settings->accept_count < 0 && settings->accept_delay <= 0)
        fputs("accepts at once", out);
    else if (settings->accept_count < 0)
        fprintf(out, "accepts each after %s", delay);
    else if (settings->accept_delay <= 0)
        fprintf(out, "accepts %" PRId64 ", then none", settings->accept_count);
    else
        fprintf(out, "accepts %" PRId64 "%s after %s, then none", settings->accept_count,
                settings->accept_count == 1 ? "" : ", each", delay);
    write_stalls(out, settings);
}

const char *errno_text(int code, char out[ERRNO_TEXT_SIZE])
{
    const char *name = strerrorname_np(code);
    if (name)
        return name;
    snprintf(out, ERRNO_TEXT_SIZE, "errno %d", code);
    return out;
}

const char *signal_text(int signal, char out[SIGNAL_TEXT_SIZE])
{
    const char *name = sigabbrev_np(signal);
    if (name)
        snprintf(out, SIGNAL_TEXT_SIZE, "SIG%.18s", name);
    else
        snprintf(out, SIGNAL_TEXT_SIZE, "signal %d", signal);
    return out;
}

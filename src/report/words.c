/* Words, colours and folding for the reports that people read. */
#include "internal.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

const char *printable(const char *text, char *out, size_t size)
{
    size_t used = 0;
    for (; text[used] && used + 1 < size; used++)
        out[used] = text[used] >= ' ' && text[used] <= '~' ? text[used] : '?';
    out[used] = '\0';
    return out;
}

const char *listener_name(const struct listener *l, char out[UNIX_NAME_SIZE])
{
    for (size_t i = 0; i < l->path_length; i++)
        out[i] = (char)(l->path[i] >= ' ' && l->path[i] <= '~' ? l->path[i] : '?');
    out[l->path_length] = '\0';
    return out;
}

const char *target_place(const struct target *target, char out[REPORT_PLACE_SIZE])
{
    char text[ENDPOINT_TEXT_SIZE];
    if (target->transport.path)
        return printable(target->transport.path, out, REPORT_PLACE_SIZE);
    snprintf(out, REPORT_PLACE_SIZE, "%s", endpoint_text(&target->address, text));
    return out;
}

void write_folded(FILE *out, const char *text, int columns, int indent)
{
    int at = 0;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (at && columns > 0 && at + 1 + length > columns) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        } else if (at) {
            putc(' ', out);
            at++;
        }
        fwrite(text, 1, (size_t)length, out);
        at += length;
        text += length;
        text += strspn(text, " ");
    }
    putc('\n', out);
}

int words_width(const struct report_style *style)
{
    return style->columns > 0 ? style->columns : 80;
}

const char *verdict_color(enum verdict v)
{
    switch (v) {
    case VERDICT_CONNECTED:
        return COLOR_GREEN;
    case VERDICT_QUEUED:
    case VERDICT_HALF_OPEN:
        return COLOR_YELLOW;
    case VERDICT_LOST:
        return COLOR_MAGENTA;
    case VERDICT_TIMED_OUT:
    case VERDICT_WOULD_BLOCK:
    case VERDICT_REFUSED:
    case VERDICT_RESET:
    case VERDICT_UNREACHABLE:
        return COLOR_RED;
    case VERDICT_LOCAL_ERROR:
        return COLOR_BLUE;
    case VERDICT_ESTABLISHED:
        return COLOR_CYAN;
    case VERDICT_COUNT:
        break;
    }
    return "";
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

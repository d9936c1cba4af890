/* One watched listener as a row of text; what batch output and the live view share. */
#include "watch_internal.h"

#include <inttypes.h>
#include <string.h>


/* Eighths of a character cell, from nothing to all of it. */
static const char *const bar_utf8[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
static const char *const spark_utf8[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char spark_ascii[] = " .:-=+*#@";

static size_t put(char *out, size_t used, const char *text)
{
    size_t length = strlen(text);
    if (used + length + 1 > WATCH_TEXT_SIZE)
        return used;
    memcpy(out + used, text, length + 1);
    return used + length;
}

/* "[####      ]", or with eighths where the terminal can. */
static size_t put_bar(char *out, size_t used, const struct listener *l, uint64_t width, bool utf8)
{
    uint64_t eighths = l->capacity ? l->queue * width * 8 / l->capacity : 0;
    if (l->queue && !eighths)
        eighths = 1;
    used = put(out, used, utf8 ? "" : "[");
    for (uint64_t cell = 0; cell < width; cell++) {
        uint64_t here = eighths > cell * 8 ? eighths - cell * 8 : 0;
        if (here > 8)
            here = 8;
        used = put(out, used, utf8 ? bar_utf8[here] : here >= 4 || (here && !cell) ? "#" : " ");
    }
    return put(out, used, utf8 ? "" : "]");
}

const char *watch_spark(const struct watched *one, uint32_t second, bool utf8, char out[WATCH_TEXT_SIZE])
{
    size_t used = put(out, 0, "");
    for (uint32_t back = WATCH_HISTORY; back-- > 0;) {
        char ascii[2] = " ";
        uint16_t share = 0;
        if (second >= back && second - back >= one->history_from && second - back < one->history_to)
            share = one->history[(second - back) % WATCH_HISTORY];
        size_t level = share ? 1 + (size_t)share * 7 / 1000 : 0;
        ascii[0] = spark_ascii[level];
        used = put(out, used, utf8 ? spark_utf8[level] : ascii);
    }
    return out;
}

static void cut(char *text, size_t width)
{
    if (strlen(text) > width) /* the end of an address tells more than its beginning */
        memmove(text, text + strlen(text) - width, width + 1);
}

static size_t address_width(int columns)
{
    return columns >= 110 ? 40 : columns >= 80 ? 21 : 15;
}

static int bar_width(int columns)
{
    return columns >= 110 ? 10 : 6;
}

void watch_header(char out[WATCH_TEXT_SIZE], int columns)
{
    snprintf(out, WATCH_TEXT_SIZE, "%-*s %-*s %5s %5s %5s %6s %7s %6s %s", (int)address_width(columns), "address",
             bar_width(columns) + 2, "full", "queue", "holds", "peak", "drops", "drops/s", "oldest", "process");
}

static const char *state_mark(const struct watched *one)
{
    return one->state == WATCH_GONE ? "GONE " : one->state == WATCH_APPEARED ? "NEW " : "";
}

void watch_row(const struct watched *one, int columns, bool utf8, char out[WATCH_TEXT_SIZE])
{
    const struct listener *l = &one->now;
    char place[REPORT_PLACE_SIZE], oldest[NSEC_TEXT_SIZE] = "-", drops[24] = "-", rate[24] = "-", process[48] = "-";
    size_t width = address_width(columns);
    report_place(l, place);
    cut(place, width);
    if (l->oldest_known && l->queue)
        nsec_text(l->oldest_ms * NSEC_PER_MSEC, oldest);
    if (l->drops_known) {
        snprintf(drops, sizeof drops, "%" PRIu64, l->drops);
        snprintf(rate, sizeof rate, "%.*f", one->drops_per_second && one->drops_per_second < 9.95, one->drops_per_second);
    }
    if (l->pid)
        snprintf(process, sizeof process, "%s/%d", l->process, (int)l->pid);
    size_t used = (size_t)snprintf(out, WATCH_TEXT_SIZE, "%-*s ", (int)width, place);
    used = put_bar(out, used, l, (uint64_t)bar_width(columns), utf8);
    snprintf(out + used, WATCH_TEXT_SIZE - used, "%s %5" PRIu64 " %5" PRIu64 " %5" PRIu64 " %6s %7s %6s %s%s", utf8 ? "  " : "", l->queue,
             l->capacity, one->peak, drops, rate, oldest, state_mark(one), process);
}

void watch_alert_text(const struct alert *alert, char out[WATCH_TEXT_SIZE])
{
    char place[REPORT_PLACE_SIZE] = "", span[NSEC_TEXT_SIZE];
    if (alert->e.measure != MEASURE_LISTENERS)
        report_place(&alert->by, place);
    snprintf(out, WATCH_TEXT_SIZE, "ALERT %s: %s%s%" PRId64 ", at %s", alert->e.text, place, *place ? " has " : "seen ", alert->e.seen,
             nsec_text(alert->at, span));
}

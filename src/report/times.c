/* How a burst went out, and how long its connections took: pace, quantiles and histograms as text. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

/* ---- Pace ---- */

bool pace_tells(const struct run *run)
{
    return run->connection_count > 1 &&
           (run->probe.arrivals.rate || run->probe.arrivals.burst || run->pace.threads > 1 || run->pace.sources > 1);
}

/* Three significant digits, and never an exponent. */
static void write_rate(FILE *out, double rate)
{
    double unit = 1;
    while (rate / unit >= 999.5)
        unit *= 10;
    if (unit > 1)
        fprintf(out, "%.0f", unit * (double)(uint64_t)(rate / unit + 0.5));
    else
        fprintf(out, "%.3g", rate);
    fputs(" a second", out);
}

/* Of this share of the burst. */
static void write_asked(FILE *out, const struct arrivals *arrivals)
{
    if (arrivals->segment.of)
        fprintf(out, " (asked %.4g)", (double)arrivals->rate / arrivals->segment.of);
    else
        fprintf(out, " (asked %" PRIu32 ")", arrivals->rate);
}

void write_pace(FILE *out, const struct run *run)
{
    const struct pace *pace = &run->pace;
    const char *before = ": ";
    char span[NSEC_TEXT_SIZE];
    fprintf(out, "sent in %s", nsec_text(pace->took, span));
    if (pace->rate > 0) {
        fputs(before, out);
        write_rate(out, pace->rate);
        if (run->probe.arrivals.rate && !run->probe.arrivals.burst)
            write_asked(out, &run->probe.arrivals);
        before = ", ";
    }
    if (run->probe.arrivals.rate) {
        if (pace->worst_late > 0)
            fprintf(out, "%sat most %s late", before, nsec_text(pace->worst_late, span));
        else
            fprintf(out, "%snever late", before);
        before = ", ";
    }
    if (pace->threads > 1) {
        fprintf(out, "%s%" PRIu32 " threads %s", before, pace->threads,
                run->probe.threads > 1 ? "at the same time" : "one after the other");
        before = ", ";
    }
    if (pace->sources > 1)
        fprintf(out, "%s%" PRIu32 " source addresses", before, pace->sources);
}

void write_segment(FILE *out, const struct segment *segment)
{
    if (segment->of)
        fprintf(out, " (share %" PRIu32 " of %" PRIu32 " of %" PRIu32 ")", segment->index, segment->of, segment->whole);
}

void write_start_of(FILE *out, nsec wanted, const struct run_start *start)
{
    char stamp[CLOCK_STAMP_SIZE], span[NSEC_TEXT_SIZE];
    clock_stamp_wall(wanted, stamp);
    fprintf(out, "begun %s after %s by this host's clock, ", nsec_text(start->late, span), stamp);
    if (!start->clock.known)
        fputs("and nobody tells how good that is", out);
    else if (start->clock.synchronised)
        fprintf(out, "which is synchronised to within %s", nsec_text(start->clock.error, span));
    else
        fputs("which is not synchronised", out);
    if (start->clock_set)
        fprintf(out, "; it was set %" PRIu32 " time%s meanwhile", start->clock_set, plural(start->clock_set));
}

void write_start(FILE *out, const struct run *run)
{
    write_start_of(out, run->probe.start_at, &run->start);
}

/* ---- Histogram ---- */

#define LINES_MAX 10
#define WIDTH_MAX 79
#define LABEL_SIZE (2 * NSEC_TEXT_SIZE + 4)

/* One line: neighbouring buckets taken together, or, with a count of 0, a gap. */
struct bar {
    char label[LABEL_SIZE];
    uint64_t count;
};

struct histogram {
    struct bar bars[SPREAD_BUCKETS];
    size_t lines;
    int label_width, count_width;
    uint64_t highest;
};

static void bar_label(size_t from, size_t below, char out[LABEL_SIZE])
{
    char low[NSEC_TEXT_SIZE], high[NSEC_TEXT_SIZE];
    nsec_text(bucket_from(from), low);
    nsec_text(bucket_from(below), high);
    if (!from)
        snprintf(out, LABEL_SIZE, "<%s", high);
    else if (below >= SPREAD_BUCKETS)
        snprintf(out, LABEL_SIZE, ">=%s", low);
    else
        snprintf(out, LABEL_SIZE, "%s..%s", low, high);
}

static uint64_t sum_of(const struct spread *spread, size_t from, size_t below)
{
    uint64_t sum = 0;
    for (size_t i = from; i < below && i < SPREAD_BUCKETS; i++)
        sum += spread->buckets[i];
    return sum;
}

/* `merge` buckets a line. Empty ones before the first and behind the last are left out, others become one
 * gap. */
static void histogram_fill(struct histogram *h, const struct spread *spread, size_t merge)
{
    bool gap = false;
    *h = (struct histogram){0};
    for (size_t from = 0; from < SPREAD_BUCKETS; from += merge) {
        uint64_t count = sum_of(spread, from, from + merge);
        if (!count) {
            gap = h->lines > 0;
            continue;
        }
        if (gap)
            strcpy(h->bars[h->lines++].label, "...");
        gap = false;
        struct bar *bar = &h->bars[h->lines++];
        bar->count = count;
        bar_label(from, from + merge, bar->label);
        int label_width = (int)strlen(bar->label);
        h->label_width = label_width > h->label_width ? label_width : h->label_width;
        h->highest = count > h->highest ? count : h->highest;
    }
    h->count_width = snprintf(NULL, 0, "%" PRIu64, h->highest);
}

static void write_bar(FILE *out, const struct histogram *h, const struct bar *bar, int room)
{
    fprintf(out, "  %*s", h->label_width, bar->label);
    if (bar->count) {
        int length = (int)((double)room * (double)bar->count / (double)h->highest + 0.5);
        fprintf(out, "  %*" PRIu64 "  #", h->count_width, bar->count); /* what occurred at all is seen */
        while (--length > 0)
            putc('#', out);
    }
    putc('\n', out);
}

static void write_histogram(FILE *out, const struct spread *spread, int columns)
{
    struct histogram h;
    size_t merge = 1;
    histogram_fill(&h, spread, merge);
    while (h.lines > LINES_MAX)
        histogram_fill(&h, spread, ++merge);
    int width = columns < WIDTH_MAX ? columns : WIDTH_MAX;
    int room = width - h.label_width - h.count_width - 6; /* blanks: 2 before each of the three */
    for (size_t i = 0; i < h.lines; i++)
        write_bar(out, &h, &h.bars[i], room);
}

/* ---- Times ---- */

static void write_spread(FILE *out, const char *what, const struct spread *spread, int columns)
{
    const struct {
        const char *name;
        nsec value;
    } parts[] = {{"min", spread->min}, {"p50", spread->p50}, {"p90", spread->p90}, {"p99", spread->p99}, {"max", spread->max}};
    char line[256], span[NSEC_TEXT_SIZE];
    if (!spread->samples)
        return;
    int used = snprintf(line, sizeof line, "time to %s:", what);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].value != NSEC_NEVER)
            used += snprintf(line + used, sizeof line - (size_t)used, "%s %s %s", i ? "," : "", parts[i].name,
                             nsec_text(parts[i].value, span));
    write_folded(out, line, columns, 2);
    write_histogram(out, spread, columns);
}

void write_times(FILE *out, const struct run *run, const struct report_style *style)
{
    /* Where each connection has a row of its own, the rows say it all. */
    if (run->connection_count <= ROWS_MAX && !run->probe.summary)
        return;
    write_spread(out, "established", &run->to_established, words_width(style));
    write_spread(out, run->has_server ? "accepted" : "accepted (as seen)", &run->to_accepted, words_width(style));
}

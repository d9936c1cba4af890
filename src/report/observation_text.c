/* What was observed, in a few lines. */
#include "internal.h"

#include <inttypes.h>

static void write_line(FILE *out, void (*write)(FILE *, const struct observation *, size_t), const struct observation *o,
                       size_t i, const struct report_style *style)
{
    struct fold fold;
    write(fold_begin(&fold, out, words_width(style), 2), o, i);
    fold_end(&fold);
}

static void write_listener(FILE *out, const struct observation *o, size_t i)
{
    const struct observed_listener *l = &o->listeners[i];
    char place[REPORT_PLACE_SIZE], overflows[INTERVAL_TEXT_SIZE];
    fputs(report_place(&l->facts, place), out);
    if (l->facts.group > 1)
        fprintf(out, " (%" PRIu32 " of %" PRIu32 ")", l->facts.member, l->facts.group);
    if (l->facts.pid)
        fprintf(out, " (%s/%d)", l->facts.process, (int)l->facts.pid);
    fprintf(out, ": queue %" PRIu64 " of %" PRIu64 " at the end, at most %" PRIu64 " seen", l->facts.queue, l->facts.capacity,
            l->peak);
    if (l->facts.discarded_known)
        fprintf(out, "; discarded %" PRIu64 " packet%s, of those %s dropped on the full queue", l->discarded,
                plural(l->discarded), interval_text(&l->facts.overflows, overflows));
    if (l->gone)
        fputs("; it has GONE", out);
}

static void write_count(FILE *out, uint64_t count, const char *word, bool *any)
{
    if (!count)
        return;
    fprintf(out, "%s%" PRIu64 " %s", *any ? ", " : "", count, word);
    *any = true;
}

static void write_states(FILE *out, const struct observation *o, size_t i)
{
    (void)i;
    bool any = false;
    fputs("connections: ", out);
    write_count(out, o->counts[OBSERVED_HALF_OPEN], "half-open", &any);
    write_count(out, o->counts[OBSERVED_QUEUED], "queued", &any);
    write_count(out, o->counts[OBSERVED_ACCEPTED], "accepted and open", &any);
    write_count(out, o->counts[OBSERVED_CLOSED] - o->unaccepted, "accepted and closed", &any);
    write_count(out, o->unaccepted, "closed, and not known to have been accepted", &any);
    write_count(out, o->counts[OBSERVED_EXPIRED], "half-open requests that expired", &any);
    fputs(any ? "" : "none", out);
}

static void write_evidence(FILE *out, const struct observation *o, size_t i)
{
    char span[NSEC_TEXT_SIZE];
    (void)i;
    fprintf(out,
            "evidence: %" PRIu64 " looks at the kernel's list of sockets in %s, and its reports of sockets that it destroyed",
            o->looks, nsec_text(o->elapsed, span));
    if (o->settings.start_at) {
        fputs("; ", out);
        write_start_of(out, o->settings.start_at, &o->start);
    }
}

static void write_incomplete(FILE *out, const struct observation *o, size_t i)
{
    (void)i;
    if (*o->incomplete)
        fprintf(out, "not complete: %s", o->incomplete);
    else
        fputs("complete: no other connection was made here from the first look to the last, nor waited at the first; those that "
              "had been accepted before it are not among them",
              out);
}

void report_observation_text(FILE *out, const struct observation *o, const struct report_style *style)
{
    for (size_t i = 0; i < o->listener_count; i++)
        write_line(out, write_listener, o, i, style);
    write_line(out, write_states, o, 0, style);
    write_line(out, write_evidence, o, 0, style);
    write_line(out, write_incomplete, o, 0, style);
}

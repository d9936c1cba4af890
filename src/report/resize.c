/* Results for listeners whose backlog was to change. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>

/* What listen(2) makes of a number: negative ones are huge, and the sysctl clamps (net/socket.c, __sys_listen). */
static uint64_t effective(int32_t asked, int64_t somaxconn)
{
    uint32_t wanted = (uint32_t)asked;
    return somaxconn >= 0 && wanted > somaxconn ? (uint64_t)somaxconn : wanted;
}

static bool clamped(const struct resizing *r)
{
    return effective(r->asked, r->somaxconn) != (uint32_t)r->asked;
}

static void write_one(FILE *out, const struct resizing *r, const struct resized *one)
{
    char place[REPORT_PLACE_SIZE];
    fprintf(out, "%s ", report_place(&one->before, place));
    if (one->before.pid)
        fprintf(out, "(%s/%d) ", one->before.process, (int)one->before.pid);
    if (one->before.group > 1)
        fprintf(out, "member %" PRIu32 " of %" PRIu32 " ", one->before.member, one->before.group);
    fprintf(out, "backlog %" PRIu64, one->before.backlog);
    if (*one->error) {
        fprintf(out, ": not changed: %s", one->error);
        return;
    }
    if (r->dry_run)
        fprintf(out, " would become %" PRIu64, effective(r->asked, r->somaxconn));
    else if (one->after.known)
        fprintf(out, " -> %" PRIu64, one->after.backlog);
    else
        fputs(" changed, but the listener was not seen again", out);
    if (clamped(r))
        fprintf(out, " (asked %" PRId32 ", clamped by net.core.somaxconn=%" PRId64 ")", r->asked, r->somaxconn);
    if (!r->dry_run && one->after.known)
        fprintf(out, ", holds %" PRIu64 ", queue %" PRIu64, one->after.capacity, one->after.queue);
    if (one->after.known && one->after.queue > one->after.capacity)
        fputs("; those that wait stay, but nobody joins them until they are fewer", out);
}

/* Clients that wait because nobody accepts wait in a longer queue as well. */
static void write_no_help(FILE *out, const struct resizing *r, const struct resized *one, const struct report_style *style)
{
    char place[REPORT_PLACE_SIZE];
    struct fold fold;
    size_t count;
    const struct listener *l = &one->before;
    const struct socket_holder *holders = survey_holders(r->survey, l, &count);
    if (l->queue > l->capacity) {
        fprintf(fold_begin(&fold, out, words_width(style), 2),
                "%s had more in its queue than its backlog allows: the server, or somebody, lowered it while clients waited, as "
                "memcached does at its connection limit. Look at that limit: the server sets its backlog again by itself.",
                report_place(l, place));
        fold_end(&fold);
    }
    if (l->shrank || (!(l->causes & ~HOLDER_CAUSES_SLOW) && !(l->remarks >> REMARK_NOT_ACCEPTING & 1)))
        return;
    FILE *folded = fold_begin(&fold, out, words_width(style), 2);
    fprintf(folded, "It will not help clients of %s as long as nobody accepts them, and they wait now: ", report_place(l, place));
    write_holder_causes(folded, l, holders, count);
    fold_end(&fold);
}

static void write_folded_line(FILE *out, const char *text, const struct report_style *style)
{
    write_folded(out, text, words_width(style), 2);
}

void report_resize_text(FILE *out, const struct resizing *r, const struct report_style *style)
{
    size_t changed = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct fold fold;
        write_one(fold_begin(&fold, out, words_width(style), 2), r, &r->list[i]);
        fold_end(&fold);
        write_no_help(out, r, &r->list[i], style);
        changed += r->list[i].changed;
    }
    if (!changed)
        return;
    write_folded_line(
        out, "This acts at once and lasts until the server calls listen() again or restarts: change its own setting too.", style);
    if (clamped(r))
        write_folded_line(out, "For more, raise net.core.somaxconn first, then resize again: it is read when listen() is called.",
                          style);
    /* All that were meant are of one kind: a port and a path exclude each other. */
    if (!has_handshake((enum socket_kind)r->list[0].before.kind))
        write_folded_line(
            out,
            "New clients now get this command's process and user as their peer's credentials (SO_PEERCRED), until the "
            "server calls listen() itself.",
            style);
    else
        write_folded_line(out,
                          "Clients whose SYN was dropped come back when their own timer fires (1s, 2s, ... after the first), not "
                          "before.",
                          style);
}

int report_resize_json(FILE *out, const struct resizing *r)
{
    json_t *list = json_array();
    bool ok = true;
    for (size_t i = 0; i < r->count; i++) {
        const struct resized *one = &r->list[i];
        ok = ok && !*one->error;
        json_add(&list,
                 json_pack("{s:o, s:o, s:b, s:o, s:o}", "before", json_listener(&one->before), "after",
                           one->after.known ? json_listener(&one->after) : json_null(), "changed", (int)one->changed, "error",
                           *one->error ? json_text(one->error) : json_null(), "causes", json_holder_causes(one->before.causes)));
    }
    return write_json_line(out, json_pack("{s:s, s:s, s:i, s:b, s:o, s:I, s:b, s:o, s:b}", "schema", "backlogctl.resize/2",
                                          "version", BACKLOGCTL_VERSION, "asked", (int)r->asked, "dry_run", (int)r->dry_run,
                                          "somaxconn", json_known(r->somaxconn >= 0, (uint64_t)r->somaxconn), "effective",
                                          (json_int_t)effective(r->asked, r->somaxconn), "clamped", (int)clamped(r), "listeners",
                                          list, "ok", (int)ok));
}

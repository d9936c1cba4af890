/* A run made by hand, and catching what the reports write of it. */
#include "sample_run.h"

#include "suite.h"

#include <errno.h>
#include <string.h>

struct attempt *sample_attempts[2];
struct run sample;

struct endpoint sample_ipv4(uint16_t port)
{
    return (struct endpoint){.family = AF_INET, .port = port, .bytes = {127, 0, 0, 1}};
}

static struct endpoint ipv6(uint16_t port)
{
    return (struct endpoint){.family = AF_INET6, .port = port, .bytes = {[15] = 1}};
}

struct listener sample_listener(uint64_t backlog, uint64_t queue, uint64_t drops)
{
    return (struct listener){.known = true,
                             .local = sample_ipv4(SAMPLE_PORT),
                             .members = 1,
                             .cookie = 7,
                             .backlog = backlog,
                             .capacity = backlog + 1,
                             .queue = queue,
                             .discarded = drops,
                             .discarded_known = true};
}

/* A local target on 127.0.0.1 without a listener, and nothing attempted yet. */
void sample_begin(void)
{
    for (size_t t = 0; t < COUNT(sample_attempts); t++) {
        free(sample_attempts[t]);
        sample_attempts[t] = calloc(SAMPLE_MANY, sizeof *sample_attempts[t]);
        ck_assert_ptr_nonnull(sample_attempts[t]);
    }
    sample = (struct run){.command = "probe",
                          .host = "127.0.0.1",
                          .kernel = "6.18.0",
                          .started_at = "2026-01-31T12:00:00.000000Z",
                          .probe = {.arrivals.count = 10, .timeout = 2 * NSEC_PER_SEC},
                          .somaxconn = 4096,
                          .sysctls = {.syncookies = 1},
                          .syn_times_s = {1, 2, 3, 4, 5, 7, 11, 19},
                          .syn_time_count = 8,
                          .gives_up_s = 131,
                          .asked = true,
                          .target_count = 1,
                          .elapsed = 2 * NSEC_PER_SEC,
                          .counters = {.known = true},
                          .outcome = OUTCOME_HELD};
    sample.targets[0] =
        (struct target){.address = sample_ipv4(SAMPLE_PORT), .local = true, .looked = true, .attempts = sample_attempts[0]};
    sample.targets[1] =
        (struct target){.address = ipv6(SAMPLE_PORT), .local = true, .looked = true, .attempts = sample_attempts[1]};
}

void sample_with_listener(uint64_t backlog, uint64_t queue, uint64_t drops)
{
    sample.targets[0].before = sample_listener(backlog, 0, 0);
    sample.targets[0].after = sample_listener(backlog, queue, drops);
    sample.targets[0].discarded_known = sample.discarded_known = true;
    sample.targets[0].discarded = sample.discarded = drops;
    sample.targets[0].overflows = sample.overflows = (struct interval){true, drops, drops};
}

void sample_forget_drops(void)
{
    sample.targets[0].discarded_known = sample.discarded_known = false;
    sample.targets[0].discarded = sample.discarded = 0;
    sample.targets[0].overflows = sample.overflows = (struct interval){0};
}

struct attempt *sample_attempt(size_t t, uint32_t id, enum verdict verdict, enum reason reason, enum evidence evidence)
{
    struct target *target = &sample.targets[t];
    struct attempt *a = &target->attempts[target->attempt_count++];
    *a = (struct attempt){.id = id,
                          .established = NSEC_NEVER,
                          .accepted = NSEC_NEVER,
                          .age_ms = -1,
                          .verdict = (uint8_t)verdict,
                          .reason = (uint8_t)reason,
                          .evidence = (uint8_t)evidence};
    struct endpoint source = sample_ipv4((uint16_t)(40000 + id % 20000));
    attempt_set_source(target, a, &source);
    return a;
}

/* An attempt that decides its connection. */
struct attempt *sample_decide(uint32_t id, enum verdict verdict, enum reason reason, enum evidence evidence)
{
    struct attempt *a = sample_attempt(0, id, verdict, reason, evidence);
    a->decides = true;
    sample.counts[verdict]++;
    sample.connection_count = id;
    return a;
}

/* backlog 2, one accepted: the experiment of the manual. */
void sample_full_queue(uint32_t count)
{
    sample_begin();
    sample_with_listener(2, 3, 2 * (count - 4));
    sample.probe.arrivals.count = count;
    sample.counters.value[COUNTER_LISTEN_OVERFLOWS] = sample.counters.value[COUNTER_LISTEN_DROPS] = 2 * (count - 4);
    struct attempt *a = sample_decide(1, VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
    a->established = 48 * NSEC_PER_USEC;
    a->accepted = 1120 * NSEC_PER_USEC;
    for (uint32_t id = 2; id <= 4; id++) {
        a = sample_decide(id, VERDICT_QUEUED, REASON_NONE, EVIDENCE_PEER_SOCKET);
        a->established = (50 + id) * NSEC_PER_USEC;
        a->age_ms = 2000;
    }
    for (uint32_t id = 5; id <= count; id++)
        sample_decide(id, VERDICT_TIMED_OUT, REASON_QUEUE_FULL, EVIDENCE_DEADLINE)->syn_retransmits = 1;
}

void sample_ours(int32_t backlog)
{
    sample.command = "run";
    sample.has_server = sample.private_namespace = sample.alone = true;
    sample.server = (struct server_settings){.backlog = backlog, .accept_count = 1};
}

void sample_expect(const char *text, int64_t expected, bool known, int64_t seen)
{
    struct expectation *e = &sample.expectations[sample.expectation_count++];
    snprintf(e->text, sizeof e->text, "%s", text);
    e->expected = expected;
    e->seen_known = known;
    e->seen = seen;
    e->seen_max = seen;
    e->outcome = !known ? OUTCOME_OPEN : seen == expected ? OUTCOME_HELD : OUTCOME_FAILED;
    sample.outcome = outcome_worse(sample.outcome, (enum expectation_outcome)e->outcome);
}

/* The same burst at two addresses: refused at ::1, silent at 127.0.0.1, in the order given by the targets. */
void sample_two_targets(bool with_queue)
{
    sample_full_queue(6);
    sample.host = "localhost";
    sample.target_count = 2;
    for (uint32_t id = 5; id <= 6; id++)
        sample_attempt(1, id, VERDICT_REFUSED, REASON_NONE, EVIDENCE_SOCKET_ERROR)->error = ECONNREFUSED;
    if (!with_queue)
        for (size_t i = 4; i < 6; i++)
            sample_attempts[0][i].reason = REASON_NO_ANSWER;
}

void sample_times(void)
{
    sample.to_established = (struct spread){.samples = 69112,
                                            .min = 11 * NSEC_PER_USEC,
                                            .p50 = 14042,
                                            .p90 = 20 * NSEC_PER_USEC,
                                            .p99 = 31 * NSEC_PER_USEC,
                                            .max = 1020 * NSEC_PER_MSEC,
                                            .buckets = {[3] = 60000, [4] = 9000, [5] = 100, [19] = 12}};
    sample.to_accepted = (struct spread){.samples = 1,
                                         .min = 1120 * NSEC_PER_USEC,
                                         .p50 = 1120 * NSEC_PER_USEC,
                                         .p90 = 1120 * NSEC_PER_USEC,
                                         .p99 = 1120 * NSEC_PER_USEC,
                                         .max = 1120 * NSEC_PER_USEC,
                                         .buckets = {[10] = 1}};
    sample.pace =
        (struct pace){.took = 1430 * NSEC_PER_MSEC, .rate = 69930.0699300699, .worst_late = 312500, .threads = 1, .sources = 1};
}

/* ---- Catching what is written ---- */

static char *caught;
static size_t caught_size;

FILE *catch_begin(void)
{
    FILE *out = open_memstream(&caught, &caught_size);
    ck_assert_ptr_nonnull(out);
    return out;
}

char *catch_end(FILE *out)
{
    ck_assert_int_eq(ferror(out), 0);
    ck_assert_int_eq(fclose(out), 0);
    return caught;
}

json_t *json_parse(const char *text)
{
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(object != NULL, "line %d: %s", error.line, error.text);
    return object;
}

/* What every text report keeps to: the width, printable ASCII, no blanks at the end of a line. */
void assert_tidy(const char *text, size_t columns)
{
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        ck_assert_msg(line[length] == '\n', "no newline at the end");
        ck_assert_msg(length <= columns, "%zu columns: %.*s", length, (int)length, line);
        ck_assert_msg(!length || line[length - 1] != ' ', "blank at the end: '%.*s'", (int)length, line);
        for (size_t i = 0; i < length; i++)
            ck_assert_msg(line[i] >= ' ' && line[i] <= '~', "byte %d in: %.*s", line[i], (int)length, line);
        line += length + 1;
    }
}

void assert_utf8(const char *text)
{
    json_t *string = json_string(text);
    ck_assert_msg(string != NULL, "no UTF-8: '%s'", text);
    json_decref(string);
}

/* The next character of valid UTF-8. */
static unsigned take_character(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    int more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
    unsigned character = more ? *at & (0x3fu >> more) : *at;
    for (int i = 1; i <= more; i++)
        character = character << 6 | (at[i] & 0x3f);
    *text += more + 1;
    return character;
}

void assert_printable(const char *text, const char *but)
{
    assert_utf8(text);
    for (const char *at = text; *at;) {
        const char *here = at;
        unsigned character = take_character(&at);
        bool turns = (character >= 0x200b && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
                     (character >= 0x2060 && character <= 0x206f) || character == 0xfeff || character == 0x061c;
        bool control = character < ' ' || (character >= 0x7f && character < 0xa0);
        ck_assert_msg((!control && !turns) || (character < 0x80 && strchr(but, (int)character)), "character %x at '%s'",
                      character, here);
    }
}

void assert_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no '%s' in:\n%s", part, text);
}

void assert_lacks(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) == NULL, "'%s' in:\n%s", part, text);
}

char *text_of(const struct report_style *style)
{
    FILE *out = catch_begin();
    report_text_begin(out, &sample, style);
    report_text_end(out, &sample, style);
    return catch_end(out);
}

json_t *member(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    ck_assert_msg(value != NULL, "no member '%s'", name);
    return value;
}

void assert_text(json_t *object, const char *name, const char *text)
{
    if (text)
        ck_assert_str_eq(json_string_value(member(object, name)), text);
    else
        ck_assert_msg(json_is_null(member(object, name)), "'%s' is not null", name);
}

void assert_integer(json_t *object, const char *name, json_int_t value)
{
    ck_assert_msg(json_is_integer(member(object, name)), "'%s' is no integer", name);
    ck_assert_int_eq(json_integer_value(member(object, name)), value);
}

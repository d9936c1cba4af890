/* The report layer: a run made by hand goes in, text and JSON come out. */
#include "suite.h"

#include "backlogctl/report.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>

/* ---- Runs made by hand ---- */

#define PORT 60001
#define MANY 100000

static struct attempt *attempts[2]; /* room for MANY each; libcheck forks every test */
static struct run run;

static struct endpoint ipv4(uint16_t port)
{
    return (struct endpoint){.family = AF_INET, .port = port, .bytes = {127, 0, 0, 1}};
}

static struct endpoint ipv6(uint16_t port)
{
    return (struct endpoint){.family = AF_INET6, .port = port, .bytes = {[15] = 1}};
}

static struct listener listener_of(uint64_t backlog, uint64_t queue, uint64_t drops)
{
    return (struct listener){.known = true,
                             .local = ipv4(PORT),
                             .members = 1,
                             .cookie = 7,
                             .backlog = backlog,
                             .capacity = backlog + 1,
                             .queue = queue,
                             .drops = drops,
                             .drops_known = true};
}

/* A local target on 127.0.0.1 without a listener, and nothing attempted yet. */
static void begin(void)
{
    for (size_t t = 0; t < COUNT(attempts); t++) {
        free(attempts[t]);
        attempts[t] = calloc(MANY, sizeof *attempts[t]);
        ck_assert_ptr_nonnull(attempts[t]);
    }
    run = (struct run){.command = "probe",
                       .host = "127.0.0.1",
                       .kernel = "6.18.0",
                       .started_at = "2026-01-31T12:00:00.000Z",
                       .probe = {.count = 10, .timeout = 2 * NSEC_PER_SEC},
                       .somaxconn = 4096,
                       .target_count = 1,
                       .elapsed = 2 * NSEC_PER_SEC,
                       .counters = {.known = true},
                       .ok = true};
    run.targets[0] =
        (struct target){.address = ipv4(PORT), .local = true, .looked = true, .attempts = attempts[0]};
    run.targets[1] =
        (struct target){.address = ipv6(PORT), .local = true, .looked = true, .attempts = attempts[1]};
}

static void with_listener(uint64_t backlog, uint64_t queue, uint64_t drops)
{
    run.targets[0].before = listener_of(backlog, 0, 0);
    run.targets[0].after = listener_of(backlog, queue, drops);
    run.targets[0].drops_known = run.drops_known = true;
    run.targets[0].drops = run.drops = drops;
}

static void forget_drops(void)
{
    run.targets[0].drops_known = run.drops_known = false;
    run.targets[0].drops = run.drops = 0;
}

static struct attempt *attempt(size_t t, uint32_t id, enum verdict verdict, enum reason reason,
                               enum evidence evidence)
{
    struct target *target = &run.targets[t];
    struct attempt *a = &target->attempts[target->attempt_count++];
    *a = (struct attempt){.id = id,
                          .source = ipv4((uint16_t)(40000 + id % 20000)),
                          .established = NSEC_NEVER,
                          .accepted = NSEC_NEVER,
                          .failed = NSEC_NEVER,
                          .age_ms = -1,
                          .verdict = (uint8_t)verdict,
                          .reason = (uint8_t)reason,
                          .evidence = (uint8_t)evidence};
    return a;
}

/* An attempt that decides its connection. */
static struct attempt *decide(uint32_t id, enum verdict verdict, enum reason reason, enum evidence evidence)
{
    struct attempt *a = attempt(0, id, verdict, reason, evidence);
    a->decides = true;
    run.counts[verdict]++;
    run.connection_count = id;
    return a;
}

/* backlog 2, one accepted: the experiment of the manual. */
static void make_full_queue(uint32_t count)
{
    begin();
    with_listener(2, 3, 2 * (count - 4));
    run.probe.count = count;
    run.counters.value[COUNTER_LISTEN_OVERFLOWS] = run.counters.value[COUNTER_LISTEN_DROPS] = 2 * (count - 4);
    struct attempt *a = decide(1, VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
    a->established = 48 * NSEC_PER_USEC;
    a->accepted = 1120 * NSEC_PER_USEC;
    for (uint32_t id = 2; id <= 4; id++) {
        a = decide(id, VERDICT_QUEUED, REASON_NONE, EVIDENCE_PEER_SOCKET);
        a->established = (50 + id) * NSEC_PER_USEC;
        a->age_ms = 2000;
    }
    for (uint32_t id = 5; id <= count; id++)
        decide(id, VERDICT_TIMED_OUT, REASON_QUEUE_FULL, EVIDENCE_DEADLINE)->syn_retransmits = 1;
}

static void make_ours(int32_t backlog)
{
    run.command = "run";
    run.has_server = run.private_namespace = true;
    run.server = (struct server_settings){.backlog = backlog, .accept_count = 1};
}

static void expect(const char *text, int64_t expected, bool known, int64_t seen)
{
    struct expectation *e = &run.expectations[run.expectation_count++];
    snprintf(e->text, sizeof e->text, "%s", text);
    e->expected = expected;
    e->seen_known = known;
    e->seen = seen;
    e->ok = known && seen == expected;
    run.ok = run.ok && e->ok;
}

/* ---- Catching what is written ---- */

static char *caught;
static size_t caught_size;

static FILE *catch_begin(void)
{
    FILE *out = open_memstream(&caught, &caught_size);
    ck_assert_ptr_nonnull(out);
    return out;
}

static char *catch_end(FILE *out)
{
    ck_assert_int_eq(ferror(out), 0);
    ck_assert_int_eq(fclose(out), 0);
    return caught;
}

static char *text_of(const struct report_style *style)
{
    FILE *out = catch_begin();
    report_text_begin(out, &run, style);
    report_text_end(out, &run, style);
    return catch_end(out);
}

static json_t *json_parse(const char *text)
{
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(object != NULL, "line %d: %s", error.line, error.text);
    return object;
}

static json_t *json_of(void)
{
    FILE *out = catch_begin();
    report_json_begin(out, &run);
    report_json_end(out, &run);
    char *text = catch_end(out);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    json_t *object = json_parse(text);
    free(text);
    return object;
}

/* What every text report keeps to: the width, printable ASCII, no blanks at the end of a line. */
static void assert_tidy(const char *text, size_t columns)
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

static void assert_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no '%s' in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) == NULL, "'%s' in:\n%s", part, text);
}

/* ---- Text ---- */

static const struct report_style narrow = {.columns = 80};

START_TEST(text_of_a_small_burst)
{
    make_full_queue(6);
    run.targets[0].after.pid = 71;
    strcpy(run.targets[0].after.process, "nginx");
    expect("connected=1", 1, true, 1);
    expect("queued=2", 2, true, 3);
    expect("drops=4", 4, false, 0);
    char *text = text_of(&narrow);
    ck_assert_str_eq(text,
                     "probe 127.0.0.1:60001: 6 connections at once, patience 2s\n"
                     "listener 127.0.0.1:60001: nginx (pid 71), backlog 2, holds 3, queue 3 of 3,\n"
                     "  dropped 4\n"
                     "\n"
                     "# source verdict   reason     evidence    established accepted waiting retries\n"
                     "1 :40001 connected -          peer_socket        48us   1.12ms       -       0\n"
                     "2 :40002 queued    -          peer_socket        52us        -      2s       0\n"
                     "3 :40003 queued    -          peer_socket        53us        -      2s       0\n"
                     "4 :40004 queued    -          peer_socket        54us        -      2s       0\n"
                     "5 :40005 timed_out queue_full deadline              -        -       -       1\n"
                     "6 :40006 timed_out queue_full deadline              -        -       -       1\n"
                     "\n"
                     "6 connections: 1 connected, 3 queued, 2 timed_out\n"
                     "packets counted in this network namespace: ListenOverflows 4, ListenDrops 4\n"
                     "expect connected=1: ok\n"
                     "expect queued=2: seen 3, FAILED\n"
                     "expect drops=4: not known, FAILED\n"
                     "\n"
                     "The listener's backlog is 2; the kernel turns newcomers away only when the queue\n"
                     "is longer than that, so the accept queue holds 3. The server accepted 1\n"
                     "connection; 3 wait in the accept queue: their clients' kernel says connected,\n"
                     "but no answer comes until the server calls accept(). The accept queue was full,\n"
                     "so the listener dropped the SYNs of 2 connections (4 packets dropped in all) and\n"
                     "told nobody. Such a client hears nothing and sends its SYN again after 1, 2, 3,\n"
                     "4, 5 s and later by its own timer, even if there is room earlier; by default a\n"
                     "blocking connect() gives up after about 2 minutes. To go on: let the server\n"
                     "accept faster, or raise its backlog, up to net.core.somaxconn (4096); it counts\n"
                     "from the next listen() only.\n");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

START_TEST(text_of_a_large_burst_folds_neighbours)
{
    make_full_queue(1000);
    attempts[0][500].syn_retransmits = 2;
    char *text = text_of(&narrow);
    assert_has(text, "\n"
                     "       #  count  verdict    reason      established  accepted  waiting  retries\n"
                     "      #1      1  connected  -                  48us    1.12ms        -        0\n"
                     "   #2-#4      3  queued     -            52us..54us         -       2s        0\n"
                     "#5-#1000    996  timed_out  queue_full            -         -        -     1..2\n"
                     "\n");
    assert_has(text, "1000 connections: 1 connected, 3 queued, 996 timed_out\n");
    assert_lacks(text, ":40001");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

START_TEST(text_of_a_large_burst_folds_all_equals_when_need_be)
{
    begin();
    with_listener(128, 50, 50);
    for (uint32_t id = 1; id <= 100; id++)
        if (id % 2)
            decide(id, VERDICT_QUEUED, REASON_NONE, EVIDENCE_PEER_SOCKET);
        else
            decide(id, VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
    char *text = text_of(&narrow);
    assert_has(text, "#1-#99     50  queued");
    assert_has(text, "#2-#100     50  timed_out");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

/* 40 rows are printed one by one, 41 are not. */
START_TEST(text_folds_above_forty)
{
    static const struct {
        uint32_t count;
        const char *row;
    } cases[] = {{40, "\n40 :40040"}, {41, "#5-#41"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        make_full_queue(cases[i].count);
        forget_drops();
        char *text = text_of(&narrow);
        assert_has(text, cases[i].row);
        free(text);
    }
}
END_TEST

START_TEST(text_at_any_width_is_tidy)
{
    for (int columns = 70; columns <= 200; columns += 5) {
        struct report_style style = {.columns = columns};
        make_full_queue(columns % 2 ? 20 : 2000);
        make_ours(-1);
        run.signal = SIGINT;
        strcpy(run.incomplete,
               "sock_diag answered EPERM, so the server's side of the connections is not known");
        char *text = text_of(&style);
        assert_tidy(text, (size_t)columns);
        free(text);
    }
}
END_TEST

START_TEST(text_without_width_shows_all)
{
    static const struct report_style wide;
    make_full_queue(6);
    char *text = text_of(&wide);
    assert_has(text, "127.0.0.1:40001");
    assert_tidy(text, 120);
    free(text);
}
END_TEST

START_TEST(text_notes_and_hostile_names)
{
    make_full_queue(6);
    strcpy(run.targets[0].after.process, "\033]0;x\a\xc3");
    run.targets[0].after.pid = 9;
    run.signal = SIGTERM;
    strcpy(run.incomplete, "cannot ask the kernel");
    char *text = text_of(&narrow);
    assert_has(text, "interrupted by SIGTERM: this is what was known by then\n");
    assert_has(text, "evidence is missing: cannot ask the kernel\n");
    assert_has(text, "?]0;x?? (pid 9)");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

START_TEST(text_colours_only_on_demand)
{
    static const struct report_style colored = {.columns = 80, .color = true};
    make_full_queue(6);
    expect("queued=2", 2, true, 3);
    char *text = text_of(&colored);
    assert_has(text, "\033[32mconnected\033[0m");
    assert_has(text, "\033[33mqueued");
    assert_has(text, "\033[31mtimed_out");
    assert_has(text, "\033[31mFAILED\033[0m");
    free(text);
}
END_TEST

/* The same burst at two addresses: refused at ::1, silent at 127.0.0.1, in the order given by the targets. */
static void make_two_targets(bool with_queue)
{
    make_full_queue(6);
    run.host = "localhost";
    run.target_count = 2;
    for (uint32_t id = 5; id <= 6; id++)
        attempt(1, id, VERDICT_REFUSED, REASON_NONE, EVIDENCE_SOCKET_ERROR)->error = ECONNREFUSED;
    if (!with_queue)
        for (size_t i = 4; i < 6; i++)
            attempts[0][i].reason = REASON_NO_ANSWER;
}

START_TEST(text_of_two_addresses)
{
    make_two_targets(true);
    char *text = text_of(&narrow);
    assert_has(text, "probe localhost (127.0.0.1:60001, [::1]:60001): 6 connections");
    assert_has(text, "listener [::1]:60001: none; 2 attempts: 2 refused\n");
    assert_has(text, "dropped 4; 6\n  attempts: 1 connected, 3 queued, 2 timed_out\n");
    assert_has(text, "address");
    assert_has(text, "6 connections: 1 connected, 3 queued, 2 timed_out\n");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

/* ---- Headings and listener lines ---- */

static void heading_ours(void)
{
    make_ours(2);
}

static void heading_rate(void)
{
    run.probe.rate = 100;
    run.probe.timeout = 0;
}

static void heading_single(void)
{
    run.probe.count = 1;
}

static void listener_clamped(void)
{
    make_ours(5000);
    with_listener(4096, 0, 0);
}

static void listener_clamped_earlier(void)
{
    make_ours(-1);
    run.somaxconn = 128;
    with_listener(4096, 0, 0);
}

static void listener_at_limit(void)
{
    with_listener(4096, 0, 0);
}

static void listener_group(void)
{
    with_listener(128, 5, 0);
    run.targets[0].after.members = 4;
}

static void listener_any(void)
{
    with_listener(5, 0, 0);
    memset(run.targets[0].after.local.bytes, 0, 16);
    run.targets[0].listener_gone = true;
    run.targets[0].before.cookie = 1;
    forget_drops();
}

static void listener_remote(void)
{
    run.targets[0].local = false;
}

static void listener_unseen(void)
{
    run.targets[0].looked = false;
}

static void nothing(void)
{
}

static const struct {
    void (*prepare)(void);
    const char *line;
} lines[] = {
    {nothing, "probe 127.0.0.1:60001: 10 connections at once, patience 2s\n"},
    {heading_single, "probe 127.0.0.1:60001: 1 connection, patience 2s\n"},
    {heading_rate, "probe 127.0.0.1:60001: 10 connections at 100 a second, no patience\n"},
    {heading_ours,
     "run 127.0.0.1:60001 in a private namespace: backlog 2, accepts 1, then none; 10 connections "
     "at once, patience 2s\n"},
    {nothing, "listener 127.0.0.1:60001: none\n"},
    {listener_unseen, "listener 127.0.0.1:60001: not seen\n"},
    {listener_remote, "listener 127.0.0.1:60001: not on this host, so its queue cannot be seen\n"},
    {listener_clamped,
     ": backlog 5000 -> 4096 (clamped by net.core.somaxconn=4096), holds 4097, queue 0 of 4097, "
     "dropped 0\n"},
    {listener_clamped_earlier, ": backlog -1 -> 4096 (clamped by net.core.somaxconn), holds 4097"},
    {listener_at_limit, ": backlog 4096 (as net.core.somaxconn), holds 4097"},
    {listener_group, ": 4 sockets (SO_REUSEPORT), backlog 128 in all, holds 129, queue 5 of 129"},
    {listener_any,
     "listener 0.0.0.0:60001 for 127.0.0.1:60001: backlog 5, holds 6, queue 0 of 6, drops not known, "
     "gone or replaced since\n"},
};

START_TEST(heading_and_listener_lines)
{
    static const struct report_style wide;
    begin();
    lines[_i].prepare();
    char *text = text_of(&wide);
    assert_has(text, lines[_i].line);
    free(text);
}
END_TEST

/* ---- Explanation ---- */

static void tell(enum verdict verdict, enum reason reason, enum evidence evidence)
{
    decide((uint32_t)run.connection_count + 1, verdict, reason, evidence);
}

static void all_connected(void)
{
    with_listener(5, 0, 0);
    for (int i = 0; i < 3; i++)
        tell(VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void one_queued(void)
{
    with_listener(5, 3, 0);
    tell(VERDICT_QUEUED, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void clamped_by_us(void)
{
    with_listener(16, 17, 1);
    run.somaxconn = 16;
    make_ours(-1);
    tell(VERDICT_TIMED_OUT, REASON_QUEUE_FULL, EVIDENCE_DEADLINE);
}

static void repeated_syn(void)
{
    with_listener(5, 0, 1);
    decide(1, VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET)->syn_retransmits = 1;
}

static void syn_queue_full(void)
{
    with_listener(5, 0, 2);
    tell(VERDICT_TIMED_OUT, REASON_SYN_QUEUE_FULL, EVIDENCE_DEADLINE);
    tell(VERDICT_TIMED_OUT, REASON_SYN_QUEUE_FULL, EVIDENCE_DEADLINE);
}

static void partial_drops(void)
{
    with_listener(5, 0, 1);
    tell(VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
    tell(VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
}

static void unknown_drops(void)
{
    partial_drops();
    forget_drops();
}

static void silent_without_listener(void)
{
    tell(VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
}

static void silent_way(void)
{
    with_listener(5, 0, 0);
    tell(VERDICT_TIMED_OUT, REASON_NO_ANSWER, EVIDENCE_DEADLINE);
}

static void silent_remote(void)
{
    run.targets[0].local = false;
    tell(VERDICT_TIMED_OUT, REASON_NO_ANSWER, EVIDENCE_DEADLINE);
}

static void lost_by_cookie(void)
{
    with_listener(5, 0, 2);
    run.counters.value[COUNTER_SYNCOOKIES_SENT] = 2;
    tell(VERDICT_LOST, REASON_NONE, EVIDENCE_PEER_SOCKET);
    tell(VERDICT_LOST, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void lost_without_cookie(void)
{
    with_listener(5, 0, 2);
    tell(VERDICT_LOST, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void half_open(void)
{
    with_listener(5, 0, 2);
    tell(VERDICT_HALF_OPEN, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void refused(void)
{
    tell(VERDICT_REFUSED, REASON_NONE, EVIDENCE_SOCKET_ERROR);
}

static void refused_by_icmp(void)
{
    tell(VERDICT_REFUSED, REASON_ICMP, EVIDENCE_SOCKET_ERROR);
}

static void refused_remote(void)
{
    run.targets[0].local = false;
    refused();
}

static void refused_gone(void)
{
    with_listener(5, 0, 0);
    run.targets[0].listener_gone = true;
    refused();
}

static void gone(void)
{
    with_listener(5, 0, 0);
    run.targets[0].listener_gone = true;
    tell(VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void reset(void)
{
    with_listener(5, 0, 0);
    tell(VERDICT_RESET, REASON_NONE, EVIDENCE_SOCKET_ERROR);
}

static void unreachable(void)
{
    tell(VERDICT_UNREACHABLE, REASON_NONE, EVIDENCE_SOCKET_ERROR);
}

static void no_descriptors(void)
{
    tell(VERDICT_LOCAL_ERROR, REASON_DESCRIPTORS, EVIDENCE_SOCKET_ERROR);
}

static void no_ports(void)
{
    tell(VERDICT_LOCAL_ERROR, REASON_PORTS, EVIDENCE_SOCKET_ERROR);
}

static void odd_error(void)
{
    decide(1, VERDICT_LOCAL_ERROR, REASON_NONE, EVIDENCE_SOCKET_ERROR)->error = EPROTO;
}

static void remote(void)
{
    run.targets[0].local = false;
    for (int i = 0; i < 2; i++)
        tell(VERDICT_ESTABLISHED, REASON_REMOTE, EVIDENCE_TCP_INFO);
}

static void remote_acknowledged(void)
{
    run.targets[0].local = false;
    decide(1, VERDICT_ESTABLISHED, REASON_REMOTE, EVIDENCE_PROBE_BYTE)->acknowledged = true;
}

static void carried_elsewhere(void)
{
    tell(VERDICT_ESTABLISHED, REASON_NO_LISTENER, EVIDENCE_TCP_INFO);
}

static void no_trace(void)
{
    with_listener(5, 0, 0);
    tell(VERDICT_ESTABLISHED, REASON_NO_TRACE, EVIDENCE_TCP_INFO);
}

static void not_seen(void)
{
    tell(VERDICT_ESTABLISHED, REASON_NOT_SEEN, EVIDENCE_TCP_INFO);
}

static void trap(void)
{
    make_two_targets(true);
}

static void trap_of_silence(void)
{
    make_two_targets(false);
}

/* The refusing address comes first: its refusal is not the last failure and hides nothing. */
static void no_trap(void)
{
    make_two_targets(true);
    struct target first = run.targets[0];
    run.targets[0] = run.targets[1];
    run.targets[1] = first;
}

static const struct {
    void (*prepare)(void);
    const char *has, *lacks;
} explanations[] = {
    {all_connected, "The server accepted all 3 connections. Nothing was dropped.", "wait"},
    {one_queued, "The server accepted none of them; 1 waits in the accept queue: the client's kernel",
     "wait in"},
    {one_queued, "The queue also holds 2 that are not among these", "dropped"},
    {one_queued, "what keeps the server from calling accept().", "raise"},
    {clamped_by_us,
     "a backlog of -1, which means as many as allowed, and net.core.somaxconn clamped it to 16", NULL},
    {clamped_by_us, "raise net.core.somaxconn and then the backlog", "raise its backlog"},
    {clamped_by_us, "dropped the SYNs of 1 connection (1 packet dropped in all)", "packets"},
    {repeated_syn, "1 connection got through only after repeating its SYN", "their"},
    {syn_queue_full, "The SYN queue was full and no SYN cookie was sent", "The accept queue was full"},
    {syn_queue_full, "net.ipv4.tcp_syncookies=1", NULL},
    {partial_drops,
     "All 2 connections got no answer; the listener dropped 1 packet, but its drops do not account "
     "for all",
     "was full"},
    {unknown_drops, "the listener's drops are not known", "was full"},
    {silent_without_listener, "no listener was seen there", "was full"},
    {silent_way, "1 connection got no answer although the listener dropped nothing", "was full"},
    {silent_remote, "a full queue, a firewall and a dead host look the same", "although"},
    {lost_by_cookie, "All 2 connections are lost: the client believes it is connected", NULL},
    {lost_by_cookie, "SYN cookie", "half-open"},
    {lost_without_cookie, "1 connection is lost", "cookie"},
    {half_open, "1 connection is half-open", "lost"},
    {refused, "1 connection was refused at once: nobody listens on 127.0.0.1:60001.", "ICMP"},
    {refused, "--wait", "backlog"},
    {refused_by_icmp, "refused by an ICMP message", "nobody listens"},
    {refused_remote, "refused by the other host", "--wait"},
    {refused_gone, "refused: the listener at 127.0.0.1:60001 has gone.", "went away"},
    {gone, "The listener at 127.0.0.1:60001 went away or was replaced during the run.", "refused"},
    {reset, "1 connection was reset by the other side", "dropped the SYNs"},
    {unreachable, "found no way to the address", "server"},
    {no_descriptors, "RLIMIT_NOFILE", "ip_local_port_range"},
    {no_descriptors, "says nothing about the server", "backlog"},
    {no_ports, "net.ipv4.ip_local_port_range", "RLIMIT_NOFILE"},
    {odd_error, "EPROTO (Protocol error)", "RLIMIT_NOFILE"},
    {remote, "All 2 connections are established as the client sees it: the server's side is on another host",
     NULL},
    {remote, "--send", "acknowledged"},
    {remote_acknowledged, "on 1 of them was acknowledged: the server's kernel really has it", NULL},
    {carried_elsewhere, "something carries them elsewhere", "lost"},
    {no_trace, "perhaps they are carried elsewhere", "lost"},
    {not_seen, "the kernel could not be asked", "lost"},
    {trap, "its \"connection refused\" from [::1]:60001 hides the full queue at 127.0.0.1:60001.", NULL},
    {trap_of_silence, "hides the silence at 127.0.0.1:60001.", "the full queue at"},
    {no_trap, "was full", "telnet"},
    {all_connected, "accepted", "telnet"},
};

START_TEST(explanation)
{
    begin();
    explanations[_i].prepare();
    char *words = report_explain(&run);
    ck_assert_ptr_nonnull(words);
    assert_has(words, explanations[_i].has);
    if (explanations[_i].lacks)
        assert_lacks(words, explanations[_i].lacks);
    assert_lacks(words, "\n");
    assert_lacks(words, "  ");
    free(words);
}
END_TEST

/* ---- JSON ---- */

static json_t *member(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    ck_assert_msg(value != NULL, "no member '%s'", name);
    return value;
}

static void assert_text(json_t *object, const char *name, const char *text)
{
    if (text)
        ck_assert_str_eq(json_string_value(member(object, name)), text);
    else
        ck_assert_msg(json_is_null(member(object, name)), "'%s' is not null", name);
}

static void assert_integer(json_t *object, const char *name, json_int_t value)
{
    ck_assert_msg(json_is_integer(member(object, name)), "'%s' is no integer", name);
    ck_assert_int_eq(json_integer_value(member(object, name)), value);
}

START_TEST(json_of_a_run)
{
    make_full_queue(6);
    make_ours(2);
    expect("queued=2", 2, true, 3);
    expect("drops=4", 4, false, 0);
    run.elapsed = 2010 * NSEC_PER_MSEC;
    json_t *root = json_of();
    assert_text(root, "schema", "backlogctl.probe/1");
    assert_text(root, "command", "run");
    assert_text(root, "kernel", "6.18.0");
    assert_text(root, "started_at", "2026-01-31T12:00:00.000Z");
    ck_assert(json_is_string(member(root, "version")));
    assert_text(member(root, "target"), "family", "ipv4");
    assert_text(member(root, "target"), "address", "127.0.0.1");
    assert_integer(member(root, "target"), "port", PORT);
    json_t *options = member(root, "options");
    assert_integer(options, "count", 6);
    assert_integer(options, "timeout_us", 2000000);
    assert_text(options, "rate", NULL);
    assert_integer(options, "backlog", 2);
    assert_integer(options, "accept_count", 1);
    assert_text(options, "duration_us", NULL);
    json_t *listener = member(root, "listener");
    assert_integer(listener, "asked", 2);
    assert_integer(listener, "backlog", 2);
    assert_integer(listener, "capacity", 3);
    assert_integer(listener, "queue", 3);
    assert_integer(listener, "somaxconn", 4096);
    assert_integer(listener, "drops", 4);
    assert_integer(listener, "members", 1);
    assert_text(listener, "pid", NULL);
    assert_text(listener, "process", NULL);
    assert_integer(member(root, "counters"), "listener_drops", 4);
    for (enum counter c = 0; c < COUNTER_COUNT; c++)
        assert_integer(member(root, "counters"), counter_name(c), (json_int_t)run.counters.value[c]);
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        assert_integer(member(root, "counts"), verdict_name(v), (json_int_t)run.counts[v]);
    json_t *broken = json_array_get(member(root, "expectations"), 0);
    assert_text(broken, "text", "queued=2");
    assert_integer(broken, "expected", 2);
    assert_integer(broken, "seen", 3);
    ck_assert(json_is_false(member(broken, "ok")));
    assert_text(json_array_get(member(root, "expectations"), 1), "seen", NULL);
    assert_text(root, "accept_times", "exact");
    assert_integer(root, "elapsed_us", 2010000);
    assert_text(root, "interrupted_by", NULL);
    assert_text(root, "incomplete", NULL);
    ck_assert(json_is_false(member(root, "ok")));
    char *words = report_explain(&run);
    assert_text(root, "explanation", words);
    free(words);
    json_decref(root);
}
END_TEST

START_TEST(json_of_each_row)
{
    make_full_queue(6);
    attempts[0][5].source.family = AF_UNSPEC;
    attempts[0][5].error = EADDRNOTAVAIL;
    json_t *root = json_of();
    json_t *rows = member(root, "connections");
    ck_assert_uint_eq(json_array_size(rows), 6);
    json_t *first = json_array_get(rows, 0), *queued = json_array_get(rows, 3),
           *last = json_array_get(rows, 5);
    ck_assert_uint_eq(json_object_size(first), 10);
    assert_integer(first, "id", 1);
    assert_text(first, "source", "127.0.0.1:40001");
    assert_text(first, "verdict", "connected");
    assert_text(first, "reason", NULL);
    assert_text(first, "evidence", "peer_socket");
    assert_integer(first, "established_us", 48);
    assert_integer(first, "accepted_us", 1120);
    assert_text(first, "age_us", NULL);
    assert_integer(first, "syn_retransmits", 0);
    assert_text(first, "error", NULL);
    assert_text(queued, "accepted_us", NULL);
    assert_integer(queued, "age_us", 2000000);
    assert_text(last, "source", NULL);
    assert_text(last, "reason", "queue_full");
    assert_text(last, "established_us", NULL);
    assert_text(last, "error", "EADDRNOTAVAIL");
    json_decref(root);
}
END_TEST

START_TEST(json_of_two_addresses)
{
    make_two_targets(true);
    json_t *root = json_of();
    json_t *rows = member(root, "connections");
    ck_assert_uint_eq(json_array_size(rows), 6);
    json_t *row = json_array_get(rows, 4), *tries = member(row, "attempts");
    assert_text(row, "address", "127.0.0.1:60001");
    assert_text(row, "verdict", "timed_out");
    ck_assert_uint_eq(json_array_size(tries), 2);
    assert_text(json_array_get(tries, 1), "address", "[::1]:60001");
    assert_text(json_array_get(tries, 1), "verdict", "refused");
    assert_text(json_array_get(tries, 1), "error", "ECONNREFUSED");
    ck_assert_uint_eq(json_array_size(member(json_array_get(rows, 0), "attempts")), 1);
    json_t *second = json_array_get(member(root, "targets"), 1);
    assert_text(second, "family", "ipv6");
    assert_text(second, "listener", NULL);
    assert_integer(member(second, "counts"), "refused", 2);
    assert_integer(member(root, "counts"), "refused", 0);
    json_decref(root);
}
END_TEST

START_TEST(json_of_the_unknown)
{
    begin();
    run.counters.known = false;
    run.signal = SIGINT;
    run.host = "caf\xe9\"\\";
    run.probe.send = "tab\t";
    strcpy(run.incomplete, "no \"rights\"");
    json_t *root = json_of();
    assert_text(root, "listener", NULL);
    assert_text(member(root, "counters"), "listener_drops", NULL);
    assert_text(member(root, "counters"), "ListenDrops", NULL);
    assert_text(root, "interrupted_by", "SIGINT");
    assert_text(root, "incomplete", "no \"rights\"");
    assert_text(root, "accept_times", "seen");
    assert_text(member(root, "options"), "host", "caf?\"\\");
    assert_text(member(root, "options"), "send", "tab\t");
    ck_assert_uint_eq(json_array_size(member(root, "connections")), 0);
    json_decref(root);
}
END_TEST

START_TEST(json_of_one_hundred_thousand)
{
    make_full_queue(MANY);
    json_t *root = json_of();
    json_t *rows = member(root, "connections");
    ck_assert_uint_eq(json_array_size(rows), MANY);
    for (size_t i = 0; i < MANY; i += 997)
        assert_integer(json_array_get(rows, i), "id", (json_int_t)i + 1);
    json_decref(root);
}
END_TEST

/* ---- Progress ---- */

START_TEST(progress_is_one_short_line)
{
    static const struct {
        int columns;
        const char *line;
    } cases[] = {
        {80, "1.2s of 2s, so far: 1 connected, 3 queued, 2 timed_out"},
        {0, "1.2s of 2s, so far: 1 connected, 3 queued, 2 timed_out"},
        {12, "1.2s of 2s, "},
    };
    make_full_queue(6);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct report_style style = {.columns = cases[i].columns};
        FILE *out = catch_begin();
        report_progress(out, &run, 1234 * NSEC_PER_MSEC, &style);
        char *text = catch_end(out);
        ck_assert_str_eq(text, cases[i].line);
        free(text);
    }
}
END_TEST

/* ---- Serve ---- */

static const struct {
    struct server_settings settings;
    uint64_t effective;
    uint32_t somaxconn;
    const char *line;
    bool clamped;
} ready[] = {
    {{.backlog = 2, .accept_count = 0},
     2,
     4096,
     "listening on 127.0.0.1:60001: backlog 2 asked, 2 effective, holds 3, never accepts\n",
     false},
    {{.backlog = 2, .accept_count = 1},
     2,
     4096,
     "listening on 127.0.0.1:60001: backlog 2 asked, 2 effective, holds 3, accepts 1, then none\n",
     false},
    {{.backlog = 17, .accept_count = ACCEPT_UNLIMITED},
     16,
     16,
     "listening on 127.0.0.1:60001: backlog 17 asked, 16 effective, holds 17, clamped by "
     "net.core.somaxconn=16, "
     "accepts at once\n",
     true},
    {{.backlog = -1, .accept_count = ACCEPT_UNLIMITED, .accept_delay = 300 * NSEC_PER_MSEC},
     16,
     16,
     "listening on 127.0.0.1:60001: backlog -1 asked, 16 effective, holds 17, clamped by "
     "net.core.somaxconn=16, "
     "accepts each after 300ms\n",
     true},
    {{.backlog = 16, .accept_count = 3, .accept_delay = NSEC_PER_SEC, .duration = 90 * NSEC_PER_SEC},
     16,
     16,
     "listening on 127.0.0.1:60001: backlog 16 asked, 16 effective, holds 17, accepts 3, each after 1s, then "
     "none, "
     "ends after 1m30s\n",
     false},
};

START_TEST(ready_line)
{
    struct listener listener = listener_of(ready[_i].effective, 0, 0);
    FILE *out = catch_begin();
    report_ready_text(out, &listener, &ready[_i].settings, ready[_i].somaxconn);
    char *text = catch_end(out);
    ck_assert_str_eq(text, ready[_i].line);
    free(text);

    out = catch_begin();
    report_ready_json(out, &listener, &ready[_i].settings, ready[_i].somaxconn);
    text = catch_end(out);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    json_t *object = json_parse(text);
    assert_text(object, "event", "listening");
    assert_text(object, "address", "127.0.0.1");
    assert_integer(object, "port", PORT);
    assert_integer(object, "asked", ready[_i].settings.backlog);
    assert_integer(object, "backlog", (json_int_t)ready[_i].effective);
    assert_integer(object, "capacity", (json_int_t)ready[_i].effective + 1);
    ck_assert_int_eq(json_is_true(member(object, "clamped")), ready[_i].clamped);
    json_decref(object);
    free(text);
}
END_TEST

#define AT 12 * NSEC_PER_MSEC, .capacity = 3
static const struct {
    struct server_event event;
    const char *line, *name, *member;
} events[] = {
    {{SERVER_ACCEPTED, AT, .number = 1, .queue = 2},
     "+0.012s  accepted #1 from 127.0.0.1:43210, queue 2 of 3\n",
     "accepted",
     "peer"},
    {{SERVER_CLOSED, AT, .number = 1, .queue = 2},
     "+0.012s  closed #1 of 127.0.0.1:43210, queue 2 of 3\n",
     "closed",
     "number"},
    {{SERVER_QUEUE, AT, .queue = 3}, "+0.012s  queue 3 of 3 (full)\n", "queue", "capacity"},
    {{SERVER_DROPPED, AT, .number = 1, .queue = 3, .drops = 5},
     "+0.012s  dropped 1 packet, 5 in all, queue 3 of 3 (full)\n",
     "dropped",
     "dropped"},
    {{SERVER_STOPPED, AT, .queue = 2},
     "+0.012s  stopped accepting, the rest stays in the queue, 2 of 3\n",
     "stopped",
     "queue"},
    {{SERVER_STARVED, AT, .number = EMFILE, .queue = 2},
     "+0.012s  starved of descriptors, accepts again when there is some, queue 2 of 3\n",
     "starved",
     "error"},
};

START_TEST(event_line)
{
    struct server_event event = events[_i].event;
    static const struct report_style plain;
    event.local = ipv4(PORT);
    event.peer = ipv4(43210);
    FILE *out = catch_begin();
    report_event_text(out, &event, &plain);
    char *text = catch_end(out);
    ck_assert_str_eq(text, events[_i].line);
    free(text);

    out = catch_begin();
    report_event_json(out, &event);
    text = catch_end(out);
    json_t *object = json_parse(text);
    assert_text(object, "event", events[_i].name);
    assert_integer(object, "at_us", 12000);
    assert_integer(object, "queue", (json_int_t)event.queue);
    member(object, events[_i].member);
    json_decref(object);
    free(text);
}
END_TEST

START_TEST(totals)
{
    static const struct server_totals life = {
        .accepted = 3, .closed = 1, .open = 2, .queue = 2, .drops = 21, .peak_queue = 3};
    FILE *out = catch_begin();
    report_totals_text(out, &life, 10 * NSEC_PER_SEC);
    char *text = catch_end(out);
    ck_assert_str_eq(
        text, "after 10s: accepted 3, closed 1, open 2; queue 2 left, at least 3 at its peak; dropped 21 "
              "packets\n");
    free(text);
    out = catch_begin();
    report_totals_json(out, &life, 10 * NSEC_PER_SEC);
    text = catch_end(out);
    json_t *object = json_parse(text);
    assert_text(object, "event", "totals");
    assert_integer(object, "elapsed_us", 10000000);
    assert_integer(object, "peak_queue", 3);
    assert_integer(object, "drops", 21);
    json_decref(object);
    free(text);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const text_tests[] = {
        text_of_a_small_burst,
        text_of_a_large_burst_folds_neighbours,
        text_of_a_large_burst_folds_all_equals_when_need_be,
        text_folds_above_forty,
        text_at_any_width_is_tidy,
        text_without_width_shows_all,
        text_notes_and_hostile_names,
        text_colours_only_on_demand,
        text_of_two_addresses,
        progress_is_one_short_line,
    };
    const TTest *const json_tests[] = {
        json_of_a_run,
        json_of_each_row,
        json_of_two_addresses,
        json_of_the_unknown,
        json_of_one_hundred_thousand,
        totals,
    };
    Suite *suite = suite_create("report");
    suite_add(suite, "text", 20, text_tests, COUNT(text_tests));
    suite_add(suite, "json", 60, json_tests, COUNT(json_tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, heading_and_listener_lines, 0, COUNT(lines));
    tcase_add_loop_test(rows, explanation, 0, COUNT(explanations));
    tcase_add_loop_test(rows, ready_line, 0, COUNT(ready));
    tcase_add_loop_test(rows, event_line, 0, COUNT(events));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)

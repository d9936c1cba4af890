/* What the kernel counts, told by list beside a running trace and by watch: this process connects and accepts in a namespace of its own, and
   the kernel's own counter is the other account. Other traces may run on this machine: what is told must be right whichever is read. */
#include "suite.h"

#include "report.h"

#include "backlogctl/trace_layout.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define PORT 7002
#define BACKLOG 7
#define CLIENTS 40
#define CLIENTS_MOST 400 /* a group does not get them in equal parts */

/* ---- A server that does not accept for a moment ---- */

static struct sockaddr_in place(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int server(bool shares)
{
    struct sockaddr_in address = place();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    if (shares)
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, BACKLOG), 0);
    return fd;
}

static long shortest_queue(void)
{
    char *text = shell("ss -Htln 'sport = :%d' | awk '{print $2}' | sort -n | head -n 1", PORT);
    long length = strtol(text, NULL, 10);
    free(text);
    return length;
}

/* Fills the queues, waits some 60 ms, and is gone again: those outside are reset, those inside are accepted. */
static void burst(const int *fds, size_t count)
{
    struct sockaddr_in address = place();
    int clients[CLIENTS_MOST];
    size_t made = 0;
    for (nsec end = clock_now() + PATIENCE; made < CLIENTS || (shortest_queue() != BACKLOG + 1 && clock_now() < end);) {
        if (made == CLIENTS_MOST) {
            usleep(1000);
            continue;
        }
        clients[made] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(clients[made++], (struct sockaddr *)&address, sizeof address))
            ck_assert_int_eq(errno, EINPROGRESS);
    }
    ck_assert_int_eq(shortest_queue(), BACKLOG + 1);
    usleep(60000);
    for (size_t i = 0; i < made; i++)
        close(clients[i]);
    for (size_t i = 0; i < count; i++)
        for (int n = 0; n <= BACKLOG; n++) {
            int fd = accept4(fds[i], NULL, NULL, SOCK_CLOEXEC);
            ck_assert_int_ge(fd, 0);
            close(fd);
        }
}

/* ---- The program ---- */

static void begin(void)
{
    in_private_namespace();
    struct outcome tried =
        process_run(ARGS(BACKLOGCTL, "trace", "--duration", "1ms", "-q", "--netns", "/proc/self/ns/net"), NULL);
    if (tried.status == 3 &&
        (strstr(tried.err, "no right") || strstr(tried.err, "built without") || strstr(tried.err, "this kernel")))
        skip("%.200s", tried.err);
    ck_assert_msg(tried.status == 0, "status %d: %s", tried.status, tried.err);
    outcome_free(&tried);
}

static json_t *parse(const char *line)
{
    json_error_t error;
    json_t *record = line ? json_loads(line, JSON_REJECT_DUPLICATES, &error) : NULL;
    ck_assert_msg(record != NULL, "no JSON: %.500s", line ? line : "nothing");
    return record;
}

/* The next record of a watch or a trace. */
static json_t *next_record(struct process *process)
{
    char *line = process_line(process, PATIENCE);
    json_t *record = parse(line);
    free(line);
    return record;
}

static struct process trace_start(void)
{
    struct process trace =
        process_start(ARGS(BACKLOGCTL, "trace", "--json", "-i", "100ms", "--netns", "/proc/self/ns/net"), NULL);
    json_decref(next_record(&trace));
    return trace;
}

static void end(struct process *process, int signal)
{
    process_signal(process, signal);
    struct outcome outcome = process_finish(process, PATIENCE);
    ck_assert_msg(outcome.status == 128 + signal, "status %d: %s", outcome.status, outcome.err);
    outcome_free(&outcome);
}

static json_t *list(void)
{
    struct outcome outcome = process_run(ARGS(BACKLOGCTL, "list", "--json", "-p", "7002"), NULL);
    ck_assert_msg(outcome.status == 0, "status %d: %s", outcome.status, outcome.err);
    json_t *report = parse(outcome.out);
    outcome_free(&outcome);
    return report;
}

/* ---- watch ---- */

/* The longest queue in the next interval. */
static long next_peak(struct process *watch)
{
    json_t *record = next_record(watch);
    long peak = report_number(report_listener(record, 0), "interval_peak");
    json_decref(record);
    return peak;
}

/* The record of the interval that has the burst, and the last one of those behind it in which nothing happens any more. */
static void watch_burst(struct process *watch, const int *fds, size_t count, json_t **at, json_t **after)
{
    json_decref(next_record(watch));
    burst(fds, count);
    long highest = -1;
    for (int i = 0; i < 3; i++) {
        json_t *record = next_record(watch);
        long peak = report_number(report_listener(record, 0), "interval_peak");
        if (peak > highest) {
            json_decref(*at);
            *at = json_incref(record);
            highest = peak;
        }
        json_decref(*after);
        *after = record;
    }
}

START_TEST(watch_tells_what_passed_between_two_looks)
{
    json_t *at = NULL, *after = NULL;
    begin();
    int fd = server(false);
    struct process watch = process_start(ARGS(BACKLOGCTL, "watch", "--exact", "always", "--json", "-p", "7002"), NULL);
    watch_burst(&watch, &fd, 1, &at, &after);
    ck_assert(json_is_true(json_object_get(at, "exact")));
    ck_assert_int_eq(report_number(report_listener(at, 0), "interval_peak"), BACKLOG + 1);
    json_t *one = report_listener(after, 0);
    ck_assert_int_eq(report_number(one, "peak"), BACKLOG + 1);
    ck_assert_str_eq(report_text(one, "trace.peak_bound"), "exact");
    ck_assert_int_eq(report_number(one, "new_overflows.min"), listen_overflows());
    ck_assert_int_eq(report_number(one, "new_overflows.max"), listen_overflows());
    ck_assert_int_eq(report_number(one, "trace.syn_overflows") + report_number(one, "trace.ack_overflows"), listen_overflows());
    ck_assert_str_eq(report_text(one, "trace.syn_overflows_bound"), "exact");
    ck_assert_int_eq(report_number(one, "trace.waits"), BACKLOG + 1);
    ck_assert_double_ge(json_number_value(json_object_get(json_object_get(json_object_get(one, "trace"), "wait_p99_us"), "max")),
                        60000);
    json_decref(at);
    json_decref(after);
    end(&watch, SIGTERM);
}
END_TEST

START_TEST(without_it_the_same_is_a_lower_bound)
{
    json_t *at = NULL, *after = NULL;
    begin();
    int fd = server(false);
    struct process watch = process_start(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-p", "7002"), NULL);
    watch_burst(&watch, &fd, 1, &at, &after);
    ck_assert(json_is_false(json_object_get(at, "exact")));
    ck_assert(json_is_null(json_object_get(at, "not_exact"))); /* nobody asked */
    json_t *one = report_listener(after, 0);
    ck_assert(json_is_null(json_object_get(one, "trace")));
    ck_assert_int_le(report_number(one, "peak"), BACKLOG + 1);
    ck_assert_int_le(report_number(one, "new_overflows.min"), listen_overflows());
    ck_assert_int_ge(report_number(one, "new_overflows.max"), listen_overflows());
    json_decref(at);
    json_decref(after);
    end(&watch, SIGTERM);
}
END_TEST

#define MEMBERS 3

/* The namespace's counter has the sum; sampled, each has bounds only. */
START_TEST(members_of_a_group_have_numbers)
{
    json_t *at = NULL, *after = NULL;
    int fds[MEMBERS];
    long sum = 0;
    begin();
    for (size_t i = 0; i < MEMBERS; i++)
        fds[i] = server(true);
    struct process watch = process_start(ARGS(BACKLOGCTL, "watch", "--exact", "always", "--json", "-p", "7002"), NULL);
    watch_burst(&watch, fds, MEMBERS, &at, &after);
    for (size_t i = 0; i < MEMBERS; i++) {
        json_t *one = report_listener(after, i);
        ck_assert_int_eq(report_number(one, "new_overflows.min"), report_number(one, "new_overflows.max"));
        ck_assert_int_eq(report_number(one, "peak"), BACKLOG + 1);
        sum += report_number(one, "new_overflows.min");
    }
    ck_assert_int_eq(sum, listen_overflows());
    json_decref(at);
    json_decref(after);
    end(&watch, SIGTERM);
}
END_TEST

/* A queue that stays long is long in each interval, though nothing comes to it. */
START_TEST(a_standing_queue_is_its_own_peak)
{
    begin();
    int fd = server(false), clients[5];
    struct sockaddr_in address = place();
    struct process watch =
        process_start(ARGS(BACKLOGCTL, "watch", "--exact", "always", "--json", "-i", "100ms", "-p", "7002"), NULL);
    json_decref(next_record(&watch));
    for (size_t i = 0; i < COUNT(clients); i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(clients[i], (struct sockaddr *)&address, sizeof address), 0);
    }
    long peak = 0;
    for (int i = 0; i < 50 && peak < 5; i++)
        peak = next_peak(&watch);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(peak, 5);
        peak = next_peak(&watch);
    }
    end(&watch, SIGTERM);
    close(fd);
}
END_TEST

START_TEST(alerts_know_what_no_look_met)
{
    begin();
    int fd = server(false);
    struct process watch = process_start(ARGS(BACKLOGCTL, "watch", "--exact", "always", "--json", "-p", "7002", "-n", "4",
                                              "--alert", "queue>7,drops_per_second>0"),
                                         NULL);
    json_decref(next_record(&watch));
    burst(&fd, 1);
    struct outcome outcome = process_finish(&watch, PATIENCE);
    ck_assert_int_eq(outcome.status, 1);
    ck_assert_msg(strstr(outcome.err, "queue>7: 127.0.0.1:7002 had 8"), "%s", outcome.err);
    ck_assert_msg(strstr(outcome.err, "drops_per_second>0: 127.0.0.1:7002 had"), "%s", outcome.err);
    outcome_free(&outcome);
}
END_TEST

START_TEST(af_unix_stays_sampled)
{
    begin();
    server(false);
    struct sockaddr address = {.sa_family = AF_UNIX, .sa_data = "\0exact"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, &address, sizeof address.sa_family + 6), 0);
    ck_assert_int_eq(listen(fd, 3), 0);
    struct outcome text = process_run(ARGS(BACKLOGCTL, "watch", "--batch", "--exact", "always", "-i", "100ms", "-n", "1"), NULL);
    ck_assert_int_eq(text.status, 0);
    ck_assert_msg(strstr(text.out, ", exact\n"), "%s", text.out);
    ck_assert_msg(strstr(text.out, " 0+ "), "%s", text.out);
    ck_assert_msg(strstr(text.out, "the peaks of 1 listener are exact"), "%s", text.out);
    outcome_free(&text);
}
END_TEST

/* ---- list ---- */

START_TEST(list_tells_what_a_running_trace_knows)
{
    begin();
    int fd = server(false);
    struct process trace = trace_start();
    burst(&fd, 1);
    json_t *report = list(), *one = report_listener(report, 0);
    ck_assert(json_is_null(json_object_get(report, "no_trace")));
    ck_assert_int_eq(report_number(one, "trace.peak"), BACKLOG + 1);
    ck_assert_str_eq(report_text(one, "trace.peak_bound"), "exact");
    ck_assert_int_eq(report_number(one, "trace.waits"), BACKLOG + 1);
    ck_assert_int_eq(report_number(one, "trace.syn_overflows") + report_number(one, "trace.ack_overflows"), listen_overflows());
    ck_assert_str_eq(report_text(one, "trace.ack_overflows_bound"), "exact");
    ck_assert_int_eq(report_number(one, "overflows.min"), listen_overflows()); /* no other can have dropped them */
    ck_assert(report_has_remark(one, "dropped"));
    json_decref(report);
    for (size_t i = 0; i < 2; i++) {
        const char *width = i ? "COLUMNS=40" : "COLUMNS=200";
        const struct process_setup setup = {.env = (const char *const[]){width, NULL}};
        struct outcome text = process_run(ARGS(BACKLOGCTL, "list", "--exact", "always", "-p", "7002"), &setup);
        ck_assert_int_eq(text.status, 0);
        ck_assert_msg(strstr(text.out, "127.0.0.1:7002, traced since 20"), "%s", text.out);
        outcome_free(&text);
    }
    struct outcome never = process_run(ARGS(BACKLOGCTL, "list", "--exact", "never", "-p", "7002"), NULL);
    ck_assert_msg(!strstr(never.out, "traced"), "%s", never.out);
    outcome_free(&never);
    end(&trace, SIGTERM);
}
END_TEST

/* What was dropped at a listener that is closed, and whose slot is another's by now, is in the account still. */
START_TEST(one_that_is_gone_is_accounted_for)
{
    begin();
    int fd = server(false);
    struct process trace = trace_start();
    burst(&fd, 1);
    close(fd);
    for (int i = 0; i < 8; i++) /* looks, in which the slot is given back */
        json_decref(next_record(&trace));
    fd = server(false);
    json_decref(next_record(&trace));
    json_t *report = list(), *one = report_listener(report, 0);
    ck_assert_int_gt(listen_overflows(), 0);
    ck_assert_int_eq(report_number(one, "trace.syn_overflows"), 0);
    ck_assert_str_eq(report_text(one, "trace.syn_overflows_bound"), "exact");
    json_decref(report);
    end(&trace, SIGTERM);
}
END_TEST

/* One writer for both: nothing happens in between, so every line of the one is one of the other. */
START_TEST(list_has_the_metrics_of_trace)
{
    begin();
    int fd = server(false);
    struct process trace =
        process_start(ARGS("sh", "-c",
                           "exec " BACKLOGCTL
                           " trace -i 100ms --prometheus -p 7002 --output /tmp/backlogctl-$$.prom --netns /proc/self/ns/net"),
                      NULL);
    char path[64];
    snprintf(path, sizeof path, "/tmp/backlogctl-%d.prom", (int)trace.pid);
    await("[ -s %s ]", path);
    burst(&fd, 1);
    await("grep -q '^backlogctl_trace_accepts_total{.*} %d$' %s", BACKLOG + 1, path);
    char *differs = shell(BACKLOGCTL " list --exact always --prometheus -p 7002 | grep -E '^(# [A-Z]+ )?backlogctl_trace_' | "
                                     "diff - %s 2>&1; true",
                          path);
    ck_assert_str_eq(differs, "");
    free(differs);
    unlink(path);
    end(&trace, SIGTERM);
}
END_TEST

/* Whether the listener is told of by a trace that began at that time. */
static bool is_told_since(const char *since)
{
    json_t *report = list(), *known = json_object_get(report_listener(report, 0), "trace");
    bool told = json_is_object(known) && !strcmp(report_text(known, "since"), since);
    json_decref(report);
    return told;
}

static char *told_since(void)
{
    json_t *report = list();
    char *since = strdup(report_text(report_listener(report, 0), "trace.since"));
    json_decref(report);
    return since;
}

START_TEST(nothing_is_known_of_a_trace_that_was_killed)
{
    begin();
    server(false);
    struct process trace = trace_start();
    char *since = told_since();
    end(&trace, SIGKILL);
    nsec until = clock_now() + PATIENCE;
    while (is_told_since(since) && clock_now() < until)
        usleep(10000);
    ck_assert(!is_told_since(since));
    struct outcome none = process_run(ARGS(BACKLOGCTL, "list", "--exact", "always"), NULL);
    ck_assert(none.status == 0 || none.status == 3); /* another may run on this machine */
    if (none.status == 3)
        ck_assert_msg(strstr(none.err, "no trace is running: begin one with 'backlogctl trace'") ||
                          strstr(none.err, "a trace runs"),
                      "%s", none.err);
    outcome_free(&none);
    free(since);
}
END_TEST

START_TEST(of_two_traces_the_first_is_told)
{
    begin();
    server(false);
    struct process first = trace_start();
    char *since = told_since();
    struct process second = trace_start();
    ck_assert(is_told_since(since));
    end(&first, SIGTERM);
    nsec until = clock_now() + PATIENCE;
    while (is_told_since(since) && clock_now() < until)
        usleep(10000);
    char *other = told_since();
    ck_assert_str_gt(other, since);
    end(&second, SIGTERM);
    free(since);
    free(other);
}
END_TEST

/* ---- Rights ---- */

START_TEST(who_may_not_is_told_which_right)
{
    const struct process_setup setup = {.as_nobody = true};
    need(forbids_other_users);
    in_private_namespace();
    server(false);
    struct outcome outcome = process_run(ARGS(BACKLOGCTL, "list", "--exact", "always"), &setup);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "CAP_SYS_ADMIN") && strchr(outcome.err, '\n') == strrchr(outcome.err, '\n'), "%s",
                  outcome.err);
    outcome_free(&outcome);
    outcome = process_run(ARGS(BACKLOGCTL, "list", "--json"), &setup);
    ck_assert_int_eq(outcome.status, 0);
    json_t *report = parse(outcome.out);
    ck_assert(json_is_null(json_object_get(report_listener(report, 0), "trace")));
    ck_assert_msg(strstr(report_text(report, "no_trace"), "CAP_SYS_ADMIN"), "%s", outcome.out);
    json_decref(report);
    outcome_free(&outcome);
    outcome = process_run(ARGS(BACKLOGCTL, "watch", "--exact", "always", "--json", "-n", "1"), &setup);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_str_eq(outcome.out, "");
    outcome_free(&outcome);
    outcome = process_run(ARGS(BACKLOGCTL, "watch", "--json", "-n", "1", "-i", "100ms"), &setup);
    ck_assert_int_eq(outcome.status, 0);
    report = parse(outcome.out);
    ck_assert(json_is_false(json_object_get(report, "exact")));
    ck_assert_str_ne(report_text(report, "not_exact"), "");
    json_decref(report);
    outcome_free(&outcome);
}
END_TEST

/* ---- What is in the maps is input ---- */

static long bpf(int what, union bpf_attr *attr)
{
    return syscall(SYS_bpf, what, attr, sizeof *attr);
}

/* The maps of our own trace: by the numbers in its fdinfo. The descriptor of the one with this size of values. */
static int map_of(pid_t pid, size_t value_size)
{
    char *text = shell("grep -h -A20 '^map_type:.2$' /proc/%d/fdinfo/* 2>/dev/null | awk '/^value_size:/ {size = $2} "
                       "/^map_id:/ && size == %zu {print $2}' | sort -u | head -n 1",
                       (int)pid, value_size);
    union bpf_attr attr = {.map_id = (uint32_t)strtoul(text, NULL, 10)};
    long fd = bpf(BPF_MAP_GET_FD_BY_ID, &attr);
    ck_assert_msg(fd >= 0, "map '%s': %s", text, strerror(errno));
    free(text);
    return (int)fd;
}

static void put(int map, uint32_t key, const void *value)
{
    union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)value, .flags = BPF_ANY};
    ck_assert_int_eq(bpf(BPF_MAP_UPDATE_ELEM, &attr), 0);
}

static void get(int map, uint32_t key, void *value)
{
    union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)value};
    ck_assert_int_eq(bpf(BPF_MAP_LOOKUP_ELEM, &attr), 0);
}

static void fill(void *out, size_t size, unsigned seed)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
}

static void must_print(void)
{
    static const char *const forms[] = {"--json", "--prometheus", "--all-netns"};
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct outcome outcome = process_run(ARGS(BACKLOGCTL, "list", forms[i]), NULL);
        ck_assert_msg(outcome.status == 0, "status %d: %s", outcome.status, outcome.err);
        if (!i)
            json_decref(parse(outcome.out));
        outcome_free(&outcome);
    }
}

START_TEST(other_content_is_not_taken_for_counts)
{
    struct trace_common common, forged;
    struct trace_slot slot;
    begin();
    server(false);
    struct process trace = trace_start();
    process_signal(&trace, SIGSTOP); /* it would trip over that, too */
    int slots = map_of(trace.pid, sizeof slot), all = map_of(trace.pid, sizeof common);
    get(all, 0, &common);
    ck_assert_uint_eq(common.identity.magic, TRACE_MAGIC);
    for (unsigned round = 0; round < 10; round++) {
        fill(&slot, sizeof slot, round);
        put(slots, 0, &slot);
        must_print(); /* a valid trace with a listener that is none */
        fill(&forged, sizeof forged, round);
        forged.identity.magic = TRACE_MAGIC;
        put(all, 0, &forged);
        must_print();
        put(all, 0, &common);
    }
    common.identity.layout++;
    put(all, 0, &common);
    json_t *report = list();
    ck_assert(json_is_null(json_object_get(report_listener(report, 0), "trace")) ||
              json_is_null(json_object_get(report, "no_trace")));
    json_decref(report);
    process_signal(&trace, SIGKILL);
    struct outcome outcome = process_finish(&trace, PATIENCE);
    outcome_free(&outcome);
}
END_TEST

static int map_new(const char *name, uint32_t size)
{
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = size, .max_entries = 1};
    attr.map_flags = BPF_F_MMAPABLE;
    snprintf(attr.map_name, sizeof attr.map_name, "%s", name);
    long fd = bpf(BPF_MAP_CREATE, &attr);
    ck_assert_msg(fd >= 0, "%s", strerror(errno));
    return (int)fd;
}

/* Maps alone are no trace, whatever they are called: no program uses them. */
START_TEST(maps_without_a_program_are_no_trace)
{
    static struct trace_slot slot;
    static struct trace_common common = {.slots = 1};
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    begin();
    int fd = server(false), slots = map_new("trace_slots", sizeof slot), all = map_new("trace_common", sizeof common);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), 0);
    char *inode = shell("stat -L -c %%i /proc/%d/ns/net", (int)getpid());
    slot = (struct trace_slot){.sk = 1, .cookie = cookie, .begun = 1, .family = AF_INET, .port = PORT, .peak = 4711};
    slot.netns = (uint32_t)strtoul(inode, NULL, 10);
    common.identity = (struct trace_identity){.magic = TRACE_MAGIC, .layout = TRACE_LAYOUT, .began = 1};
    for (size_t i = 0; i < TRACE_WORTHS_ROOM; i++)
        common.identity.worth[i] = 1;
    put(slots, 0, &slot);
    put(all, 0, &common);
    json_t *report = list(), *known = json_object_get(report_listener(report, 0), "trace");
    ck_assert(json_is_null(known) || report_number(known, "peak") != 4711);
    json_decref(report);
    free(inode);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const watched[] = {
        watch_tells_what_passed_between_two_looks, without_it_the_same_is_a_lower_bound, members_of_a_group_have_numbers,
        a_standing_queue_is_its_own_peak,          alerts_know_what_no_look_met,         af_unix_stays_sampled};
    const TTest *const listed[] = {one_that_is_gone_is_accounted_for,     list_tells_what_a_running_trace_knows,
                                   list_has_the_metrics_of_trace,         nothing_is_known_of_a_trace_that_was_killed,
                                   of_two_traces_the_first_is_told,       who_may_not_is_told_which_right,
                                   other_content_is_not_taken_for_counts, maps_without_a_program_are_no_trace};
    Suite *suite = suite_create("exact");
    suite_add(suite, "watch", watched, COUNT(watched));
    suite_add(suite, "list", listed, COUNT(listed));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)

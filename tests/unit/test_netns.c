/* The private namespace, with and without rights and where it is forbidden; its sysctls, counters and routes.
 */
#include "backlogctl/fd.h"
#include "backlogctl/netns.h"

#include "process.h"
#include "suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

static struct endpoint at(const char *address, uint16_t port)
{
    struct endpoint e = {.family = strchr(address, ':') ? AF_INET6 : AF_INET, .port = port};
    ck_assert_int_eq(inet_pton(e.family, address, e.bytes), 1);
    return e;
}

/* A listener on 127.0.0.1:6001 that takes backlog + 1 connections, and `count` clients of it. */
static void overflow_by(int backlog, int count)
{
    struct sockaddr_storage address;
    struct endpoint e = at("127.0.0.1", 6001);
    socklen_t size = endpoint_to_sockaddr(&e, &address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, backlog), 0);
    for (int i = 0; i < backlog + 1 + count; i++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        ck_assert(connect(client, (struct sockaddr *)&address, size) && errno == EINPROGRESS);
    }
}

/* ---- The namespace ---- */

static ino_t namespace_now(const char *path)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    return status.st_ino;
}

static void assert_loopback_is_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    SCOPED_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(ioctl(fd, SIOCGIFFLAGS, &request), 0);
    ck_assert(request.ifr_flags & IFF_UP);
    for (int family = 0; family < 2; family++) {
        struct endpoint e = at(family ? "::1" : "127.0.0.1", 0);
        bool local;
        ck_assert_int_eq(route_is_local(&e, &local, NULL), 0);
        ck_assert(local);
    }
}

static void assert_entering_works(void)
{
    struct error err = {0};
    ino_t before = namespace_now("/proc/thread-self/ns/net");
    ck_assert_msg(!netns_enter_private(&err), "%s", err.text);
    ck_assert_uint_ne(namespace_now("/proc/thread-self/ns/net"), before);
    assert_loopback_is_up();
    ck_assert_msg(!sysctl_write("net.core.somaxconn", "17", &err), "%s", err.text);
    ck_assert_uint_eq(sysctl_somaxconn(), 17);
    overflow_by(0, 1);
}

START_TEST(namespace_is_private_and_usable)
{
    need(forbids_namespaces);
    bool root = !geteuid();
    ino_t user = namespace_now("/proc/self/ns/user");
    assert_entering_works();
    /* Who has the rights keeps the user namespace, and with it the rights over files and processes. */
    ck_assert_int_eq(namespace_now("/proc/self/ns/user") == user, root);
    /* Once more, from inside. */
    ino_t inner = namespace_now("/proc/thread-self/ns/net");
    in_private_namespace();
    ck_assert_uint_ne(namespace_now("/proc/thread-self/ns/net"), inner);
    ck_assert_uint_eq(sysctl_somaxconn(), 4096);
}
END_TEST

START_TEST(namespace_needs_no_rights)
{
    need(forbids_user_namespaces);
    if (!geteuid()) {
        ck_assert(!setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY));
        ck_assert(!setresuid(NOBODY, NOBODY, NOBODY));
    }
    assert_entering_works();
}
END_TEST

/* Sets a limit of this process's own user namespace, made here, so that no other process has it. */
static void forbid_with(const char *path)
{
    ck_assert_msg(!unshare(CLONE_NEWUSER), "unshare: %s", strerror(errno));
    SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    ck_assert_int_eq(write(fd, "0", 1), 1);
}

static void drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    ck_assert_int_eq(syscall(SYS_capset, &header, none), 0);
}

static const struct {
    const char *path;
    bool without_rights;
    const char *call;
} limits[] = {
    {"/proc/sys/user/max_net_namespaces", false, "unshare(CLONE_NEWNET)"},
    {"/proc/sys/user/max_user_namespaces", true, "unshare(CLONE_NEWUSER|CLONE_NEWNET)"},
};

START_TEST(refusal_names_what_forbids)
{
    struct error err = {0};
    char expected[80];
    need(forbids_user_namespaces);
    forbid_with(limits[_i].path);
    if (limits[_i].without_rights)
        drop_capabilities();
    ck_assert_int_eq(netns_enter_private(&err), -ENOSPC);
    ck_assert_int_eq(err.code, ENOSPC);
    snprintf(expected, sizeof expected, "%s is 0", limits[_i].path);
    ck_assert_msg(strstr(err.text, expected) && strstr(err.text, limits[_i].call), "%s", err.text);
}
END_TEST

/* In a user namespace that maps no user, nobody can make another one: EPERM that no setting explains. */
START_TEST(refusal_without_a_setting_says_so)
{
    struct error err = {0};
    need(forbids_user_namespaces);
    ck_assert_int_eq(unshare(CLONE_NEWUSER), 0);
    drop_capabilities();
    ck_assert_int_eq(netns_enter_private(&err), -EPERM);
    ck_assert_msg(strstr(err.text, "CLONE_NEWUSER|CLONE_NEWNET") && strstr(err.text, strerror(EPERM)), "%s", err.text);
}
END_TEST

/* ---- Sysctls ---- */

static const struct {
    const char *key;
    bool valid;
} keys[] = {
    {"net.core.somaxconn", true},
    {"net/core/somaxconn", true},
    {"net.ipv4.conf.eth0/100.forwarding", true},
    {"net.ipv6.conf.br-1_2.mtu", true},
    {"net.a", true},
    {"", false},
    {"net", false},
    {"net.", false},
    {"net/", false},
    {".net.core", false},
    {"netcore.somaxconn", false},
    {"NET.core", false},
    {"kernel.pid_max", false},
    {"net..core", false},
    {"net.core.", false},
    {"net/../kernel/pid_max", false},
    {"net/./core", false},
    {"net./core", false},
    {"net.core/.somaxconn", false},
    {"net.core.somaxconn ", false},
    {"net.core.some thing", false},
    {"net.core.somaxconn\n", false},
    {"net.core.s\xc3\xb6", false},
    {"/proc/sys/net/core", false},
};

START_TEST(keys_are_of_net_only)
{
    for (size_t i = 0; i < COUNT(keys); i++) {
        char value[SYSCTL_VALUE_SIZE];
        ck_assert_msg(sysctl_key_valid(keys[i].key) == keys[i].valid, "'%s'", keys[i].key);
        if (keys[i].valid)
            continue;
        ck_assert_int_eq(sysctl_read(keys[i].key, value, NULL), -EINVAL);
        ck_assert_int_eq(sysctl_write(keys[i].key, "1", NULL), -EINVAL);
    }
    char long_key[1024] = "net.";
    memset(long_key + 4, 'a', sizeof long_key - 5);
    ck_assert(!sysctl_key_valid(long_key));
}
END_TEST

/* What is written, and what is then read; NULL: as before. */
static const struct {
    const char *key, *value;
    int status;
    const char *then;
} writes[] = {
    {"net.core.somaxconn", "16", 0, "16"},
    {"net/core/somaxconn", "17", 0, "17"},
    {"net.ipv4.tcp_syncookies", "0", 0, "0"},
    {"net.ipv4.conf.lo.forwarding", "1", 0, "1"},
    {"net.ipv4.ip_local_port_range", "2000 3000", 0, "2000\t3000"},
    {"net.core.somaxconn", "-1", -EINVAL, NULL},
    {"net.core.somaxconn", "99999999999", -EINVAL, NULL},
    {"net.core.somaxconn", "many", -EINVAL, NULL},
    {"net.core.somaxconn", "", -EINVAL, NULL},
    {"net.ipv4.ip_local_port_range", "3000 2000", -EINVAL, NULL},
    {"net.core.no_such_sysctl", "1", -ENOENT, NULL},
};

START_TEST(sysctls_are_written_and_read)
{
    in_private_namespace();
    for (size_t i = 0; i < COUNT(writes); i++) {
        struct error err = {0};
        char before[SYSCTL_VALUE_SIZE] = "", after[SYSCTL_VALUE_SIZE] = "";
        sysctl_read(writes[i].key, before, NULL);
        int status = sysctl_write(writes[i].key, writes[i].value, &err);
        ck_assert_msg(status == writes[i].status, "%s=%s: %d %s", writes[i].key, writes[i].value, status, err.text);
        ck_assert(!status || strstr(err.text, writes[i].key));
        sysctl_read(writes[i].key, after, NULL);
        ck_assert_str_eq(after, writes[i].then ? writes[i].then : before);
    }
}
END_TEST

START_TEST(sysctl_refusals_have_words)
{
    char value[SYSCTL_VALUE_SIZE], longer[2 * SYSCTL_VALUE_SIZE];
    struct error missing = {0}, too_long = {0};
    in_private_namespace();
    ck_assert_int_eq(sysctl_read("net.core.no_such_sysctl", value, &missing), -ENOENT);
    ck_assert_msg(strstr(missing.text, "net.core.no_such_sysctl"), "%s", missing.text);
    memset(longer, '1', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    ck_assert_int_eq(sysctl_write("net.core.somaxconn", longer, &too_long), -EINVAL);
    ck_assert_int_eq(sysctl_write("net.core.somaxconn", "12 junk", NULL), -EINVAL);
    /* A directory is no sysctl. */
    ck_assert_int_lt(sysctl_read("net.core", value, NULL), 0);
    ck_assert_int_lt(sysctl_write("net.core", "1", NULL), 0);
}
END_TEST

/* A device's name may have a dot in it: lo is called lo.7 here. */
START_TEST(keys_reach_names_with_a_dot)
{
    static const char *const spellings[] = {"net.ipv4.conf.lo/7.forwarding", "net/ipv4/conf/lo.7/forwarding"};
    char value[SYSCTL_VALUE_SIZE];
    struct ifreq request = {.ifr_name = "lo"};
    in_private_namespace();
    SCOPED_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0); /* down: only then can it be renamed */
    strcpy(request.ifr_newname, "lo.7");
    ck_assert_int_eq(ioctl(fd, SIOCSIFNAME, &request), 0);
    for (size_t i = 0; i < COUNT(spellings); i++) {
        set_sysctl(spellings[i], i % 2 ? "0" : "1");
        ck_assert_int_eq(sysctl_read(spellings[1 - i], value, NULL), 0);
        ck_assert_str_eq(value, i % 2 ? "0" : "1");
    }
    ck_assert_int_eq(sysctl_read("net.ipv4.conf.lo.7.forwarding", value, NULL), -ENOENT);
}
END_TEST

START_TEST(named_sysctls)
{
    uint16_t low = 1, high = 1;
    in_private_namespace();
    ck_assert_uint_eq(sysctl_somaxconn(), 4096);
    set_sysctl("net.core.somaxconn", "5");
    ck_assert_uint_eq(sysctl_somaxconn(), 5);
    ck_assert_int_eq(sysctl_port_range(&low, &high, NULL), 0);
    ck_assert(low >= 1024 && low < high);
    set_sysctl("net.ipv4.ip_local_port_range", "40000 40009");
    ck_assert_int_eq(sysctl_port_range(&low, &high, NULL), 0);
    ck_assert_uint_eq(low, 40000);
    ck_assert_uint_eq(high, 40009);
}
END_TEST

/* ---- Counters ---- */

static uint64_t nstat_of(const char *name)
{
    char pattern[64];
    unsigned long value;
    snprintf(pattern, sizeof pattern, "TcpExt%s", name);
    /* -a -s -z: absolute values, no history file, zeros too. */
    struct outcome nstat = process_run((const char *[]){"nstat", "-asz", pattern, NULL}, NULL);
    const char *line = strstr(nstat.out, pattern);
    ck_assert_msg(line && sscanf(line + strlen(pattern), "%lu", &value) == 1, "nstat: '%s' '%s'", nstat.out, nstat.err);
    outcome_free(&nstat);
    return value;
}

START_TEST(counters_count_an_overflow)
{
    struct counters before, after;
    struct error err = {0};
    in_private_namespace();
    ck_assert_msg(!counters_read(&before, &err), "%s", err.text);
    ck_assert(before.known);
    overflow_by(2, 7);
    ck_assert_int_eq(counters_read(&after, &err), 0);
    struct counters change = counters_change(&before, &after);
    ck_assert(change.known);
    ck_assert_uint_eq(change.value[COUNTER_LISTEN_OVERFLOWS], 7);
    ck_assert_uint_eq(change.value[COUNTER_LISTEN_DROPS], 7);
    ck_assert_uint_eq(change.value[COUNTER_REQ_QFULL_DROP], 0);
    for (int c = 0; c < COUNTER_COUNT; c++)
        if (c != COUNTER_LOOPBACK_DROPPED) /* not of TcpExt: nstat does not know it */
            ck_assert_uint_eq(after.value[c], nstat_of(counter_name((enum counter)c)));
}
END_TEST

/* A SYN each that a full queue drops; with an answer and an ACK where there is room: ours is all of the traffic, and that of a device that
   is not lo is seen as such. */
START_TEST(traffic_is_what_connections_stand_for)
{
    struct traffic before, after;
    in_private_namespace();
    ck_assert(traffic_read(&before));
    overflow_by(2, 7);
    ck_assert(traffic_read(&after));
    ck_assert_uint_eq(after.segments_out - before.segments_out, 3 * 3 + 7);
    ck_assert_uint_eq(after.segments_in - before.segments_in, 3 * 3 + 7);
    ck_assert_uint_eq(after.repeated - before.repeated, 0);
    ck_assert_uint_eq(after.arrived - before.arrived, 0);
}
END_TEST

START_TEST(change_is_known_when_both_are)
{
    for (int known = 0; known < 4; known++) {
        struct counters before = {.known = known & 1, .value = {[COUNTER_LISTEN_DROPS] = 5}};
        struct counters after = {.known = known & 2, .value = {[COUNTER_LISTEN_DROPS] = 12}};
        struct counters change = counters_change(&before, &after);
        ck_assert_int_eq(change.known, known == 3);
        ck_assert_uint_eq(change.value[COUNTER_LISTEN_DROPS], known == 3 ? 7 : 0);
    }
}
END_TEST

/* ---- Routes ---- */

static void set_address(const char *device, const char *address)
{
    struct ifreq request = {0};
    struct sockaddr_storage storage;
    struct endpoint e = at(address, 0);
    SCOPED_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
    endpoint_to_sockaddr(&e, &storage);
    memcpy(&request.ifr_addr, &storage, sizeof request.ifr_addr);
    ck_assert_msg(!ioctl(fd, SIOCSIFADDR, &request), "SIOCSIFADDR: %s", strerror(errno));
}

static const struct {
    const char *address;
    int status;
    bool local;
} routes[] = {
    {"127.0.0.1", 0, true},
    {"127.200.3.4", 0, true},
    {"::1", 0, true},
    {"10.9.0.1", 0, true},
    {"::ffff:10.9.0.1", 0, true},
    {"0.0.0.0", 0, true},
    {"::", 0, true},
    {"10.9.0.2", 0, false},
    {"10.9.0.255", 0, false},
    {"192.0.2.1", -ENETUNREACH, false},
    {"::ffff:192.0.2.1", -ENETUNREACH, false},
    {"2001:db8::1", -ENETUNREACH, false},
};

START_TEST(routes_say_what_is_local)
{
    in_private_namespace();
    struct outcome dummy = process_run((const char *[]){"ip", "link", "add", "d0", "type", "dummy", NULL}, NULL);
    bool has_dummy = !dummy.status;
    outcome_free(&dummy);
    if (has_dummy) {
        struct outcome up = process_run((const char *[]){"ip", "link", "set", "d0", "up", NULL}, NULL);
        outcome_free(&up);
    }
    set_address(has_dummy ? "d0" : "lo:1", "10.9.0.1");
    for (size_t i = 0; i < COUNT(routes); i++) {
        struct endpoint typed = at(routes[i].address, 80), e = endpoint_unmapped(&typed);
        struct error err = {0};
        bool local = !routes[i].local;
        char text[ENDPOINT_TEXT_SIZE];
        /* On lo the whole of 10.0.0.0/8 is local. */
        if (!has_dummy && !strncmp(routes[i].address, "10.9.0.2", 8))
            continue;
        int status = route_is_local(&e, &local, &err);
        ck_assert_msg(status == routes[i].status, "%s: %d %s", routes[i].address, status, err.text);
        ck_assert_msg(local == routes[i].local, "%s: local %d", routes[i].address, local);
        ck_assert_int_eq(err.code, -status);
        ck_assert(!status || strstr(err.text, endpoint_address_text(&e, text)));
    }
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        namespace_is_private_and_usable,   namespace_needs_no_rights,
        refusal_without_a_setting_says_so, keys_are_of_net_only,
        sysctls_are_written_and_read,      sysctl_refusals_have_words,
        keys_reach_names_with_a_dot,       named_sysctls,
        counters_count_an_overflow,        change_is_known_when_both_are,
        routes_say_what_is_local,          traffic_is_what_connections_stand_for,
    };
    Suite *suite = suite_create("netns");
    suite_add(suite, "namespace", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, refusal_names_what_forbids, 0, COUNT(limits));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)

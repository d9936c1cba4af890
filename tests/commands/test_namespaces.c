/* One grammar for the network namespaces and containers of others: by their names, processes and ids, list, probe, resize, measure
   and watch find a server there. */
#include "suite.h"

#include "place.h"
#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define UP "import os;os.system('ip link set lo up')\n"

/* A server in a namespace of its own: of root's making, or of an ordinary user's with a user namespace around it. */
static struct process server_in_namespace(const char *program, const struct process_setup *setup)
{
    const bool ordinary = setup && setup->as_nobody;
    need_program("python3");
    struct process server =
        process_start((const char *[]){"unshare", ordinary ? "-Urn" : "-n", "python3", "-c", program, NULL}, setup);
    char *line = process_line(&server, PATIENCE);
    ck_assert_msg(line != NULL, "%s", program);
    free(line);
    return server;
}

static struct outcome says(const char *options, int status, const struct process_setup *setup)
{
    char command[640];
    snprintf(command, sizeof command, "exec %s %s", BACKLOGCTL, options);
    struct outcome outcome = process_run((const char *[]){"sh", "-c", command, NULL}, setup);
    ck_assert_msg(outcome.status == status, "%s: status %d: %s%s", options, outcome.status, outcome.out, outcome.err);
    return outcome;
}

static void refuses(const char *options, int status, const char *words, const struct process_setup *setup)
{
    struct outcome outcome = says(options, status, setup);
    ck_assert_msg(strstr(outcome.err, words) != NULL, "%s: %s", options, outcome.err);
    ck_assert_msg(strchr(outcome.err, '\n') == outcome.err + strlen(outcome.err) - 1, "%s: no single line: %s", options,
                  outcome.err);
    ck_assert_str_eq(outcome.out, "");
    outcome_free(&outcome);
}

static json_t *json_says(const char *options, const struct process_setup *setup)
{
    struct outcome outcome = says(options, 0, setup);
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%s", outcome.out);
    outcome_free(&outcome);
    return report;
}

static json_t *only(const json_t *report)
{
    json_t *list = json_object_get(report, "listeners");
    ck_assert_uint_eq(json_array_size(list), 1);
    return json_array_get(list, 0);
}

static const char *const commands[] = {"list", "probe -p 6021", "resize -p 6021 --backlog 5", "measure -p 6021 --yes",
                                       "watch --batch --iterations 1"};

static int compare_ports(const void *a, const void *b)
{
    return (int)(*(const long *)a - *(const long *)b);
}

/* The ports of the listeners that list shows, ascending. */
static void lists(const char *options, const char *ports)
{
    char command[256], seen[128] = "";
    long found[8];
    snprintf(command, sizeof command, "list --json %s", options);
    json_t *report = json_says(command, NULL), *one;
    size_t i, count = 0;
    json_array_foreach(json_object_get(report, "listeners"), i, one) if (count < COUNT(found)) found[count++] =
        report_number(one, "port");
    qsort(found, count, sizeof *found, compare_ports);
    for (i = 0; i < count; i++)
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%ld ", found[i]);
    ck_assert_msg(!strcmp(seen, ports), "list %s shows %s, not %s", options, seen, ports);
    json_decref(report);
}

/* ---- Every command, in every way to name the place ---- */

#define SERVER UP LISTENING "tcp('127.0.0.1',6021)" AND_ACCEPT

/* The length that ss(8) shows there. */
static long backlog_by_ss(pid_t pid)
{
    char *text = shell("nsenter -t %d -n ss -Hltn sport = :6021 | awk '{print $3}'", (int)pid);
    long backlog = strtol(text, NULL, 10);
    free(text);
    return backlog;
}

static void probes(const char *where, const char *name, pid_t pid, const struct process_setup *setup)
{
    char command[256];
    snprintf(command, sizeof command, "probe --json -p 6021 -n 4 --timeout " PATIENCE_TEXT " %s", where);
    json_t *report = json_says(command, setup);
    char *inode = shell("stat -Lc %%i /proc/%d/ns/net", (int)pid);
    ck_assert_int_eq(report_number(report, "netns"), strtol(inode, NULL, 10));
    ck_assert_str_eq(report_text(report, "options.netns"), name);
    ck_assert_int_eq(report_number(report, "listener.pid"), pid);
    ck_assert_int_eq(report_count(report, "connected"), 4);
    free(inode);
    json_decref(report);
    snprintf(command, sizeof command, "probe -p 6021 -n 1 %s", where);
    struct outcome outcome = says(command, 0, setup);
    snprintf(command, sizeof command, "probe 127.0.0.1:6021 in netns %s: 1 connection", name);
    ck_assert_msg(strstr(outcome.out, command) != NULL, "%s", outcome.out);
    outcome_free(&outcome);
}

/* `where` as an option, `name` as the report calls it. */
static void all_commands_find_it(const char *where, const char *name, pid_t pid, const struct process_setup *setup)
{
    char command[256];
    snprintf(command, sizeof command, "list --json -p 6021 %s", where);
    json_t *report = json_says(command, setup);
    ck_assert_int_eq(report_number(only(report), "pid"), pid);
    json_decref(report);
    probes(where, name, pid, setup);
    long backlog = backlog_by_ss(pid) + 1;
    snprintf(command, sizeof command, "resize --json -p 6021 --backlog %ld %s", backlog, where);
    json_decref(json_says(command, setup));
    ck_assert_int_eq(backlog_by_ss(pid), backlog);
    snprintf(command, sizeof command, "measure --json -p 6021 --yes --budget 10s --timeout " PATIENCE_TEXT " -e capacity=%ld %s",
             backlog + 1, where);
    json_decref(json_says(command, setup));
    snprintf(command, sizeof command, "watch --exact never --batch --iterations 1 --interval 100ms -p 6021 %s", where);
    struct outcome outcome = says(command, 0, setup);
    ck_assert_msg(strstr(outcome.out, "127.0.0.1:6021 was sampled at") != NULL, "%s%s", outcome.out, outcome.err);
    outcome_free(&outcome);
}

START_TEST(processes_stand_for_their_namespaces)
{
    char where[64], pid[24];
    in_private_namespace();
    struct process server = server_in_namespace(SERVER, NULL);
    snprintf(pid, sizeof pid, "pid:%d", (int)server.pid);
    snprintf(where, sizeof where, "--netns %s", pid);
    all_commands_find_it(where, pid, server.pid, NULL);
    snprintf(where, sizeof where, "--pid %d", (int)server.pid);
    all_commands_find_it(where, pid, server.pid, NULL);
    snprintf(where, sizeof where, "--netns /proc/%d/ns/net", (int)server.pid);
    all_commands_find_it(where, where + strlen("--netns "), server.pid, NULL);
    python_end(&server);
}
END_TEST

START_TEST(an_ordinary_user_finds_what_is_his)
{
    static const struct process_setup nobody = {.as_nobody = true};
    char where[64], pid[24];
    need(forbids_other_users);
    need(forbids_user_namespaces);
    in_private_namespace();
    struct process server = server_in_namespace(SERVER, &nobody);
    snprintf(pid, sizeof pid, "pid:%d", (int)server.pid);
    snprintf(where, sizeof where, "--netns %s", pid);
    all_commands_find_it(where, pid, server.pid, &nobody);
    snprintf(where, sizeof where, "--pid %d", (int)server.pid);
    all_commands_find_it(where, pid, server.pid, &nobody);
    python_end(&server);
}
END_TEST

START_TEST(another_users_namespace_takes_rights)
{
    static const struct process_setup nobody = {.as_nobody = true};
    char command[128];
    need(forbids_other_users);
    in_private_namespace();
    struct process server = server_in_namespace(SERVER, NULL);
    for (size_t i = 0; i < COUNT(commands); i++) {
        snprintf(command, sizeof command, "%s --netns pid:%d", commands[i], (int)server.pid);
        refuses(command, 3, "CAP_SYS_", &nobody);
        snprintf(command, sizeof command, "%s --pid %d", commands[i], (int)server.pid);
        refuses(command, 3, "CAP_SYS_", &nobody);
    }
    python_end(&server);
}
END_TEST

START_TEST(names_of_ip_netns_stand_for_theirs)
{
    char name[32], where[64];
    need(forbids_other_users);
    need_program("python3");
    snprintf(name, sizeof name, "backlogctl-test-%d", (int)getpid());
    in_private_namespace();
    free(shell("ip netns add %s", name));
    /* In a process of its own: whatever fails, the name goes. */
    pid_t child = fork();
    if (!child) {
        struct process server = process_start((const char *[]){"ip", "netns", "exec", name, "python3", "-c", SERVER, NULL}, NULL);
        free(process_line(&server, PATIENCE));
        snprintf(where, sizeof where, "--netns %s", name);
        all_commands_find_it(where, name, server.pid, NULL);
        snprintf(where, sizeof where, "--netns /run/netns/%s", name);
        all_commands_find_it(where, where + strlen("--netns "), server.pid, NULL);
        char *shown = shell("ip netns exec %s ss -Hltn sport = :6021", name);
        ck_assert_msg(strstr(shown, "127.0.0.1:6021") != NULL, "%s", shown);
        free(shown);
        python_end(&server);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    free(shell("ip netns delete %s", name));
    ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- Containers ---- */

/* A container is told by the path of its cgroup, so any cgroup of that name is one. Two ids that begin alike, with this process's
   number, so that tests side by side do not find each other's. */
struct cgroups {
    char *base; /* the folder of them all */
    char common[7], a[65], b[65];
    char a_short[10], b_short[10]; /* enough of them */
};

static struct cgroups cgroups_make(void)
{
    struct cgroups groups;
    need_program("python3"); /* before anything is made */
    snprintf(groups.common, sizeof groups.common, "%06x", (unsigned)getpid() & 0xffffff);
    snprintf(groups.a, sizeof groups.a, "%s12%056x", groups.common, 1u);
    snprintf(groups.b, sizeof groups.b, "%s34%056x", groups.common, 2u);
    snprintf(groups.a_short, sizeof groups.a_short, "%.7s", groups.a);
    snprintf(groups.b_short, sizeof groups.b_short, "%.7s", groups.b);
    groups.base = shell("for d in /sys/fs/cgroup/unified /sys/fs/cgroup /sys/fs/cgroup/freezer; do b=$d/backlogctl-test-%d; "
                        "mkdir $b 2>/dev/null || continue; mkdir $b/try 2>/dev/null && [ -e $b/try/cgroup.procs ] && "
                        "sh -c \"echo \\$\\$ >$b/try/cgroup.procs\" 2>/dev/null && rmdir $b/try && echo $b && break; "
                        "rmdir $b/try $b; done 2>/dev/null; true",
                        (int)getpid());
    groups.base[strcspn(groups.base, "\n")] = '\0';
    if (!*groups.base)
        skip("no cgroup can be made here, or nobody moved into it");
    return groups;
}

static void move_into(const struct cgroups *groups, const char *path, pid_t pid)
{
    free(shell("mkdir -p %s/%s && echo %d >%s/%s/cgroup.procs", groups->base, path, (int)pid, groups->base, path));
}

/* When its processes have ended. */
static void cgroups_end(struct cgroups *groups)
{
    await("find %s -depth -type d -exec rmdir {} + 2>/dev/null; [ ! -e %s ]", groups->base, groups->base);
    free(groups->base);
}

/* Options or a path, put together in an array `text` of the test. */
#define TEXT(...) (snprintf(text, sizeof text, __VA_ARGS__), text)

static const char *const folders[] = {"docker/%s", "system.slice/docker-%s.scope", "machine.slice/libpod-%s.scope/container",
                                      "kubepods/cri-containerd-%s.scope", "kubepods/crio-%s.scope"};

static void found_by_container(const char *option, const char *id, pid_t pid, const struct process_setup *setup)
{
    char where[128], name[128];
    snprintf(where, sizeof where, "%s%s", option, id);
    snprintf(name, sizeof name, "container:%s", id);
    all_commands_find_it(where, name, pid, setup);
}

START_TEST(containers_stand_for_theirs)
{
    char path[256];
    in_private_namespace();
    struct cgroups groups = cgroups_make();
    struct process server = server_in_namespace(SERVER, NULL);
    const char *at = strchr(folders[_i], '%');
    snprintf(path, sizeof path, "%.*s%s%s", (int)(at - folders[_i]), folders[_i], groups.a, at + 2);
    move_into(&groups, path, server.pid);
    found_by_container("--container ", groups.a_short, server.pid, NULL);
    if (!_i) {
        found_by_container("--container ", groups.a, server.pid, NULL);
        found_by_container("--netns container:", groups.a, server.pid, NULL);
    }
    python_end(&server);
    cgroups_end(&groups);
}
END_TEST

START_TEST(an_ordinary_user_finds_his_container)
{
    static const struct process_setup nobody = {.as_nobody = true};
    char text[256];
    need(forbids_other_users);
    need(forbids_user_namespaces);
    in_private_namespace();
    struct cgroups groups = cgroups_make();
    struct process server = server_in_namespace(SERVER, &nobody), other = server_in_namespace(SERVER, NULL);
    move_into(&groups, TEXT("docker/%s", groups.a), server.pid);
    move_into(&groups, TEXT("docker/%s", groups.b), other.pid);
    found_by_container("--container ", groups.a_short, server.pid, &nobody);
    refuses(TEXT("list --container %s", groups.b), 3, "CAP_SYS_PTRACE", &nobody);
    refuses(TEXT("probe -p 6021 --container %s", groups.b), 3, "CAP_SYS_PTRACE", &nobody);
    python_end(&server);
    python_end(&other);
    cgroups_end(&groups);
}
END_TEST

/* With the host's network: what others have there is not the container's, but in its namespace. */
START_TEST(containers_of_the_host_network_have_their_own)
{
    struct process mine, other;
    char text[256];
    in_private_namespace();
    struct cgroups groups = cgroups_make();
    if (!python_begin(LISTENING "tcp('127.0.0.1',6021)" AND_ACCEPT, &mine) ||
        !python_begin(LISTENING "tcp('127.0.0.1',6022)" AND_WAIT, &other))
        return;
    move_into(&groups, TEXT("docker/%s", groups.a), mine.pid);
    lists(TEXT("--container %s", groups.a), "6021 ");
    lists(TEXT("--netns container:%s", groups.a), "6021 6022 ");
    found_by_container("--container ", groups.a_short, mine.pid, NULL);
    refuses(TEXT("resize --container %s --port 6022 --backlog 5", groups.a), 3, "no such listener", NULL);
    refuses(TEXT("measure --container %s --port 6022 --yes", groups.a), 3, "no such listener", NULL);
    python_end(&mine);
    python_end(&other);
    cgroups_end(&groups);
}
END_TEST

/* The namespace is that of its own oldest process, whatever runs in a container within it. */
START_TEST(containers_within_count)
{
    char text[256], name[96];
    in_private_namespace();
    struct cgroups groups = cgroups_make();
    struct process inner = server_in_namespace(UP LISTENING "tcp('127.0.0.1',6022)" AND_WAIT, NULL);
    struct process outer = server_in_namespace(SERVER, NULL);
    await("[ $(cut -d' ' -f1 /proc/uptime | tr -d .) -gt $(awk '{print $22}' /proc/%d/stat) ]",
          (int)outer.pid); /* another tick */
    struct process late = server_in_namespace(UP LISTENING "tcp('127.0.0.1',6023)" AND_WAIT, NULL);
    move_into(&groups, TEXT("docker/%s/docker/%s", groups.a, groups.b), inner.pid);
    move_into(&groups, TEXT("docker/%s", groups.a), outer.pid);
    move_into(&groups, TEXT("docker/%s", groups.a), late.pid);
    lists(TEXT("--container %s", groups.b), "6022 ");
    lists(TEXT("--container %s", groups.a), "6021 6022 6023 ");
    lists(TEXT("--netns container:%s", groups.a), "6021 ");
    lists(TEXT("--netns container:%s", groups.b), "6022 ");
    snprintf(name, sizeof name, "container:%s", groups.a);
    probes(TEXT("--container %s", groups.a), name, outer.pid, NULL);
    python_end(&inner);
    python_end(&outer);
    python_end(&late);
    cgroups_end(&groups);
}
END_TEST

START_TEST(a_prefix_of_two_is_ambiguous)
{
    char command[128], text[256];
    struct process one, two, three;
    in_private_namespace();
    struct cgroups groups = cgroups_make();
    if (!python_begin(LISTENING "tcp('127.0.0.1',6021)" AND_WAIT, &one) ||
        !python_begin(LISTENING "tcp('127.0.0.1',6022)" AND_WAIT, &two))
        return;
    move_into(&groups, TEXT("docker/%s", groups.a), one.pid);
    move_into(&groups, TEXT("docker/%s", groups.b), two.pid);
    for (size_t i = 0; i < 2 * COUNT(commands); i++) {
        snprintf(command, sizeof command, "%s %s%s", commands[i / 2], i % 2 ? "--netns container:" : "--container ",
                 groups.common);
        refuses(command, 3, TEXT("the ids of 2 containers begin with %s: ", groups.common), NULL);
        refuses(command, 3, TEXT("%.12s (python3/%d)", groups.a, (int)one.pid), NULL);
        refuses(command, 3, TEXT("%.12s (python3/%d)", groups.b, (int)two.pid), NULL);
        refuses(command, 3, ": give more of it\n", NULL);
    }
    lists(TEXT("--container %s", groups.b_short), "6022 ");
    /* A name that is the beginning of another one. */
    if (!python_begin(LISTENING "tcp('127.0.0.1',6023)" AND_WAIT, &three))
        return;
    move_into(&groups, TEXT("lxc.payload.web%s", groups.common), two.pid);
    move_into(&groups, TEXT("lxc.payload.web%s.2", groups.common), three.pid);
    lists(TEXT("--container web%s", groups.common), "6022 ");
    lists(TEXT("--container web%s.2", groups.common), "6023 ");
    python_end(&one);
    python_end(&two);
    python_end(&three);
    cgroups_end(&groups);
}
END_TEST

/* ---- What is held elsewhere ---- */

/* Makes a socket, then moves away: its namespace is another than that of what it holds. */
START_TEST(who_holds_it_counts_not_where_he_is)
{
    struct process server;
    char command[128];
    need(forbids_other_users);
    in_private_namespace();
    if (!python_begin(LISTENING "import ctypes\ntcp('127.0.0.1',6021);ctypes.CDLL(None).unshare(0x40000000)\n" AND_ACCEPT,
                      &server))
        return;
    snprintf(command, sizeof command,
             "measure --json -p 6021 --yes --budget 10s --timeout " PATIENCE_TEXT " -e capacity=8 --pid %d", (int)server.pid);
    json_decref(json_says(command, NULL));
    snprintf(command, sizeof command, "resize --json -p 6021 --backlog 9 --pid %d", (int)server.pid);
    json_decref(json_says(command, NULL));
    char *shown = shell("ss -Hltn sport = :6021 | awk '{print $3}'");
    ck_assert_str_eq(shown, "9");
    free(shown);
    snprintf(command, sizeof command, "probe --json -p 6021 -n 1 --pid %d",
             (int)server.pid); /* its namespace is chosen, and lo is down */
    json_t *report = json_says(command, NULL);
    ck_assert_int_eq(report_count(report, "connected"), 0);
    json_decref(report);
    python_end(&server);
}
END_TEST

/* ---- What probe asks inside ---- */

/* The address of both ends and a listener of that port are elsewhere, too; who waits must not take that for it. */
START_TEST(waiting_is_done_inside)
{
    struct process decoy;
    char command[256], pid[24];
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1',6021)" AND_WAIT, &decoy))
        return;
    struct process room = server_in_namespace(UP "print('ready',flush=True);import signal;signal.pause()", NULL);
    snprintf(command, sizeof command, "probe -p 6021 --wait 50ms --netns pid:%d", (int)room.pid);
    refuses(command, 3, "nobody listens on 127.0.0.1:6021 after --wait 50ms", NULL);
    snprintf(command, sizeof command, "exec %s probe --json -p 6021 -n 2 --wait " PATIENCE_TEXT " --netns pid:%d", BACKLOGCTL,
             (int)room.pid);
    struct process probe = process_start((const char *[]){"sh", "-c", command, NULL}, NULL);
    snprintf(pid, sizeof pid, "%d", (int)room.pid);
    struct process server = process_start((const char *[]){"nsenter", "-t", pid, "-n", "python3", "-c",
                                                           LISTENING "tcp('127.0.0.1',6021)" AND_ACCEPT, NULL},
                                          NULL);
    struct outcome outcome = process_finish(&probe, PATIENCE);
    ck_assert_msg(outcome.status == 0, "%s", outcome.err);
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_int_eq(report_number(report, "listener.pid"), server.pid);
    json_decref(report);
    outcome_free(&outcome);
    python_end(&server);
    python_end(&room);
    python_end(&decoy);
}
END_TEST

START_TEST(addresses_are_those_of_the_namespace)
{
    char command[256];
    in_private_namespace();
    struct process server =
        server_in_namespace(UP "os.system('ip addr add 10.9.0.2/32 dev lo')\n" LISTENING "tcp('::',6021,only=0)" AND_ACCEPT,
                            NULL);
    free(shell("ip addr add 10.9.0.1/32 dev lo"));
    snprintf(command, sizeof command, "probe --json -p 6021 -n 3 --host 10.9.0.2 --timeout " PATIENCE_TEXT " --netns pid:%d",
             (int)server.pid);
    json_t *report = json_says(command, NULL);
    ck_assert_int_eq(report_count(report, "connected"), 3);
    ck_assert_int_eq(report_number(report, "listener.pid"), server.pid);
    json_decref(report);
    snprintf(command, sizeof command, "probe -p 6021 --host 10.9.0.1 --netns pid:%d", (int)server.pid);
    refuses(command, 2, "10.9.0.1 is not an address of this namespace: give --allow-remote", NULL);
    refuses("probe -p 6021 --host 10.9.0.2", 2, "10.9.0.2 is not an address of this host", NULL);
    snprintf(command, sizeof command, "probe --json -p 6021 -n 3 --host localhost --timeout " PATIENCE_TEXT " --netns pid:%d",
             (int)server.pid);
    report = json_says(command, NULL);
    ck_assert_int_eq(report_count(report, "connected"), 3);
    json_decref(report);
    python_end(&server);
}
END_TEST

/* A name is resolved where the program was started; a zone names a device that only the namespace has. */
START_TEST(zones_are_those_of_the_namespace)
{
    char command[256];
    in_private_namespace();
    struct process server =
        server_in_namespace(UP "os.system('ip link add va type veth peer name vb && ip link set vb up && ip link set va up && "
                               "ip addr add fe80::5/64 dev va nodad')\n" LISTENING "tcp('::',6021)" AND_ACCEPT,
                            NULL);
    await("nsenter -t %d -n ip -6 route show table local | grep -q fe80::5",
          (int)server.pid); /* the device is up a moment later */
    snprintf(command, sizeof command, "probe --json -p 6021 -n 3 --host fe80::5%%va --timeout " PATIENCE_TEXT " --netns pid:%d",
             (int)server.pid);
    json_t *report = json_says(command, NULL);
    ck_assert_int_eq(report_count(report, "connected"), 3);
    json_decref(report);
    python_end(&server);
}
END_TEST

/* Translated in the namespace of the burst, and carried to a listener in another one: this program's own. */
START_TEST(what_is_elsewhere_is_seen_from_inside)
{
    struct process here;
    char command[256];
    in_private_namespace();
    struct process room = server_in_namespace(UP "print('ready',flush=True);import signal;signal.pause()", NULL);
    if (system("nft list tables >/dev/null 2>&1") || !python_begin(LISTENING "tcp('0.0.0.0',6021,b=2)" AND_WAIT, &here))
        skip("no nftables here");
    char *can = shell("ip link add va type veth peer name vb netns %d && ip addr add 10.9.0.1/24 dev va && ip link set va up && "
                      "nsenter -t %d -n sh -c '"
                      "ip addr add 10.9.0.2/24 dev vb && ip link set vb up && nft add table ip t && nft \"add chain ip t out { "
                      "type nat hook output priority "
                      "-100; }\" && nft add rule ip t out ip daddr 10.9.0.2 tcp dport 6021 dnat to 10.9.0.1:6021' 2>/dev/null && "
                      "echo yes; true",
                      (int)room.pid, (int)room.pid);
    bool translates = strstr(can, "yes");
    free(can);
    if (!translates)
        skip("this kernel or machine has no nftables NAT");
    /* Until the kernel has seen to both ends, what is sent is dropped. */
    await("ip -o link show va | grep -q 'state UP' && nsenter -t %d -n ip -o link show vb | grep -q 'state UP'", (int)room.pid);
    snprintf(command, sizeof command, "probe --json -p 6021 -n 2 --timeout 1s --host 10.9.0.2 --netns pid:%d", (int)room.pid);
    json_t *report = json_says(command, NULL), *target = json_array_get(json_object_get(report, "targets"), 0);
    ck_assert_int_eq(report_count(report, "established"), 2);
    ck_assert_int_eq(report_number(target, "elsewhere.listener.pid"), here.pid);
    char *inode = shell("stat -Lc %%i /proc/%d/ns/net", (int)here.pid);
    ck_assert_int_eq(report_number(target, "elsewhere.netns"), strtol(inode, NULL, 10));
    free(inode);
    json_decref(report);
    python_end(&here);
    python_end(&room);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {processes_stand_for_their_namespaces, an_ordinary_user_finds_what_is_his,
                                  another_users_namespace_takes_rights, names_of_ip_netns_stand_for_theirs,
                                  who_holds_it_counts_not_where_he_is};
    const TTest *const containers[] = {an_ordinary_user_finds_his_container, containers_of_the_host_network_have_their_own,
                                       containers_within_count, a_prefix_of_two_is_ambiguous};
    const TTest *const inside[] = {waiting_is_done_inside, addresses_are_those_of_the_namespace, zones_are_those_of_the_namespace,
                                   what_is_elsewhere_is_seen_from_inside};
    Suite *suite = suite_create("namespaces");
    suite_add(suite, "places", tests, COUNT(tests));
    suite_add(suite, "containers", containers, COUNT(containers));
    suite_add(suite, "inside", inside, COUNT(inside));
    TCase *rows = tcase_create("runtimes");
    tcase_add_loop_test(rows, containers_stand_for_theirs, 0, COUNT(folders));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)

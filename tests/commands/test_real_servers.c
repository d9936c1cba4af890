/* Servers that this program did not start: nginx and redis, stopped with SIGSTOP so that their queues fill. */
#include "suite.h"

#include "report.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of this test's own; removed by the caller with shell("rm -r"). */
static const char *make_folder(char folder[64])
{
    strcpy(folder, "/tmp/backlogctl-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    return folder;
}

static struct process start_nginx(const char *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/nginx.conf", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "daemon off;\nmaster_process off;\npid %s/pid;\nerror_log %s/error.log;\nevents {}\n"
            "http { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;\n"
            "uwsgi_temp_path %s/u; scgi_temp_path %s/s;\nserver { listen 127.0.0.1:60001; return 200 'here\\n'; } }\n",
            folder, folder, folder, folder, folder, folder, folder);
    fclose(file);
    char error_log[128];
    snprintf(error_log, sizeof error_log, "%s/error.log", folder);
    /* As root of a user namespace of the test's it could not become the user that it wants to be. */
    const char *argv[] = {"unshare", "--user", "--map-user=65534", "nginx", "-e", error_log, "-p", folder, "-c", path, NULL};
    return process_start(argv + (geteuid() || is_root() ? 3 : 0), NULL);
}

static struct process start_redis(const char *folder)
{
    return process_start((const char *[]){"redis-server", "--port", "60001", "--bind", "127.0.0.1", "--save", "",
                                          "--dir", folder, NULL},
                         NULL);
}

static const struct {
    const char *program;
    struct process (*start)(const char *folder);
    long backlog;
    const char *request; /* sent once it goes on; an answer proves that it does */
} servers[] = {
    {"nginx", start_nginx, 511, "GET / HTTP/1.0\r\n\r"},
    {"redis-server", start_redis, 511, "PING"},
};

START_TEST(stopped_server_queues_up_to_its_capacity)
{
    char folder[64], count[24];
    if (!program_exists(servers[_i].program)) {
        printf("skipped: %s is not installed\n", servers[_i].program);
        return;
    }
    in_private_namespace();
    struct process server = servers[_i].start(make_folder(folder));
    json_t *report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--wait", "20s", "--count", "1", "--send",
                                                servers[_i].request, NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 1);
    ck_assert_int_eq(report_number(report, "listener.backlog"), servers[_i].backlog);
    ck_assert_int_eq(report_number(report, "listener.pid"), server.pid);
    json_decref(report);

    process_signal(&server, SIGSTOP);
    snprintf(count, sizeof count, "%ld", servers[_i].backlog + 1 + 40);
    report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--count", count, "--timeout", "0", NULL}, NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), servers[_i].backlog + 1);
    ck_assert_int_eq(report_count(report, "timed_out"), 40);
    ck_assert_int_eq(report_number(report, "listener.capacity"), servers[_i].backlog + 1);
    ck_assert_ptr_nonnull(strstr(servers[_i].program, report_text(report, "listener.process")));
    json_decref(report);
    char *seen = shell("ss -Hltn sport = :60001 | awk '{print $2, $3}'"), expected[64];
    snprintf(expected, sizeof expected, "%ld %ld", servers[_i].backlog + 1, servers[_i].backlog);
    ck_assert_str_eq(seen, expected);
    free(seen);

    /* It goes on, takes what waited, and answers again. */
    process_signal(&server, SIGCONT);
    report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--count", "1", "--timeout", "10s", "--send",
                                        servers[_i].request, NULL},
                       NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 1);
    json_decref(report);
    process_signal(&server, SIGTERM);
    struct outcome outcome = process_finish(&server, 20 * NSEC_PER_SEC);
    outcome_free(&outcome);
    free(shell("rm -r %s", folder));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("real servers");
    TCase *tcase = tcase_create("stopped");
    tcase_set_timeout(tcase, 90);
    tcase_add_loop_test(tcase, stopped_server_queues_up_to_its_capacity, 0, COUNT(servers));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)

/* nginx, redis and python, as Debian packages them. */
#include "servers.h"

#include "report.h"
#include "suite.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct process start_nginx(const char *folder)
{
    char path[128], error_log[128];
    snprintf(path, sizeof path, "%s/nginx.conf", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "daemon off;\nworker_processes 2;\npid %s/pid;\nerror_log %s/error.log;\nevents {}\n"
            "http { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;\n"
            "uwsgi_temp_path %s/u; scgi_temp_path %s/s;\nserver { listen 127.0.0.1:60001; return 200 'here\\n'; } }\n",
            folder, folder, folder, folder, folder, folder, folder);
    fclose(file);
    snprintf(error_log, sizeof error_log, "%s/error.log", folder);
    /* In a pid namespace, so that its workers end with it. As root of a user namespace of the test's it could not become the
       user that it wants to be. */
    bool own_user = !geteuid() && !is_root();
    if (own_user)
        need(forbids_user_namespaces);
    const char *argv[16] = {"unshare", "--pid", "--fork", "--kill-child"};
    size_t count = 4;
    if (own_user) {
        argv[count++] = "--user";
        argv[count++] = "--map-user=65534";
    }
    const char *const nginx[] = {"nginx", "-e", error_log, "-p", folder, "-c", path, NULL};
    memcpy(&argv[count], nginx, sizeof nginx);
    return process_start(argv, NULL);
}

static struct process start_redis(const char *folder)
{
    return process_start((const char *[]){"redis-server", "--port", "60001", "--bind", "127.0.0.1", "--save", "", "--dir", folder,
                                          NULL},
                         NULL);
}

static struct process start_python(const char *folder)
{
    return process_start((const char *[]){"python3", "-m", "http.server", "60001", "--bind", "127.0.0.1", "--directory", folder,
                                          NULL},
                         &(struct process_setup){.stdout_to = "/dev/null"});
}

const struct real_server real_servers[REAL_SERVERS] = {
    {"nginx", start_nginx, 511, "GET / HTTP/1.0\r\n\r", 3},
    {"redis-server", start_redis, 511, "PING", 1},
    {"python3", start_python, 5, "GET / HTTP/1.0\r\n\r", 1},
};

bool server_begin(const struct real_server *server, struct process *process, char folder[64])
{
    if (!program_exists(server->program)) {
        skip("%s is not installed", server->program);
    }
    strcpy(folder, "/tmp/backlogctl-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    *process = server->start(folder);
    json_t *report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--wait", PATIENCE_TEXT, "--count", "1",
                                                "--timeout", PATIENCE_TEXT, "--send", server->request, NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 1);
    ck_assert_int_eq(report_number(report, "listener.backlog"), server->backlog);
    json_decref(report);
    return true;
}

void server_must_answer(const struct real_server *server)
{
    json_t *report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--count", "1", "--timeout", PATIENCE_TEXT,
                                                "--send", server->request, NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 1);
    json_decref(report);
}

void server_end(struct process *process, const char *folder)
{
    process_signal(process, SIGKILL); /* unshare would not hear SIGTERM */
    struct outcome outcome = process_finish(process, PATIENCE);
    outcome_free(&outcome);
    free(shell("rm -r %s", folder));
}

bool python_begin(const char *program, struct process *process)
{
    need_program("python3");
    *process = process_start((const char *[]){"python3", "-c", program, NULL}, NULL);
    char *line = process_line(process, PATIENCE);
    if (!line) {
        process_signal(process, SIGKILL);
        struct outcome outcome = process_finish(process, PATIENCE);
        ck_abort_msg("no line, then status %d of %s\n%s", outcome.status, program, outcome.err);
    }
    free(line);
    return true;
}

void python_end(struct process *process)
{
    process_signal(process, SIGKILL);
    struct outcome outcome = process_finish(process, PATIENCE);
    outcome_free(&outcome);
}

/* Where servers take their backlog from, and where that is documented. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

const struct knob knobs[] = {
    {"nginx", "nginx", "listen 80 backlog=", ";", "https://nginx.org/en/docs/http/ngx_http_core_module.html#listen",
     "once for each address and port; the default is 511", 511},
    {"Apache", "apache2,httpd", "ListenBacklog ", "", "https://httpd.apache.org/docs/2.4/mod/mpm_common.html#listenbacklog",
     "the default is 511", 511},
    {"redis", "redis-server,valkey-server", "tcp-backlog ", "", "https://github.com/redis/redis/blob/unstable/redis.conf",
     "the default is 511", 511},
    {"memcached", "memcached", "memcached -b ", "", "https://github.com/memcached/memcached/blob/master/doc/memcached.1",
     "the default is 1024; at its connection limit it listens with 0 until somebody leaves: see -c", 1024},
    {"node", "node", "server.listen({ port: 80, backlog: ", " })", "https://nodejs.org/api/net.html#serverlistenoptions-callback",
     "the default is 511", 511},
    {"Deno", "deno", "Deno.serve({ tcpBacklog: ", " }, handler)", "https://docs.deno.com/api/deno/~/Deno.ServeTcpOptions",
     "the default is 511", 511},
    {"gunicorn", "gunicorn", "backlog = ", "", "https://docs.gunicorn.org/en/stable/settings.html#backlog", "the default is 2048",
     2048},
    {"uvicorn", "uvicorn", "uvicorn --backlog ", "", "https://www.uvicorn.org/settings/", "the default is 2048", 2048},
    {"uwsgi", "uwsgi", "listen = ", "", "https://uwsgi-docs.readthedocs.io/en/latest/Options.html#listen",
     "the default is 100; it does not start when this is above net.core.somaxconn", 100},
    {"php-fpm", "php-fpm", "listen.backlog = ", "", "https://www.php.net/manual/en/install.fpm.configuration.php",
     "the default is 511", 511},
    {"haproxy", "haproxy", "backlog ", "", "https://docs.haproxy.org/2.8/configuration.html#4.2-backlog",
     "in defaults, frontend or listen; the default is maxconn"},
    {"envoy", "envoy", "tcp_backlog_size: ", "",
     "https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener.proto",
     "of a listener; the default is net.core.somaxconn"},
    {"PostgreSQL", "postgres", "max_connections = ", "",
     "https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-MAX-CONNECTIONS",
     "it has no setting of its own: it listens with twice max_connections (src/backend/libpq/pqcomm.c)", .half = true},
    {"Kafka", "", "socket.listen.backlog.size=", "", "https://kafka.apache.org/documentation/#brokerconfigs", "the default is 50",
     50},
    {"Java", "java", "new ServerSocket(80, ", ")",
     "https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/net/ServerSocket.html", "the default is 50", 50},
    {"Go", "", "net.Listen(\"tcp\", \":80\")", NULL, "https://pkg.go.dev/net#Listen",
     "it has no such argument and listens with net.core.somaxconn: set that sysctl before it starts"},
    {"tokio", "", "TcpSocket::new_v4()?.listen(", ")",
     "https://docs.rs/tokio/latest/tokio/net/struct.TcpSocket.html#method.listen",
     "TcpListener::bind takes no backlog; its own is 1024 or, with a newer mio, another"},
    {"Rust std", "", "TcpListener::bind(\"0.0.0.0:80\")", NULL, "https://doc.rust-lang.org/std/net/struct.TcpListener.html",
     "it has no such argument and listens with 128; the crate socket2 has one", 128},
    {"systemd", "systemd", "Backlog=", "", "https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html",
     "in the [Socket] section of a socket unit; the default is what net.core.somaxconn allows, 128 in old versions"},
    /* Not a server's: a container has a net.core.somaxconn of its own, which clamps all of these. */
    {"Docker", "", "docker run --sysctl net.core.somaxconn=", "",
     "https://docs.docker.com/reference/cli/docker/container/run/#sysctl",
     "a container has a network namespace, and so this sysctl, of its own"},
    {"Kubernetes", "", "securityContext: { sysctls: [{ name: net.core.somaxconn, value: \"", "\" }] }",
     "https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/",
     "of the pod; an unsafe sysctl: the kubelet has to allow it (--allowed-unsafe-sysctls)"},
    {0},
};

void knob_line(const struct knob *knob, uint32_t backlog, char out[KNOB_LINE_SIZE])
{
    if (knob->rest)
        snprintf(out, KNOB_LINE_SIZE, "%s%" PRIu32 "%s", knob->line, knob->half ? (backlog + 1) / 2 : backlog, knob->rest);
    else
        snprintf(out, KNOB_LINE_SIZE, "%s", knob->line);
}

/* Whether a comma-separated list has this word; a version may follow, as in php-fpm8.2. */
static bool is_among(const char *list, const char *word)
{
    for (const char *name = list; *name; name += strcspn(name, ","), name += *name == ',') {
        size_t length = strcspn(name, ",");
        if (!strncmp(name, word, length) && word[length + strspn(word + length, "0123456789.")] == '\0')
            return true;
    }
    return false;
}

const struct knob *knob_of_process(const char *process)
{
    for (const struct knob *knob = knobs; knob->server; knob++)
        if (is_among(knob->processes, process))
            return knob;
    return NULL;
}

/* "511 is the default of nginx, redis and others"; nothing for a number that nobody has. */
static void write_number(FILE *out, uint64_t backlog)
{
    const char *before = "";
    for (const struct knob *knob = knobs; knob->server; knob++)
        if (knob->standard && knob->standard == backlog) {
            if (!*before)
                fprintf(out, "%" PRIu64 " is the default of ", backlog);
            fprintf(out, "%s%s", before, knob->server);
            before = ", ";
        }
}

void write_knob(FILE *out, const struct listener *l)
{
    const struct knob *knob = *l->process ? knob_of_process(l->process) : NULL;
    if (!knob)
        write_number(out, l->backlog);
    else if (knob->rest)
        fprintf(out, "%sN%s sets it in %s (%s; %s)", knob->line, knob->rest, knob->server, knob->note, knob->where);
    else
        fprintf(out, "%s: %s (%s)", knob->server, knob->note, knob->where);
}

bool has_knob(const struct listener *l)
{
    if (*l->process && knob_of_process(l->process))
        return true;
    for (const struct knob *knob = knobs; knob->server; knob++)
        if (knob->standard && knob->standard == l->backlog)
            return true;
    return false;
}

/* The counters of the network namespace that bear on a backlog. */
#include "backlogctl/netns.h"

#include "backlogctl/procfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* /proc/net would be the namespace of the process's first thread. */
#define NETSTAT "/proc/thread-self/net/netstat"
#define NETDEV "/proc/thread-self/net/dev"
#define SNMP "/proc/thread-self/net/snmp"

/* A few thousand bytes today. */
#define NETSTAT_SIZE 65536

static int read_all(const char *path, char *out, size_t size, struct error *err)
{
    ssize_t got = procfs_read(path, out, size);
    if (got < 0)
        return error_set(err, (int)-got, "cannot read %s: %s", path, strerror((int)-got));
    return (size_t)got < size - 1 ? 0 : error_set(err, EOVERFLOW, "cannot read %s: it is too long", path);
}

/* The lengths of their names, as there are many more that nobody asks for. */
struct counter_lengths {
    size_t of[COUNTER_COUNT];
};

static void note_counter(struct counters *out, const struct counter_lengths *lengths, const char *name, size_t length,
                         uint64_t value)
{
    for (int c = 0; c < COUNTER_COUNT; c++)
        if (lengths->of[c] == length && !memcmp(counter_name((enum counter)c), name, length))
            out->value[c] = value;
}

/* The values of /proc/net/snmp that begin with ActiveOpens; NULL: unknown. RFC 4022's names are in this order since there is such a file. */
static const char *connection_values(const char *text)
{
    const char *names = strstr(text, "\nTcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens ");
    const char *values = names ? strstr(names + 1, "\nTcp: ") : NULL;
    for (int word = 0; values && word < 5; word++)
        values = strchr(values + 1, ' ');
    return values;
}

bool counters_connections(struct connection_counters *out)
{
    char *text = malloc(NETSTAT_SIZE);
    unsigned long long connects, children, failed, reset;
    const char *values = text && !read_all(SNMP, text, NETSTAT_SIZE, NULL) ? connection_values(text) : NULL;
    bool known = values && sscanf(values, "%llu %llu %llu %llu", &connects, &children, &failed, &reset) == 4;
    *out = known ? (struct connection_counters){connects, children, failed + reset} : (struct connection_counters){0};
    free(text);
    return known;
}

/* A line of /proc/net/dev is a device's name, a colon, and first the bytes and packets that it received; two lines of names come before. */
static bool sum_arrived(const char *text, uint64_t *arrived)
{
    unsigned long long packets;
    const char *line = strchr(text, '\n');
    *arrived = 0;
    while (line && (line = strchr(line + 1, '\n')) && line[1]) {
        const char *name = line + 1 + strspn(line + 1, " "), *colon = strchr(name, ':');
        if (!colon || sscanf(colon, ": %*u %llu", &packets) != 1)
            return false;
        if (strncmp(name, "lo:", 3))
            *arrived += packets;
    }
    return line;
}

bool traffic_read(struct traffic *out)
{
    char *text = malloc(NETSTAT_SIZE);
    unsigned long long in, sent, repeated;
    const char *values = text && !read_all(SNMP, text, NETSTAT_SIZE, NULL) ? connection_values(text) : NULL;
    bool known = values && sscanf(values, "%*u %*u %*u %*u %*u %llu %llu %llu", &in, &sent, &repeated) == 3;
    if (known)
        *out = (struct traffic){in, sent, repeated, 0};
    known = known && !read_all(NETDEV, text, NETSTAT_SIZE, NULL) && sum_arrived(text, &out->arrived);
    free(text);
    return known;
}

int64_t counters_connects(void)
{
    struct connection_counters counters;
    return counters_connections(&counters) ? (int64_t)counters.connects : -1;
}

/* Two lines side by side: "TcpExt: NAME NAME ..." and "TcpExt: VALUE VALUE ...". */
static bool read_pair(const char *names, const char *values, struct counters *out)
{
    struct counter_lengths lengths;
    for (int c = 0; c < COUNTER_COUNT; c++)
        lengths.of[c] = strlen(counter_name((enum counter)c));
    for (;;) {
        names += strspn(names, " ");
        values += strspn(values, " ");
        size_t length = strcspn(names, " \n");
        if (!length)
            return true;
        char *end;
        uint64_t value = strtoull(values, &end, 10);
        if (end == values)
            return false;
        note_counter(out, &lengths, names, length, value);
        names += length;
        values = end;
    }
}

static bool read_counters(const char *text, struct counters *out)
{
    static const char prefix[] = "TcpExt:";
    const size_t skip = sizeof prefix - 1;
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, prefix, skip))
            continue;
        const char *next = strchr(line, '\n');
        return next && !strncmp(next + 1, prefix, skip) && read_pair(line + skip, next + 1 + skip, out);
    }
    return false;
}

/* Packets that lo dropped because its input queue (net.core.netdev_max_backlog) was full: when thousands of SYNs are sent
   again in one timer tick, the listener never sees them all. */
static void read_loopback_drops(char *text, struct counters *out)
{
    if (read_all(NETDEV, text, NETSTAT_SIZE, NULL))
        return;
    const char *lo = strstr(text, " lo:");
    unsigned long long dropped;
    if (lo && sscanf(lo, " lo: %*u %*u %*u %llu", &dropped) == 1)
        out->value[COUNTER_LOOPBACK_DROPPED] = dropped;
}

int counters_read(struct counters *out, struct error *err)
{
    *out = (struct counters){0};
    char *text = malloc(NETSTAT_SIZE);
    if (!text)
        return error_set(err, ENOMEM, "no memory to read " NETSTAT);
    int status = read_all(NETSTAT, text, NETSTAT_SIZE, err);
    if (!status) {
        struct counters read = {.known = true};
        if (read_counters(text, &read))
            *out = read;
        else
            status = error_set(err, EBADMSG, NETSTAT " makes no sense: no TcpExt");
    }
    if (!status)
        read_loopback_drops(text, out);
    free(text);
    return status;
}

struct counters counters_change(const struct counters *before, const struct counters *after)
{
    struct counters change = {.known = before->known && after->known};
    for (int c = 0; change.known && c < COUNTER_COUNT; c++)
        change.value[c] = after->value[c] - before->value[c];
    return change;
}

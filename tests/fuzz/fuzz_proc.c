/* Files of /proc and /sys: numbers, counters, sysctls, cgroups, and what processes are and hold. */
#include "fake_files.h"

#include "backlogctl/container.h"
#include "backlogctl/holder_look.h"
#include "backlogctl/netns.h"
#include "backlogctl/owner.h"
#include "backlogctl/procfs.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE 512

static void read_number(struct bytes *bytes)
{
    char key[TEXT_SIZE];
    draw_text(bytes, key, sizeof key);
    fake_files_begin(*bytes);
    MUST(procfs_number("/proc/x", key) == procfs_number("/proc/x", key) || bytes->left);
}

static void read_counters(struct bytes *bytes)
{
    struct counters counters;
    struct error err = {0};
    fake_files_begin(*bytes);
    int status = counters_read(&counters, &err);
    MUST(counters.known == !status);
    MUST(!status || err.code == -status);
    counters_connects();
    traffic_read(&(struct traffic){0});
}

static void read_sysctls(struct bytes *bytes)
{
    char key[TEXT_SIZE], value[SYSCTL_VALUE_SIZE];
    uint16_t low, high;
    struct error err = {0};
    draw_text(bytes, key, sizeof key);
    fake_files_begin(*bytes);
    int status = sysctl_read(key, value, &err);
    if (status) {
        MUST(err.code == -status);
    } else {
        size_t length = strlen(value);
        MUST(sysctl_key_valid(key) && !strstr(key, ".."));
        MUST(!length || !isspace((unsigned char)value[length - 1]));
    }
    int64_t number = sysctl_number("net.core.somaxconn");
    MUST(number >= -1 && number <= UINT32_MAX);
    if (!sysctl_port_range(&low, &high, NULL))
        MUST(low && low <= high);
}

static void note_container(void *context, const char *id)
{
    MUST(*id && strlen(id) < sizeof((struct socket_holder_place *)0)->container);
    ++*(size_t *)context;
}

static void check_place(const struct socket_holder_place *place)
{
    MUST(memchr(place->unit, '\0', sizeof place->unit) && memchr(place->container, '\0', sizeof place->container) &&
         memchr(place->pod, '\0', sizeof place->pod));
    MUST(!strchr(place->unit, '/') && !strchr(place->container, '/') && !strchr(place->pod, '/'));
    MUST(!strchr(place->unit, '\n') && !strchr(place->container, '\n'));
    MUST(strspn(place->pod, "0123456789abcdef-") == strlen(place->pod));
}

static void read_cgroup(struct bytes *bytes)
{
    static char text[UINT16_MAX + 1];
    struct socket_holder_place place;
    size_t containers = 0;
    draw_text(bytes, text, sizeof text);
    struct exact exact = exact_copy((struct bytes){(const uint8_t *)text, strlen(text) + 1}, 0);
    socket_holder_read_place((const char *)exact.bytes, &place);
    check_place(&place);
    socket_holder_containers((const char *)exact.bytes, note_container, &containers);
    MUST(!*place.container == !containers);
    free(exact.memory);
}

static void each_owner(void *context, uint32_t inode, pid_t pid, bool registered)
{
    (void)context, (void)registered;
    MUST(inode && pid > 0);
}

static void look_at_owners(struct bytes *bytes)
{
    struct socket_holder holder;
    struct listener listener = {.inode = (uint32_t)draw_raw(bytes, 4)};
    fake_files_begin(*bytes);
    owner_read(getpid(), &holder);
    MUST(memchr(holder.process, '\0', sizeof holder.process));
    check_place(&holder.place);
    int status = owner_sockets(getpid(), each_owner, NULL, NULL);
    MUST(!status || status == -EACCES || status == -EPERM); /* what it holds may not be ours to see */
    owner_find(&listener);
    MUST(!listener.pid || listener.processes);
    netns_inode(0);
    netns_foreign_pidns(getpid());
}

static void find_container(struct bytes *bytes)
{
    char id[80];
    struct container container = {0};
    struct error err = {0};
    draw_text(bytes, id, sizeof id);
    fake_files_begin(*bytes);
    int status = container_find(id, &container, &err);
    MUST(status ? err.code == -status && !container.pids : container.count && container.first);
    container_release(&container);
}

static void look_at_holder(struct bytes *bytes)
{
    struct holder_state looks[2], both;
    fake_files_begin(*bytes);
    for (size_t i = 0; i < 2; i++) {
        const struct holder_state *s = &looks[i];
        looks[i] = holder_look(getpid());
        MUST(s->known || !s->threads);
        MUST((uint64_t)s->stopped + s->traced + s->blocked + s->running <= s->threads);
        MUST((uint64_t)s->events + s->futexes + s->accepts <= s->threads);
        MUST(s->call >= -1 && (s->descriptors_max || !s->descriptors));
    }
    both = holder_look_both(&looks[0], &looks[1]);
    MUST(both.stopped <= looks[0].stopped && both.known == (looks[0].known && looks[1].known));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct bytes * bytes) = {
        read_number, read_counters, read_sysctls, read_cgroup, look_at_owners, find_container, look_at_holder,
    };
    struct bytes bytes = {data, size};
    readers[draw_below(&bytes, sizeof readers / sizeof *readers)](&bytes);
    return 0;
}

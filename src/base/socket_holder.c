/* Who a process is, by the path of its cgroup and by its name. Needs nothing but the model. */
#include "backlogctl/socket_holder.h"

#include <stdio.h>
#include <string.h>

#define CONTAINER_DIGITS 64 /* of an id, in hexadecimal */
#define POD_UID 36          /* characters of a UUID; a static pod's is a hash of 32 digits */
#define POD_HASH 32

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t own = strlen(end);
    return length > own && !memcmp(text + length - own, end, own);
}

static bool contains(const char *text, size_t length, const char *word)
{
    return memmem(text, length, word, strlen(word)) != NULL;
}

static size_t hex_digits(const char *text, size_t length)
{
    size_t digits = strspn(text, "0123456789abcdef");
    return digits < length ? digits : length;
}

/* "ID", "docker-ID.scope", "cri-containerd-ID.scope", "crio-ID", ... A conmon is beside its container, not in it. */
static bool read_container(const char *part, size_t length, struct socket_holder_place *out)
{
    static const char lxc[] = "lxc.payload.";
    size_t end = ends_with(part, length, ".scope") ? length - strlen(".scope") : length;
    if (length > sizeof lxc - 1 && !memcmp(part, lxc, sizeof lxc - 1)) {
        snprintf(out->container, sizeof out->container, "%.*s", (int)(length - (sizeof lxc - 1)), part + sizeof lxc - 1);
        return true;
    }
    if (end < CONTAINER_DIGITS || contains(part, length, "conmon"))
        return false;
    const char *id = part + end - CONTAINER_DIGITS;
    if (hex_digits(id, CONTAINER_DIGITS) != CONTAINER_DIGITS || (id > part && id[-1] != '-'))
        return false;
    snprintf(out->container, sizeof out->container, "%.*s", CONTAINER_DIGITS, id);
    return true;
}

/* "podUID" (cgroupfs), "kubepods-burstable-podUID.slice" (systemd, where '_' stands for '-'). */
static bool read_pod(const char *part, size_t length, struct socket_holder_place *out)
{
    size_t end = ends_with(part, length, ".slice") ? length - strlen(".slice") : length;
    for (size_t at = 0; at + 3 < end; at++) {
        size_t rest = end - at - 3;
        if (memcmp(part + at, "pod", 3) || (at && part[at - 1] != '-') || (rest != POD_UID && rest != POD_HASH))
            continue;
        snprintf(out->pod, sizeof out->pod, "%.*s", (int)rest, part + at + 3);
        for (char *p = out->pod; *p; p++)
            *p = *p == '_' ? '-' : *p;
        return strspn(out->pod, "0123456789abcdef-") == rest;
    }
    return false;
}

typedef void part_each(void *context, const char *part, size_t length);

static void read_part(void *context, const char *part, size_t length)
{
    struct socket_holder_place *out = context;
    if (read_container(part, length, out))
        return;
    struct socket_holder_place pod;
    if (read_pod(part, length, &pod)) {
        memcpy(out->pod, pod.pod, sizeof out->pod);
        return;
    }
    if (ends_with(part, length, ".service") || ends_with(part, length, ".scope") || ends_with(part, length, ".socket"))
        snprintf(out->unit, sizeof out->unit, "%.*s", (int)length, part);
}

/* The parts of the path of a line "number:controllers:path". */
static void each_part(const char *line, size_t length, part_each *each, void *context)
{
    const char *end = line + length, *path = memchr(line, ':', length);
    path = path ? memchr(path + 1, ':', (size_t)(end - (path + 1))) : NULL;
    for (path = path ? path + 1 : end; path < end;) {
        size_t part = strcspn(path, "/\n");
        part = part < (size_t)(end - path) ? part : (size_t)(end - path);
        each(context, path, part);
        path += part + 1;
    }
}

static void take(char *into, const char *from, size_t size)
{
    if (!*into)
        memcpy(into, from, size);
}

void socket_holder_read_place(const char *cgroup, struct socket_holder_place *out)
{
    *out = (struct socket_holder_place){0};
    for (const char *line = cgroup; *line;) {
        size_t length = strcspn(line, "\n");
        struct socket_holder_place told = {0};
        each_part(line, length, read_part, &told);
        take(out->unit, told.unit, sizeof out->unit);
        take(out->container, told.container, sizeof out->container);
        take(out->pod, told.pod, sizeof out->pod);
        line += length + (line[length] == '\n');
    }
}

#define COMMAND_NAME_MAX 15

bool socket_holder_is_called(const char *process, const char *name)
{
    return !strcmp(process, name) || (strlen(process) == COMMAND_NAME_MAX && !strncmp(process, name, COMMAND_NAME_MAX));
}

/* What is kept of a longer name is its beginning. */
bool socket_holder_in_unit(const struct socket_holder_place *place, const char *unit)
{
    char service[sizeof place->unit], whole[sizeof place->unit];
    snprintf(whole, sizeof whole, "%s", unit);
    snprintf(service, sizeof service, "%s.service", unit);
    return *place->unit && (!strcmp(place->unit, whole) || !strcmp(place->unit, service));
}

struct containers {
    socket_holder_container *each;
    void *context;
};

static void tell_container(void *context, const char *part, size_t length)
{
    const struct containers *containers = context;
    struct socket_holder_place told;
    if (read_container(part, length, &told))
        containers->each(containers->context, told.container);
}

void socket_holder_containers(const char *cgroup, socket_holder_container *each, void *context)
{
    for (const char *line = cgroup; *line;) {
        size_t length = strcspn(line, "\n");
        each_part(line, length, tell_container, &(struct containers){each, context});
        line += length + (line[length] == '\n');
    }
}

bool socket_holder_is_keeper(const char *process)
{
    static const char *const keepers[] = {"systemd", "inetd", "xinetd"};
    for (size_t i = 0; i < sizeof keepers / sizeof *keepers; i++)
        if (!strcmp(process, keepers[i]))
            return true;
    return false;
}

size_t socket_holder_shown(const struct socket_holder *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!list[i].keeper)
            return i;
    return 0;
}

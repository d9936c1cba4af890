/* Finds the processes of a container by the cgroups that they are in. */
#include "backlogctl/container.h"

#include "backlogctl/owner.h"
#include "backlogctl/procfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_SIZE sizeof((struct socket_holder_place *)0)->container
#define NAMED_MAX 4

/* A process in a container whose id begins as asked for. */
struct member {
    char id[ID_SIZE];
    pid_t pid;
};

struct search {
    const char *prefix;
    pid_t pid; /* whose cgroup is being read */
    struct member *list;
    size_t count, room;
    bool out_of_memory;
};

static void note_container(void *context, const char *id)
{
    struct search *search = context;
    if (strncmp(id, search->prefix, strlen(search->prefix)))
        return;
    /* Once for each hierarchy. */
    for (size_t i = search->count; i && search->list[i - 1].pid == search->pid; i--)
        if (!strcmp(search->list[i - 1].id, id))
            return;
    if (search->count == search->room) {
        size_t room = search->room ? 2 * search->room : 16;
        struct member *list = realloc(search->list, room * sizeof *list);
        search->out_of_memory = search->out_of_memory || !list;
        if (!list)
            return;
        search->list = list;
        search->room = room;
    }
    struct member *member = &search->list[search->count++];
    member->pid = search->pid;
    snprintf(member->id, sizeof member->id, "%s", id);
}

#define CGROUP_SIZE 4096

static void read_cgroup(pid_t pid, char out[CGROUP_SIZE])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    if (procfs_read(path, out, CGROUP_SIZE) < 0)
        *out = '\0';
}

static int search_process(void *context, int pid)
{
    struct search *search = context;
    char cgroup[CGROUP_SIZE];
    search->pid = pid;
    read_cgroup(pid, cgroup);
    socket_holder_containers(cgroup, note_container, search);
    return 0;
}

/* ---- Which one ---- */

/* Text for each id that was found, with a process of it. */
static int refuse(const struct search *search, struct error *err)
{
    char names[280] = "";
    size_t shown = strlen(search->prefix) + 4, count = 0; /* of each id: enough to choose it */
    for (size_t i = 0; i < search->count; i++) {
        size_t before = 0;
        while (before < i && strcmp(search->list[before].id, search->list[i].id))
            before++;
        if (before < i || count++ >= NAMED_MAX)
            continue;
        char process[OWNER_NAME_SIZE];
        owner_name(search->list[i].pid, process);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.*s (%s/%d)", *names ? ", " : "",
                 (int)(shown < 12 ? 12 : shown), search->list[i].id, process, (int)search->list[i].pid);
    }
    return error_set(err, EEXIST, "the ids of %zu containers begin with %.64s: %s%s: give more of it", count, search->prefix,
                     names, count > NAMED_MAX ? " ..." : "");
}

/* The id that is meant. */
static const char *choose(const struct search *search, struct error *err)
{
    bool several = false;
    for (size_t i = 0; i < search->count; i++) {
        if (!strcmp(search->list[i].id, search->prefix))
            return search->prefix;
        several = several || strcmp(search->list[i].id, search->list[0].id);
    }
    if (!search->count)
        error_set(err, ENOENT,
                  "no process here is in a container whose id begins with %.64s: "
                  "'backlogctl list --all-netns --columns address,container' shows ids",
                  search->prefix);
    else if (several)
        refuse(search, err);
    return search->count && !several ? search->list[0].id : NULL;
}

/* When a process was started, in ticks since boot (proc_pid_stat(5), field 22); UINT64_MAX of one that has ended. */
static uint64_t started_at(pid_t pid)
{
    char path[64], stat[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    ssize_t got = procfs_read(path, stat, sizeof stat);
    const char *at = got > 0 ? memrchr(stat, ')', (size_t)got) : NULL;
    if (!at || strchr("ZX", at[1] ? at[2] : '\0'))
        return UINT64_MAX;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : UINT64_MAX;
}

static bool is_innermost(const struct member *member)
{
    char cgroup[CGROUP_SIZE];
    struct socket_holder_place place;
    read_cgroup(member->pid, cgroup);
    socket_holder_read_place(cgroup, &place);
    return !strcmp(place.container, member->id);
}

static void take_members(struct container *out, const struct search *search, const char *id)
{
    uint64_t oldest = UINT64_MAX;
    bool own = false;
    for (size_t i = 0; id && i < search->count; i++) {
        const struct member *member = &search->list[i];
        if (strcmp(member->id, id))
            continue;
        uint64_t started = started_at(member->pid);
        bool innermost = is_innermost(member);
        if (!out->count || innermost > own || (innermost == own && started < oldest)) {
            out->first = member->pid;
            oldest = started;
            own = innermost;
        }
        out->pids[out->count++] = member->pid;
    }
}

int container_find(const char *id, struct container *out, struct error *err)
{
    struct search search = {.prefix = id};
    procfs_walk_path("/proc", search_process, &search);
    const char *chosen = search.out_of_memory ? NULL : choose(&search, err);
    if (chosen)
        out->pids = malloc(search.count * sizeof *out->pids);
    if (out->pids)
        take_members(out, &search, chosen);
    free(search.list);
    if (out->pids)
        return 0;
    return chosen || search.out_of_memory ? error_set(err, ENOMEM, "no memory for the processes of a container")
           : search.count                 ? -EEXIST
                                          : -ENOENT;
}

void container_release(struct container *container)
{
    free(container->pids);
    *container = (struct container){0};
}

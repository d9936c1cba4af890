/* Runs a server's loop and keeps what it tells. */
#include "scene.h"

#include "suite.h"

#include <string.h>

static void note_event(void *context, const struct server_event *event)
{
    struct scene *scene = context;
    ck_assert_uint_lt(scene->count, COUNT(scene->events));
    ck_assert(pthread_equal(pthread_self(), scene->thread));
    ck_assert(!scene->count || event->at >= scene->events[scene->count - 1].at);
    scene->events[scene->count++] = *event;
}

void scene_attach(struct scene *scene, struct server *server)
{
    struct error err = {0};
    memset(scene, 0, sizeof *scene);
    scene->server = server;
    scene->thread = pthread_self();
    ck_assert(!loop_init(&scene->loop, false, &err));
    ck_assert_msg(!server_attach(server, &scene->loop, note_event, scene, &err), "%s", err.text);
}

void scene_close(struct scene *scene)
{
    server_release(scene->server);
    loop_release(&scene->loop);
}

void scene_run(struct scene *scene, nsec span)
{
    ck_assert(!loop_run(&scene->loop, clock_now() + span, NULL));
}

void scene_await(struct scene *scene, enum server_event_kind kind, size_t count)
{
    nsec deadline = clock_now() + PATIENCE;
    while (count_of(scene, kind) < count) {
        ck_assert_msg(clock_now() < deadline, "%zu of %zu events of kind %s came", count_of(scene, kind), count,
                      server_event_name(kind));
        scene_run(scene, 2 * NSEC_PER_MSEC);
    }
}

size_t count_of(const struct scene *scene, enum server_event_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < scene->count; i++)
        count += scene->events[i].kind == kind;
    return count;
}

const struct server_event *event_of(const struct scene *scene, enum server_event_kind kind, size_t n)
{
    for (size_t i = 0; i < scene->count; i++)
        if (scene->events[i].kind == kind && !n--)
            return &scene->events[i];
    ck_abort_msg("no such event of kind %s", server_event_name(kind));
    return NULL;
}

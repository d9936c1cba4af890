/* A server on a loop of the test's own, and what it told. */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include "backlogctl/server.h"

#include <pthread.h>

struct scene {
    struct loop loop;
    struct server *server;
    pthread_t thread;
    struct server_event events[1200];
    size_t count;
};

/* Takes over the server. Every event must come on this thread and in order. */
void scene_attach(struct scene *scene, struct server *server);
void scene_close(struct scene *scene);

void scene_run(struct scene *scene, nsec span);

/* Runs until it has been told so many events of a kind. */
void scene_await(struct scene *scene, enum server_event_kind kind, size_t count);

size_t count_of(const struct scene *scene, enum server_event_kind kind);

/* The n-th event of a kind, from 0; fails the test when there is none. */
const struct server_event *event_of(const struct scene *scene, enum server_event_kind kind, size_t n);

#endif

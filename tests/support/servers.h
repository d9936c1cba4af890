/* Servers that this program did not write, started on 127.0.0.1:60001 of the test's private namespace. */
#ifndef TESTS_SERVERS_H
#define TESTS_SERVERS_H

#include "process.h"

struct real_server {
    const char *program; /* in PATH, else the test is skipped with a word */
    struct process (*start)(const char *folder);
    long backlog;        /* that it asks for */
    const char *request; /* for `probe --send`; an answer proves that it serves */
    size_t processes;    /* that hold its socket */
};

#define REAL_SERVERS 3
extern const struct real_server real_servers[REAL_SERVERS];

/* Starts it in a folder of its own and waits until it answers; false after saying why the test is skipped. */
bool server_begin(const struct real_server *server, struct process *process, char folder[64]);

/* One request, answered within 10 s; fails the test else. */
void server_must_answer(const struct real_server *server);

/* Ends it and removes the folder. */
void server_end(struct process *process, const char *folder);

/* Runs a python program and waits for its first line; false after saying why the test is skipped. */
bool python_begin(const char *program, struct process *process);
void python_end(struct process *process);

#endif

/* Reading what `probe --json` and `run --json` said. */
#ifndef TESTS_REPORT_H
#define TESTS_REPORT_H

#include "process.h"

#include <jansson.h>

/* Runs the program with --json among argv, fails the test unless it exits with `status` and prints one JSON object that
   keeps its own promises: the counts add up to the connections, and every row has a known verdict. Caller decrefs. */
json_t *report_of(const char *const argv[], const struct process_setup *setup, int status);

/* counts.VERDICT */
long report_count(const json_t *report, const char *verdict);

/* An integer under a dotted path such as "listener.capacity"; fails the test when it is not there. */
long report_number(const json_t *report, const char *path);
const char *report_text(const json_t *report, const char *path);

/* Runs a shell command line and returns its stdout without the last newline; fails the test when it fails. malloc'ed. */
char *shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ListenOverflows of the network namespace. */
long listen_overflows(void);

/* Waits until a shell command line succeeds; fails the test when it never does. */
void await(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A backlogctl serve that is listening: argv behind "serve", NULL at the end. `line` (may be NULL) gets its ready line. */
struct process serve_start(const char *const args[], char **line);
/* report_of a burst that should find exit status 0 at such a server (`setup` is for both) that accepts one: tried again, at a
   fresh server, where by the report's own words it was so late that it accepted nobody, or that second SYNs met a queue with some room. */
json_t *report_at(struct process *server, const char *const serve_args[], const char *const argv[],
                  const struct process_setup *setup);
/* Ends it with SIGTERM, expects status 143, returns the rest of its stdout (malloc'ed). */
char *serve_stop(struct process *server);

/* The n-th of a report of listeners; the test fails where there are fewer. */
json_t *report_listener(const json_t *report, size_t n);
bool report_has_remark(const json_t *listener, const char *remark);

#endif

/* What the readers of the two kinds of reports share. */
#ifndef STUDY_REPORTS_INTERNAL_H
#define STUDY_REPORTS_INTERNAL_H

#include "reports.h"

#include <jansson.h>

#define PROBE_SCHEMA "backlogctl.probe/2"
#define OBSERVE_SCHEMA "backlogctl.observe/1"

/* The array, with room for one more than `count`; NULL without memory, and the old one is as it was. */
void *reports_room(void *list, size_t count, size_t *room, size_t size, struct error *err);

/* A row of `connections`: adds an attempt. 0, -ENOMEM, or -EBADMSG for one that makes no sense. */
int host_read_row(struct reports *r, struct merged_host *host, const json_t *row, struct error *err);

/* The members beside the rows, which are the attempts from the first-th on. `why` gets why it cannot be used, and stays "" else. */
void host_read(struct reports *r, struct merged_host *host, size_t first, const json_t *members, char why[TROUBLE_SIZE]);

/* The same of an observer: rows of `connections` and `samples`, and the other members (which may take memory). */
int observer_read_row(struct reports *r, const json_t *row, struct error *err);
int observer_read_sample(struct observer_facts *o, const json_t *row, struct error *err);
int observer_read(struct merged_observer *observer, struct observer_facts *o, const json_t *members, char why[TROUBLE_SIZE],
                  struct error *err);

#endif

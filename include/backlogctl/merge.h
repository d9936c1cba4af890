/* Joins the reports of several hosts about one burst: a study without an experiment of its own. */
#ifndef BACKLOGCTL_MERGE_H
#define BACKLOGCTL_MERGE_H

#include "backlogctl/error.h"
#include "backlogctl/experiment.h"
#include "backlogctl/run.h"

#include <stdbool.h>
#include <stdint.h>

struct merge_plan {
    char *const *files; /* NULL at the end; they outlive the merge */
    uint32_t hosts;     /* reports of hosts that sent which there should be; 0: unknown, unless the reports have shares */
    struct expectations expect;
    bool timeline; /* lanes and queue, too */
    bool summary;  /* no row per connection in the report */
};

struct merge;

/* Reads all files and judges what they tell together. *out is the caller's to close, also after an error. 0; -ENOMEM; -EINVAL: no report
   among them can be used. */
int merge_open(struct merge **out, const struct merge_plan *plan, struct error *err);

/* What came of it: for the report, which it outlives. Its `merged` says what each host contributed. */
struct run *merge_run(struct merge *m);

void merge_close(struct merge *m);

#endif

/* From options to an experiment, and to its report. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "backlogctl/experiment.h"
#include "backlogctl/options.h"
#include "backlogctl/series.h"

/* What the options come to, but for the addresses. */
void plan_options(struct experiment_plan *plan, const struct settings *settings);

/* Finds out the addresses that they name. 0 or -errno. */
int plan_addresses(struct experiment_plan *plan, const struct settings *settings, struct error *err);

/* Does what is planned and reports as the options say. Returns the exit status of the program. */
int plan_perform(const struct command *command, const struct settings *settings, const struct experiment_plan *plan);

/* Whether the files that the report is to be drawn into can be written. 0 or -errno. */
int perform_check_files(const struct settings *settings, struct error *err);

/* Reports a run that is over as the options say. Returns the exit status of the program. */
int perform_report(const struct command *command, const struct settings *settings, struct run *run);

/* How far a series of runs has come: on stderr, in a line that changes if that is a terminal, else in one now and then.
   trials_line_begin returns what to tell it by. */
struct trials_line {
    struct series_progress progress;
    struct report_style style;
    nsec due; /* of the next line */
};
const struct series_progress *trials_line_begin(struct trials_line *line);
void trials_line_end(const struct trials_line *line);

#endif

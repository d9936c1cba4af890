/* The line that shows a person how far a series of runs has come. */
#include "plan.h"

#include "backlogctl/output.h"

#include <unistd.h>

static void show(void *context, size_t done, size_t planned, nsec elapsed)
{
    const struct trials_line *line = context;
    fputs("\r\033[K", stderr);
    report_trials_progress(stderr, done, planned, elapsed, &line->style);
}

const struct series_progress *trials_line_begin(struct trials_line *line)
{
    *line = (struct trials_line){.progress = {show, line}, .style.columns = output_columns(STDERR_FILENO)};
    return line->style.columns ? &line->progress : NULL;
}

void trials_line_end(const struct trials_line *line)
{
    if (line->style.columns)
        fputs("\r\033[K", stderr);
}

/* The line that shows a person how far a series of runs has come. */
#include "plan.h"

#include "backlogctl/output.h"

#include <unistd.h>

/* In a log a line now and then tells that it goes on. */
#define LINE_PAUSE (10 * NSEC_PER_SEC)

static void show(void *context, size_t done, size_t planned, nsec elapsed)
{
    struct trials_line *line = context;
    if (line->style.columns)
        fputs("\r\033[K", stderr);
    else if (elapsed < line->due)
        return;
    line->due = elapsed + LINE_PAUSE;
    report_trials_progress(stderr, done, planned, elapsed, &line->style);
    if (!line->style.columns)
        fputc('\n', stderr);
}

const struct series_progress *trials_line_begin(struct trials_line *line)
{
    *line = (struct trials_line){.progress = {show, line}, .style.columns = output_columns(STDERR_FILENO), .due = LINE_PAUSE};
    return &line->progress;
}

void trials_line_end(const struct trials_line *line)
{
    if (line->style.columns)
        fputs("\r\033[K", stderr);
}

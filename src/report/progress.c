/* The line that a person sees while the patience runs. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

void report_progress(FILE *out, const struct run *run, nsec elapsed, const struct report_style *style)
{
    static const struct report_style plain;
    char now[NSEC_TEXT_SIZE], patience[NSEC_TEXT_SIZE];
    struct keep keep;
    FILE *memory = keep_begin(&keep);
    if (!memory)
        return; /* the next one may come */
    /* Tenths of a second: more digits would only flicker. */
    elapsed -= elapsed % (NSEC_PER_SEC / 10);
    fprintf(memory, "%s of %s, so far: ", nsec_text(elapsed, now), nsec_text(run->probe.timeout, patience));
    write_counts(memory, run->counts, &plain);
    char *text = keep_end(&keep);
    if (text)
        fprintf(out, "%.*s", style->columns > 0 ? style->columns : (int)strlen(text), text);
    free(text);
}

/* The line that a person sees while the patience runs. */
#include "internal.h"

#include <stdlib.h>

void report_progress(FILE *out, const struct run *run, nsec elapsed, const struct report_style *style)
{
    static const struct report_style plain;
    char *text = NULL, now[NSEC_TEXT_SIZE], patience[NSEC_TEXT_SIZE];
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    /* Tenths of a second: more digits would only flicker. */
    elapsed -= elapsed % (NSEC_PER_SEC / 10);
    fprintf(memory, "%s of %s, so far: ", nsec_text(elapsed, now), nsec_text(run->probe.timeout, patience));
    write_counts(memory, run->counts, &plain);
    if (!fclose(memory)) {
        if (style->columns > 0 && size > (size_t)style->columns)
            size = (size_t)style->columns;
        fwrite(text, 1, size, out);
    }
    free(text);
}

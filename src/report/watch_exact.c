/* What watch says of those listeners at which the kernel counts. */
#include "watch_internal.h"

#include <stdlib.h>

bool watch_is_exact(const struct listener_history *one)
{
    return one->exact.known && one->exact.worth[TRACE_LENGTH] == TRACE_EXACT;
}

void watch_exact_words(char out[WATCH_TEXT_SIZE], const struct watch_model *w, const size_t *order, size_t count)
{
    size_t exact = 0;
    for (size_t i = 0; i < count; i++)
        exact += watch_is_exact(&w->list[order[i]]);
    if (exact == count)
        snprintf(out, WATCH_TEXT_SIZE, "(the kernel counts: peaks are exact)");
    else
        snprintf(out, WATCH_TEXT_SIZE,
                 "(the kernel counts: the peaks of %zu listener%s are exact; 9+ is a lower bound, seen once an interval)", exact,
                 plural(exact));
}

void watch_digest_words(char out[WATCH_TEXT_SIZE], const struct trace_digest *exact)
{
    struct keep keep;
    FILE *memory = keep_begin(&keep);
    if (memory)
        write_traced_words(memory, exact);
    char *text = memory ? keep_end(&keep) : NULL;
    snprintf(out, WATCH_TEXT_SIZE, "counted in the kernel: %s", text ? text : "");
    free(text);
}

/* How the sentences of the explanation are told, and the words that many of them begin with. */
#include "explain.h"

#include <inttypes.h>
#include <stdarg.h>

void tell(struct explanation *s, const char *format, ...)
{
    va_list args;
    if (s->begun)
        putc(' ', s->out);
    s->begun = true;
    va_start(args, format);
    vfprintf(s->out, format, args);
    va_end(args);
}

uint64_t told_of(const struct explanation *s, enum verdict v)
{
    return s->run->counts[v];
}

const char *subject(const struct explanation *s, uint64_t n, char out[SUBJECT_SIZE])
{
    snprintf(out, SUBJECT_SIZE, "%s%" PRIu64 " connection%s", n == s->total && n > 1 ? "all " : "", n, plural(n));
    return out;
}

const char *opening(const struct explanation *s, uint64_t n, char out[SUBJECT_SIZE])
{
    subject(s, n, out);
    if (*out == 'a')
        *out = 'A';
    return out;
}

const char *is_are(uint64_t n)
{
    return n == 1 ? "is" : "are";
}

const char *was_were(uint64_t n)
{
    return n == 1 ? "was" : "were";
}

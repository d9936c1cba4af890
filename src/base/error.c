/* The error record: the first error wins. */
#include "backlogctl/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *format, ...)
{
    if (err && !err->code) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return -code;
}

int error_errno(struct error *err, const char *format, ...)
{
    int code = errno;
    if (err && !err->code) {
        va_list args;
        va_start(args, format);
        err->code = code;
        int used = vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof err->text)
            snprintf(err->text + used, sizeof err->text - (size_t)used, ": %s", strerror(code));
    }
    return -code;
}

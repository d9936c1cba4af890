/* What went wrong, in words for a person and as an errno value for the caller. */
#ifndef BACKLOGCTL_ERROR_H
#define BACKLOGCTL_ERROR_H

/* Owned by the caller; all zero means "no error". The first error set is kept, later ones are ignored. */
struct error {
    int code;       /* a positive errno value, 0 while nothing failed */
    char text[384]; /* names the failing call and its argument; no newline at the end */
};

/* Records `code` (a positive errno value) and a text. Returns -code, so that callers can `return error_set(...)`.
   `err` may be NULL: then only the code is returned. */
__attribute__((format(printf, 3, 4))) int error_set(struct error *err, int code, const char *format, ...);

/* The same from the current errno, with ": <strerror>" appended to the text. */
__attribute__((format(printf, 2, 3))) int error_errno(struct error *err, const char *format, ...);

#endif

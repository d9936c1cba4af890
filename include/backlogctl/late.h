/* Libraries that few commands need: who needs one loads it. So the other commands begin sooner (some 0.1 ms a library, which is much of what
   a short probe takes), and a host without it lacks nothing else. Where everything is to be in one file (BACKLOGCTL_LATE=OFF) they are
   linked like any other. */
#ifndef BACKLOGCTL_LATE_H
#define BACKLOGCTL_LATE_H

#include "backlogctl/error.h"

#include <stddef.h>

struct late_library {
    const char *file;         /* its SONAME, which names the version of its functions: "libncursesw.so.6" */
    const char *const *names; /* of functions and variables */
    void **places;            /* of their addresses, in the same order; NULL until they are loaded */
    size_t count;
};

/* Loads it, once; it stays. 0, or -ELIBACC: it is not there, or lacks one of the names (err says which). */
int late_load(const struct late_library *library, struct error *err);

/* With NAMES(X) as X(endwin) X(getch)..., LATE_DECLARE(curses, NAMES) in the files that use it and LATE_DEFINE(curses,
   "libncursesw.so.6", NAMES) in one of them: then curses_load(err), which is as late_load, makes curses.endwin() callable. */
#define LATE_MEMBER(name) __typeof__(name) *name;
#define LATE_NAME(name) #name,
#define LATE_ADDRESS(name) .name = &name,
#define LATE_DECLARE(library, NAMES)    \
    extern struct library##_functions { \
        NAMES(LATE_MEMBER)              \
    } library;                          \
    int library##_load(struct error *err);
#ifdef LATE_IS_LINKED
#define LATE_DEFINE(library, soname, NAMES)                     \
    struct library##_functions library = {NAMES(LATE_ADDRESS)}; \
    int library##_load(struct error *err)                       \
    {                                                           \
        (void)err;                                              \
        return 0;                                               \
    }
#else
#define LATE_DEFINE(library, soname, NAMES)                                                     \
    struct library##_functions library;                                                         \
    int library##_load(struct error *err)                                                       \
    {                                                                                           \
        static const char *const names[] = {NAMES(LATE_NAME)};                                  \
        const size_t count = sizeof names / sizeof *names;                                      \
        return late_load(&(struct late_library){soname, names, (void **)&library, count}, err); \
    }
#endif

#endif

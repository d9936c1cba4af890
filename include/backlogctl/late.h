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

/* LATE_LIBRARY(curses, "libncursesw.so.6", NAMES), where NAMES(X) is X(endwin) X(getch)...: then curses_load(err) makes
   curses.endwin() callable. */
#define LATE_MEMBER(name) __typeof__(name) *name;
#ifdef LATE_IS_LINKED
#define LATE_ADDRESS(name) .name = &name,
#define LATE_LIBRARY(library, soname, NAMES)            \
    static const struct {                               \
        NAMES(LATE_MEMBER)                              \
    } library = {NAMES(LATE_ADDRESS)};                  \
    static inline int library##_load(struct error *err) \
    {                                                   \
        (void)err;                                      \
        return 0;                                       \
    }
#else
#define LATE_NAME(name) #name,
#define LATE_LIBRARY(library, soname, NAMES)                                                                           \
    static struct {                                                                                                    \
        NAMES(LATE_MEMBER)                                                                                             \
    } library;                                                                                                         \
    static inline int library##_load(struct error *err)                                                                \
    {                                                                                                                  \
        static const char *const names[] = {NAMES(LATE_NAME)};                                                         \
        _Static_assert(sizeof library / sizeof(void *) == sizeof names / sizeof *names, "a place for each");           \
        return late_load(&(struct late_library){soname, names, (void **)&library, sizeof names / sizeof *names}, err); \
    }
#endif

#endif

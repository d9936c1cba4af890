/* A target as people type it, in one word: read here and nowhere else, and turned into the options that say the same. */
#ifndef BACKLOGCTL_TARGET_H
#define BACKLOGCTL_TARGET_H

#include "backlogctl/options.h"

#define TARGET_VALUE_SIZE 512 /* a path of 108 bytes, each of them escaped */
#define TARGET_OPTIONS_MAX 2

/* What a word stands for, as far as the word alone tells. */
struct target_meaning {
    struct target_option {
        const char *name; /* of the option; static storage */
        char value[TARGET_VALUE_SIZE];
    } options[TARGET_OPTIONS_MAX];
    size_t count;
    char service[64];             /* its port is the one of this service, see services(5); "": it is none, or a number */
    char word[TARGET_VALUE_SIZE]; /* a name, to be looked for among those who listen; "": it is no name */
};

/* A prefix that forces what is meant, such as "unit:". */
struct target_form {
    const char *prefix, *option; /* the option that says the same; NULL: a service */
    bool running;                /* names what runs already: for TARGET_LISTENER only */
    const char *behind;          /* what comes behind it, for messages */
};

/* NULL behind the last. */
const struct target_form *target_form_at(size_t n);

/* Reads a word; `use` is not TARGET_NONE. Pure. 0 or -EINVAL. */
int target_read(const char *word, enum target_use use, struct target_meaning *out, struct error *err);

/* " (port 80 of ::1 is [::1]:80)" for ::1:80, which is an IPv6 address and may have been meant so; else "". Pure. Returns out. */
#define TARGET_HINT_SIZE 160
const char *target_port_hint(const char *word, char out[TARGET_HINT_SIZE]);

/* The names of a word among those who listen. */
enum target_fit { FITS_PROCESS = 1, FITS_UNIT = 2, FITS_CONTAINER = 4, FITS_PATH = 8 };

/* What of the survey, whose holders are known, is called so: bits of enum target_fit. Pure. */
unsigned target_fits(const struct survey *survey, const char *word);

/* Sets the options that the settings' target stands for, if there is one, and checks that the options go together. Looks names up:
   hosts, services and, by a survey, who listens; so it comes before rights are given up. 0; -EINVAL the command line is wrong, and
   another -errno: nothing is called so, or it cannot be seen. */
int target_take(const struct command *command, struct settings *settings, struct error *err);

#endif

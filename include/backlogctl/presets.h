/* The famous effects, each as the options of `run` that make it. */
#ifndef BACKLOGCTL_PRESETS_H
#define BACKLOGCTL_PRESETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define PRESET_WORDS_MAX 20

struct preset {
    const char *name;
    const char *summary;                 /* one line */
    const char *explanation;             /* what to look at, and why it is so */
    const char *words[PRESET_WORDS_MAX]; /* as on the command line, NULL at the end */
    bool timeline;                       /* it happens over time: --timeline too */
};

/* NULL: no such preset. */
const struct preset *preset_find(const char *name);

/* The n-th, NULL behind the last. */
const struct preset *preset_at(size_t n);

/* Each with its summary and the options that it stands for. */
void presets_print(FILE *out, size_t width);

#endif

/* What the benchmark found, as Markdown of at most 100 columns. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "measure.h"

#include <stdio.h>

/* In the order in which a round runs them. */
enum program { PROGRAM_BARE, PROGRAM_TEXT, PROGRAM_JSON, PROGRAM_COUNT };

/* Medians of the runs of one program at one count and fate. */
struct result {
    size_t count;
    enum fate fate;
    enum program program;
    nsec wall, cpu;
    double wall_ratio, cpu_ratio; /* to the bare loop's run of the same round */
    uint64_t peak;
    char failure[12], why[200]; /* as in struct sample */
};

/* `runs`: how many the medians are of. */
void table_heading(FILE *out, const char *runs);

/* `first` and `thousand` are the same program and fate at 10 and at 1000; NULL where they are not known. */
void table_row(FILE *out, const struct result *result, const struct result *first, const struct result *thousand);

/* Why the failed ones failed; returns how many they are. */
size_t table_notes(FILE *out, const struct result *results, size_t count);

void table_row_heading(FILE *out, size_t runs, size_t count);
void table_row_spread(FILE *out, enum program program, const struct sample *samples, size_t runs);

#endif

/* Measures `backlogctl probe` against a bare C loop that asks the kernel for the same connections. */
#include "table.h"

#include "backlogctl/parse.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 5
#define RUNS_MAX 1000

/* Short runs are noisy and cheap: up to this many connections there are more of them. */
#define SMALL 1000
#define SMALL_FACTOR 5

/* Long ones are neither: from here on there are about half as many. */
#define LARGE 50000

#define RUNS_IN_A_ROW 10
#define IN_A_ROW 18000

#define TRIES 3

#define COUNTS_MAX 16
#define COUNT_MAX 1000000

struct bench {
    const char *program, *bare; /* paths */
    int runs;
    size_t counts[COUNTS_MAX], count_number; /* ascending */
};

static const struct bench defaults = {
    .program = "./backlogctl", .bare = "./bench_bare", .runs = RUNS, .counts = {10, 1000, IN_A_ROW, 100000}, .count_number = 4};

/* ---- One run ---- */

/* Every program is told what must come out, so that a fast but wrong one does not pass. */
static void run_program(const struct bench *bench, enum program program, const char *count, const char *port, enum fate fate,
                        struct sample *out)
{
    char expected[64];
    snprintf(expected, sizeof expected, "%s=%s", fate == FATE_QUEUED ? "queued" : "timed_out", count);
    const char *const bare[] = {bench->bare, count, port, fate == FATE_QUEUED ? "queued" : "dropped", NULL};
    const char *json = program == PROGRAM_JSON ? "--json" : NULL;
    const char *const probe[] = {bench->program, "probe", "--timeout", "0",      "--count", count,
                                 "--port",       port,    "--expect",  expected, json,      NULL};
    sample_take(out, program == PROGRAM_BARE ? bare : probe);
}

static void run_on_stage(const struct bench *bench, enum program program, size_t count, enum fate fate, struct sample *out)
{
    struct stage stage;
    struct error err = {0};
    char count_text[32], port[16];
    if (stage_open(&stage, fate, count, &err)) {
        *out = (struct sample){.failure = "no stage"};
        snprintf(out->why, sizeof out->why, "%.190s", err.text);
    } else {
        snprintf(count_text, sizeof count_text, "%zu", count);
        snprintf(port, sizeof port, "%u", (unsigned)stage.port);
        run_program(bench, program, count_text, port, fate, out);
    }
    stage_close(&stage);
}

/* Another load on the machine can make the kernel lose packets of ours: a run that failed so says nothing. */
static void run_once(const struct bench *bench, enum program program, size_t count, enum fate fate, struct sample *out)
{
    for (int tries = 0; tries < TRIES; tries++) {
        run_on_stage(bench, program, count, fate, out);
        if (!out->failure[0] || !out->lost)
            break;
    }
}

/* ---- Medians ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void note_failure(struct result *result, const struct sample *sample)
{
    memcpy(result->failure, sample->failure, sizeof result->failure);
    memcpy(result->why, sample->why, sizeof result->why);
}

static void summarize(struct result *result, const struct sample *samples, const struct sample *bare, size_t runs)
{
    double values[5][RUNS_MAX];
    size_t pairs = 0;
    for (size_t i = 0; i < runs; i++) {
        if (samples[i].failure[0]) {
            note_failure(result, &samples[i]);
            return;
        }
        values[0][i] = (double)samples[i].wall;
        values[1][i] = (double)samples[i].cpu;
        values[2][i] = (double)samples[i].peak;
        if (bare[i].failure[0] || !bare[i].cpu)
            continue;
        values[3][pairs] = (double)samples[i].wall / (double)bare[i].wall;
        values[4][pairs++] = (double)samples[i].cpu / (double)bare[i].cpu;
    }
    result->wall = (nsec)median(values[0], runs);
    result->cpu = (nsec)median(values[1], runs);
    result->peak = (uint64_t)median(values[2], runs);
    if (!pairs)
        return;
    result->wall_ratio = median(values[3], pairs);
    result->cpu_ratio = median(values[4], pairs);
}

/* ---- Everything ---- */

static size_t runs_at(const struct bench *bench, size_t count)
{
    size_t runs = (size_t)bench->runs;
    return count <= SMALL ? runs * SMALL_FACTOR : count >= LARGE ? (runs + 1) / 2 : runs;
}

/* Round by round, the programs take turns: what slows the machine for a while slows them all. A program that
   failed once is not tried again. */
static void measure(const struct bench *bench, size_t count, enum fate fate, struct result results[PROGRAM_COUNT])
{
    static const struct sample skipped = {.failure = "skipped"};
    size_t runs = runs_at(bench, count);
    struct sample *samples = calloc(PROGRAM_COUNT * runs, sizeof *samples);
    if (!samples)
        abort();
    for (size_t i = 0; i < runs; i++)
        for (size_t p = 0; p < PROGRAM_COUNT; p++) {
            struct sample *sample = &samples[p * runs + i];
            *sample = skipped;
            if (!i || !sample[-1].failure[0])
                run_once(bench, (enum program)p, count, fate, sample);
        }
    for (size_t p = 0; p < PROGRAM_COUNT; p++) {
        results[p] = (struct result){.count = count, .fate = fate, .program = (enum program)p};
        summarize(&results[p], &samples[p * runs], samples, runs);
    }
    free(samples);
}

static const struct result *find(const struct result *results, size_t number, size_t count, const struct result *like)
{
    for (size_t i = 0; i < number; i++)
        if (results[i].count == count && results[i].fate == like->fate && results[i].program == like->program)
            return &results[i];
    return NULL;
}

/* Returns how many rows have failed. */
static size_t measure_in_a_row(const struct bench *bench, FILE *out)
{
    struct result failed[PROGRAM_COUNT] = {0};
    table_row_heading(out, RUNS_IN_A_ROW, IN_A_ROW);
    for (size_t p = 0; p < PROGRAM_COUNT; p++) {
        struct sample samples[RUNS_IN_A_ROW];
        for (size_t i = 0; i < RUNS_IN_A_ROW; i++)
            run_once(bench, (enum program)p, IN_A_ROW, FATE_QUEUED, &samples[i]);
        table_row_spread(out, (enum program)p, samples, RUNS_IN_A_ROW);
        failed[p] = (struct result){.count = IN_A_ROW, .fate = FATE_QUEUED, .program = (enum program)p};
        for (size_t i = 0; i < RUNS_IN_A_ROW && !failed[p].failure[0]; i++)
            note_failure(&failed[p], &samples[i]);
    }
    return table_notes(out, failed, PROGRAM_COUNT);
}

/* Returns how many rows have failed. */
static size_t measure_all(const struct bench *bench, FILE *out)
{
    struct result results[COUNTS_MAX * FATE_COUNT * PROGRAM_COUNT];
    size_t number = 0;
    bool in_a_row = false;
    char runs[128];
    snprintf(runs, sizeof runs, "%zu runs (%zu up to N = %d, %zu from N = %d)", runs_at(bench, SMALL + 1), runs_at(bench, SMALL),
             SMALL, runs_at(bench, LARGE), LARGE);
    table_heading(out, runs);
    fflush(out);
    for (size_t c = 0; c < bench->count_number; c++)
        for (size_t f = 0; f < FATE_COUNT; f++) {
            struct result *now = &results[number];
            measure(bench, bench->counts[c], (enum fate)f, now);
            number += PROGRAM_COUNT;
            for (size_t p = 0; p < PROGRAM_COUNT; p++)
                table_row(out, &now[p], find(results, number, 10, &now[p]), find(results, number, 1000, &now[p]));
            in_a_row = in_a_row || bench->counts[c] == IN_A_ROW;
        }
    size_t failed = table_notes(out, results, number);
    if (in_a_row)
        failed += measure_in_a_row(bench, out);
    return failed;
}

/* ---- Options ---- */

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static int take_counts(struct bench *bench, char *list, struct error *err)
{
    bench->count_number = 0;
    for (char *rest = list, *word; (word = strsep(&rest, ","));) {
        int64_t count = 0;
        if (bench->count_number == COUNTS_MAX)
            return error_set(err, EINVAL, "want at most %d counts", COUNTS_MAX);
        int status = parse_count(word, 1, COUNT_MAX, &count, err);
        if (status)
            return status;
        bench->counts[bench->count_number++] = (size_t)count;
    }
    qsort(bench->counts, bench->count_number, sizeof *bench->counts, by_size);
    return 0;
}

static int take_options(struct bench *bench, int argc, char **argv, struct error *err)
{
    static const struct option options[] = {{"runs", required_argument, NULL, 'r'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"program", required_argument, NULL, 'p'},
                                            {"bare", required_argument, NULL, 'b'},
                                            {0}};
    int64_t runs = bench->runs;
    int status = 0;
    for (int option; !status && (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'r')
            status = parse_integer(optarg, 1, RUNS_MAX / SMALL_FACTOR, &runs, err);
        else if (option == 'o')
            status = take_counts(bench, optarg, err);
        else if (option == 'p')
            bench->program = optarg;
        else if (option == 'b')
            bench->bare = optarg;
        else
            status = error_set(err, EINVAL, "unknown option");
    }
    bench->runs = (int)runs;
    return status || optind == argc ? status : error_set(err, EINVAL, "unexpected '%s'", argv[optind]);
}

int main(int argc, char **argv)
{
    struct bench bench = defaults;
    struct error err = {0};
    if (take_options(&bench, argc, argv, &err)) {
        fprintf(stderr,
                "bench_driver: %s\nUsage: bench_driver [--runs K] [--only N[,N]...] "
                "[--program BACKLOGCTL] [--bare BENCH_BARE]\n",
                err.text);
        return 2;
    }
    if (measure_enter(&err)) {
        printf("skipped: bench_driver: %s\n", err.text);
        return 77;
    }
    size_t failed = measure_all(&bench, stdout);
    if (fflush(stdout) || ferror(stdout))
        return 3;
    return failed ? 1 : 0;
}

/* Prints what was measured, and on what. */
#include "table.h"

#include <stdbool.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define CELL_SIZE 32

static const char *const program_names[PROGRAM_COUNT] = {"bare", "probe", "--json"};
static const char *const fate_names[FATE_COUNT] = {"queued", "dropped"};

void table_heading(FILE *out, const char *runs)
{
    struct utsname system;
    struct sysinfo memory;
    char date[CLOCK_STAMP_SIZE];
    clock_stamp(date);
    uname(&system);
    sysinfo(&memory);
    fprintf(out,
            "%.10s, backlogctl %s, Linux %s %s, %d CPUs, %.1f GB of memory.\n"
            "Median of %s, whole\n"
            "processes from fork to exit, with their output in a file in memory.\n\n",
            date, BACKLOGCTL_VERSION, system.release, system.machine, get_nprocs(),
            (double)memory.totalram * memory.mem_unit / 1e9, runs);
    fputs("`bare`: a C loop of socket, bind, connect and TCP_INFO, then close. `probe`: `backlogctl probe\n"
          "--timeout 0 --count N`; `--json`: the same with `--json`. `queued`: the backlog has room for all;\n"
          "`dropped`: the queue is full before. `x bare`: median of the ratios of paired runs. `B/conn`:\n"
          "user memory a connection, (peak - peak at N = 10) / N. `vs 1000`: wall time a connection,\n"
          "against that at N = 1000.\n\n"
          "|      N | queue   | program |     wall | x bare |    CPU | x bare |    peak | B/conn | vs 1000 |\n"
          "| -----: | ------- | ------- | -------: | -----: | -----: | -----: | ------: | -----: | ------: |\n",
          out);
}

static const char *ratio_text(bool known, double ratio, char out[CELL_SIZE])
{
    snprintf(out, CELL_SIZE, known ? "%.2f" : "-", ratio);
    return out;
}

static double wall_each(const struct result *result)
{
    return (double)result->wall / (double)result->count;
}

void table_row(FILE *out, const struct result *result, const struct result *first, const struct result *thousand)
{
    char wall[NSEC_TEXT_SIZE], cpu[NSEC_TEXT_SIZE], peak[CELL_SIZE], each[CELL_SIZE] = "-";
    char wall_ratio[CELL_SIZE], cpu_ratio[CELL_SIZE], growth[CELL_SIZE];
    bool ok = !result->failure[0], compared = ok && result->program != PROGRAM_BARE && result->wall_ratio > 0;
    bool grown = ok && thousand && !thousand->failure[0];
    snprintf(peak, sizeof peak, ok ? "%.1f MB" : "-", (double)result->peak / 1e6);
    if (ok && first && !first->failure[0] && result->count > first->count)
        snprintf(each, sizeof each, "%.0f", ((double)result->peak - (double)first->peak) / (double)result->count);
    fprintf(out, "| %6zu | %-7s | %-7s | %8s | %6s | %6s | %6s | %7s | %6s | %7s |\n", result->count, fate_names[result->fate],
            program_names[result->program], ok ? nsec_text(result->wall, wall) : result->failure,
            ratio_text(compared, result->wall_ratio, wall_ratio), ok ? nsec_text(result->cpu, cpu) : "-",
            ratio_text(compared, result->cpu_ratio, cpu_ratio), peak, each,
            ratio_text(grown, grown ? wall_each(result) / wall_each(thousand) : 0, growth));
    fflush(out);
}

size_t table_notes(FILE *out, const struct result *results, size_t count)
{
    size_t failed = 0;
    for (size_t i = 0; i < count; i++)
        if (results[i].failure[0])
            fprintf(out, "%s- %zu %s, %s: %s%s%s\n", failed++ ? "" : "\n", results[i].count, fate_names[results[i].fate],
                    program_names[results[i].program], results[i].failure, results[i].why[0] ? ": " : "", results[i].why);
    return failed;
}

void table_row_heading(FILE *out, size_t runs, size_t count)
{
    fprintf(out,
            "\n%zu runs one after the other, N = %zu, all queued:\n\n"
            "| program | fastest | slowest | slowest / fastest |\n"
            "| ------- | ------: | ------: | ----------------: |\n",
            runs, count);
}

void table_row_spread(FILE *out, enum program program, const struct sample *samples, size_t runs)
{
    char fastest[NSEC_TEXT_SIZE], slowest[NSEC_TEXT_SIZE];
    nsec least = INT64_MAX, most = 0;
    for (size_t i = 0; i < runs; i++) {
        if (samples[i].failure[0]) {
            fprintf(out, "| %-7s | %7s | %7s | %17s |\n", program_names[program], samples[i].failure, "-", "-");
            return;
        }
        least = samples[i].wall < least ? samples[i].wall : least;
        most = samples[i].wall > most ? samples[i].wall : most;
    }
    fprintf(out, "| %-7s | %7s | %7s | %17.2f |\n", program_names[program], nsec_text(least, fastest), nsec_text(most, slowest),
            (double)most / (double)least);
    fflush(out);
}

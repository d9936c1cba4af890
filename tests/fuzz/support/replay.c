/* Runs a fuzz target over files and folders of inputs, without libFuzzer: the corpus, as a test. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool fuzz_replays = true;

#define INPUT_MOST (1 << 20)

/* What runs, for the last words of a process that does not survive it. */
static char now[4096] = "nothing";

static void name_it(int status, void *unused)
{
    (void)unused;
    if (status)
        fprintf(stderr, "while it ran %s\n", now);
}

static int cannot(const char *path)
{
    fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
    return -1;
}

/* How many inputs were run, or -1. */
static int run_file(const char *path)
{
    FILE *file = fopen(path, "re");
    uint8_t *all = file ? malloc(INPUT_MOST) : NULL;
    if (!all)
        return cannot(path);
    size_t size = fread(all, 1, INPUT_MOST, file);
    fclose(file);
    uint8_t *exact = realloc(all, size + !size);
    if (!exact)
        return cannot(path);
    snprintf(now, sizeof now, "%s", path);
    if (getenv("FUZZ_VERBOSE"))
        fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

static int run_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort), ran = 0;
    if (count < 0)
        return cannot(path);
    for (int i = 0; i < count; i++) {
        char *file = NULL;
        if (entries[i]->d_name[0] != '.' && asprintf(&file, "%s/%s", path, entries[i]->d_name) < 0)
            return cannot(path);
        int got = file && ran >= 0 ? run_file(file) : 0;
        ran = got < 0 || ran < 0 ? -1 : ran + got;
        free(file);
        free(entries[i]);
    }
    free(entries);
    return ran;
}

int main(int argc, char **argv)
{
    int total = 0;
    on_exit(name_it, NULL);
    for (int i = 1; i < argc; i++) {
        struct stat what;
        int ran = stat(argv[i], &what) ? cannot(argv[i]) : S_ISDIR(what.st_mode) ? run_folder(argv[i]) : run_file(argv[i]);
        if (ran < 0)
            return EXIT_FAILURE;
        total += ran;
    }
    /* The empty input is one, too. */
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("%d inputs\n", total);
    return total ? EXIT_SUCCESS : EXIT_FAILURE;
}

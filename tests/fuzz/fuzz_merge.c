/* The fuzzer's bytes as files with reports, merged and printed. "@V" stands for the version of this program, so that a corpus outlives it. */
#include "model.h"
#include "printed.h"

#include "backlogctl/merge.h"
#include "backlogctl/report.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INPUT_MAX 65536

static int write_report(const uint8_t *data, size_t size, const char *version)
{
    int fd = memfd_create("report", MFD_CLOEXEC);
    MUST(fd >= 0);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '@' && i + 1 < size && data[i + 1] == 'V') {
            MUST(write(fd, version, strlen(version)) == (ssize_t)strlen(version));
            i++;
        } else {
            MUST(write(fd, &data[i], 1) == 1);
        }
    }
    return fd;
}

static void print(const struct run *run)
{
    static char *line[] = {(char *)(uintptr_t) "merge", NULL};
    const struct report_style style = {.columns = 80, .color = true};
    struct printed printed;
    FILE *out = print_begin(&printed);
    report_text_begin(out, run, &style);
    report_text_end(out, run, &style);
    print_end(&printed, out);
    must_be_text(&printed, true);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_json(out, run));
    print_end(&printed, out);
    must_be_json(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_html(out, run, line));
    print_end(&printed, out);
    must_be_xml(&printed);
    print_free(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    char *const files[] = {path, NULL};
    if (size > INPUT_MAX)
        return 0;
    int fd = write_report(data, size, FUZZ_VERSION);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const struct merge_plan plan = {.files = files,
                                    .timeline = size % 2,
                                    .expect = {.count = 1, .list = {{.text = "queued>=1"}}}};
    struct merge *merge = NULL;
    struct error err = {0};
    int status = merge_open(&merge, &plan, &err);
    MUST(status == 0 || *err.text);
    if (!status) {
        merge_run(merge)->command = "merge";
        print(merge_run(merge));
    }
    merge_close(merge);
    close(fd);
    return 0;
}

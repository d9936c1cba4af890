/* What this program is made of. */
#include "internal.h"

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

int report_version_json(FILE *out, const char *kernel, bool filters_calls, const char *libbpf)
{
    /* Most libraries tell no version when they run; those are that it was built with. */
    json_t *libraries = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "libmnl", BUILT_WITH_MNL, "libcap", BUILT_WITH_CAP,
                                  "libseccomp", BUILT_WITH_SECCOMP, "jansson", BUILT_WITH_JANSSON, "libsmartcols",
                                  BUILT_WITH_SMARTCOLS, "ncursesw", BUILT_WITH_NCURSES);
    json_put(&libraries, "libbpf", libbpf ? json_string(libbpf) : json_null());
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:o, s:{s:b, s:b}}", "schema", "backlogctl.version/1", "version",
                               BACKLOGCTL_VERSION, "kernel", kernel, "compiler", COMPILER, "libraries", libraries, "features",
                               "system_call_filter", filters_calls, "trace", libbpf != NULL);
    return write_json_line(out, object);
}

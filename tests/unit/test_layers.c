/* The layers: every #include points down, main.c stays small, and the judge's objects need nothing from
 * anybody. */
#include "process.h"
#include "suite.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAIN_LINES_BELOW 80
#define PATH_SIZE 1024

/* ---- Who may include whom ---- */

enum layer { BASE, MODEL, LOOP, KERNEL, ENGINE, JUDGE, STUDY, REPORT, CLI, MAIN, LAYERS };

#define MAY(layer) (1u << (layer))
#define MAY_ALL (MAY(BASE) | MAY(MODEL)) /* what everybody may include */

/* Report and judge know only the model; engine and kernel know neither of them; study and report do not know each other. The event
   loop lies in base, but is nothing for those who only look at the model. */
static const struct {
    const char *name; /* the folder below src */
    unsigned may;     /* include headers of these layers */
} layers[LAYERS] = {
    [BASE] = {"base", MAY_ALL | MAY(LOOP)},
    [MODEL] = {"model", MAY_ALL},
    [LOOP] = {"loop", MAY_ALL},
    [KERNEL] = {"kernel", MAY_ALL | MAY(LOOP) | MAY(KERNEL)},
    [ENGINE] = {"engine", MAY_ALL | MAY(LOOP) | MAY(KERNEL) | MAY(ENGINE)},
    [JUDGE] = {"judge", MAY_ALL | MAY(JUDGE)},
    [STUDY] = {"study", MAY_ALL | MAY(LOOP) | MAY(KERNEL) | MAY(ENGINE) | MAY(JUDGE) | MAY(STUDY)},
    [REPORT] = {"report", MAY_ALL | MAY(REPORT)},
    [CLI] = {"cli", MAY_ALL | MAY(LOOP) | MAY(KERNEL) | MAY(ENGINE) | MAY(JUDGE) | MAY(STUDY) | MAY(REPORT) | MAY(CLI)},
    [MAIN] = {"main", MAY_ALL | MAY(LOOP) | MAY(KERNEL) | MAY(ENGINE) | MAY(JUDGE) | MAY(STUDY) | MAY(REPORT) | MAY(CLI)},
};

/* Every header of include/backlogctl; a new one needs a row. */
static const struct {
    const char *name;
    enum layer layer;
} headers[] = {
    {"clock.h", BASE},
    {"embedded.h", BASE},
    {"endpoint.h", BASE},
    {"error.h", BASE},
    {"fd.h", BASE},
    {"late.h", BASE},
    {"parse.h", BASE},
    {"closest.h", BASE},
    {"procfs.h", BASE},
    {"conntrack.h", KERNEL},
    {"container.h", KERNEL},
    {"causes.h", MODEL},
    {"way.h", ENGINE},
    {"interval.h", MODEL},

    {"vocabulary.h", MODEL},
    {"transport.h", MODEL},
    {"listener_facts.h", MODEL},
    {"socket_holder.h", MODEL},
    {"connection_facts.h", MODEL},
    {"run_settings.h", MODEL},
    {"started_server.h", MODEL},
    {"launch.h", KERNEL},
    {"expectation.h", MODEL},
    {"run.h", MODEL},
    {"server_event.h", MODEL},
    {"netlink.h", KERNEL},
    {"netns.h", KERNEL},
    {"owner.h", KERNEL},
    {"rights.h", KERNEL},
    {"holder_look.h", KERNEL},
    {"sockdiag.h", KERNEL},
    {"flood.h", ENGINE},
    {"loop.h", LOOP},
    {"peers.h", ENGINE},
    {"server.h", ENGINE},
    {"judge.h", JUDGE},
    {"report.h", REPORT},
    {"experiment.h", STUDY},
    {"solitude.h", STUDY},
    {"options.h", CLI},
    {"output.h", CLI},
    {"survey.h", MODEL},
    {"surveyor.h", ENGINE},
    {"selection.h", STUDY},
    {"borrow.h", KERNEL},
    {"freeze.h", KERNEL},
    {"capacity.h", ENGINE},
    {"measurement.h", MODEL},
    {"listener_history.h", MODEL},
    {"watcher.h", ENGINE},
    {"trace_layout.h", MODEL},
    {"trace_facts.h", MODEL},
    {"trace_history.h", MODEL},
    {"tracer.h", KERNEL},
    {"tracer_running.h", KERNEL},
    {"exact.h", STUDY},
    {"tracing.h", ENGINE},
    {"screen.h", CLI},
    {"timeline.h", MODEL},
    {"capture.h", KERNEL},
    {"veth.h", KERNEL},
    {"wire.h", KERNEL},
    {"recorder.h", ENGINE},
    {"sweep.h", MODEL},
    {"sizing.h", MODEL},
    {"series.h", STUDY},
    {"resizer.h", STUDY},
    {"measurer.h", STUDY},
    {"merge.h", STUDY},
    {"merged.h", MODEL},
    {"presets.h", CLI},
    {"target.h", CLI},
    {"overview.h", CLI},
    {"figures.h", MODEL},
    {"escape.h", REPORT},
    {"listener.h", KERNEL},
    {"observation.h", MODEL},
    {"destroyed.h", KERNEL},
    {"follower.h", ENGINE},
    {"observer.h", STUDY},
};

static enum layer layer_of_header(const char *name)
{
    for (size_t i = 0; i < COUNT(headers); i++)
        if (!strcmp(headers[i].name, name))
            return headers[i].layer;
    return LAYERS;
}

/* `path` is relative to the source tree. */
static enum layer layer_of_file(const char *path)
{
    static const char public_headers[] = "include/backlogctl/", sources[] = "src/";
    if (!strncmp(path, public_headers, sizeof public_headers - 1))
        return layer_of_header(path + sizeof public_headers - 1);
    if (!strcmp(path, "src/main.c"))
        return MAIN;
    if (strncmp(path, sources, sizeof sources - 1))
        return LAYERS;
    const char *folder = path + sizeof sources - 1;
    size_t length = strcspn(folder, "/");
    for (size_t l = 0; l < LAYERS; l++)
        if (l != MODEL && l != LOOP && l != MAIN && strlen(layers[l].name) == length && !strncmp(layers[l].name, folder, length))
            return (enum layer)l;
    return LAYERS;
}

/* The name between the quotes or brackets of an #include of ours (a system header is none); false for any
 * other line. */
static bool read_include(const char *line, char name[PATH_SIZE])
{
    static const char ours[] = "backlogctl/";
    line += strspn(line, " \t");
    if (*line++ != '#')
        return false;
    line += strspn(line, " \t");
    if (strncmp(line, "include", strlen("include")))
        return false;
    line += strlen("include");
    line += strspn(line, " \t");
    bool quoted = *line == '"';
    snprintf(name, PATH_SIZE, "%.*s", (int)strcspn(line + 1, "\">\n"), line + 1);
    return quoted || !strncmp(name, ours, sizeof ours - 1);
}

/* What is wrong with this line of this file; NULL: nothing. `local` tells whether a header lies beside the
 * file. */
static const char *complaint(const char *path, const char *line, bool (*local)(const char *path, const char *name))
{
    static const char ours[] = "backlogctl/";
    char name[PATH_SIZE];
    enum layer from = layer_of_file(path);
    if (from == LAYERS)
        return "a file of no known layer: give it a row";
    if (!read_include(line, name))
        return NULL;
    if (strncmp(name, ours, sizeof ours - 1)) /* a header of the layer's own, in its own folder */
        return strchr(name, '/') || !local(path, name) ? "neither backlogctl/NAME.h nor a header beside the file" : NULL;
    enum layer to = layer_of_header(name + sizeof ours - 1);
    if (to == LAYERS)
        return "a header of no known layer: give it a row";
    return layers[from].may & MAY(to) ? NULL : "points up or aside";
}

static bool lies_beside(const char *path, const char *name)
{
    char full[PATH_SIZE];
    int length = snprintf(full, sizeof full, "%s/%.*s%s", SOURCE_DIR, (int)(strrchr(path, '/') + 1 - path), path, name);
    ck_assert_uint_lt((size_t)length, sizeof full);
    return !access(full, R_OK);
}

/* Whether the checker can find fault at all: one row a rule. */
static const struct {
    const char *path, *line;
    bool fine;
} samples[] = {
    {"src/base/parse.c", "#include \"backlogctl/run.h\"", true},
    {"src/base/parse.c", "#include \"backlogctl/netns.h\"", false},
    {"src/base/loop.c", "#include \"backlogctl/loop.h\"", true},
    {"src/kernel/wire.c", "#include \"backlogctl/loop.h\"", true},
    {"src/report/text.c", "#include \"backlogctl/loop.h\"", false},
    {"src/kernel/route.c", "#include \"backlogctl/parse.h\"", true},
    {"src/kernel/route.c", "#include \"backlogctl/server.h\"", false},
    {"src/kernel/route.c", "#include \"backlogctl/judge.h\"", false},
    {"src/kernel/route.c", "#include \"backlogctl/report.h\"", false},
    {"src/engine/flood.c", "#include \"backlogctl/netns.h\"", true},
    {"src/engine/flood.c", "#include \"backlogctl/judge.h\"", false},
    {"src/engine/flood.c", "#include \"backlogctl/report.h\"", false},
    {"src/engine/flood.c", "#include \"backlogctl/options.h\"", false},
    {"src/judge/verdict.c", "#include \"backlogctl/run.h\"", true},
    {"src/judge/verdict.c", "#include \"backlogctl/clock.h\"", true},
    {"src/judge/verdict.c", "#include \"backlogctl/sockdiag.h\"", false},
    {"src/judge/verdict.c", "#include \"backlogctl/loop.h\"", false},
    {"src/judge/verdict.c", "#include \"backlogctl/report.h\"", false},
    {"src/report/text.c", "#include \"backlogctl/report.h\"", true},
    {"src/report/text.c", "#include \"backlogctl/judge.h\"", false},
    {"src/report/text.c", "#include \"backlogctl/netns.h\"", false},
    {"src/report/text.c", "#include \"backlogctl/server.h\"", false},
    {"src/report/text.c", "#include \"backlogctl/output.h\"", false},
    {"src/report/text.c", "#include \"backlogctl/experiment.h\"", false},
    {"src/study/lab.c", "#include \"backlogctl/judge.h\"", true},
    {"src/study/lab.c", "#include \"backlogctl/server.h\"", true},
    {"src/study/lab.c", "#include \"backlogctl/report.h\"", false},
    {"src/study/lab.c", "#include \"backlogctl/options.h\"", false},
    {"src/engine/flood.c", "#include \"backlogctl/experiment.h\"", false},
    {"src/cli/run.c", "#include \"backlogctl/experiment.h\"", true},
    {"src/cli/run.c", "#include \"backlogctl/judge.h\"", true},
    {"src/main.c", "#include \"backlogctl/output.h\"", true},
    {"include/backlogctl/run.h", "#include \"backlogctl/clock.h\"", true},
    {"include/backlogctl/run.h", "#include \"backlogctl/judge.h\"", false},
    {"include/backlogctl/report.h", "#include \"backlogctl/options.h\"", false},
    {"src/base/parse.c", "  #  include <backlogctl/netns.h>", false},
    {"src/base/parse.c", "#include <stdio.h>", true},
    {"src/base/parse.c", "/* #include \"backlogctl/netns.h\" */", true},
    {"src/judge/verdict.c", "#include \"../engine/conversation.h\"", false},
    {"src/judge/verdict.c", "#include \"conversation.h\"", false},
    {"src/engine/flood.c", "#include \"conversation.h\"", true},
    {"src/judge/verdict.c", "#include \"backlogctl/nosuch.h\"", false},
    {"include/backlogctl/nosuch.h", "", false},
    {"src/nosuch/file.c", "", false},
    {"src/stray.c", "", false},
};

START_TEST(the_checker_finds_fault)
{
    const char *fault = complaint(samples[_i].path, samples[_i].line, lies_beside);
    ck_assert_msg(!fault == samples[_i].fine, "%s, %s: %s", samples[_i].path, samples[_i].line, fault ? fault : "fine");
}
END_TEST

/* ---- All files ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && !strcmp(text + length - end_length, end);
}

/* Calls `visit` with every regular file below a folder whose name ends so; returns how many. */
static size_t visit_files(const char *folder, const char *end, void (*visit)(const char *path, void *context), void *context)
{
    char copy[PATH_SIZE];
    snprintf(copy, sizeof copy, "%s", folder);
    char *const roots[] = {copy, NULL};
    size_t count = 0;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    ck_assert_msg(tree != NULL, "%s: %s", folder, strerror(errno));
    for (FTSENT *entry; (entry = fts_read(tree));)
        if (entry->fts_info == FTS_F && ends_with(entry->fts_name, end)) {
            visit(entry->fts_path, context);
            count++;
        }
    fts_close(tree);
    return count;
}

static void check_includes(const char *path, void *context)
{
    (void)context;
    const char *relative = path + strlen(SOURCE_DIR) + 1;
    ck_assert_msg(layer_of_file(relative) != LAYERS, "%s: a file of no known layer: give it a row", relative);
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    for (int number = 1; getline(&line, &size, file) > 0; number++) {
        const char *fault = complaint(relative, line, lies_beside);
        ck_assert_msg(!fault, "%s:%d: %s: %s", relative, number, fault, line);
    }
    free(line);
    fclose(file);
}

START_TEST(includes_point_down)
{
    ck_assert_uint_gt(visit_files(SOURCE_DIR "/src", ".c", check_includes, NULL), LAYERS);
    visit_files(SOURCE_DIR "/src", ".h", check_includes, NULL);
    ck_assert_uint_eq(visit_files(SOURCE_DIR "/include", ".h", check_includes, NULL), COUNT(headers));
}
END_TEST

/* What is made of facts is no fact: neither kernel nor engine reads what the judge wrote. */
static void check_facts(const char *path, void *context)
{
    static const char *const judged[] = {"VERDICT_", "REASON_", "EVIDENCE_", "->verdict", ".verdict", "->decides"};
    (void)context;
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    for (int number = 1; getline(&line, &size, file) > 0; number++)
        for (size_t i = 0; i < COUNT(judged); i++)
            ck_assert_msg(!strstr(line, judged[i]), "%s:%d: reads what the judge wrote: %s", path, number, line);
    free(line);
    fclose(file);
}

START_TEST(facts_come_before_verdicts)
{
    ck_assert_uint_gt(visit_files(SOURCE_DIR "/src/kernel", ".c", check_facts, NULL), 0);
    ck_assert_uint_gt(visit_files(SOURCE_DIR "/src/engine", ".c", check_facts, NULL), 0);
}
END_TEST

START_TEST(main_stays_small)
{
    FILE *file = fopen(SOURCE_DIR "/src/main.c", "re");
    ck_assert_ptr_nonnull(file);
    int lines = 0;
    for (int c; (c = getc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    ck_assert_msg(lines > 0 && lines < MAIN_LINES_BELOW, "src/main.c has %d lines", lines);
}
END_TEST

/* ---- The judge's objects ---- */

#define SYMBOLS_MAX 8192

struct symbols {
    char *names[SYMBOLS_MAX];
    size_t count;
};

/* Objects of one folder of sources: what they define and what they need. */
struct objects {
    const char *folder; /* with slashes around: "/src/judge/", or with a file's name behind: "/src/base/figures" */
    struct symbols defined, needed;
    size_t count;
};

static bool symbols_have(const struct symbols *symbols, const char *name)
{
    for (size_t i = 0; i < symbols->count; i++)
        if (!strcmp(symbols->names[i], name))
            return true;
    return false;
}

/* The first word of each line that nm prints in the POSIX format is a name. */
static void symbols_add(struct symbols *symbols, const char *object, const char *const *nm_options)
{
    const char *argv[8] = {"nm", "-P"};
    size_t words = 2;
    for (; *nm_options; nm_options++)
        argv[words++] = *nm_options;
    argv[words] = object;
    struct outcome nm = process_run(argv, NULL);
    ck_assert_msg(!nm.status, "nm %s: %s", object, nm.err);
    for (const char *p = nm.out; *p;) {
        size_t line = strcspn(p, "\n");
        ck_assert_uint_lt(symbols->count, SYMBOLS_MAX);
        symbols->names[symbols->count++] = strndup(p, strcspn(p, " \n"));
        p += line + (p[line] == '\n');
    }
    outcome_free(&nm);
}

/* An object whose source has gone is a leftover in the build folder. */
static bool has_source(const char *object, const char *folder)
{
    char source[PATH_SIZE];
    const char *name = strrchr(object, '/') + 1;
    snprintf(source, sizeof source, "%s%.*s%.*s", SOURCE_DIR, (int)(strrchr(folder, '/') + 1 - folder), folder,
             (int)(strlen(name) - strlen(".o")), name);
    return !access(source, R_OK);
}

static void read_object(const char *path, void *context)
{
    static const char *const defined[] = {"-g", "--defined-only", NULL}, *const needed[] = {"-u", NULL};
    struct objects *objects = context;
    if (!strstr(path, objects->folder) || !has_source(path, objects->folder))
        return;
    symbols_add(&objects->defined, path, defined);
    symbols_add(&objects->needed, path, needed);
    objects->count++;
}

/* What the compiler adds by itself: moving memory, guarding the stack, sanitizers, coverage. */
static bool is_compilers(const char *name)
{
    static const char *const names[] = {"memcpy", "memmove", "memset", "memcmp", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"};
    static const char *const prefixes[] = {"__asan_", "__ubsan_", "__sanitizer", "__tsan_", "__gcov_", "__start_", "__stop_"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (!strcmp(names[i], name))
            return true;
    for (size_t i = 0; i < COUNT(prefixes); i++)
        if (!strncmp(prefixes[i], name, strlen(prefixes[i])))
            return true;
    return false;
}

/* Of libc the judge may use what is pure. */
static bool is_pure(const char *name)
{
    return !strcmp(name, "qsort");
}

/* The first symbol that these objects need from others; NULL: none. */
static const char *foreign_symbol(const struct objects *objects)
{
    for (size_t i = 0; i < objects->needed.count; i++)
        if (!is_compilers(objects->needed.names[i]) && !is_pure(objects->needed.names[i]) &&
            !symbols_have(&objects->defined, objects->needed.names[i]))
            return objects->needed.names[i];
    return NULL;
}

static void objects_free(struct objects *objects)
{
    for (size_t i = 0; i < objects->defined.count; i++)
        free(objects->defined.names[i]);
    for (size_t i = 0; i < objects->needed.count; i++)
        free(objects->needed.names[i]);
}

static void count_file(const char *path, void *context)
{
    (void)path, (void)context;
}

START_TEST(the_judge_needs_nobody)
{
    struct objects judge = {.folder = "/src/judge/"}, study = {.folder = "/src/study/"};
    visit_files(BUILD_DIR "/CMakeFiles", ".c.o", read_object, &judge);
    ck_assert_uint_ge(judge.count, visit_files(SOURCE_DIR "/src/judge", ".c", count_file, NULL));
    judge.folder = "/src/base/figures"; /* the model's own functions are as pure, and need no others either */
    visit_files(BUILD_DIR "/CMakeFiles", ".c.o", read_object, &judge);
    judge.folder = "/src/base/vocabulary";
    visit_files(BUILD_DIR "/CMakeFiles", ".c.o", read_object, &judge);
    ck_assert(symbols_have(&judge.defined, "figure_value") && symbols_have(&judge.defined, "verdict_name"));
    ck_assert(symbols_have(&judge.defined, "judge_run") && symbols_have(&judge.defined, "judge_expectations"));
    const char *foreign = foreign_symbol(&judge);
    ck_assert_msg(!foreign, "the judge needs %s", foreign);
    /* The same look at objects that do need others, to see that it sees. */
    visit_files(BUILD_DIR "/CMakeFiles", ".c.o", read_object, &study);
    ck_assert_ptr_nonnull(foreign_symbol(&study));
    ck_assert(symbols_have(&study.needed, "judge_run") && !symbols_have(&study.defined, "judge_run"));
    objects_free(&judge);
    objects_free(&study);
}
END_TEST

/* Only a command prints or ends the program; a run's process of its own ends by _exit. */
START_TEST(the_study_is_silent)
{
    static const char *const voices[] = {"stdout", "stderr", "printf", "puts", "putchar", "perror", "exit", "__printf_chk"};
    struct objects study = {.folder = "/src/study/"}, cli = {.folder = "/src/cli/"};
    visit_files(BUILD_DIR "/CMakeFiles", ".c.o", read_object, &study);
    visit_files(BUILD_DIR "/CMakeFiles", ".c.o", read_object, &cli);
    ck_assert_uint_ge(study.count, visit_files(SOURCE_DIR "/src/study", ".c", count_file, NULL));
    for (size_t i = 0; i < COUNT(voices); i++)
        ck_assert_msg(!symbols_have(&study.needed, voices[i]), "the study needs %s", voices[i]);
    ck_assert(symbols_have(&cli.needed, "stdout") && symbols_have(&cli.needed, "stderr"));
    objects_free(&study);
    objects_free(&cli);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {includes_point_down, facts_come_before_verdicts, main_stays_small, the_judge_needs_nobody,
                                  the_study_is_silent};
    Suite *suite = suite_create("layers");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, the_checker_finds_fault, 0, COUNT(samples));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)

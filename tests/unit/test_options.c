/* Options: lists of words go in, a field or an error that names the option, the value and what is accepted
   comes out. */
#include "suite.h"

#include "backlogctl/options.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 40
#define ZEROS32 "00000000000000000000000000000000"

/* All options in one command, and one that knows only a few. */
static const struct command every = {
    .name = "every",
    .summary = "Know all options",
    .groups = {&options_target, &options_socket, &options_server, &options_probe, &options_running, &options_lab,
               &options_account, &options_output},
};
/* Those of list: --port, --host and --backlog are others there. */
static const struct command chooser = {.name = "chooser",
                                       .summary = "Choose",
                                       .groups = {&options_select, &options_list, &options_output}};
static const struct command watching = {.name = "watching",
                                        .summary = "Know the options of watch",
                                        .groups = {&options_select, &options_watch, &options_output}};
static const struct command few = {.name = "few", .summary = "Know a few options", .groups = {&options_output}};

/* Parses words[0..], which end with NULL, as the command line of `command`. */
static int parse(const struct command *command, const char *const *words, struct settings *settings, struct error *err)
{
    char *argv[WORDS_MAX + 2] = {(char *)command->name};
    int argc = 1;
    for (; words[argc - 1]; argc++) {
        ck_assert_int_lt(argc, WORDS_MAX);
        argv[argc] = (char *)words[argc - 1];
    }
    memcpy(settings, &settings_default, sizeof *settings);
    memset(err, 0, sizeof *err);
    return options_parse(command, argc, argv, settings, err);
}

/* Beside its field an option leaves its name, and the parser the words. */
static void forget_names(struct settings *settings)
{
    memset(settings->given, 0, sizeof settings->given);
    memset(settings->said, 0, sizeof settings->said);
    settings->said_count = 0;
    settings->given_count = settings->typed_count = 0;
    settings->help_short = false;
    settings->line = NULL;
    settings->line_count = 0;
}

/* ---- Each option sets its field, and only that ---- */

enum kind { BOOL, INT, COLOR, I32, U16, U32, I64, TEXT };

static const size_t sizes[] = {
    [BOOL] = sizeof(bool),    [INT] = sizeof(int),      [COLOR] = sizeof(enum color_mode), [I32] = sizeof(int32_t),
    [U16] = sizeof(uint16_t), [U32] = sizeof(uint32_t), [I64] = sizeof(int64_t),           [TEXT] = sizeof(char *),
};

#define SETS(kind_, member, value) .kind = (kind_), .field = offsetof(struct settings, member), .number = (value)
#define SETS_TEXT(member, value) .kind = TEXT, .field = offsetof(struct settings, member), .text = (value)

static const struct {
    const char *words[5];
    enum kind kind;
    size_t field;
    int64_t number;
    const char *text;
} settings_rows[] = {
    {{"--ipv4"}, SETS(INT, family, AF_INET)},
    {{"-4"}, SETS(INT, family, AF_INET)},
    {{"--ipv6"}, SETS(INT, family, AF_INET6)},
    {{"-6"}, SETS(INT, family, AF_INET6)},
    {{"--host", "localhost"}, SETS_TEXT(host, "localhost")},
    {{"--host=::1"}, SETS_TEXT(host, "::1")},
    {{"-H", "::1"}, SETS_TEXT(host, "::1")},
    {{"-H::1"}, SETS_TEXT(host, "::1")},
    {{"--host", "--json"}, SETS_TEXT(host, "--json")},
    {{"--port", "80"}, SETS(U16, port, 80)},
    {{"--port=0"}, SETS(U16, port, 0)},
    {{"-p65535"}, SETS(U16, port, 65535)},
    {{"--backlog", "2"}, SETS(I32, server.backlog, 2)},
    {{"-b", "-1"}, SETS(I32, server.backlog, -1)},
    {{"--backlog=2147483647"}, SETS(I32, server.backlog, INT32_MAX)},
    {{"--backlog=-2147483648"}, SETS(I32, server.backlog, INT32_MIN)},
    {{"--backlog=4k"}, SETS(I32, server.backlog, 4000)},
    {{"--accept-delay", "250ms"}, SETS(I64, server.accept_delay, 250 * NSEC_PER_MSEC)},
    {{"-d1.5s"}, SETS(I64, server.accept_delay, 1500 * NSEC_PER_MSEC)},
    {{"--accept-count", "0"}, SETS(I64, server.accept_count, 0)},
    {{"-a", "1000000k"}, SETS(I64, server.accept_count, 1000000000)},
    {{"--duration=24h"}, SETS(I64, server.duration, 86400 * NSEC_PER_SEC)},
    {{"--greeting", "220 hello"}, SETS_TEXT(server.greeting, "220 hello")},
    {{"--count", "1"}, SETS(U32, probe.arrivals.count, 1)},
    {{"-n", "1000k"}, SETS(U32, probe.arrivals.count, 1000000)},
    {{"--timeout", "0"}, SETS(I64, probe.timeout, 0)},
    {{"-t", "48us"}, SETS(I64, probe.timeout, 48 * NSEC_PER_USEC)},
    {{"--rate", "1"}, SETS(U32, probe.arrivals.rate, 1)},
    {{"-r50k"}, SETS(U32, probe.arrivals.rate, 50000)},
    {{"--threads", "256"}, SETS(U32, probe.threads, 256)},
    {{"--send", "-"}, SETS_TEXT(probe.send, "-")},
    {{"--wait", "1m"}, SETS(I64, probe.wait, 60 * NSEC_PER_SEC)},
    {{"--summary"}, SETS(BOOL, probe.summary, true)},
    {{"--allow-remote"}, SETS(BOOL, probe.allow_remote, true)},
    {{"--netns", "container:ab"}, SETS_TEXT(survey.netns, "container:ab")},
    {{"--pid", "2147483647"}, SETS(INT, survey.pid, INT_MAX)},
    {{"--container", "ab"}, SETS_TEXT(survey.container, "ab")},
    {{"--host-net"}, SETS(BOOL, host_net, true)},
    {{"--unix", "@x"}, SETS_TEXT(transport.path, "@x")},
    {{"--mptcp"}, SETS(BOOL, mptcp, true)},
    {{"--fastopen"}, SETS(BOOL, transport.fastopen, true)},
    {{"--reuseport", "256"}, SETS(U32, server.reuseport, 256)},
    {{"--defer-accept", "1s"}, SETS(I64, server.defer_accept, NSEC_PER_SEC)},
    {{"--accept-rate", "4"}, SETS(I64, server.accept_delay, 250 * NSEC_PER_MSEC)},
    {{"--stall", "2s"}, SETS(I64, server.stall, 2 * NSEC_PER_SEC)},
    {{"--preset", "lost"}, SETS_TEXT(preset, "lost")},
    {{"--list-presets"}, SETS(BOOL, list_presets, true)},
    {{"--delay", "20ms"}, SETS(I64, delay, 20 * NSEC_PER_MSEC)},
    {{"--timeline"}, SETS(BOOL, probe.timeline, true)},
    {{"--svg", "x.svg"}, SETS_TEXT(svg, "x.svg")},
    {{"--html", "x.html"}, SETS_TEXT(html, "x.html")},
    {{"--json"}, SETS(BOOL, json, true)},
    {{"-j"}, SETS(BOOL, json, true)},
    {{"--quiet"}, SETS(BOOL, quiet, true)},
    {{"-q"}, SETS(BOOL, quiet, true)},
    {{"--color", "auto"}, SETS(COLOR, color, COLOR_AUTO)},
    {{"--color=always"}, SETS(COLOR, color, COLOR_ALWAYS)},
    {{"--color", "never"}, SETS(COLOR, color, COLOR_NEVER)},
    {{"--help"}, SETS(BOOL, help, true)},
    {{"-h"}, SETS(BOOL, help, true)},
    {{"--version"}, SETS(BOOL, version, true)},
    {{"-V"}, SETS(BOOL, version, true)},
    /* Abbreviations, as far as they are unambiguous. */
    {{"--po=7"}, SETS(U16, port, 7)},
    {{"--accept-c", "3"}, SETS(I64, server.accept_count, 3)},
    {{"--thr=2"}, SETS(U32, probe.threads, 2)},
    {{"--js"}, SETS(BOOL, json, true)},
    {{"--host-"}, SETS(BOOL, host_net, true)},
    /* The last one counts. */
    {{"--port", "1", "--port=2"}, SETS(U16, port, 2)},
    {{"-4", "-4"}, SETS(INT, family, AF_INET)},
    {{"--color=never", "--color=always"}, SETS(COLOR, color, COLOR_ALWAYS)},
    /* Help and version are answered as soon as they are read. */
    {{"--help", "--bogus", "stray"}, SETS(BOOL, help, true)},
    {{"-h", "--port=x"}, SETS(BOOL, help, true)},
    {{"-V", "--help"}, SETS(BOOL, version, true)},
    {{"-hx"}, SETS(BOOL, help, true)},
    {{"stray", "--help"}, SETS(BOOL, help, true)},
    {{"--"}, SETS(BOOL, json, false)},
};

static int64_t number_at(const struct settings *settings, enum kind kind, size_t field)
{
    const void *at = (const char *)settings + field;
    switch (kind) {
    case BOOL:
        return *(const bool *)at;
    case INT:
        return *(const int *)at;
    case COLOR:
        return *(const enum color_mode *)at;
    case I32:
        return *(const int32_t *)at;
    case U16:
        return *(const uint16_t *)at;
    case U32:
        return *(const uint32_t *)at;
    case I64:
        return *(const int64_t *)at;
    case TEXT:
        break;
    }
    return -1;
}

START_TEST(each_option_sets_its_field)
{
    struct settings settings;
    struct error err;
    const char *first = settings_rows[_i].words[0];
    enum kind kind = settings_rows[_i].kind;
    size_t field = settings_rows[_i].field;
    int status = parse(&every, settings_rows[_i].words, &settings, &err);
    ck_assert_msg(!status && !err.code, "%s: %d '%s'", first, status, err.text);
    if (kind == TEXT)
        ck_assert_str_eq(*(const char *const *)((const char *)&settings + field), settings_rows[_i].text);
    else
        ck_assert_msg(number_at(&settings, kind, field) == settings_rows[_i].number, "%s: %ld", first,
                      (long)number_at(&settings, kind, field));
    memcpy((char *)&settings + field, (const char *)&settings_default + field, sizes[kind]);
    forget_names(&settings);
    ck_assert_msg(!memcmp(&settings, &settings_default, sizeof settings), "%s: sets another field too", first);
}
END_TEST

static const struct {
    const char *words[5];
    enum kind kind;
    size_t field;
    int64_t number;
    const char *text;
} choices[] = {
    {{"--port", "80"}, SETS(U16, survey.port, 80)},
    {{"-p65535"}, SETS(U16, survey.port, 65535)},
    {{"--unix", "/run/x"}, SETS_TEXT(survey.path, "/run/x")},
    {{"--process", "nginx"}, SETS_TEXT(survey.process, "nginx")},
    {{"--unit", "nginx.service"}, SETS_TEXT(survey.unit, "nginx.service")},
    {{"--pid", "1"}, SETS(INT, survey.pid, 1)},
    {{"--container", "ab"}, SETS_TEXT(survey.container, "ab")},
    {{"--netns", "blue"}, SETS_TEXT(survey.netns, "blue")},
    {{"--all-netns"}, SETS(BOOL, survey.all_netns, true)},
    {{"--prometheus"}, SETS(BOOL, list.prometheus, true)},
    {{"--prom"}, SETS(BOOL, list.prometheus, true)},
    {{"--output", "x.prom"}, SETS_TEXT(list.output, "x.prom")},
    {{"--columns=help"}, SETS(BOOL, list.columns_help, true)},
};

START_TEST(each_choice_sets_its_field)
{
    struct settings settings;
    struct error err;
    ck_assert_msg(!parse(&chooser, choices[_i].words, &settings, &err), "%s", err.text);
    if (choices[_i].kind == TEXT)
        ck_assert_str_eq(*(const char *const *)((const char *)&settings + choices[_i].field), choices[_i].text);
    else
        ck_assert_int_eq(number_at(&settings, choices[_i].kind, choices[_i].field), choices[_i].number);
    memcpy((char *)&settings + choices[_i].field, (const char *)&settings_default + choices[_i].field, sizes[choices[_i].kind]);
    forget_names(&settings);
    ck_assert_msg(!memcmp(&settings, &settings_default, sizeof settings), "%s: sets another field too", choices[_i].words[0]);
}
END_TEST

START_TEST(columns_and_keys_are_read)
{
    static const char *const words[] = {
        "--columns=kind", "--columns", "queue,half-open,oldest", "--sort", "-drops,address", "--host", "::1", NULL};
    struct settings settings;
    struct error err;
    ck_assert_msg(!parse(&chooser, words, &settings, &err), "%s", err.text);
    ck_assert_uint_eq(settings.list.view.count, 3); /* the last one counts */
    ck_assert_str_eq(figure_column_name(settings.list.view.columns[1]), "half_open");
    ck_assert_uint_eq(settings.list.sort_count, 2);
    ck_assert(settings.list.sort[0].down && !settings.list.sort[1].down);
    ck_assert_str_eq(figure_column_name(settings.list.sort[0].column), "drops");
    ck_assert_int_eq(settings.survey.address.family, AF_INET6);
    ck_assert_uint_eq(settings.survey.address.bytes[15], 1);
}
END_TEST

START_TEST(a_bound_address_is_read)
{
    struct settings settings;
    struct error err;
    ck_assert_msg(!parse(&chooser, (const char *[]){"--host=fe80::1%a\\x20b", NULL}, &settings, &err), "%s", err.text);
    ck_assert_int_eq(settings.survey.address.bytes[0], 0xfe);
    ck_assert_str_eq(settings.survey.device, "a b");
    ck_assert_msg(!parse(&chooser, (const char *[]){"--host=*%eth0", "--host=*", NULL}, &settings, &err), "%s", err.text);
    ck_assert_int_eq(settings.survey.address.family, AF_INET6);
    ck_assert(endpoint_is_any(&settings.survey.address) && !settings.survey.device); /* the last one counts */
}
END_TEST

/* The command line again, without what is left out. */
START_TEST(a_line_can_be_typed_again)
{
    char *words[] = {"chooser", "-p80", "a target", "--host", "::1", "--sort=-drops", "--process", "it's", "--js", NULL};
    struct command command = chooser;
    struct settings settings = settings_default;
    struct error err = {0};
    char line[256], cut[24];
    command.target = TARGET_LISTENER;
    ck_assert_msg(!options_parse(&command, COUNT(words) - 1, words, &settings, &err), "%s", err.text);
    ck_assert_str_eq(settings.operand, "a target");
    options_line(&command, &settings, "", line, sizeof line);
    ck_assert_str_eq(line, "backlogctl chooser --port 80 --host ::1 --sort -drops --process 'it'\\''s' --json");
    options_line(&command, &settings, "port,host,unix", line, sizeof line);
    ck_assert_str_eq(line, "backlogctl chooser --sort -drops --process 'it'\\''s' --json");
    options_line(&command, &settings, "", cut, sizeof cut);
    ck_assert_uint_lt(strlen(cut), sizeof cut);
}
END_TEST

START_TEST(an_address_is_read)
{
    struct settings settings;
    struct error err;
    ck_assert_msg(!parse(&every, (const char *[]){"--i-own-this-target=10.0.0.7", NULL}, &settings, &err), "%s", err.text);
    ck_assert_int_eq(settings.probe.owned.family, AF_INET);
    ck_assert_uint_eq(settings.probe.owned.bytes[3], 7);
}
END_TEST

START_TEST(columns_have_an_end)
{
    char names[32 * 6] = "queue";
    const char *const words[] = {"--columns", names, NULL};
    struct settings settings;
    struct error err;
    for (size_t i = 1; i < LIST_COLUMNS_MAX; i++)
        strcat(names, ",queue");
    ck_assert_int_eq(parse(&chooser, words, &settings, &err), 0);
    ck_assert_uint_eq(settings.list.view.count, LIST_COLUMNS_MAX);
    strcat(names, ",queue");
    ck_assert_int_eq(parse(&chooser, words, &settings, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "want at most 24 columns"));
}
END_TEST

static const struct {
    const char *words[3];
    enum kind kind;
    size_t field;
    int64_t number;
} watch_rows[] = {
    {{"--interval", "100ms"}, SETS(I64, watch.interval, 100 * NSEC_PER_MSEC)},
    {{"-i60m"}, SETS(I64, watch.interval, 3600 * NSEC_PER_SEC)},
    {{"--batch"}, SETS(BOOL, watch.batch, true)},
    {{"--iterations", "1"}, SETS(U32, watch.iterations, 1)},
    {{"-n", "3k"}, SETS(U32, watch.iterations, 3000)},
    {{"--duration=2s"}, SETS(I64, watch.duration, 2 * NSEC_PER_SEC)},
};

START_TEST(each_option_of_watch_sets_its_field)
{
    struct settings settings;
    struct error err;
    size_t field = watch_rows[_i].field;
    ck_assert_int_eq(parse(&watching, watch_rows[_i].words, &settings, &err), 0);
    ck_assert_int_eq(number_at(&settings, watch_rows[_i].kind, field), watch_rows[_i].number);
    memcpy((char *)&settings + field, (const char *)&settings_default + field, sizes[watch_rows[_i].kind]);
    forget_names(&settings);
    ck_assert(!memcmp(&settings, &settings_default, sizeof settings));
}
END_TEST

START_TEST(alerts_add_up_and_sorts_replace)
{
    static const char *const words[] = {"-a",     "queue>=5,peak>9", "--alert", "drops-per-second>0", "--sort", "port",
                                        "--sort", "-percent,drops",  NULL};
    struct settings settings;
    struct error err;
    const char *sorted[] = {"--sort", "-percent,drops", NULL};
    ck_assert_int_eq(parse(&watching, sorted, &settings, &err), 0);
    ck_assert_uint_eq(settings.list.sort_count, 2);
    ck_assert(settings.list.sort[0].down && !settings.list.sort[1].down);
    ck_assert_int_eq(parse(&watching, words, &settings, &err), -EINVAL); /* port is no column: address is */
    ck_assert_uint_eq(settings.watch.alerts.count, 3);
    ck_assert_str_eq(settings.watch.alerts.list[0].text, "queue>=5");
    ck_assert_int_eq(settings.watch.alerts.list[1].measure, MEASURE_PEAK);
    ck_assert_str_eq(settings.watch.alerts.list[2].text, "drops_per_second>0");
    ck_assert_uint_eq(settings.expect.count, 0);
}
END_TEST

START_TEST(defaults_are_as_documented)
{
    static const char *const words[] = {NULL};
    struct settings settings;
    struct error err;
    ck_assert_int_eq(parse(&every, words, &settings, &err), 0);
    forget_names(&settings);
    ck_assert(!memcmp(&settings, &settings_default, sizeof settings));
    ck_assert_str_eq(settings.host, "127.0.0.1");
    ck_assert_uint_eq(settings.port, 60001);
    ck_assert_int_eq(settings.family, AF_UNSPEC);
    ck_assert_int_eq(settings.server.backlog, 128);
    ck_assert_int_eq(settings.server.accept_count, ACCEPT_UNLIMITED);
    ck_assert_uint_eq(settings.probe.arrivals.count, 10);
    ck_assert_int_eq(settings.probe.timeout, 2 * NSEC_PER_SEC);
    ck_assert_int_eq(settings.color, COLOR_AUTO);
    ck_assert_int_eq(settings.watch.interval, NSEC_PER_SEC);
    ck_assert_int_eq(settings.measure.timeout, 5 * NSEC_PER_SEC);
}
END_TEST

/* ---- Several words, and options that fill more than a field ---- */

START_TEST(short_options_cluster)
{
    static const char *const words[] = {"-4jp80", "-n3", NULL};
    struct settings settings;
    struct error err;
    ck_assert_int_eq(parse(&every, words, &settings, &err), 0);
    ck_assert_int_eq(settings.family, AF_INET);
    ck_assert(settings.json);
    ck_assert_uint_eq(settings.port, 80);
    ck_assert_uint_eq(settings.probe.arrivals.count, 3);
}
END_TEST

/* getopt is left in the middle of a word when help is asked for or a letter is unknown. */
START_TEST(each_parse_starts_afresh)
{
    static const char *const help[] = {"-hx", NULL}, *const unknown[] = {"-xjq", NULL}, *const plain[] = {"-p80", NULL};
    struct settings settings;
    struct error err;
    ck_assert_int_eq(parse(&every, help, &settings, &err), 0);
    ck_assert_msg(!parse(&every, plain, &settings, &err), "%s", err.text);
    ck_assert_uint_eq(settings.port, 80);
    ck_assert_int_eq(parse(&every, unknown, &settings, &err), -EINVAL);
    ck_assert_msg(!parse(&every, plain, &settings, &err), "%s", err.text);
    ck_assert(settings.port == 80 && !settings.json && !settings.quiet);
}
END_TEST

START_TEST(repeated_options_add)
{
    static const char *const words[] = {"-e",       "connected=1,queued>=3",
                                        "--sysctl", "net.core.somaxconn=16",
                                        "--expect", "lost=0",
                                        "--sysctl", "net/ipv4/tcp_syncookies=0",
                                        NULL};
    struct settings settings;
    struct error err;
    ck_assert_int_eq(parse(&every, words, &settings, &err), 0);
    ck_assert_uint_eq(settings.expect.count, 3);
    ck_assert_str_eq(settings.expect.list[1].text, "queued>=3");
    ck_assert_str_eq(settings.expect.list[2].text, "lost=0");
    ck_assert_uint_eq(settings.sysctls.count, 2);
    ck_assert_str_eq(settings.sysctls.list[0], words[3]);
    ck_assert_str_eq(settings.sysctls.list[1], words[7]);
}
END_TEST

/* Options that go together only. */
START_TEST(companions_are_read)
{
    static const char *const words[] = {"--unix=x",  "--seqpacket", "--stall=1ms", "--stall-every=2ms",
                                        "--burst=3", "--every=4ms", NULL};
    struct settings settings;
    struct error err;
    ck_assert_msg(!parse(&every, words, &settings, &err), "%s", err.text);
    ck_assert_int_eq(settings_transport(&settings).kind, KIND_UNIX_SEQPACKET);
    ck_assert_int_eq(settings.server.stall_every, 2 * NSEC_PER_MSEC);
    ck_assert_uint_eq(settings.probe.arrivals.burst, 3);
    ck_assert_int_eq(settings.probe.arrivals.every, 4 * NSEC_PER_MSEC);
}
END_TEST

/* A sweep's --backlog hides run's, and is kept as text. */
START_TEST(a_group_hides_those_behind_it)
{
    static const char *const words[] = {"--backlog=0..4", "-b", "1,2", "--sysctl=net.a=1", "--sysctl=net.b=2,3", NULL};
    struct settings settings;
    struct error err;
    ck_assert_msg(!parse(&command_sweep, words, &settings, &err), "%s", err.text);
    ck_assert_uint_eq(settings.sweep.varied_count, 3);
    ck_assert_str_eq(settings.sweep.varied[0].text, "1,2");
    ck_assert_str_eq(settings.sweep.varied[2].text, "net.b=2,3");
    ck_assert_int_eq(settings.server.backlog, settings_default.server.backlog);
    ck_assert_int_eq(options_set(&command_run, "backlog", "7", &settings, &err), 0);
    ck_assert_int_eq(settings.server.backlog, 7);
    ck_assert_int_eq(options_set(&command_run, "backlog", "x", &settings, &err), -EINVAL);
}
END_TEST

START_TEST(sources_replace_earlier_ones)
{
    static const char *const words[] = {"--source=::1,::2,::3", "--source", "127.0.0.1,127.0.1.0/24", NULL};
    struct settings settings;
    struct error err;
    ck_assert_msg(!parse(&every, words, &settings, &err), "%s", err.text);
    ck_assert_uint_eq(settings.probe.sources.count, 2);
    ck_assert_str_eq(settings.probe.sources.text, words[2]);
    ck_assert_uint_eq(settings.probe.sources.ranges[0].count, 1);
    ck_assert_uint_eq(settings.probe.sources.ranges[1].count, 254);
    ck_assert_uint_eq(settings.probe.sources.ranges[1].first.bytes[3], 1);
}
END_TEST

/* Lists with an end: what fits is kept, one more is refused. */
START_TEST(lists_have_an_end)
{
    const char *words[SYSCTLS_MAX + 2] = {NULL};
    struct settings settings;
    struct error err;
    for (size_t i = 0; i < SYSCTLS_MAX; i++)
        words[i] = "--sysctl=net.core.somaxconn=16";
    ck_assert_int_eq(parse(&every, words, &settings, &err), 0);
    ck_assert_uint_eq(settings.sysctls.count, SYSCTLS_MAX);
    words[SYSCTLS_MAX] = words[0];
    ck_assert_int_eq(parse(&every, words, &settings, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "want at most 32 sysctls"));

    char sources[SOURCES_MAX * 8 + 16] = "1.0.0.0";
    for (size_t i = 1; i < SOURCES_MAX; i++)
        strcat(sources, ",1.0.0.0");
    const char *source[] = {"--source", sources, NULL};
    ck_assert_int_eq(parse(&every, source, &settings, &err), 0);
    ck_assert_uint_eq(settings.probe.sources.count, SOURCES_MAX);
    strcat(sources, ",1.0.0.0");
    ck_assert_int_eq(parse(&every, source, &settings, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "want at most 16 addresses or networks"));
}
END_TEST

/* ---- What is refused ---- */

static const struct {
    const char *words[5];
    const char *text; /* a fragment of the error */
} bad[] = {
    {{"--bogus"}, "unknown option '--bogus'"},
    {{"--bogus=3"}, "unknown option '--bogus'"},
    {{"--bogus", "--help"}, "unknown option '--bogus'"},
    {{"--jsonx"}, "unknown option '--jsonx'"},
    {{"--JSON"}, "unknown option '--JSON'"},
    {{"-x"}, "unknown option '-x'"},
    {{"-qx"}, "unknown option '-x'"},
    {{"-xq"}, "unknown option '-x'"},
    {{"--quiet", "-xq"}, "unknown option '-x'"},
    {{"-qp80", "-jx"}, "unknown option '-x'"},
    {{"--port", "80", "--bogus"}, "unknown option '--bogus'"},
    {{"stray", "--bogus"}, "unknown option '--bogus'"},
    {{"--quiet", "stray", "more", "--bogus=1"}, "unknown option '--bogus'"},
    {{"stray", "-x"}, "unknown option '-x'"},
    {{"--co=1"}, "ambiguous option '--co'"},
    {{"stray", "--co=1"}, "ambiguous option '--co'"},
    {{"--accept", "1"}, "ambiguous option '--accept'"},
    {{"--hos", "x"}, "ambiguous option '--hos'"},
    {{"--port"}, "--port needs a value: PORT"},
    {{"--po"}, "--port needs a value: PORT"},
    {{"-p"}, "--port needs a value: PORT"},
    {{"-qp"}, "--port needs a value: PORT"},
    {{"--json", "--accept-delay"}, "--accept-delay needs a value: DUR"},
    {{"--json=yes"}, "--json takes no value"},
    {{"--json="}, "--json takes no value"},
    {{"--js=yes"}, "--json takes no value"},
    {{"--ipv4=1"}, "--ipv4 takes no value"},
    {{"--help=me"}, "--help takes no value"},
    {{"stray"}, "unexpected argument 'stray': everything is given by options"},
    {{"--json", "stray"}, "unexpected argument 'stray'"},
    {{"stray", "--json"}, "unexpected argument 'stray'"},
    {{"-j", "-"}, "unexpected argument '-'"},
    {{""}, "unexpected argument ''"},
    {{"--", "--json"}, "unexpected argument '--json'"},
    {{"--ipv4", "--ipv6"}, "--ipv4 and --ipv6 exclude each other: give one of them"},
    {{"--ipv6", "--ipv4"}, "--ipv4 and --ipv6 exclude each other"},
    {{"-46"}, "--ipv4 and --ipv6 exclude each other"},
    {{"-64"}, "--ipv4 and --ipv6 exclude each other"},
    {{"-j", "-q"}, "--json and --quiet exclude each other"},
    {{"-q", "--port=1", "-j"}, "--json and --quiet exclude each other"},
    {{"--sysctl=net.core.somaxconn=1", "--host-net"}, "--sysctl and --host-net exclude each other"},
    {{"--host-net", "--sysctl=net.core.somaxconn=1"}, "--sysctl and --host-net exclude each other"},
    {{"--unix=@x", "--port=1"}, "--port and --unix exclude each other"},
    {{"--unix=@x", "--ipv4"}, "--unix and --ipv4 exclude each other"},
    {{"--mptcp", "--unix=@x"}, "--mptcp and --unix exclude each other"},
    {{"--delay=1ms", "--host=::1"}, "--delay and --host exclude each other"},
    {{"--delay=1ms", "--unix=@x"}, "--delay and --unix exclude each other"},
    {{"--delay=1ms", "--host-net"}, "--delay and --host-net exclude each other"},
    {{"--rate=1", "--burst=1", "--every=1s"}, "--rate and --burst exclude each other"},
    {{"--seqpacket"}, "--seqpacket goes with --unix only: give both"},
    {{"--stall-every=1s"}, "--stall-every goes with --stall only"},
    {{"--burst=3"}, "--burst goes with --every only"},
    {{"--every=3s"}, "--every goes with --burst only"},
    {{"--accept-rate=0"}, "--accept-rate '0': out of range: want 1 to 1000000"},
    {{"--accept-rate=5", "--accept-delay=1ms"}, "--accept-rate and --accept-delay exclude each other"},
    {{"--defer-accept=999ms"}, "--defer-accept '999ms': out of range: want 1s to"},
    {{"--reuseport=257"}, "--reuseport '257': out of range: want 1 to 256"},
    {{"--delay=11s"}, "--delay '11s': out of range"},
    {{"--preset=famous"}, "--preset 'famous': no such preset: --list-presets shows them"},
    {{"--host="}, "--host '': want some text"},
    {{"-H", ""}, "--host '': want some text"},
    {{"--greeting="}, "--greeting '': want some text"},
    {{"--send="}, "--send '': want some text"},
    {{"--port=0x50"}, "--port '0x50': want a whole number from 0 to 65535"},
    {{"--port="}, "--port '': want a whole number from 0 to 65535"},
    {{"--port=80k"}, "--port '80k': want a whole number from 0 to 65535"},
    {{"-p", "65536"}, "--port '65536': out of range: want 0 to 65535"},
    {{"--port", "-1"}, "--port '-1': out of range: want 0 to 65535"},
    {{"-p=80"}, "--port '=80': want a whole number"},
    {{"--backlog=2147483648"}, "--backlog '2147483648': out of range: want -2147483648 to 2147483647"},
    {{"--backlog=-2147483649"}, "--backlog '-2147483649': out of range"},
    {{"--backlog", "--json"}, "--backlog '--json': want a whole number"},
    {{"--accept-count=-1"}, "--accept-count '-1': out of range: want 0 to 1000000000"},
    {{"--accept-count=1000001k"}, "--accept-count '1000001k': out of range"},
    {{"--count=0"}, "--count '0': out of range: want 1 to 1000000"},
    {{"--count=1001k"}, "--count '1001k': out of range"},
    {{"--count=ten"}, "--count 'ten': want a whole number from 1 to 1000000, k for thousands"},
    {{"--rate=0"}, "--rate '0': out of range: want 1 to 50000"},
    {{"--rate=50001"}, "--rate '50001': out of range"},
    {{"--threads=0"}, "--threads '0': out of range: want 1 to 256"},
    {{"--threads=257"}, "--threads '257': out of range"},
    {{"--timeout=2"}, "--timeout '2': a duration needs a unit: us, ms, s, m or h (2s?)"},
    {{"--timeout=-1s"}, "--timeout '-1s': want a duration such as 250ms, 2s or 1m"},
    {{"--wait=25h"}, "--wait '25h': out of range: want at most 24h"},
    {{"--duration="}, "--duration '': want a duration"},
    {{"-d", "1d"}, "--accept-delay '1d': want a duration"},
    {{"--color=blue"}, "--color 'blue': want auto, always or never"},
    {{"--color=Auto"}, "--color 'Auto': want auto, always or never"},
    {{"--expect=queued"}, "--expect 'queued': 'queued' compares nothing"},
    {{"-e", "queued=1,bogus=2"}, "--expect 'queued=1,bogus=2': 'bogus' is no measure"},
    {{"--sysctl=net.core.somaxconn"}, "--sysctl 'net.core.somaxconn': want KEY=VALUE"},
    {{"--sysctl=net.core.somaxconn="}, "want KEY=VALUE"},
    {{"--sysctl=net." ZEROS32 ZEROS32 ZEROS32 ZEROS32 "=1"}, "want KEY=VALUE"},
    {{"--sysctl==1"}, "want a key of net.*"},
    {{"--sysctl=kernel.panic=1"}, "want a key of net.*, such as net.core.somaxconn"},
    {{"--sysctl=net.../../kernel/panic=1"}, "want a key of net.*"},
    {{"--source=localhost"}, "--source 'localhost': 'localhost' is no address"},
    {{"--source="}, "--source '': '' is no address"},
    {{"--source=127.0.0.1,"}, "'' is no address"},
    {{"--source=,127.0.0.1"}, "'' is no address"},
    {{"--source=127.0.0.1,::1"}, "want addresses of one family"},
    {{"--source=127.0.0.0/8"}, "want a prefix length from 12 to 32"},
    {{"--port=x", "--bogus"}, "--port 'x'"},
};

START_TEST(bad_words_are_named)
{
    struct settings settings;
    struct error err;
    int status = parse(&every, bad[_i].words, &settings, &err);
    ck_assert_msg(status == -EINVAL && err.code == EINVAL, "%s: %d", bad[_i].words[0], status);
    ck_assert_msg(strstr(err.text, bad[_i].text) != NULL, "%s: '%s'", bad[_i].words[0], err.text);
    ck_assert_msg(!strchr(err.text, '\n'), "%s: '%s'", bad[_i].words[0], err.text);
}
END_TEST

/* A command refuses what belongs to another one. */
START_TEST(a_command_knows_only_its_groups)
{
    static const char *const known[] = {"--json", NULL}, *const unknown[] = {"--port=1", NULL},
                             *const unknown_letter[] = {"-p1", NULL};
    struct settings settings;
    struct error err;
    ck_assert_int_eq(parse(&few, known, &settings, &err), 0);
    ck_assert_int_eq(parse(&few, unknown, &settings, &err), -EINVAL);
    ck_assert_str_eq(err.text, "unknown option '--port'");
    ck_assert_int_eq(parse(&few, unknown_letter, &settings, &err), -EINVAL);
    ck_assert_str_eq(err.text, "unknown option '-p'");
}
END_TEST

START_TEST(long_words_do_not_overflow)
{
    char word[5000] = "--";
    const char *const as_option[] = {word, NULL}, *const as_value[] = {"--port", word, NULL},
                      *const as_argument[] = {word + 2, NULL}, *const as_sources[] = {"--source", word + 2, NULL},
                      *const as_expectation[] = {"-e", word + 2, NULL};
    const char *const *const all[] = {as_option, as_value, as_argument, as_sources, as_expectation};
    struct settings settings;
    struct error err;
    memset(word + 2, '7', sizeof word - 3);
    for (size_t i = 0; i < COUNT(all); i++) {
        ck_assert_int_eq(parse(&every, all[i], &settings, &err), -EINVAL);
        ck_assert_uint_lt(strlen(err.text), sizeof err.text);
    }
}
END_TEST

/* ---- The table itself, and the help made of it ---- */

static const struct option_spec *find_option(const char *name)
{
    for (size_t g = 0; every.groups[g]; g++)
        for (const struct option_spec *spec = every.groups[g]->options; spec->name; spec++)
            if (!strcmp(spec->name, name))
                return spec;
    return NULL;
}

/* Whether a row of the good ones, or one of the tests of lists, gives this option by its full name. */
static bool is_tested(const struct option_spec *spec)
{
    static const char *const elsewhere[] = {"--source",      "--expect", "--sysctl", "--seqpacket",
                                            "--stall-every", "--burst",  "--every",  "--i-own-this-target",
                                            "--start-at",    "--segment"};
    size_t length = strlen(spec->name);
    for (size_t i = 0; i < COUNT(settings_rows) + COUNT(elsewhere); i++) {
        const char *word = i < COUNT(settings_rows) ? settings_rows[i].words[0] : elsewhere[i - COUNT(settings_rows)];
        if (!strncmp(word, "--", 2) && !strncmp(word + 2, spec->name, length) && (word[2 + length] == '=' || !word[2 + length]))
            return true;
    }
    return false;
}

/* Every option that is excluded or needed exists. */
static void check_names(const char *name, const char *names)
{
    char copy[128], *save = NULL;
    snprintf(copy, sizeof copy, "%s", names ? names : "");
    for (char *one = strtok_r(copy, ",", &save); one; one = strtok_r(NULL, ",", &save))
        ck_assert_msg(find_option(one) != NULL, "--%s names --%s, which does not exist", name, one);
}

START_TEST(the_table_is_sound)
{
    bool letters[UCHAR_MAX + 1] = {false};
    for (size_t g = 0; every.groups[g]; g++)
        for (const struct option_spec *spec = every.groups[g]->options; spec->name; spec++) {
            ck_assert_msg(find_option(spec->name) == spec, "--%s is there twice", spec->name);
            ck_assert_msg(!spec->letter || isalnum((unsigned char)spec->letter), "--%s: letter", spec->name);
            ck_assert_msg(!spec->letter || !letters[(unsigned char)spec->letter], "-%c is there twice", spec->letter);
            letters[(unsigned char)spec->letter] = true;
            ck_assert_msg(spec->take && spec->help && *spec->help, "--%s: incomplete", spec->name);
            ck_assert_msg(spec->help[strlen(spec->help) - 1] != '.', "--%s: a full stop", spec->name);
            check_names(spec->name, spec->excludes);
            check_names(spec->name, spec->needs);
            ck_assert_msg(spec->min <= spec->max, "--%s: no value is in range", spec->name);
            ck_assert_msg(is_tested(spec), "no row gives --%s", spec->name);
        }
}
END_TEST

/* Every option has its line, and no line is wider than a terminal. */
START_TEST(the_help_tells_all)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    options_help(&every, 79, out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_ptr_nonnull(strstr(text, "Usage: backlogctl every [OPTION]...\nKnow all options.\n"));
    for (size_t g = 0; every.groups[g]; g++) {
        ck_assert_ptr_nonnull(strstr(text, every.groups[g]->title));
        for (const struct option_spec *spec = every.groups[g]->options; spec->name; spec++) {
            char line[128];
            int used = spec->letter ? snprintf(line, sizeof line, "\n  -%c, --%s", spec->letter, spec->name)
                                    : snprintf(line, sizeof line, "\n      --%s", spec->name);
            snprintf(line + used, sizeof line - (size_t)used, "%s%s", spec->argument ? " " : "",
                     spec->argument ? spec->argument : "");
            ck_assert_msg(strstr(text, line) != NULL, "--%s is not in the help", spec->name);
        }
    }
    for (const char *p = text; *p;) {
        size_t length = strcspn(p, "\n");
        ck_assert_msg(length < 80, "too wide: '%.*s'", (int)length, p);
        ck_assert_msg(!length || p[length - 1] != ' ', "ends in a blank: '%.*s'", (int)length, p);
        p += length + (p[length] == '\n');
    }
    free(text);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        defaults_are_as_documented,
        short_options_cluster,
        each_parse_starts_afresh,
        repeated_options_add,
        sources_replace_earlier_ones,
        companions_are_read,
        a_group_hides_those_behind_it,
        lists_have_an_end,
        a_command_knows_only_its_groups,
        long_words_do_not_overflow,
        the_table_is_sound,
        the_help_tells_all,
        columns_and_keys_are_read,
        an_address_is_read,
        a_bound_address_is_read,
        a_line_can_be_typed_again,
        columns_have_an_end,
    };
    Suite *suite = suite_create("options");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, each_option_sets_its_field, 0, COUNT(settings_rows));
    tcase_add_loop_test(rows, each_choice_sets_its_field, 0, COUNT(choices));
    tcase_add_loop_test(rows, each_option_of_watch_sets_its_field, 0, COUNT(watch_rows));
    tcase_add_test(rows, alerts_add_up_and_sorts_replace);
    tcase_add_loop_test(rows, bad_words_are_named, 0, COUNT(bad));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)

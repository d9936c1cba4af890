/* Targets: a word as people type it goes in, the options that it stands for come out. */
#include "suite.h"

#include "backlogctl/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X500 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50

#define PEER TARGET_PEER
#define LISTEN TARGET_LISTEN
#define LISTENER TARGET_LISTENER

/* "host=::1 port=80", "service=http", "word=nginx"; or a part of what is said of a mistake. */
static const struct {
    enum target_use use;
    const char *word, *means, *says;
} rows[] = {
    /* ports */
    {PEER, "8080", "port=8080"},
    {PEER, "99999999", NULL, "want a port from 1 to 65535"},
    {PEER, ":8080", "port=8080"},
    {LISTEN, ":8080", "port=8080"},
    {PEER, ":http", "service=http"},
    {LISTENER, "service:redis", "service=redis"},
    {PEER, "service:8080", "port=8080"},
    /* hosts */
    {PEER, "localhost", "host=localhost"},
    {LISTEN, "localhost", "host=localhost"},
    {PEER, "localhost:8080", "host=localhost port=8080"},
    {LISTENER, "localhost:8080", "host=localhost port=8080"},
    {PEER, "a.example-b.org:https", "host=a.example-b.org service=https"},
    {PEER, "10.0.0.7", "host=10.0.0.7"},
    {LISTENER, "10.0.0.7", "host=10.0.0.7"},
    {LISTENER, "10.0.0.7:80", "host=10.0.0.7 port=80"},
    /* IPv6 */
    {PEER, "::1", "host=::1"},
    {LISTENER, "::", "host=::"},
    {PEER, "fe80::1%eth0", "host=fe80::1%eth0"},
    {PEER, "[::1]", "host=::1"},
    {PEER, "[::1]:8080", "host=::1 port=8080"},
    {LISTENER, "[::ffff:10.0.0.7]:80", "host=::ffff:10.0.0.7 port=80"},
    {PEER, "[fe80::1%eth0]:80", "host=fe80::1%eth0 port=80"},
    {PEER, "[::1]:http", "host=::1 service=http"},
    /* as list prints them */
    {LISTENER, "*:8888", "host=:: port=8888"},
    {LISTENER, "*", "host=::"},
    {LISTEN, "*:8888", "host=:: port=8888"},
    {PEER, "*:8888", "port=8888"},
    {LISTENER, "*%eth0:8888", "host=::%eth0 port=8888"},
    {LISTENER, "0.0.0.0%eth0:80", "host=0.0.0.0%eth0 port=80"},
    {LISTENER, "0.0.0.0:80%eth0", "host=0.0.0.0%eth0 port=80"},
    {LISTENER, "[::]%eth0:80", "host=::%eth0 port=80"},
    {LISTENER, "[::]:80%eth0", "host=::%eth0 port=80"},
    {LISTENER, "[fe80::1%eth0]:80", "host=fe80::1%eth0 port=80"},
    {LISTENER, "127.0.0.1%d\\x20e:80", "host=127.0.0.1%d\\x20e port=80"},
    {PEER, "127.0.0.1%lo:80", "host=127.0.0.1 port=80"},
    {PEER, "0.0.0.0%eth0:80", NULL, "want an address of it, without %eth0"},
    {LISTEN, "*%eth0:80", NULL, "without %eth0"},
    /* URLs */
    {PEER, "http://host:8080/x", "host=host port=8080"},
    {PEER, "http://host/x", "host=host service=http"},
    {LISTENER, "https://host", "host=host service=https"},
    {PEER, "http://[::1]:8080", "host=::1 port=8080"},
    {PEER, "http://[::1]", "host=::1 service=http"},
    {PEER, "https://me:secret@host:1?q=a/b@c", "host=host port=1"},
    {PEER, "redis://host:6379/0", "host=host port=6379"},
    {PEER, "ftp://host#x", "host=host service=ftp"},
    {PEER, "host:8080/x", "host=host port=8080"},
    {PEER, "[::1]:8080/x", "host=::1 port=8080"},
    {PEER, "http://", NULL, "want a host"},
    {PEER, "http://:80", "port=80"},
    /* AF_UNIX */
    {PEER, "/run/x.sock", "unix=/run/x.sock"},
    {LISTEN, "./x", "unix=./x"},
    {LISTENER, "run/x", "unix=run/x"},
    {PEER, "/run/a:80/b", "unix=/run/a:80/b"},
    {PEER, "unix:/run/x.sock", "unix=/run/x.sock"},
    {PEER, "unix:///run/x.sock", "unix=/run/x.sock"},
    {LISTENER, "unix:8080", "unix=8080"},
    {LISTENER, "unix:a:b", "unix=a:b"},
    {PEER, "@name", "unix=@name"},
    {LISTENER, "@\\x00a\\xff", "unix=@\\x00a\\xff"},
    {LISTENER, "/run/a\\x0ab", "unix=/run/a\\x0ab"},
    /* names of those who run */
    {LISTENER, "nginx", "word=nginx"},
    {LISTENER, "nginx.service", "word=nginx.service"},
    {LISTENER, "a\\x20b", "word=a\\x20b"},
    {LISTENER, "process:8080", "process=8080"},
    {LISTENER, "process:a b", "process=a b"},
    {LISTENER, "unit:nginx", "unit=nginx"},
    {LISTENER, "container:ab", "container=ab"},
    {LISTENER, "pid:123", "pid=123"},
    {PEER, "pid:123", NULL, "names who listens already"},
    {LISTEN, "unit:nginx", NULL, "names who listens already"},
    {PEER, "process:nginx", NULL, "names who listens already"},
    /* mistakes */
    {PEER, "", NULL, "want HOST:PORT, a port, or a socket's path"},
    {PEER, "host:", NULL, "want a port behind the colon"},
    {PEER, ":", NULL, "want a port behind the colon"},
    {PEER, "host:80:90", NULL, "with an IPv6 address in brackets"},
    {PEER, "1:2:3", NULL, "with an IPv6 address in brackets"},
    {PEER, "[::1", NULL, "']' is missing"},
    {PEER, "[::1]8080", NULL, "want HOST:PORT"},
    {PEER, "[]:80", NULL, "want an IPv6 address in the brackets"},
    {PEER, "[localhost]:80", NULL, "want an IPv6 address in the brackets"},
    {PEER, "host:a b", NULL, "want a port behind the colon"},
    {LISTENER, "unix:", NULL, "want a path or @NAME behind unix:"},
    {PEER, "unix://", NULL, "want a path or @NAME behind unix:"},
    {LISTENER, "pid:", NULL, "want a number behind pid:"},
    {LISTENER, "container:", NULL, "want an id behind container:"},
    {LISTENER, "unit:", NULL, "want a name behind unit:"},
    {LISTENER, "", NULL, "or the name of who listens"},
    {PEER, " ", NULL, "want HOST:PORT, a port, or a socket's path"},
    {LISTENER, "\t ", NULL, "or the name of who listens"},
    {PEER, "80 ", NULL, "want it without blanks around it"},
    {LISTENER, " nginx", NULL, "want it without blanks around it"},
    {PEER, "localhost 80", NULL, "there are no blanks in these"},
    {PEER, "a\tb", NULL, "there are no blanks in these"},
    {LISTEN, "new\nline", NULL, "there are no blanks in these"},
    {PEER, "\033[31mred", NULL, "there are no blanks in these"},
    {LISTENER, "80,81", NULL, "want one port"},
    {PEER, "+80", NULL, "want one port"},
    {LISTENER, ",", NULL, "want one port"},
    {PEER, "0", NULL, "want a port from 1 to 65535"},
    {LISTENER, "65536", NULL, "want a port from 1 to 65535"},
    {PEER, "99999999999999999999999", NULL, "want a port from 1 to 65535"},
    {PEER, "localhost:0", NULL, "want a port from 1 to 65535"},
    {LISTEN, "localhost:65536", NULL, "want a port from 0 to 65535"},
    {LISTEN, "0", "port=0"},
    {LISTENER, "http://host:65536/", NULL, "want a port from 1 to 65535"},
    {LISTENER, "service:0", NULL, "want a port from 1 to 65535"},
    {LISTENER, "PID:12", "pid=12"},
    {LISTENER, "Unit:nginx", "unit=nginx"},
    {LISTENER, "process:", NULL, "want a name behind process:"},
    {PEER, "service:", NULL, "want a name behind service:"},
    {LISTENER, "%eth0:80", NULL, "want an address before '%'"},
    {LISTENER, "10.0.0.7%:80", NULL, "want an address before '%', and a device behind it"},
    {LISTENER, X500 X50, NULL, "want at most 511 bytes"},
    {LISTENER, "/" X500 X50, NULL, "want at most 511 bytes"},
    {PEER, X500 X50 ":80", NULL, "want at most 511 bytes"},
};

static void write_meaning(const struct target_meaning *target, char *out, size_t size)
{
    *out = '\0';
    for (size_t i = 0; i < target->count; i++)
        snprintf(out + strlen(out), size - strlen(out), "%s%s=%s", *out ? " " : "", target->options[i].name,
                 target->options[i].value);
    if (*target->service)
        snprintf(out + strlen(out), size - strlen(out), "%sservice=%s", *out ? " " : "", target->service);
    if (*target->word)
        snprintf(out + strlen(out), size - strlen(out), "%sword=%s", *out ? " " : "", target->word);
}

START_TEST(a_word_has_one_meaning)
{
    struct target_meaning target;
    struct error err = {0};
    char means[2048];
    int status = target_read(rows[_i].word, rows[_i].use, &target, &err);
    if (!rows[_i].means) {
        ck_assert_int_eq(status, -EINVAL);
        ck_assert_msg(strstr(err.text, rows[_i].says) != NULL, "'%s': %s", rows[_i].word, err.text);
        return;
    }
    ck_assert_msg(!status, "'%s': %s", rows[_i].word, err.text);
    write_meaning(&target, means, sizeof means);
    ck_assert_str_eq(means, rows[_i].means);
}
END_TEST

static const struct {
    const char *word, *hint;
} unbracketed[] = {
    {"::1:80", " (port 80 of ::1 is [::1]:80)"},
    {"fe80::1:8080", " (port 8080 of fe80::1 is [fe80::1]:8080)"},
    {"::1", ""},
    {"::1:8f", ""},
    {"1:2:3:4:5:6:7:80", ""}, /* what comes before is no address */
    {"127.0.0.1:80", ""},
    {"80", ""},
    {"", ""},
};

START_TEST(an_address_may_have_been_meant_with_a_port)
{
    char hint[TARGET_HINT_SIZE];
    ck_assert_str_eq(target_port_hint(unbracketed[_i].word, hint), unbracketed[_i].hint);
}
END_TEST

/* ---- Who is called so ---- */

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *word;
    unsigned fits;
} names[] = {
    {"nginx", FITS_PROCESS},
    {"worker", FITS_PROCESS}, /* the second holder */
    {"web.service", FITS_UNIT},
    {"web", 0},
    {ID, FITS_CONTAINER},
    {"012345", FITS_CONTAINER},
    {"01234", 0}, /* too short to be meant so */
    {"x.sock", FITS_PATH},
    {"both", FITS_PROCESS | FITS_PATH},
    {"ngin", 0},
    {"", 0},
};

START_TEST(names_are_found_among_holders)
{
    struct listener listeners[] = {{.processes = 2, .kind = KIND_TCP},
                                   {.processes = 1, .holder_first = 2, .kind = KIND_UNIX_STREAM, .path = "x.sock"},
                                   {.kind = KIND_UNIX_STREAM, .path = "both"}};
    struct socket_holder holders[] = {{.pid = 1, .process = "nginx", .place = {.unit = "web.service"}},
                                      {.pid = 2, .process = "worker", .place = {.container = ID}},
                                      {.pid = 3, .process = "both"}};
    struct survey survey = {.listeners = listeners, .count = 3, .holders = holders};
    ck_assert_uint_eq(target_fits(&survey, names[_i].word), names[_i].fits);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("target");
    TCase *tcase = tcase_create("words");
    tcase_add_loop_test(tcase, a_word_has_one_meaning, 0, COUNT(rows));
    tcase_add_loop_test(tcase, names_are_found_among_holders, 0, COUNT(names));
    tcase_add_loop_test(tcase, an_address_may_have_been_meant_with_a_port, 0, COUNT(unbracketed));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)

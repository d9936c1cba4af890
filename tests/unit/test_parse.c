/* Numbers, durations and endpoints as people type them, and spans and endpoints as people read them. */
#include "suite.h"

#include "backlogctl/endpoint.h"
#include "backlogctl/parse.h"
#include "backlogctl/run_settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define UNTOUCHED INT64_C(-12345678)
#define LABEL64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* The contract of every parser: a value, or -errno with a text and the value untouched. */
static void check(const char *what, int status, const struct error *err, int code, const char *fragment)
{
    ck_assert_msg(status == -code && err->code == code, "'%s': %d, error %d '%s'", what, status, err->code, err->text);
    ck_assert_msg(!code == !err->text[0], "'%s': text '%s'", what, err->text);
    ck_assert_msg(!fragment || strstr(err->text, fragment), "'%s': '%s' is not in '%s'", what, fragment, err->text);
    ck_assert_msg(!strchr(err->text, '\n'), "'%s': '%s' has two lines", what, err->text);
}

/* ---- Numbers ---- */

static const struct {
    const char *text;
    int64_t min, max;
    int64_t value; /* with code 0 */
    int code;
    const char *fragment;
    bool only_count; /* parse_count takes it, parse_integer does not */
} numbers[] = {
    {"0", 0, 65535, 0, 0, NULL, false},
    {"65535", 0, 65535, 65535, 0, NULL, false},
    {"007", 0, 10, 7, 0, NULL, false},
    {"+5", 0, 10, 5, 0, NULL, false},
    {"-0", 0, 10, 0, 0, NULL, false},
    {"-1", -1, 10, -1, 0, NULL, false},
    {"-2147483648", INT32_MIN, INT32_MAX, INT32_MIN, 0, NULL, false},
    {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, 0, NULL, false},
    {"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, 0, NULL, false},
    {"10k", 0, 10000, 10000, 0, NULL, true},
    {"0k", 0, 1, 0, 0, NULL, true},
    {"-2k", -2000, 0, -2000, 0, NULL, true},
    {"9223372036854775k", 0, INT64_MAX, INT64_C(9223372036854775000), 0, NULL, true},
    {"", 0, 65535, 0, EINVAL, "want a whole number from 0 to 65535", false},
    {" ", 0, 9, 0, EINVAL, "want a whole number from 0 to 9", false},
    {" 5", 0, 9, 0, EINVAL, "whole number", false},
    {"5 ", 0, 9, 0, EINVAL, "whole number", false},
    {"\t5", 0, 9, 0, EINVAL, "whole number", false},
    {"-", -9, 9, 0, EINVAL, "whole number from -9 to 9", false},
    {"+", 0, 9, 0, EINVAL, "whole number", false},
    {"+-5", -9, 9, 0, EINVAL, "whole number", false},
    {"- 5", -9, 9, 0, EINVAL, "whole number", false},
    {"five", 0, 9, 0, EINVAL, "whole number", false},
    {"5x", 0, 9, 0, EINVAL, "whole number", false},
    {"0x5", 0, 9, 0, EINVAL, "whole number", false},
    {"1.0", 0, 9, 0, EINVAL, "whole number", false},
    {"1e3", 0, 9999, 0, EINVAL, "whole number", false},
    {"1,000", 0, 9999, 0, EINVAL, "whole number", false},
    {"k", 0, 9, 0, EINVAL, "whole number", false},
    {"1K", 0, 9999, 0, EINVAL, "whole number", false},
    {"1kk", 0, INT64_MAX, 0, EINVAL, "whole number", false},
    {"1k5", 0, 9999, 0, EINVAL, "whole number", false},
    {"1m", 0, 9, 0, EINVAL, "whole number", false},
    {"-1", 0, 9, 0, ERANGE, "out of range: want 0 to 9", false},
    {"10", 0, 9, 0, ERANGE, "out of range: want 0 to 9", false},
    {"-10", -9, 9, 0, ERANGE, "out of range: want -9 to 9", false},
    {"9223372036854775808", INT64_MIN, INT64_MAX, 0, ERANGE, "out of range", false},
    {"-9223372036854775809", INT64_MIN, INT64_MAX, 0, ERANGE, "out of range", false},
    {"99999999999999999999999999999999", 0, 9, 0, ERANGE, "out of range", false},
    {"10k", 0, 9999, 0, ERANGE, "out of range: want 0 to 9999", true},
    {"9223372036854776k", 0, INT64_MAX, 0, ERANGE, "out of range", true},
    {"2305843009213693952k", 0, 9, 0, ERANGE, "out of range", true}, /* 0 in 64 bits */
    {"-9223372036854776k", INT64_MIN, 0, 0, ERANGE, "out of range", true},
};

START_TEST(numbers_are_read)
{
    struct error err = {0}, count_err = {0};
    int64_t value = UNTOUCHED, count = UNTOUCHED;
    int code = numbers[_i].code;
    int status = parse_count(numbers[_i].text, numbers[_i].min, numbers[_i].max, &count, &count_err);
    check(numbers[_i].text, status, &count_err, code, numbers[_i].fragment);
    ck_assert_int_eq(count, code ? UNTOUCHED : numbers[_i].value);
    ck_assert(code != EINVAL || strstr(count_err.text, "k for thousands"));

    status = parse_integer(numbers[_i].text, numbers[_i].min, numbers[_i].max, &value, &err);
    if (numbers[_i].only_count)
        code = EINVAL;
    check(numbers[_i].text, status, &err, code, numbers[_i].only_count ? "whole number" : numbers[_i].fragment);
    ck_assert_int_eq(value, code ? UNTOUCHED : numbers[_i].value);
    ck_assert(!strstr(err.text, "k for thousands"));
    ck_assert_int_eq(parse_integer(numbers[_i].text, numbers[_i].min, numbers[_i].max, &value, NULL), -code);
}
END_TEST

/* ---- Durations ---- */

#define HOUR (3600 * NSEC_PER_SEC)

static const struct {
    const char *text;
    nsec span; /* with code 0 */
    int code;
    const char *fragment;
} durations[] = {
    {"0", 0, 0, NULL},
    {"00", 0, 0, NULL},
    {"0s", 0, 0, NULL},
    {"0.0", 0, 0, NULL},
    {"1us", 1000, 0, NULL},
    {"250ms", 250 * NSEC_PER_MSEC, 0, NULL},
    {"2s", 2 * NSEC_PER_SEC, 0, NULL},
    {"1m", 60 * NSEC_PER_SEC, 0, NULL},
    {"24h", 24 * HOUR, 0, NULL},
    {"1440m", 24 * HOUR, 0, NULL},
    {"86400000000us", 24 * HOUR, 0, NULL},
    {"0002s", 2 * NSEC_PER_SEC, 0, NULL},
    {"1.5s", 1500 * NSEC_PER_MSEC, 0, NULL},
    {"0.1s", 100 * NSEC_PER_MSEC, 0, NULL},
    {"0.3s", 300 * NSEC_PER_MSEC, 0, NULL},
    {"1.000001s", NSEC_PER_SEC + 1000, 0, NULL},
    {"2.500ms", 2500000, 0, NULL},
    {"0.001us", 1, 0, NULL},
    {"1.5m", 90 * NSEC_PER_SEC, 0, NULL},
    {"0.5h", HOUR / 2, 0, NULL},
    {"23.999999h", 24 * HOUR - 3600 * NSEC_PER_USEC, 0, NULL},
    {"", 0, EINVAL, "want a duration such as 250ms, 2s or 1m"},
    {"s", 0, EINVAL, "want a duration"},
    {".5s", 0, EINVAL, "want a duration"},
    {"5.s", 0, EINVAL, "want a duration"},
    {"1.2.3s", 0, EINVAL, "want a duration"},
    {"1,5s", 0, EINVAL, "want a duration"},
    {"-1s", 0, EINVAL, "want a duration"},
    {"+1s", 0, EINVAL, "want a duration"},
    {" 1s", 0, EINVAL, "want a duration"},
    {"1 s", 0, EINVAL, "want a duration"},
    {"1s ", 0, EINVAL, "want a duration"},
    {"1S", 0, EINVAL, "want a duration"},
    {"1sec", 0, EINVAL, "want a duration"},
    {"1ns", 0, EINVAL, "want a duration"},
    {"1d", 0, EINVAL, "want a duration"},
    {"1m30s", 0, EINVAL, "want a duration"},
    {"0x1s", 0, EINVAL, "want a duration"},
    {"1e3s", 0, EINVAL, "want a duration"},
    {"inf", 0, EINVAL, "want a duration"},
    {"2", 0, EINVAL, "a duration needs a unit: us, ms, s, m or h (2s?)"},
    {"1.5", 0, EINVAL, "(1.5s?)"},
    {"0.1", 0, EINVAL, "(0.1s?)"},
    {"25h", 0, ERANGE, "out of range: want at most 24h"},
    {"24.000001h", 0, ERANGE, "at most 24h"},
    {"86400001ms", 0, ERANGE, "at most 24h"},
    {"5124096h", 0, ERANGE, "at most 24h"},              /* an hour in 64 bits */
    {"18446744073709551617s", 0, ERANGE, "at most 24h"}, /* a second in 64 bits */
    {"9223372036854775807h", 0, ERANGE, "at most 24h"},
    {"99999999999999999999999999s", 0, ERANGE, "at most 24h"},
};

START_TEST(durations_are_read)
{
    struct error err = {0};
    nsec span = UNTOUCHED;
    int status = parse_duration(durations[_i].text, &span, &err);
    check(durations[_i].text, status, &err, durations[_i].code, durations[_i].fragment);
    ck_assert_int_eq(span, durations[_i].code ? UNTOUCHED : durations[_i].span);
}
END_TEST

static const struct {
    nsec span;
    const char *text;
} spans[] = {
    {NSEC_NEVER, "0"},
    {0, "0"},
    {1, "1ns"},
    {999, "999ns"},
    {1000, "1us"},
    {1500, "1.5us"},
    {1234, "1.23us"},
    {10000, "10us"},
    {12340, "12.3us"},
    {48000, "48us"},
    {100000, "100us"},
    {999499, "999us"},
    {999500, "1ms"},
    {1020 * NSEC_PER_USEC, "1.02ms"},
    {999499 * NSEC_PER_USEC, "999ms"},
    {999500 * NSEC_PER_USEC, "1s"},
    {1020 * NSEC_PER_MSEC, "1.02s"},
    {9994 * NSEC_PER_MSEC, "9.99s"},
    {9996 * NSEC_PER_MSEC, "10s"},
    {59900 * NSEC_PER_MSEC, "59.9s"},
    {60 * NSEC_PER_SEC, "1m"},
    {61 * NSEC_PER_SEC, "1m1s"},
    {150 * NSEC_PER_SEC, "2m30s"},
    {24 * HOUR, "1440m"},
    {INT64_MAX, "153722867m16s"},
};

START_TEST(spans_are_written)
{
    char text[NSEC_TEXT_SIZE];
    ck_assert_ptr_eq(nsec_text(spans[_i].span, text), text);
    ck_assert_str_eq(text, spans[_i].text);
}
END_TEST

/* 2026-01-31T12:00:00.000Z, or with six digits, and a clock that does not go back. */
START_TEST(stamp_and_clock)
{
    char stamp[CLOCK_STAMP_SIZE];
    int used = 0;
    unsigned part;
    nsec first = clock_now();
    clock_stamp(stamp);
    int fields = sscanf(stamp, "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ%n", &part, &part, &part, &part, &part, &part, &part, &used);
    ck_assert_msg(fields == 7 && used == 24 && strlen(stamp) == 24, "'%s'", stamp);
    clock_stamp_at(first, stamp);
    fields = sscanf(stamp, "%4u-%2u-%2uT%2u:%2u:%2u.%6uZ%n", &part, &part, &part, &part, &part, &part, &part, &used);
    ck_assert_msg(fields == 7 && used == 27 && strlen(stamp) == 27, "'%s'", stamp);
    ck_assert_int_gt(first, 0);
    ck_assert_int_ge(clock_now(), first);
}
END_TEST

/* ---- Endpoints ---- */

#define IPV4(port_, ...)                                             \
    {                                                                \
        .family = AF_INET, .port = (port_), .bytes = { __VA_ARGS__ } \
    }
#define IPV6(port_, ...)                                              \
    {                                                                 \
        .family = AF_INET6, .port = (port_), .bytes = { __VA_ARGS__ } \
    }
#define MAPPED(...)                                                                 \
    {                                                                               \
        .family = AF_INET6, .port = 80, .bytes = { [10] = 0xff, 0xff, __VA_ARGS__ } \
    }

static const struct {
    const char *text, *address_text;
    struct endpoint endpoint, unmapped, reachable;
    bool any, loopback;
} endpoints[] = {
    {"127.0.0.1:80", "127.0.0.1", IPV4(80, 127, 0, 0, 1), IPV4(80, 127, 0, 0, 1), IPV4(80, 127, 0, 0, 1), false, true},
    {"127.255.0.9:1", "127.255.0.9", IPV4(1, 127, 255, 0, 9), IPV4(1, 127, 255, 0, 9), IPV4(1, 127, 255, 0, 9), false, true},
    {"0.0.0.0:65535", "0.0.0.0", IPV4(65535, 0), IPV4(65535, 0), IPV4(65535, 127, 0, 0, 1), true, false},
    {"10.1.2.3:0", "10.1.2.3", IPV4(0, 10, 1, 2, 3), IPV4(0, 10, 1, 2, 3), IPV4(0, 10, 1, 2, 3), false, false},
    {"128.0.0.1:9", "128.0.0.1", IPV4(9, 128, 0, 0, 1), IPV4(9, 128, 0, 0, 1), IPV4(9, 128, 0, 0, 1), false, false},
    {"[::1]:80", "::1", IPV6(80, [15] = 1), IPV6(80, [15] = 1), IPV6(80, [15] = 1), false, true},
    {"[::]:80", "::", IPV6(80, 0), IPV6(80, 0), IPV6(80, [15] = 1), true, false},
    {"[2001:db8::2]:443", "2001:db8::2", IPV6(443, 0x20, 1, 0x0d, 0xb8, [15] = 2), IPV6(443, 0x20, 1, 0x0d, 0xb8, [15] = 2),
     IPV6(443, 0x20, 1, 0x0d, 0xb8, [15] = 2), false, false},
    {"[::ffff:127.0.0.1]:80", "::ffff:127.0.0.1", MAPPED(127, 0, 0, 1), IPV4(80, 127, 0, 0, 1), MAPPED(127, 0, 0, 1), false,
     true},
    {"[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", MAPPED(10, 0, 0, 1), IPV4(80, 10, 0, 0, 1), MAPPED(10, 0, 0, 1), false, false},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     IPV6(65535, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255),
     IPV6(65535, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255),
     IPV6(65535, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255), false, false},
};

START_TEST(endpoint_forms)
{
    const struct endpoint *e = &endpoints[_i].endpoint;
    const char *name = endpoints[_i].text;
    char text[ENDPOINT_TEXT_SIZE];
    ck_assert_str_eq(endpoint_text(e, text), name);
    ck_assert_str_eq(endpoint_address_text(e, text), endpoints[_i].address_text);
    struct endpoint unmapped = endpoint_unmapped(e), reachable = endpoint_reachable(e);
    ck_assert_msg(endpoint_equal(&unmapped, &endpoints[_i].unmapped), "%s unmapped", name);
    ck_assert_msg(endpoint_equal(&reachable, &endpoints[_i].reachable), "%s reachable", name);
    ck_assert_msg(endpoint_is_any(e) == endpoints[_i].any, "%s any", name);
    ck_assert_msg(endpoint_is_loopback(e) == endpoints[_i].loopback, "%s loopback", name);

    struct sockaddr_storage address;
    memset(&address, 0xa5, sizeof address);
    socklen_t length = endpoint_to_sockaddr(e, &address);
    ck_assert_msg(address.ss_family == e->family && length >= sizeof(struct sockaddr), "%s sockaddr", name);
    struct endpoint back = endpoint_from_sockaddr(&address);
    ck_assert_msg(endpoint_equal(&back, &unmapped), "%s there and back", name);

    struct endpoint found[2];
    struct error err = {0};
    int count = endpoint_resolve(endpoints[_i].address_text, e->port, AF_UNSPEC, found, COUNT(found), &err);
    ck_assert_msg(count == 1 && !err.code && endpoint_equal(&found[0], &unmapped), "%s resolved: %d %s", name, count, err.text);
    ck_assert_int_eq(endpoint_resolve(endpoints[_i].address_text, e->port, unmapped.family, found, 1, NULL), 1);
}
END_TEST

START_TEST(endpoints_differ_by_each_part)
{
    const struct endpoint e = {.family = AF_INET6, .port = 1, .scope = 1, .bytes = {0xfe, 0x80, [15] = 1}};
    struct endpoint others[] = {e, e, e, e, e};
    ck_assert(endpoint_equal(&e, &others[0]));
    others[0].family = AF_INET;
    others[1].port = 2;
    others[2].scope = 2;
    others[3].bytes[0] = 0;
    others[4].bytes[15] = 2;
    for (size_t i = 0; i < COUNT(others); i++)
        ck_assert_msg(!endpoint_equal(&e, &others[i]), "part %zu", i);
}
END_TEST

START_TEST(zones_are_shown_and_read)
{
    char text[ENDPOINT_TEXT_SIZE];
    struct endpoint e = {.family = AF_INET6, .port = 80, .scope = 1, .bytes = {0xfe, 0x80, [15] = 1}}, found;
    ck_assert_str_eq(endpoint_text(&e, text), "[fe80::1%lo]:80"); /* lo is number 1 in every namespace */
    ck_assert_int_eq(endpoint_resolve("fe80::1%lo", 80, AF_UNSPEC, &found, 1, NULL), 1);
    ck_assert(endpoint_equal(&e, &found));
    struct sockaddr_storage address;
    endpoint_to_sockaddr(&e, &address);
    found = endpoint_from_sockaddr(&address);
    ck_assert(endpoint_equal(&e, &found));
    e.scope = 0x7fffffff; /* an interface that has gone */
    ck_assert_str_eq(endpoint_text(&e, text), "[fe80::1]:80");
}
END_TEST

START_TEST(unspecified_endpoint)
{
    char text[ENDPOINT_TEXT_SIZE];
    struct endpoint none = {.family = AF_UNSPEC};
    struct sockaddr_storage other = {.ss_family = AF_NETLINK};
    ck_assert_str_eq(endpoint_address_text(&none, text), "-");
    ck_assert_str_eq(endpoint_text(&none, text), "-:0");
    ck_assert_int_eq(endpoint_from_sockaddr(&other).family, AF_UNSPEC);
}
END_TEST

START_TEST(unix_names)
{
    char text[ENDPOINT_TEXT_SIZE], longest[110];
    struct sockaddr_storage address;
    ck_assert_uint_eq(endpoint_unix_sockaddr("@0001f", &address), sizeof(sa_family_t) + 6);
    struct endpoint e = endpoint_from_sockaddr(&address);
    ck_assert_int_eq(e.family, AF_UNIX);
    ck_assert_str_eq(endpoint_text(&e, text), "@0001f");
    ck_assert_uint_eq(endpoint_unix_sockaddr("/run/x", &address), sizeof(sa_family_t) + 7);
    e = endpoint_from_sockaddr(&address);
    ck_assert_str_eq(endpoint_text(&e, text), "-");
    memset(longest, 'x', sizeof longest);
    longest[107] = '\0';
    ck_assert_uint_eq(endpoint_unix_sockaddr(longest, &address), sizeof(struct sockaddr_un));
    longest[107] = 'x';
    longest[108] = '\0';
    ck_assert_uint_eq(endpoint_unix_sockaddr(longest, &address), 0);
}
END_TEST

START_TEST(no_more_endpoints_than_there_is_room_for)
{
    struct endpoint untouched = {.port = 1};
    ck_assert_int_eq(endpoint_resolve("127.0.0.1", 80, AF_UNSPEC, &untouched, 0, NULL), -ENOENT);
    ck_assert_uint_eq(untouched.port, 1);
}
END_TEST

/* None of these leaves this host: a family that does not fit, and what cannot be a name. */
static const struct {
    const char *host;
    int family;
    const char *fragment;
} unresolvable[] = {
    {"", AF_UNSPEC, "cannot resolve host ''"},
    {"127.0.0.1", AF_INET6, "cannot resolve host '127.0.0.1' to an IPv6 address: "},
    {"::1", AF_INET, "cannot resolve host '::1' to an IPv4 address: "},
    {"::ffff:127.0.0.1", AF_INET6, "cannot resolve host '::ffff:127.0.0.1': no TCP address of IPv6: it is an IPv4 address"},
    {"a..b", AF_UNSPEC, "cannot resolve host 'a..b': "},
    {LABEL64, AF_UNSPEC, "cannot resolve host '" LABEL64 "': "},
};

START_TEST(hosts_that_do_not_resolve)
{
    struct endpoint found;
    struct error err = {0};
    int status = endpoint_resolve(unresolvable[_i].host, 80, unresolvable[_i].family, &found, 1, &err);
    check(unresolvable[_i].host, status, &err, ENOENT, unresolvable[_i].fragment);
}
END_TEST

/* /etc/hosts may name it more than once, and maps ::1 to 127.0.0.1 for who asks for IPv4. */
START_TEST(a_name_gives_each_address_once)
{
    static const int families[] = {AF_UNSPEC, AF_INET};
    for (size_t f = 0; f < COUNT(families); f++) {
        struct endpoint found[ENDPOINTS_MAX];
        struct error err = {0};
        int count = endpoint_resolve("localhost", 80, families[f], found, COUNT(found), &err);
        ck_assert_msg(count > 0, "%s", err.text);
        for (int i = 0; i < count; i++) {
            ck_assert(endpoint_is_loopback(&found[i]));
            ck_assert_uint_eq(found[i].port, 80);
            for (int j = 0; j < i; j++)
                ck_assert(!endpoint_equal(&found[i], &found[j]));
        }
        ck_assert_int_eq(endpoint_resolve("localhost", 80, families[f], found, 1, &err), 1);
    }
}
END_TEST

/* ---- Ranges ---- */

static const struct {
    const char *text;
    struct endpoint first;
    uint32_t count; /* 0: refused */
    const char *fragment;
} ranges[] = {
    {"127.0.0.1", IPV4(0, 127, 0, 0, 1), 1, NULL},
    {"127.0.0.1/32", IPV4(0, 127, 0, 0, 1), 1, NULL},
    {"10.0.0.5/31", IPV4(0, 10, 0, 0, 4), 2, NULL},
    {"10.0.0.7/30", IPV4(0, 10, 0, 0, 5), 2, NULL},
    {"10.0.0.99/24", IPV4(0, 10, 0, 0, 1), 254, NULL},
    {"10.255.255.255/12", IPV4(0, 10, 240, 0, 1), (1u << 20) - 2, NULL},
    {"::1", IPV6(0, [15] = 1), 1, NULL},
    {"::ffff:127.0.0.1", IPV4(0, 127, 0, 0, 1), 1, NULL},
    {"::ffff:10.0.0.99/120", IPV4(0, 10, 0, 0, 1), 254, NULL},
    {"2001:db8::ff/126", IPV6(0, 0x20, 1, 0x0d, 0xb8, [15] = 0xfc), 4, NULL},
    {"2001:db8::ff:ffff/108", IPV6(0, 0x20, 1, 0x0d, 0xb8, [13] = 0xf0), 1u << 20, NULL},
    {"", {0}, 0, "'' is no address"},
    {"localhost", {0}, 0, "'localhost' is no address"},
    {"10.0.0", {0}, 0, "is no address"},
    {"10.0.0.256", {0}, 0, "is no address"},
    {"10.0.0.1 ", {0}, 0, "is no address"},
    {":::", {0}, 0, "is no address"},
    {"/24", {0}, 0, "is no address"},
    {"10.0.0.1/", {0}, 0, "want a prefix length from 12 to 32"},
    {"10.0.0.1/11", {0}, 0, "want a prefix length from 12 to 32"},
    {"10.0.0.1/33", {0}, 0, "want a prefix length from 12 to 32"},
    {"10.0.0.1/-1", {0}, 0, "want a prefix length"},
    {"10.0.0.1/24/8", {0}, 0, "want a prefix length"},
    {"10.0.0.1/x", {0}, 0, "want a prefix length"},
    {"::1/107", {0}, 0, "want a prefix length from 108 to 128"},
    {"::1/129", {0}, 0, "want a prefix length from 108 to 128"},
    {LABEL64 LABEL64, {0}, 0, "is no address"},
};

START_TEST(ranges_are_read)
{
    struct error err = {0};
    struct endpoint_range out = {0};
    int status = endpoint_range_parse(ranges[_i].text, &out, &err);
    check(ranges[_i].text, status, &err, ranges[_i].count ? 0 : EINVAL, ranges[_i].fragment);
    ck_assert_uint_eq(out.count, ranges[_i].count);
    ck_assert(endpoint_equal(&out.first, &ranges[_i].first));
}
END_TEST

/* ---- Moments ---- */

/* 2026-01-31T12:00:00Z */
#define NOON INT64_C(1769860800)

static const struct {
    const char *text;
    nsec moment; /* with code 0: behind NOON */
    int code;
    const char *fragment;
} moments[] = {
    {"2026-01-31T12:00:00Z", 0, 0, NULL},
    {"2026-01-31t12:00:01z", NSEC_PER_SEC, 0, NULL},
    {"2026-01-31 12:00:00.25Z", NSEC_PER_SEC / 4, 0, NULL},
    {"2026-01-31T12:00:00.1234567891Z", 123456789, 0, NULL},
    {"2026-01-31T13:00:00+01:00", 0, 0, NULL},
    {"2026-01-31T06:30:00-05:30", 0, 0, NULL},
    {"2026-02-01T00:00:00Z", 43200 * NSEC_PER_SEC, 0, NULL},
    {"2026-01-31T11:59:60Z", 0, EINVAL, "such as"},
    {"2026-02-30T12:00:00Z", 0, EINVAL, "such as"},
    {"2026-01-31T24:00:00Z", 0, EINVAL, "such as"},
    {"2026-01-31T12:00:00", 0, EINVAL, "such as"},
    {"2026-01-31T12:00:00+1:00", 0, EINVAL, "such as"},
    {"2026-01-31T12:00Z", 0, EINVAL, "such as"},
    {"2026-1-31T12:00:00Z", 0, EINVAL, "such as"},
    {"2026-01-31T12:00:00Z ", 0, EINVAL, "such as"},
    {"2026-01-31", 0, EINVAL, "such as"},
    {"1769860800", 0, 0, NULL},
    {"1769860800.5", NSEC_PER_SEC / 2, 0, NULL},
    {"1769860800.", 0, EINVAL, "such as"},
    {"1769860800s", 0, EINVAL, "such as"},
    {"0", 0, ERANGE, "ago"},
    {"99999999999999999999", 0, EINVAL, "such as"},
    {"1769857200", -3600 * NSEC_PER_SEC, 0, NULL},
    {"1769857199", 0, ERANGE, "an hour ago"},
    {"1769947200", 86400 * NSEC_PER_SEC, 0, NULL},
    {"1769947201", 0, ERANGE, "a day ahead"},
    {"+5s", 5 * NSEC_PER_SEC, 0, NULL},
    {"+0", 0, 0, NULL},
    {"+5", 0, EINVAL, "needs a unit"},
    {"+25h", 0, ERANGE, "24h"},
    {"", 0, EINVAL, "such as"},
    {"now", 0, EINVAL, "such as"},
    {"-5s", 0, EINVAL, "such as"},
};

START_TEST(moments_are_read)
{
    struct error err = {0};
    nsec out = UNTOUCHED;
    int status = parse_moment(moments[_i].text, NOON * NSEC_PER_SEC, &out, &err);
    check(moments[_i].text, status, &err, moments[_i].code, moments[_i].fragment);
    ck_assert_int_eq(out, moments[_i].code ? UNTOUCHED : NOON * NSEC_PER_SEC + moments[_i].moment);
}
END_TEST

/* Shares of a burst come, taken together, as the whole burst does. */
START_TEST(shares_are_interleaved)
{
    const struct arrivals whole[] = {{.count = 23, .rate = 100}, {.count = 23, .burst = 4, .every = NSEC_PER_SEC}};
    for (size_t w = 0; w < COUNT(whole); w++)
        for (uint32_t i = 0; i < whole[w].count; i++) {
            struct arrivals share = whole[w];
            share.segment = (struct segment){.index = i % 5 + 1, .of = 5, .whole = whole[w].count};
            ck_assert_int_eq(arrival_due(&share, i / 5), arrival_due(&whole[w], i));
        }
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {stamp_and_clock,
                                  shares_are_interleaved,
                                  endpoints_differ_by_each_part,
                                  zones_are_shown_and_read,
                                  unspecified_endpoint,
                                  unix_names,
                                  no_more_endpoints_than_there_is_room_for,
                                  a_name_gives_each_address_once};
    Suite *suite = suite_create("parse");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, numbers_are_read, 0, COUNT(numbers));
    tcase_add_loop_test(rows, durations_are_read, 0, COUNT(durations));
    tcase_add_loop_test(rows, spans_are_written, 0, COUNT(spans));
    tcase_add_loop_test(rows, endpoint_forms, 0, COUNT(endpoints));
    tcase_add_loop_test(rows, hosts_that_do_not_resolve, 0, COUNT(unresolvable));
    tcase_add_loop_test(rows, ranges_are_read, 0, COUNT(ranges));
    tcase_add_loop_test(rows, moments_are_read, 0, COUNT(moments));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)

/* The parser of sock_diag messages: recordings, and every way in which a message can be cut, short, long or
 * wrong. */
#include "backlogctl/sockdiag.h"

#include "diag_recordings.h"
#include "suite.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stddef.h>
#include <string.h>

#define FIXED_PART 88         /* 16 of header, 72 of struct inet_diag_msg */
#define LAST_DATA_SENT_END 48 /* of struct tcp_info */
#define DROPS_END 36          /* of the SKMEMINFO words */
#define FAMILY_OFFSET 16

/* Parses a copy in memory of exactly that size, so that the sanitizers see one byte too far; `shift` spoils
 * alignment. */
static int parse_at(const void *bytes, size_t length, size_t shift, struct diag_socket *out)
{
    unsigned char *memory = malloc(length + shift + !(length + shift));
    ck_assert_ptr_nonnull(memory);
    unsigned char *copy = length + shift ? memory + shift : memory + 1;
    memcpy(copy, bytes, length);
    memset(out, 0xa5, sizeof *out);
    int status = diag_parse(copy, length, out);
    free(memory);
    return status;
}

static int parse(const void *bytes, size_t length, struct diag_socket *out)
{
    return parse_at(bytes, length, 0, out);
}

#define IPV4(port_, ...)                                             \
    {                                                                \
        .family = AF_INET, .port = (port_), .bytes = { __VA_ARGS__ } \
    }
/* info_end, drops_end: where that attribute ends in the recording, 0 when it has none. */
static const struct {
    const char *name;
    const unsigned char *bytes;
    size_t length, info_end, drops_end;
    struct diag_socket expected;
} recordings[] = {
    {"listener",
     recorded_listener,
     sizeof recorded_listener,
     448,
     164,
     {.local = IPV4(6001, 127, 0, 0, 1),
      .remote = IPV4(0),
      .family = AF_INET,
      .state = STATE_LISTEN,
      .inode = 1931531,
      .cookie = 0x3f0,
      .rqueue = 2,
      .wqueue = 2,
      .has_discarded = true,
      .has_info = true}},
    {"dual-stack listener",
     recorded_listener6,
     sizeof recorded_listener6,
     0,
     172,
     {.local = {.family = AF_INET6, .port = 6002},
      .remote = {.family = AF_INET6},
      .family = AF_INET6,
      .state = STATE_LISTEN,
      .inode = 1931536,
      .cookie = 0x3f5,
      .rqueue = 1,
      .wqueue = 2,
      .has_discarded = true,
      .discarded = 1,
      .has_v6only = true}},
    {"queued",
     recorded_queued,
     sizeof recorded_queued,
     408,
     0,
     {.local = IPV4(6001, 127, 0, 0, 1),
      .remote = IPV4(40002, 127, 0, 0, 1),
      .family = AF_INET,
      .state = STATE_ESTABLISHED,
      .cookie = 0x3f1,
      .has_info = true,
      .last_data_sent_ms = 12}},
    {"accepted",
     recorded_accepted,
     sizeof recorded_accepted,
     408,
     0,
     {.local = IPV4(6001, 127, 0, 0, 1),
      .remote = IPV4(40001, 127, 0, 0, 1),
      .family = AF_INET,
      .state = STATE_ESTABLISHED,
      .inode = 1931533,
      .cookie = 0x3f2,
      .has_info = true,
      .last_data_sent_ms = 12}},
    {"time_wait",
     recorded_time_wait,
     sizeof recorded_time_wait,
     0,
     0,
     {.local = IPV4(6001, 127, 0, 0, 1),
      .remote = IPV4(40001, 127, 0, 0, 1),
      .family = AF_INET,
      .state = STATE_TIME_WAIT,
      .cookie = 0x3f2}},
    {"request",
     recorded_request,
     sizeof recorded_request,
     0,
     0,
     {.local = IPV4(6002, 127, 0, 0, 1),
      .remote = IPV4(40004, 127, 0, 0, 1),
      .family = AF_INET6,
      .state = STATE_SYN_RECV,
      .cookie = 0x3f3}},
    {"v4-mapped",
     recorded_mapped,
     sizeof recorded_mapped,
     408,
     0,
     {.local = IPV4(6002, 127, 0, 0, 1),
      .remote = IPV4(40005, 127, 0, 0, 1),
      .family = AF_INET6,
      .state = STATE_ESTABLISHED,
      .cookie = 0x3f4,
      .has_info = true,
      .last_data_sent_ms = 8}},
};

static void assert_socket(const char *name, const struct diag_socket *seen, const struct diag_socket *expected)
{
    char text[2][ENDPOINT_TEXT_SIZE];
    ck_assert_msg(endpoint_equal(&seen->local, &expected->local), "%s: local %s, not %s", name,
                  endpoint_text(&seen->local, text[0]), endpoint_text(&expected->local, text[1]));
    ck_assert_msg(endpoint_equal(&seen->remote, &expected->remote), "%s: remote %s, not %s", name,
                  endpoint_text(&seen->remote, text[0]), endpoint_text(&expected->remote, text[1]));
#define ASSERT_FIELD(field)                                                                                               \
    ck_assert_msg(seen->field == expected->field, "%s: " #field " %llu, not %llu", name, (unsigned long long)seen->field, \
                  (unsigned long long)expected->field)
    ASSERT_FIELD(family);
    ASSERT_FIELD(state);
    ASSERT_FIELD(retransmits);
    ASSERT_FIELD(interface);
    ASSERT_FIELD(inode);
    ASSERT_FIELD(uid);
    ASSERT_FIELD(cookie);
    ASSERT_FIELD(rqueue);
    ASSERT_FIELD(wqueue);
    ASSERT_FIELD(has_discarded);
    ASSERT_FIELD(discarded);
    ASSERT_FIELD(has_info);
    ASSERT_FIELD(last_data_sent_ms);
    ASSERT_FIELD(has_v6only);
    ASSERT_FIELD(v6only);
}

START_TEST(recordings_are_read)
{
    for (size_t i = 0; i < COUNT(recordings); i++)
        for (size_t shift = 0; shift < 4; shift++) {
            struct diag_socket seen;
            ck_assert_int_eq(parse_at(recordings[i].bytes, recordings[i].length, shift, &seen), 0);
            assert_socket(recordings[i].name, &seen, &recordings[i].expected);
        }
}
END_TEST

static void check_cut(size_t i, const unsigned char *bytes, size_t length)
{
    const struct diag_socket *whole = &recordings[i].expected;
    struct diag_socket seen;
    int status = parse(bytes, length, &seen);
    ck_assert_msg(status == (length < FIXED_PART ? -EBADMSG : 0), "%s cut to %zu bytes: %d", recordings[i].name, length, status);
    if (status)
        return;
    struct diag_socket expected = *whole;
    if (length < recordings[i].info_end)
        expected.has_info = false, expected.last_data_sent_ms = 0;
    if (length < recordings[i].drops_end)
        expected.has_discarded = false, expected.discarded = 0;
    if (length < 101) /* the end of listener6's SKV6ONLY */
        expected.has_v6only = false;
    assert_socket(recordings[i].name, &seen, &expected);
}

START_TEST(cut_messages_give_what_is_whole)
{
    for (size_t i = 0; i < COUNT(recordings); i++)
        for (size_t length = 0; length <= recordings[i].length; length++) {
            unsigned char bytes[sizeof recorded_listener];
            memcpy(bytes, recordings[i].bytes, recordings[i].length);
            check_cut(i, bytes, length);
            /* The same with a header that knows of the cut, alone and with the rest still behind it. */
            uint32_t told = (uint32_t)length;
            memcpy(bytes, &told, sizeof told);
            check_cut(i, bytes, length);
            struct diag_socket seen;
            int status = parse(bytes, recordings[i].length, &seen);
            ck_assert_int_eq(status, length < FIXED_PART ? -EBADMSG : 0);
            ck_assert(status || seen.has_info == (recordings[i].info_end && length >= recordings[i].info_end));
        }
}
END_TEST

/* One field of the dual-stack listener's message set to another value. Its attributes: TOS at 88, CLASS_ID,
 * ... */
#define V6ONLY_AT 96
#define MEMINFO_AT 132
static const struct {
    const char *name;
    size_t offset, size;
    uint32_t value;
    int status;
    bool has_v6only, has_discarded;
} damages[] = {
    {"as recorded", 0, 4, sizeof recorded_listener6, 0, true, true},
    {"length 0", 0, 4, 0, -EBADMSG},
    {"length of a header alone", 0, 4, 16, -EBADMSG},
    {"length ends in the fixed part", 0, 4, FIXED_PART - 1, -EBADMSG},
    {"length without attributes", 0, 4, FIXED_PART, 0, false, false},
    {"length beyond the buffer", 0, 4, sizeof recorded_listener6 + 1, 0, true, true},
    {"length far beyond the buffer", 0, 4, UINT32_MAX, 0, true, true},
    {"type 0", 4, 2, 0, -EBADMSG},
    {"type error", 4, 2, NLMSG_ERROR, -EBADMSG},
    {"type done", 4, 2, NLMSG_DONE, -EBADMSG},
    {"type 18, of the older question", 4, 2, TCPDIAG_GETSOCK, 0, true, true},
    {"type destroy", 4, 2, SOCK_DESTROY, -EBADMSG},
    {"family none", FAMILY_OFFSET, 1, AF_UNSPEC, -EBADMSG},
    {"family unix", FAMILY_OFFSET, 1, AF_UNIX, -EBADMSG},
    {"family 255", FAMILY_OFFSET, 1, 255, -EBADMSG},
    {"state beyond those known", FAMILY_OFFSET + 1, 1, 255, 0, true, true},
    {"attribute length 0", V6ONLY_AT, 2, 0, 0, false, false},
    {"attribute shorter than its header", V6ONLY_AT, 2, 3, 0, false, false},
    {"attribute without payload, junk behind it", V6ONLY_AT, 2, 4, 0, false, false},
    {"attribute longer than known", V6ONLY_AT, 2, 8, 0, true, true},
    {"attribute ends at the message's end", V6ONLY_AT, 2, sizeof recorded_listener6 - V6ONLY_AT, 0, true, false},
    {"attribute ends beyond the message", V6ONLY_AT, 2, sizeof recorded_listener6 - V6ONLY_AT + 1, 0, false, false},
    {"attribute length 65535", V6ONLY_AT, 2, 65535, 0, false, false},
    {"attribute of unknown type", V6ONLY_AT + 2, 2, 0x3fff, 0, false, true},
    {"attribute with the nested flag", V6ONLY_AT + 2, 2, INET_DIAG_SKV6ONLY | NLA_F_NESTED, 0, true, true},
    {"memory without drops", MEMINFO_AT, 2, NLA_HDRLEN + DROPS_END - 4, 0, true, false},
    {"memory cut in drops", MEMINFO_AT, 2, NLA_HDRLEN + DROPS_END - 1, 0, true, false},
    {"memory empty", MEMINFO_AT, 2, NLA_HDRLEN, 0, true, false},
};

START_TEST(damaged_messages_are_refused_or_read_in_part)
{
    for (size_t i = 0; i < COUNT(damages); i++) {
        unsigned char bytes[sizeof recorded_listener6];
        struct diag_socket seen;
        memcpy(bytes, recorded_listener6, sizeof bytes);
        memcpy(bytes + damages[i].offset, &damages[i].value, damages[i].size);
        int status = parse(bytes, sizeof bytes, &seen);
        ck_assert_msg(status == damages[i].status, "%s: %d", damages[i].name, status);
        if (status)
            continue;
        ck_assert_msg(seen.has_v6only == damages[i].has_v6only, "%s: has_v6only", damages[i].name);
        ck_assert_msg(seen.has_discarded == damages[i].has_discarded, "%s: has_discarded", damages[i].name);
        ck_assert_uint_eq(seen.discarded, damages[i].has_discarded ? 1 : 0);
        ck_assert_uint_eq(seen.wqueue, 2);
    }
}
END_TEST

/* One attribute of a made-up size behind the fixed part of the queued child. */
static const struct {
    const char *name;
    uint16_t type;
    size_t size;
    bool has_info, has_discarded;
} attributes[] = {
    {"tcp_info of an old kernel", INET_DIAG_INFO, 104, true, false},
    {"tcp_info that just reaches", INET_DIAG_INFO, LAST_DATA_SENT_END, true, false},
    {"tcp_info that just does not", INET_DIAG_INFO, LAST_DATA_SENT_END - 1, false, false},
    {"tcp_info of a new kernel", INET_DIAG_INFO, 400, true, false},
    {"tcp_info of an odd size", INET_DIAG_INFO, 283, true, false},
    {"memory of a new kernel", INET_DIAG_SKMEMINFO, 64, false, true},
    {"memory that just reaches", INET_DIAG_SKMEMINFO, DROPS_END, false, true},
    {"memory of an old kernel", INET_DIAG_SKMEMINFO, DROPS_END - 4, false, false},
};

START_TEST(attributes_may_be_shorter_or_longer_than_the_structs)
{
    for (size_t i = 0; i < COUNT(attributes); i++)
        for (size_t leftover = 0; leftover < NLA_HDRLEN; leftover++) {
            unsigned char bytes[1024];
            struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + attributes[i].size), .nla_type = attributes[i].type};
            uint32_t length = (uint32_t)(FIXED_PART + attribute.nla_len + leftover);
            struct diag_socket seen;
            memset(bytes, 0x11, sizeof bytes);
            memcpy(bytes, recorded_queued, FIXED_PART);
            memcpy(bytes, &length, sizeof length);
            memcpy(bytes + FIXED_PART, &attribute, sizeof attribute);
            ck_assert_int_eq(parse(bytes, length, &seen), 0);
            ck_assert_msg(seen.has_info == attributes[i].has_info, "%s: has_info", attributes[i].name);
            ck_assert_msg(seen.has_discarded == attributes[i].has_discarded, "%s: has_discarded", attributes[i].name);
            ck_assert_uint_eq(seen.last_data_sent_ms, seen.has_info ? 0x11111111 : 0);
            ck_assert_uint_eq(seen.discarded, seen.has_discarded ? 0x11111111 : 0);
        }
}
END_TEST

/* The zone belongs to link-local addresses only; for others idiag_if is the device that the socket is bound
 * to. */
START_TEST(zones_are_of_link_local_addresses)
{
    const size_t source = 24, interface = 56;
    unsigned char bytes[sizeof recorded_listener6];
    struct diag_socket seen;
    uint32_t seven = 7;
    memcpy(bytes, recorded_listener6, sizeof bytes);
    memcpy(bytes + interface, &seven, sizeof seven);
    ck_assert_int_eq(parse(bytes, sizeof bytes, &seen), 0);
    ck_assert_uint_eq(seen.interface, 7);
    ck_assert_uint_eq(seen.local.scope, 0);
    bytes[source] = 0xfe;
    bytes[source + 1] = 0x80;
    bytes[source + 15] = 1;
    ck_assert_int_eq(parse(bytes, sizeof bytes, &seen), 0);
    ck_assert_uint_eq(seen.local.scope, 7);
    ck_assert_uint_eq(seen.remote.scope, 0);
}
END_TEST

/* Noise with a fixed seed: nothing to expect but a clean return (the sanitizers watch) and a family that is
 * one. */
START_TEST(noise_is_survived)
{
    uint64_t seed = 1;
    for (int round = 0; round < 40000; round++) {
        size_t i = (size_t)round % COUNT(recordings);
        unsigned char bytes[sizeof recorded_listener];
        struct diag_socket seen;
        memcpy(bytes, recordings[i].bytes, recordings[i].length);
        for (int change = 0; change < 1 + round % 6; change++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bytes[(seed >> 40) % recordings[i].length] = (unsigned char)(seed >> 32);
        }
        size_t length = round % 3 ? recordings[i].length : (seed >> 20) % (recordings[i].length + 1);
        int status = parse(bytes, length, &seen);
        ck_assert(!status || status == -EBADMSG);
        ck_assert(status || seen.family == AF_INET || seen.family == AF_INET6);
    }
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        recordings_are_read,
        cut_messages_give_what_is_whole,
        damaged_messages_are_refused_or_read_in_part,
        attributes_may_be_shorter_or_longer_than_the_structs,
        zones_are_of_link_local_addresses,
        noise_is_survived,
    };
    Suite *suite = suite_create("diag_parse");
    suite_add(suite, "messages", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)

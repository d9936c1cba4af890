/* Who holds a socket, by cgroup paths of either hierarchy and by names. */
#include "suite.h"

#include "backlogctl/socket_holder.h"

#include <string.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static const struct {
    const char *cgroup, *unit, *container, *pod;
} places[] = {
    {"", "", "", ""},
    {"0::/\n", "", "", ""},
    {"no colon\n0::/system.slice/nginx.service\n", "nginx.service", "", ""},
    {"0::/system.slice/nginx.service/worker", "nginx.service", "", ""},
    {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n", "web.service", "", ""},
    {"0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope", "", ""},
    {"12:pids:/system.slice/redis.service\n1:name=systemd:/system.slice/redis.service\n0::/system.slice/redis.service\n",
     "redis.service", "", ""},
    {"0::/system.slice/docker-" ID ".scope\n", "", ID, ""},
    {"9:memory:/docker/" ID "\n8:cpu:/docker/" ID "\n", "", ID, ""},
    {"0::/../" ID "\n", "", ID, ""},
    {"0::/docker/" ID "/docker/" OTHER "\n", "", OTHER, ""}, /* the innermost */
    {"0::/system.slice/docker-" ID ".scope/system.slice/nginx.service\n", "nginx.service", ID, ""},
    {"0::/machine.slice/libpod-" ID ".scope/container\n", "", ID, ""},
    {"0::/machine.slice/libpod-conmon-" ID ".scope\n", "libpod-conmon-" ID ".scope", "", ""}, /* beside it */
    {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod01234567_89ab_cdef_0123_456789abcdef.slice/"
     "cri-containerd-" ID ".scope\n",
     "", ID, "01234567-89ab-cdef-0123-456789abcdef"},
    {"4:memory:/kubepods/burstable/pod01234567-89ab-cdef-0123-456789abcdef/" ID "\n", "", ID,
     "01234567-89ab-cdef-0123-456789abcdef"},
    {"0::/kubepods.slice/kubepods-pod0123456789abcdef0123456789abcdef.slice/crio-" ID ".scope\n", "", ID,
     "0123456789abcdef0123456789abcdef"},
    {"0::/lxc.payload.web/system.slice/nginx.service\n", "nginx.service", "web", ""},
    /* What only looks like one. */
    {"4:memory:/task/0123456789abcdef0123456789abcdef\n", "", "", ""},
    {"0::/" ID "0\n", "", "", ""},
    {"0::/x" ID "\n", "", "", ""},
    {"0::/podman/podium\n", "", "", ""},
    {"0::/.service\n", "", "", ""},
};

START_TEST(place_is_read_from_the_cgroup)
{
    struct socket_holder_place place;
    socket_holder_read_place(places[_i].cgroup, &place);
    size_t kept = strnlen(places[_i].unit, sizeof place.unit - 1); /* a long one is cut */
    ck_assert_int_eq(strncmp(place.unit, places[_i].unit, kept), 0);
    ck_assert_uint_eq(strlen(place.unit), kept);
    ck_assert_str_eq(place.container, places[_i].container);
    ck_assert_str_eq(place.pod, places[_i].pod);
}
END_TEST

/* Every one, from the outermost on; of each hierarchy. */
static const struct {
    const char *cgroup, *ids;
} around[] = {
    {"", ""},
    {"0::/system.slice/nginx.service\n", ""},
    {"0::/docker/" ID "/docker/" OTHER "/init\n", ID " " OTHER " "},
    {"4:memory:/docker/" ID "\n0::/system.slice/docker-" OTHER ".scope", ID " " OTHER " "},
    {"0::/lxc.payload.web/docker/" ID "\n", "web " ID " "},
    {"docker/" ID "\n", ""},
};

static void note_id(void *context, const char *id)
{
    strcat(strcat(context, id), " ");
}

START_TEST(containers_around_are_told)
{
    char ids[256] = "";
    socket_holder_containers(around[_i].cgroup, note_id, ids);
    ck_assert_str_eq(ids, around[_i].ids);
}
END_TEST

static const struct {
    const char *names[3];
    size_t shown;
} shown[] = {
    {{"nginx", "nginx", NULL}, 0},       {{"systemd", NULL}, 0},
    {{"systemd", "web", NULL}, 1},       {{"web", "systemd", NULL}, 0},
    {{"systemd", "systemd", NULL}, 0},   {{"systemd", "", "web"}, 1},
    {{"systemd-resolve", "x", NULL}, 0},
};

START_TEST(who_accepts_is_shown)
{
    struct socket_holder list[3] = {0};
    size_t count = 0;
    for (; count < COUNT(list) && shown[_i].names[count]; count++)
        list[count].keeper = socket_holder_is_keeper(shown[_i].names[count]);
    ck_assert_uint_eq(socket_holder_shown(list, count), shown[_i].shown);
}
END_TEST

static const struct {
    const char *unit, *asked;
    bool is;
} units[] = {
    {"nginx.service", "nginx.service", true},
    {"nginx.service", "nginx", true},
    {"nginx.service", "nginx.socket", false},
    {"nginx.service", "ngin", false},
    {"a.scope", "a.scope", true},
    {"a.scope", "a", false},
    {"", "", false},
    {"", "nginx", false},
    /* of a longer name the first 63 bytes are kept */
    {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.service", true},
};

START_TEST(a_unit_has_its_name)
{
    struct socket_holder_place place = {0};
    strcpy(place.unit, units[_i].unit);
    ck_assert_msg(socket_holder_in_unit(&place, units[_i].asked) == units[_i].is, "%s", units[_i].asked);
}
END_TEST

START_TEST(a_long_command_name_is_cut)
{
    ck_assert(socket_holder_is_called("nginx", "nginx"));
    ck_assert(!socket_holder_is_called("nginx", "nginx2"));
    ck_assert(socket_holder_is_called("systemd-resolve", "systemd-resolved"));
    ck_assert(socket_holder_is_called("systemd-resolve", "systemd-resolve"));
    ck_assert(!socket_holder_is_called("systemd-resolv", "systemd-resolved"));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("socket holder");
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, place_is_read_from_the_cgroup, 0, COUNT(places));
    tcase_add_loop_test(rows, containers_around_are_told, 0, COUNT(around));
    tcase_add_loop_test(rows, who_accepts_is_shown, 0, COUNT(shown));
    tcase_add_loop_test(rows, a_unit_has_its_name, 0, COUNT(units));
    tcase_add_test(rows, a_long_command_name_is_cut);
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)

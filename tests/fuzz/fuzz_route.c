/* Answers of rtnetlink about routes and links, and of ctnetlink about translated connections. */
#include "fake_netlink.h"

#include "backlogctl/conntrack.h"
#include "backlogctl/netns.h"
#include "backlogctl/veth.h"

#include <errno.h>
#include <string.h>

static struct endpoint draw_endpoint(struct bytes *bytes)
{
    struct endpoint e = {.family = draw_bool(bytes) ? AF_INET6 : AF_INET, .port = (uint16_t)draw_raw(bytes, 2)};
    size_t size = e.family == AF_INET ? 4 : sizeof e.bytes;
    for (size_t i = 0; i < size; i++)
        e.bytes[i] = draw_byte(bytes);
    if (e.family == AF_INET6)
        e.scope = draw_byte(bytes);
    return e;
}

static void find_translation(const struct endpoint *from, const struct endpoint *to)
{
    struct netlink nl = {0};
    struct endpoint carried_to;
    char text[ENDPOINT_TEXT_SIZE];
    int status = conntrack_open(&nl, NULL);
    MUST(!status);
    status = conntrack_find(&nl, from, to, &carried_to);
    MUST(status <= 0);
    MUST(status || carried_to.family == AF_INET || carried_to.family == AF_INET6);
    if (!status)
        endpoint_text(&carried_to, text);
    netlink_close(&nl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    uint8_t question = draw_byte(&bytes);
    struct endpoint from = draw_endpoint(&bytes), to = draw_endpoint(&bytes);
    struct error err = {0};
    bool local = true;
    int status = 0;
    if (from.family != to.family) {
        from.family = to.family;
        memset(from.bytes + 4, 0, to.family == AF_INET ? sizeof from.bytes - 4 : 0);
    }
    fake_netlink_begin(bytes);
    switch (question % 4) {
    case 0:
        status = route_is_local(&to, &local, &err);
        MUST(!status || err.code == -status);
        break;
    case 1:
        route_device(&to);
        break;
    case 2:
        status = route_back(&from, &to);
        break;
    default:
        find_translation(&from, &to);
        break;
    }
    MUST(status <= 0 && fake_netlink_asked() == 1);
    return 0;
}

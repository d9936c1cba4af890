/* Messages of sock_diag about AF_UNIX sockets: alone, and as answers to every question that is asked. */
#include "fake_netlink.h"

#include "backlogctl/escape.h"
#include "backlogctl/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check(const struct unix_listener *listener)
{
    char again[ESCAPED_SIZE(UNIX_NAME_SIZE) + 1], text[sizeof again];
    size_t length = strnlen(listener->path, sizeof listener->path);
    MUST(length < sizeof listener->path);
    MUST(listener->has_queue || (!listener->queue && !listener->backlog));
    /* As it is printed it can be typed again. */
    escape_text(listener->path, ESCAPE_UNPRINTABLE | ESCAPE_UNKNOWN | ESCAPE_NON_ASCII, text, sizeof text);
    unescape(text, again);
    MUST(!strcmp(again, listener->path));
    struct listener known = listener_of_unix(listener);
    MUST(!known.known || is_unix(known.kind));
}

/* Wherever it lies in memory, the same is read. */
static void parse_alone(struct bytes message)
{
    struct unix_listener listeners[4];
    int status[4];
    for (size_t shift = 0; shift < 4; shift++) {
        struct exact copy = exact_copy(message, shift);
        memset(&listeners[shift], 0xa5, sizeof listeners[shift]);
        status[shift] = unix_parse(copy.bytes, message.left, &listeners[shift]);
        free(copy.memory);
        MUST(status[shift] == status[0] && (!status[shift] || status[shift] == -EBADMSG || status[shift] == -ENOENT));
        MUST(!strcmp(listeners[shift].path, listeners[0].path) && listeners[shift].backlog == listeners[0].backlog);
    }
    if (!status[0])
        check(&listeners[0]);
}

static void each_listener(void *context, const struct unix_listener *listener)
{
    (void)context;
    if (listener)
        check(listener);
}

static void each_client(void *context, const struct unix_client *client)
{
    char text[ENDPOINT_TEXT_SIZE];
    (void)context;
    if (!client)
        return;
    MUST(client->name.family == AF_UNIX && !client->name.bytes[sizeof client->name.bytes - 1]);
    MUST(client->has_peer || !client->peer_inode);
    MUST(strlen(endpoint_text(&client->name, text)) < sizeof text);
}

static void list_all(struct sockdiag *sd, struct error *err)
{
    struct listener_list list = {0};
    struct error incomplete = {0};
    int status = listener_list(sd, &list, &incomplete, err);
    for (size_t i = 0; i < list.count && !status; i++) {
        MUST(list.list[i].known && list.list[i].member >= 1 && list.list[i].member <= list.list[i].group);
        MUST(!i || listener_compare(&list.list[i - 1], &list.list[i]) <= 0);
    }
    free(list.list);
}

static void ask(struct sockdiag *sd, uint8_t question, struct bytes *bytes, struct error *err)
{
    char path[UNIX_NAME_SIZE];
    struct unix_listener listener;
    struct listener found;
    path[0] = '@';
    draw_text(bytes, path + 1, sizeof path - 1);
    const struct transport transport = {.kind = KIND_UNIX_STREAM, .path = path};
    uint32_t inode = (uint32_t)draw_raw(bytes, 4);
    fake_netlink_begin(*bytes);
    if (unixdiag_open(sd, err))
        return;
    switch (question % 5) {
    case 0:
        unixdiag_dump(sd, each_listener, NULL, err);
        break;
    case 1:
        unixdiag_clients(sd, each_client, NULL, err);
        break;
    case 2:
        if (!unixdiag_exact(sd, inode, inode, &listener, err))
            check(&listener);
        break;
    case 3:
        if (!listener_find(sd, &(struct endpoint){0}, &transport, &found, err) && found.known)
            MUST(is_unix(found.kind));
        break;
    default:
        list_all(sd, err);
        break;
    }
    MUST(fake_netlink_asked());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    uint8_t question = draw_byte(&bytes);
    struct sockdiag sd = {0};
    struct error err = {0};
    if (question & 128)
        parse_alone(bytes);
    else
        ask(&sd, question, &bytes, &err);
    sockdiag_close(&sd);
    return 0;
}

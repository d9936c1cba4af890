/* Messages of sock_diag about TCP sockets: alone, and as answers to every question that is asked. */
#include "fake_netlink.h"

#include "kernel/diag_internal.h"

#include "backlogctl/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check(const struct diag_socket *socket)
{
    char text[ENDPOINT_TEXT_SIZE];
    MUST(socket->family == AF_INET || socket->family == AF_INET6);
    MUST(strlen(endpoint_text(&socket->local, text)) < sizeof text && strlen(endpoint_text(&socket->remote, text)) < sizeof text);
    MUST(socket->has_discarded || !socket->discarded);
    MUST(socket->has_info || !socket->last_data_sent_ms);
    /* An IPv4 address is never one of IPv6. */
    struct endpoint again = endpoint_unmapped(&socket->local);
    MUST(endpoint_equal(&again, &socket->local));
}

/* Wherever it lies in memory, the same is read. */
static void parse_alone(struct bytes message)
{
    struct diag_socket sockets[4];
    int status[4];
    for (size_t shift = 0; shift < 4; shift++) {
        struct exact copy = exact_copy(message, shift);
        memset(&sockets[shift], 0xa5, sizeof sockets[shift]);
        status[shift] = diag_parse(copy.bytes, message.left, &sockets[shift]);
        free(copy.memory);
        MUST(status[shift] == status[0] && (status[shift] == 0 || status[shift] == -EBADMSG));
        MUST(endpoint_equal(&sockets[shift].local, &sockets[0].local) && sockets[shift].discarded == sockets[0].discarded &&
             sockets[shift].cookie == sockets[0].cookie && sockets[shift].is_mptcp == sockets[0].is_mptcp);
    }
    if (!status[0])
        check(&sockets[0]);
}

static void each_socket(void *context, const struct diag_socket *socket)
{
    size_t *count = context;
    if (!socket) {
        *count = 0;
        return;
    }
    check(socket);
    ++*count;
}

static struct endpoint draw_endpoint(struct bytes *bytes)
{
    struct endpoint e = {.family = draw_bool(bytes) ? AF_INET6 : AF_INET, .port = (uint16_t)draw_raw(bytes, 2)};
    size_t size = e.family == AF_INET ? 4 : sizeof e.bytes;
    for (size_t i = 0; i < size; i++)
        e.bytes[i] = draw_byte(bytes);
    return endpoint_unmapped(&e);
}

static void check_listener(const struct listener *listener)
{
    MUST(listener->known);
    MUST(listener->discarded_known || !listener->discarded);
    MUST(listener->members >= 1);
}

/* More than one batch, and some of them not asked for. */
#define MANY (NETLINK_BATCH + 3)

struct many {
    struct endpoint local, remote;
    uint8_t found[MANY];
};

static bool ends_of(void *context, size_t i, struct endpoint *local, struct endpoint *remote)
{
    const struct many *many = context;
    *local = many->local;
    *remote = many->remote;
    return i % 7;
}

static void note_found(void *context, size_t i, const struct diag_socket *socket)
{
    struct many *many = context;
    MUST(i < MANY && i % 7);
    many->found[i]++;
    if (socket)
        check(socket);
}

static int ask_many(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote, struct error *err)
{
    struct many many = {*local, *remote, {0}};
    int status = sockdiag_exact_many(sd, &(struct sockdiag_many){MANY, ends_of, note_found, &many}, err);
    for (size_t i = 0; i < MANY && !status; i++)
        MUST(many.found[i] >= (i % 7 ? 1 : 0));
    return status;
}

static void ask(struct sockdiag *sd, uint8_t question, struct bytes *bytes, struct error *err)
{
    struct endpoint local = draw_endpoint(bytes), remote = draw_endpoint(bytes);
    struct sockdiag_query query = {.family = local.family, .states = SOCKDIAG_CHILDREN, .want_info = true, .want_memory = true};
    struct diag_socket socket;
    struct listener listener = {0};
    const struct transport transport = {.kind = question & 64 ? KIND_MPTCP : KIND_TCP};
    size_t count = 0;
    int status = 0;
    memset(&socket, 0xa5, sizeof socket);
    fake_netlink_begin(*bytes);
    if (unixdiag_open(sd, err))
        return;
    switch (question % 4) {
    case 0:
        if (question & 32) {
            status = ask_many(sd, &local, &remote, err);
            break;
        }
        status = sockdiag_exact(sd, &local, &remote, &socket, err);
        if (!status)
            check(&socket);
        break;
    case 1:
        status = sockdiag_dump(sd, &query, each_socket, &count, err);
        break;
    case 2:
        status = listener_find(sd, &local, &transport, &listener, err);
        if (!status && listener.known)
            check_listener(&listener);
        break;
    default:
        listener = (struct listener){.local = local, .cookie = draw_raw(bytes, 8)};
        status = diag_listener_by_cookie(sd, &listener, &socket);
        MUST(status || socket.state == STATE_LISTEN);
        break;
    }
    MUST(status <= 0 && (fake_netlink_asked() || local.family != remote.family));
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

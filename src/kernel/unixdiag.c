/* AF_UNIX listeners, from sock_diag: one message read, and the questions. */
#include "diag_internal.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <string.h>

#define FIXED_PART (NLMSG_HDRLEN + sizeof(struct unix_diag_msg))

/* The name as bind(2) got it: a path, which may or may not end with NUL, or NUL and then an abstract name. */
static void read_name(const unsigned char *name, size_t size, struct unix_listener *out)
{
    bool abstract = size && !name[0];
    size_t length = abstract ? size : strnlen((const char *)name, size), used = 0;
    if (length && name[0] == '@')
        used = (size_t)snprintf(out->path, UNIX_NAME_SIZE, "./");
    for (size_t i = 0; i < length && used + strlen(ENDPOINT_NUL) < UNIX_NAME_SIZE; i++)
        if (name[i] || !i)
            out->path[used++] = name[i] ? (char)name[i] : '@';
        else
            used += (size_t)snprintf(out->path + used, UNIX_NAME_SIZE - used, ENDPOINT_NUL);
    out->path[used] = '\0';
}

static void read_attribute(void *context, unsigned type, const unsigned char *payload, size_t size)
{
    struct unix_listener *out = context;
    if (type == UNIX_DIAG_NAME) {
        read_name(payload, size, out);
    } else if (type == UNIX_DIAG_VFS && size >= sizeof(struct unix_diag_vfs)) {
        struct unix_diag_vfs file;
        memcpy(&file, payload, sizeof file);
        out->file_inode = file.udiag_vfs_ino;
        out->file_device = file.udiag_vfs_dev;
    } else if (type == UNIX_DIAG_UID && size >= sizeof out->uid) {
        memcpy(&out->uid, payload, sizeof out->uid);
    } else if (type == UNIX_DIAG_RQLEN && size >= sizeof(struct unix_diag_rqlen)) {
        struct unix_diag_rqlen lengths;
        memcpy(&lengths, payload, sizeof lengths);
        out->has_queue = true;
        out->queue = lengths.udiag_rqueue;
        out->backlog = lengths.udiag_wqueue;
    }
}

int unix_parse(const void *message, size_t length, struct unix_listener *out)
{
    const unsigned char *bytes = message;
    struct nlmsghdr header;
    struct unix_diag_msg fixed;
    *out = (struct unix_listener){0};
    if (length < FIXED_PART)
        return -EBADMSG;
    memcpy(&header, bytes, sizeof header);
    memcpy(&fixed, bytes + NLMSG_HDRLEN, sizeof fixed);
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len < FIXED_PART || fixed.udiag_family != AF_UNIX)
        return -EBADMSG;
    if (fixed.udiag_state != STATE_LISTEN)
        return -ENOENT;
    out->type = fixed.udiag_type;
    out->inode = fixed.udiag_ino;
    out->cookie = (uint64_t)fixed.udiag_cookie[1] << 32 | fixed.udiag_cookie[0];
    diag_attributes(bytes, header.nlmsg_len < length ? header.nlmsg_len : length, FIXED_PART, read_attribute, out);
    return 0;
}

static struct unix_diag_req *request_begin(union diag_request *request, uint16_t flags)
{
    struct unix_diag_req *body = diag_request(request, sizeof *body, flags);
    body->sdiag_family = AF_UNIX;
    body->udiag_states = SOCKDIAG_LISTEN; /* of one socket it is asked whatever its state */
    body->udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID | UDIAG_SHOW_VFS;
    return body;
}

struct visit {
    unixdiag_each *each;
    void *context;
};

static void visit_message(void *context, const struct nlmsghdr *message, size_t length)
{
    const struct visit *visit = context;
    struct unix_listener listener;
    if (!message)
        visit->each(visit->context, NULL);
    else if (!unix_parse(message, length, &listener))
        visit->each(visit->context, &listener);
}

int unixdiag_dump(struct sockdiag *sd, unixdiag_each *each, void *context, struct error *err)
{
    union diag_request request;
    request_begin(&request, NLM_F_DUMP);
    struct visit visit = {each, context};
    int status = diag_dump(sd, &request, visit_message, &visit, err);
    if (status == -ENOENT)
        return error_set(err, EPROTONOSUPPORT, "this kernel cannot list AF_UNIX sockets: no unix_diag");
    return status;
}

static void keep_answer(void *context, const struct nlmsghdr *message, size_t length)
{
    if (message)
        unix_parse(message, length, context);
}

int unixdiag_exact(struct sockdiag *sd, uint32_t inode, uint64_t cookie, struct unix_listener *out, struct error *err)
{
    union diag_request request;
    struct unix_diag_req *body = request_begin(&request, 0);
    body->udiag_ino = inode;
    body->udiag_cookie[0] = (uint32_t)cookie;
    body->udiag_cookie[1] = (uint32_t)(cookie >> 32);
    *out = (struct unix_listener){0};
    int status = diag_one(sd, &request, keep_answer, out, err);
    if (status == -ESTALE || (!status && !out->inode))
        return -ENOENT;
    if (status && status != -ENOENT)
        return error_set(err, -status, "sock_diag cannot look up an AF_UNIX listener: %s", strerror(-status));
    return status;
}

/* ---- Clients ---- */

static void read_client_attribute(void *context, unsigned type, const unsigned char *payload, size_t size)
{
    struct unix_client *client = context;
    if (type == UNIX_DIAG_NAME && size > 1 && !payload[0]) {
        client->name.family = AF_UNIX;
        memcpy(client->name.bytes, payload + 1,
               size - 1 < sizeof client->name.bytes - 1 ? size - 1 : sizeof client->name.bytes - 1);
    } else if (type == UNIX_DIAG_PEER && size >= sizeof client->peer_inode) {
        memcpy(&client->peer_inode, payload, sizeof client->peer_inode);
        client->has_peer = true;
    }
}

struct client_visit {
    unixdiag_each_client *each;
    void *context;
};

static void visit_client(void *context, const struct nlmsghdr *message, size_t length)
{
    const struct client_visit *visit = context;
    struct unix_client client = {0};
    if (!message) {
        visit->each(visit->context, NULL);
        return;
    }
    if (length < FIXED_PART || message->nlmsg_type != SOCK_DIAG_BY_FAMILY || message->nlmsg_len < FIXED_PART)
        return;
    diag_attributes((const unsigned char *)message, message->nlmsg_len < length ? message->nlmsg_len : length, FIXED_PART,
                    read_client_attribute, &client);
    if (client.name.family == AF_UNIX)
        visit->each(visit->context, &client);
}

int unixdiag_clients(struct sockdiag *sd, unixdiag_each_client *each, void *context, struct error *err)
{
    union diag_request request;
    struct unix_diag_req *body = request_begin(&request, NLM_F_DUMP);
    body->udiag_states = SOCKDIAG_STATE(STATE_ESTABLISHED);
    body->udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER;
    struct client_visit visit = {each, context};
    int status = diag_dump(sd, &request, visit_client, &visit, err);
    if (status == -ENOENT)
        return error_set(err, EPROTONOSUPPORT, "this kernel cannot list AF_UNIX sockets: no unix_diag");
    return status;
}

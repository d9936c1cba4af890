/* AF_UNIX listeners, from sock_diag: one message read, and the questions. */
#include "diag_internal.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <string.h>

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

static int read_attribute(const struct nlattr *attribute, void *context)
{
    struct unix_listener *out = context;
    struct unix_diag_vfs file;
    struct unix_diag_rqlen lengths;
    uint16_t type = mnl_attr_get_type(attribute);
    if (type == UNIX_DIAG_NAME) {
        read_name(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute), out);
    } else if (type == UNIX_DIAG_VFS && diag_copy(attribute, 0, &file, sizeof file)) {
        out->file_inode = file.udiag_vfs_ino;
        out->file_device = file.udiag_vfs_dev;
    } else if (type == UNIX_DIAG_UID) {
        diag_copy(attribute, 0, &out->uid, sizeof out->uid);
    } else if (type == UNIX_DIAG_RQLEN && diag_copy(attribute, 0, &lengths, sizeof lengths)) {
        out->has_queue = true;
        out->queue = lengths.udiag_rqueue;
        out->backlog = lengths.udiag_wqueue;
    }
    return MNL_CB_OK;
}

int unix_parse(const void *message, size_t length, struct unix_listener *out)
{
    struct unix_diag_msg fixed;
    *out = (struct unix_listener){0};
    if (!diag_fixed_part(message, length, &fixed, sizeof fixed) || fixed.udiag_family != AF_UNIX)
        return -EBADMSG;
    if (fixed.udiag_state != STATE_LISTEN)
        return -ENOENT;
    out->type = fixed.udiag_type;
    out->inode = fixed.udiag_ino;
    out->cookie = (uint64_t)fixed.udiag_cookie[1] << 32 | fixed.udiag_cookie[0];
    diag_attributes(message, length, sizeof fixed, read_attribute, out);
    return 0;
}

static struct unix_diag_req *request_begin(union netlink_request *request, uint16_t flags)
{
    struct unix_diag_req *body = netlink_request(request, SOCK_DIAG_BY_FAMILY, flags, sizeof *body);
    body->sdiag_family = AF_UNIX;
    body->udiag_states = SOCKDIAG_LISTEN; /* of one socket it is asked whatever its state */
    body->udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID | UDIAG_SHOW_VFS;
    return body;
}

struct visit {
    unixdiag_each *each;
    void *context;
};

static void visit_message(void *context, const struct nlmsghdr *message)
{
    const struct visit *visit = context;
    struct unix_listener listener;
    if (!message)
        visit->each(visit->context, NULL);
    else if (!unix_parse(message, message->nlmsg_len, &listener))
        visit->each(visit->context, &listener);
}

int unixdiag_dump(struct sockdiag *sd, unixdiag_each *each, void *context, struct error *err)
{
    union netlink_request request;
    request_begin(&request, NLM_F_DUMP);
    struct visit visit = {each, context};
    int status = netlink_dump(&sd->netlink, &request, visit_message, &visit, err);
    if (status == -ENOENT)
        return error_set(err, EPROTONOSUPPORT, "this kernel cannot list AF_UNIX sockets: no unix_diag");
    return status;
}

static void keep_answer(void *context, const struct nlmsghdr *message)
{
    unix_parse(message, message->nlmsg_len, context);
}

int unixdiag_exact(struct sockdiag *sd, uint32_t inode, uint64_t cookie, struct unix_listener *out, struct error *err)
{
    union netlink_request request;
    struct unix_diag_req *body = request_begin(&request, 0);
    body->udiag_ino = inode;
    body->udiag_cookie[0] = (uint32_t)cookie;
    body->udiag_cookie[1] = (uint32_t)(cookie >> 32);
    *out = (struct unix_listener){0};
    int status = netlink_ask(&sd->netlink, &request, keep_answer, out, err);
    if (status == -ESTALE || (!status && !out->inode))
        return -ENOENT;
    if (status && status != -ENOENT)
        return error_set(err, -status, "sock_diag cannot look up an AF_UNIX listener: %s", strerror(-status));
    return status;
}

/* ---- Clients ---- */

static int read_client_attribute(const struct nlattr *attribute, void *context)
{
    struct unix_client *client = context;
    uint16_t type = mnl_attr_get_type(attribute);
    const unsigned char *payload = mnl_attr_get_payload(attribute);
    size_t size = mnl_attr_get_payload_len(attribute);
    if (type == UNIX_DIAG_NAME && size > 1 && !payload[0]) {
        client->name.family = AF_UNIX;
        memcpy(client->name.bytes, payload + 1,
               size - 1 < sizeof client->name.bytes - 1 ? size - 1 : sizeof client->name.bytes - 1);
    } else if (type == UNIX_DIAG_PEER) {
        client->has_peer |= diag_copy(attribute, 0, &client->peer_inode, sizeof client->peer_inode);
    }
    return MNL_CB_OK;
}

struct client_visit {
    unixdiag_each_client *each;
    void *context;
};

static void visit_client(void *context, const struct nlmsghdr *message)
{
    const struct client_visit *visit = context;
    struct unix_client client = {0};
    struct unix_diag_msg fixed;
    if (!message) {
        visit->each(visit->context, NULL);
        return;
    }
    if (!diag_fixed_part(message, message->nlmsg_len, &fixed, sizeof fixed))
        return;
    diag_attributes(message, message->nlmsg_len, sizeof fixed, read_client_attribute, &client);
    if (client.name.family == AF_UNIX)
        visit->each(visit->context, &client);
}

int unixdiag_clients(struct sockdiag *sd, unixdiag_each_client *each, void *context, struct error *err)
{
    union netlink_request request;
    struct unix_diag_req *body = request_begin(&request, NLM_F_DUMP);
    body->udiag_states = SOCKDIAG_STATE(STATE_ESTABLISHED);
    body->udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER;
    struct client_visit visit = {each, context};
    int status = netlink_dump(&sd->netlink, &request, visit_client, &visit, err);
    if (status == -ENOENT)
        return error_set(err, EPROTONOSUPPORT, "this kernel cannot list AF_UNIX sockets: no unix_diag");
    return status;
}

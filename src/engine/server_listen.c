/* The server's listeners: several addresses bound to one port. */
#include "server_listen.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How often another port is tried when the one that the first address picked is taken at a further
   address. */
#define PORT_TRIES 16

/* ---- Binding ---- */

/* An IPv6 any-address takes IPv4 clients too, unless it would then stand in the way of an IPv4 address of
   the list. */
static bool wants_v6only(const struct endpoint *address, const struct endpoint *addresses, size_t count)
{
    if (!endpoint_is_any(address))
        return true;
    for (size_t i = 0; i < count; i++)
        if (addresses[i].family == AF_INET)
            return true;
    return false;
}

static void close_all(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        fd_close(&server->listeners[i].source.fd);
    server->listener_count = 0;
}

/* `picked`: the port that an earlier address got, 0 before. */
static int open_one(struct server *server, const struct endpoint *addresses, size_t count, size_t i, uint16_t *picked,
                    struct error *err)
{
    struct endpoint address = addresses[i];
    if (!address.port)
        address.port = *picked;
    struct listener now;
    int fd = listener_make(&server->settings, &address, wants_v6only(&address, addresses, count), &now, err);
    if (fd < 0)
        return fd;
    if (!addresses[i].port)
        *picked = now.local.port;
    server->listeners[server->listener_count++] =
        (struct listening){.server = server, .source.fd = fd, .now = now, .waiting_since = NSEC_NEVER};
    return 0;
}

/* One try at all addresses. `errors` gets each address's own. True when the port that the first one picked
   was taken at another one: then a further try can do better. */
static bool open_each(struct server *server, const struct endpoint *addresses, size_t count, struct error *errors)
{
    uint32_t members = server->settings.reuseport ? server->settings.reuseport : 1;
    uint16_t picked = 0;
    bool taken = false;
    for (size_t i = 0; i < count; i++) {
        errors[i] = (struct error){0};
        for (uint32_t member = 0; member < members && !errors[i].code; member++) {
            uint16_t wanted = addresses[i].port ? 0 : picked;
            int status = open_one(server, addresses, count, i, &picked, &errors[i]);
            taken = taken || (wanted && status == -EADDRINUSE);
        }
    }
    return taken;
}

int listeners_open(struct server *server, const struct endpoint *addresses, size_t count, struct error *left_out,
                   struct error *err)
{
    if (!count)
        return error_set(err, EINVAL, "no address to listen on");
    size_t members = server->settings.reuseport ? server->settings.reuseport : 1;
    server->listeners = calloc(count * members, sizeof *server->listeners);
    struct error *errors = calloc(count, sizeof *errors);
    if (!server->listeners || !errors) {
        free(errors);
        return error_set(err, ENOMEM, "no memory for %zu listeners", count);
    }
    /* Every client takes a descriptor, and nothing here uses select(2). What remains bounds each table (server_holder.c). */
    fd_raise_limit(SIZE_MAX);
    for (int tries = 1; open_each(server, addresses, count, errors) && tries < PORT_TRIES; tries++)
        close_all(server);
    int status = 0;
    if (!server->listener_count)
        status = error_set(err, errors[0].code, "%s", errors[0].text);
    if (left_out)
        memcpy(left_out, errors, count * sizeof *errors);
    free(errors);
    return status;
}

/* ---- Figures ---- */

size_t server_listener_count(const struct server *server)
{
    return server->listener_count;
}

void server_listener(const struct server *server, size_t index, struct listener *out)
{
    server_lock(server);
    *out = server->listeners[index].now;
    server_unlock(server);
    if (!listener_read(server->listeners[index].source.fd, out))
        *out = (struct listener){0};
}

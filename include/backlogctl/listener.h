/* Listening sockets of every kind: making one, finding one, looking at it. What differs by kind stands in a table of operations in
   src/kernel/listener.c; who calls these need not know which kind a listener is of, and struct listener is filled in here alone. */
#ifndef BACKLOGCTL_LISTENER_H
#define BACKLOGCTL_LISTENER_H

#include "backlogctl/error.h"
#include "backlogctl/listener_facts.h"
#include "backlogctl/run_settings.h"
#include "backlogctl/sockdiag.h"

/* ---- Those that are there ---- */

/* The listener that a connection over `transport` to `destination` (which a path stands in for) reaches, by the kernel's own
   preference: the exact address before the any-address, the address's own family before a dual-stack IPv6 listener; the members of a
   reuseport group are summed. A path means the file that it leads to now. 0 with out->known false when there is none. pid and process
   are left empty. */
int listener_find(struct sockdiag *sd, const struct endpoint *destination, const struct transport *transport,
                  struct listener *out, struct error *err);

/* The members of the reuseport group that such a connection is spread over, each by itself, at most `room`, in the order in which
   they were made. *count is 0 when one socket stands alone. 0 or -errno. */
int listener_members(struct sockdiag *sd, const struct endpoint *destination, const struct transport *transport,
                     struct listener *out, size_t room, size_t *count, struct error *err);

/* The queue and the drops (0 for a kind that drops nobody) of a listener, as the kernel has them now: an exact question (some 4 us),
   and where that finds another TCP one (members of a reuseport group, a listener that another hides) a dump of its port. 0, -ENOENT
   when it is there no more, -errno; then both are 0. */
int listener_look(struct sockdiag *sd, const struct listener *listener, uint64_t *queue, uint64_t *drops, struct error *err);

/* A growing array; zeroed is empty. The caller frees `list`. */
struct listener_list {
    struct listener *list;
    size_t count, room;
};

/* Appends every listener of the namespace that `sd` belongs to, in the order of listener_compare, members of reuseport groups
   numbered. 0 or -errno. Where one kind cannot be listed, *incomplete says so. */
int listener_list(struct sockdiag *sd, struct listener_list *out, struct error *incomplete, struct error *err);

/* The same, of those alone that have a handshake (TCP, MPTCP). */
int listener_list_tcp(struct sockdiag *sd, struct listener_list *out, struct error *err);

/* Takes one more member of a reuseport group together with those before; the first is the sum, where `sum` is not known. */
void listener_add_member(struct listener *sum, const struct listener *member);

/* IPv4, IPv6, then AF_UNIX; by port, address and device, or by name. */
int listener_compare_places(const struct listener *a, const struct listener *b);
/* The same; members of a reuseport group side by side, the oldest first. */
int listener_compare(const struct listener *a, const struct listener *b);

/* Keeps the AF_UNIX listeners that are at a path or abstract name, and returns how many. The file decides: several sockets can have
   been bound to one path one after the other, and several paths lead to one file. The name counts where files cannot be compared:
   none is there for us (but perhaps for a process with another root or folder), or its file system tells stat(2) of another device
   than sock_diag (overlayfs, btrfs). */
size_t listener_keep_at(const char *path, struct listener *list, size_t count);

/* Whether a client over this transport is of the type that the listener is of. */
bool listener_takes(const struct listener *listener, const struct transport *transport);

/* What sock_diag told of one. */
struct listener listener_of_tcp(const struct diag_socket *socket);
struct listener listener_of_unix(const struct unix_listener *socket);

/* ---- One of our own, and its clients ---- */

/* Binds and listens. Returns the descriptor (CLOEXEC, non-blocking) and fills in *out, or -errno. `v6only`: an IPv6 any-address takes
   no IPv4 clients. */
int listener_make(const struct server_settings *settings, const struct endpoint *address, bool v6only, struct listener *out,
                  struct error *err);

/* Reads queue, backlog, capacity and drops from the calling thread's descriptor. One that listens no more keeps its figures: then
   false. */
bool listener_read(int fd, struct listener *listener);

/* Removes the file that it was bound to, if that is still there. To be called before its last descriptor is closed. */
void listener_remove_file(const struct listener *listener);

/* A socket for such a listener or a client of it: non-blocking, CLOEXEC. A descriptor or -errno. */
int transport_socket(const struct transport *transport, int family);

/* Where a client connects. Returns the length; 0 when the path is too long for a socket. */
socklen_t transport_address(const struct transport *transport, const struct endpoint *destination, struct sockaddr_storage *out);

#endif

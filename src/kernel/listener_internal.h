/* The operations of a kind of listener; each as the function of that name in listener.h. */
#ifndef KERNEL_LISTENER_INTERNAL_H
#define KERNEL_LISTENER_INTERNAL_H

#include "backlogctl/listener.h"

struct listener_operations {
    int (*find)(struct sockdiag *sd, const struct endpoint *destination, const struct transport *transport, struct listener *out,
                struct error *err);
    int (*members)(struct sockdiag *sd, const struct endpoint *destination, struct listener *out, size_t room, size_t *count,
                   struct error *err);
    int (*look)(struct sockdiag *sd, const struct listener *listener, uint64_t *queue, uint64_t *drops, struct error *err);
    /* In any order. */
    int (*list)(struct sockdiag *sd, struct listener_list *out, struct error *incomplete, struct error *err);
    int (*make)(const struct server_settings *settings, const struct endpoint *address, bool v6only, struct listener *out,
                struct error *err);
    bool (*read)(int fd, struct listener *listener);
    void (*remove_file)(const struct listener *listener);
};
extern const struct listener_operations listener_operations_tcp, listener_operations_unix;

/* False: no memory. */
bool listener_append(struct listener_list *out, const struct listener *listener);

/* Fills in what a socket of ours is known by. */
void listener_own(int fd, struct listener *out);

/* "cannot listen on PLACE: WHAT: ...", from errno; a thing that the kernel lacks is told by its name. Returns -errno. */
int listener_refused(struct error *err, const char *place, const char *what);

#endif

/* What the questions to sock_diag share. */
#ifndef KERNEL_DIAG_INTERNAL_H
#define KERNEL_DIAG_INTERNAL_H

#include "backlogctl/listener_facts.h"
#include "backlogctl/sockdiag.h"

#include <libmnl/libmnl.h>
#include <stdbool.h>

/* Copies the fixed part of a message of sock_diag out, as the buffer need not be aligned. False: it is cut, or no such message. */
bool diag_fixed_part(const void *message, size_t length, void *out, size_t size);

/* Calls `each` for every attribute behind a fixed part of `size` bytes, and stops at one that is cut. */
void diag_attributes(const void *message, size_t length, size_t size, mnl_attr_cb_t each, void *context);

/* Copies `size` bytes of a payload at `offset`; false when this kernel's struct ends before them. */
bool diag_copy(const struct nlattr *attribute, size_t offset, void *out, size_t size);

/* What a segment from `remote` to `local` would reach: a connection, else a listener. `extensions`: bits of INET_DIAG_* to ask for.
   0; -ENOENT, which leaves err as it is; -errno. */
int diag_lookup(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote, unsigned extensions,
                struct diag_socket *out, struct error *err);

/* One TCP listener by its address and cookie. 0; -ENOENT where another one is found there. */
int diag_listener_by_cookie(struct sockdiag *sd, const struct listener *listener, struct diag_socket *out);

#endif

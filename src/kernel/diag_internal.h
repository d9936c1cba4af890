/* What the questions to sock_diag share. */
#ifndef KERNEL_DIAG_INTERNAL_H
#define KERNEL_DIAG_INTERNAL_H

#include "backlogctl/sockdiag.h"

#include <linux/netlink.h>
#include <sys/types.h>

/* The kernel fills a dump's messages up to the size of the reader's buffer, and to no more than this. */
#define DIAG_BUFFER_SIZE 32768

/* A question is a header, a request, and for a dump the port filter. */
#define DIAG_REQUEST_SIZE 128
union diag_request {
    struct nlmsghdr header;
    char bytes[DIAG_REQUEST_SIZE];
};

/* Begins a question with NLM_F_REQUEST and `flags`; returns its body, zeroed. */
void *diag_request(union diag_request *request, size_t body_size, uint16_t flags);
/* Closes the socket, if any, and opens another: the rest of a lost answer must not reach the next question. */
int diag_reopen(struct sockdiag *sd, struct error *err);

/* Asks and calls `each` with every message (`length`: what of the buffer is left from it on), and with NULL before a new try
   after an interruption: forget what came so far. 0; -EINTR, -ENOENT (no such diag module: err is left to the caller), -errno. */
typedef void diag_each(void *context, const struct nlmsghdr *message, size_t length);
int diag_dump(struct sockdiag *sd, union diag_request *request, diag_each *each, void *context, struct error *err);

/* The same for a question with one answer: `each` is called once if there is one. 0 or -errno, most often -ENOENT. */
int diag_one(struct sockdiag *sd, union diag_request *request, diag_each *each, void *context, struct error *err);

/* What a segment from `remote` to `local` would reach: a connection, else a listener. `extensions`: bits of INET_DIAG_* to ask for.
   0; -ENOENT, which leaves err as it is; -errno. */
int diag_lookup(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote, unsigned extensions,
                struct diag_socket *out, struct error *err);

/* One TCP listener by its address and cookie. 0; -ENOENT where another one is found there. */
int diag_listener_by_cookie(struct sockdiag *sd, const struct listener *listener, struct diag_socket *out);

/* Calls `each` for every attribute from `at` on, and stops at one that is cut. The buffer need not be aligned. */
typedef void diag_attribute(void *context, unsigned type, const unsigned char *payload, size_t size);
void diag_attributes(const unsigned char *message, size_t end, size_t at, diag_attribute *each, void *context);

#endif

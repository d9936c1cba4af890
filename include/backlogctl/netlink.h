/* A conversation with the kernel by netlink(7): a question, and its one answer or its list of them. */
#ifndef BACKLOGCTL_NETLINK_H
#define BACKLOGCTL_NETLINK_H

#include "backlogctl/error.h"

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

/* Belongs to the namespace of the opening thread. Zeroed is safe to close. */
struct netlink {
    void *socket; /* struct mnl_socket; NULL: not open */
    void *buffer;
    uint32_t sequence; /* of the last question */
    int family;        /* NETLINK_SOCK_DIAG or NETLINK_ROUTE */
};
int netlink_open(struct netlink *nl, int family, struct error *err);
void netlink_close(struct netlink *nl);

/* Its descriptor, for a thread with a descriptor table of its own that is to talk, too; -1: not open. */
int netlink_fd(const struct netlink *nl);

/* A question: a header, the body of its kind, and attributes (mnl_attr_put). */
union netlink_request {
    struct nlmsghdr header;
    char bytes[1024];
};
/* Begins one with NLM_F_REQUEST and `flags`; returns its body, zeroed. */
void *netlink_request(union netlink_request *request, uint16_t type, uint16_t flags, size_t body_size);

/* Asks, and calls `each` (may be NULL) with the answer if there is one; none to a question with NLM_F_ACK. 0, or the -errno that
   the kernel answered, which leaves err to the caller; or -errno when it could not be asked. */
typedef void netlink_each(void *context, const struct nlmsghdr *message);
int netlink_ask(struct netlink *nl, union netlink_request *request, netlink_each *each, void *context, struct error *err);

/* Several questions with one answer each, put at once: half the time of as many netlink_ask. Zeroed is empty. */
#define NETLINK_BATCH 32
#define NETLINK_BATCH_BYTES 96 /* at most, of each question */
struct netlink_batch {
    size_t count, used;
    char bytes[NETLINK_BATCH * NETLINK_BATCH_BYTES];
};
/* The batch must have room for one more. */
void netlink_batch_add(struct netlink_batch *batch, const union netlink_request *request);

/* Asks them all, and calls `each` with the answer to the question of that number (from 0), or with NULL and the -errno that the kernel
   answered. 0, or -errno when they could not be asked. Where an answer was lost, or is longer than NETLINK_ANSWER_BYTES, `each` is not
   called for it. */
#define NETLINK_ANSWER_BYTES 1024
typedef void netlink_each_answer(void *context, size_t number, const struct nlmsghdr *message, int status);
int netlink_ask_batch(struct netlink *nl, struct netlink_batch *batch, netlink_each_answer *each, void *context,
                      struct error *err);

/* As netlink_ask for a question with NLM_F_DUMP: `each` gets every message, and NULL before a new try after an interruption: forget what
   came so far. -EINTR: every try was interrupted. */
int netlink_dump(struct netlink *nl, union netlink_request *request, netlink_each *each, void *context, struct error *err);

#endif

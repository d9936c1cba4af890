/* What the questions to sock_diag share. */
#ifndef KERNEL_DIAG_INTERNAL_H
#define KERNEL_DIAG_INTERNAL_H

#include "backlogctl/sockdiag.h"

#include <libmnl/libmnl.h>
#include <stdbool.h>

/* Copies the fixed part of a message of sock_diag out, as the buffer need not be aligned. False: it is cut, or no such message. */
bool diag_fixed_part(const void *message, size_t length, void *out, size_t size);

/* Calls `each` for every attribute behind a fixed part of `size` bytes, and stops at one that is cut. */
void diag_attributes(const void *message, size_t length, size_t size, mnl_attr_cb_t each, void *context);

/* Copies `size` bytes of a payload at `offset`; false when this kernel's struct ends before them. */
bool diag_copy(const struct nlattr *attribute, size_t offset, void *out, size_t size);

#endif

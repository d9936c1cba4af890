/* A kernel that answers by netlink what the fuzzer wants. Goes with the functions of libmnl and libc that fake_netlink.c wraps. */
#ifndef TESTS_FAKE_NETLINK_H
#define TESTS_FAKE_NETLINK_H

#include "fuzz.h"

/* From now on each receiving takes a part of `answers`: a byte of flags, then a datagram (draw_part). */
enum {
    ANSWER_TO_US = 1,    /* as answers come: every message in it has the number of the question and of our port */
    ANSWER_STRANGE = 2,  /* another process sent it */
    ANSWER_FAILS = 4,    /* no datagram, but an error, whose number is its first byte */
    ANSWER_TOO_LONG = 8, /* there was more of it than the buffer holds */
};
void fake_netlink_begin(struct bytes answers);

/* Questions since then. */
size_t fake_netlink_asked(void);

#endif

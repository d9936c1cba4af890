/* What connections go over: the kind of socket, and where it is bound. */
#ifndef BACKLOGCTL_TRANSPORT_H
#define BACKLOGCTL_TRANSPORT_H

#include "backlogctl/vocabulary.h"

#include <stdbool.h>

/* A socket's name as the kernel has it, which may be any bytes: a path, or '@' and an abstract name, in which a NUL is ENDPOINT_NUL.
   A path that begins with '@' itself has "./" in front of it. Room for sun_path, all of its bytes NUL. */
#define UNIX_NAME_SIZE 220

/* What connections go over. */
struct transport {
    enum socket_kind kind;
    const char *path; /* AF_UNIX: where the listener is bound, an abstract name with a leading '@'; else NULL */
    bool fastopen;    /* TCP Fast Open (RFC 7413): the first data goes with the SYN, once the server gave a cookie */
};

static inline bool is_unix(enum socket_kind kind)
{
    return kind == KIND_UNIX_STREAM || kind == KIND_UNIX_SEQPACKET;
}

/* Its connections begin with packets, which take their time and can be dropped and seen. Without such a handshake connect() is over
   when it returns: the client is in the queue, or has been told that there is no room. */
static inline bool has_handshake(enum socket_kind kind)
{
    return !is_unix(kind);
}

#endif

/* What the place where the tests run forbids: a container, a chroot, a hardened kernel. Each is tried once, in a process of
   its own, and what cannot be tested there is skipped with the kernel's reason. */
#ifndef TESTS_PLACE_H
#define TESTS_PLACE_H

#include <stdbool.h>

/* What ctest takes for "not run". */
#define SKIPPED 77

/* Why it is forbidden here, in static storage; NULL: it is not. */
typedef const char *place_probe(void);
place_probe forbids_namespaces;      /* a private network namespace, as `run` makes it */
place_probe forbids_user_namespaces; /* also where root needs none for that, its tests as an ordinary user do */
place_probe forbids_mounts;          /* a mount namespace of its own, with something mounted in it */
place_probe lacks_somaxconn;         /* net.core.somaxconn in a private network namespace, as old kernels do for ordinary users */
place_probe forbids_other_users;     /* becoming user 65534: the test is not root */

/* False after saying the reason. */
bool place_allows(place_probe *forbids);

/* Ends the test, as passed, after saying why it is left out. */
_Noreturn void skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Goes on only where it is allowed, or with the program in PATH; skips the test else. */
void need(place_probe *forbids);
void need_program(const char *name);

/* Skips the test where the kernel lets `trace` load nothing. In the network namespace that it is to trace. */
void need_trace(void);

#endif

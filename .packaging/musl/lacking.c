/* What the program takes from glibc and musl lacks. The names are those of musl's headers (names.h is made of them). */
#include "lacking.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *strerrorname_np(int code)
{
    switch (code) {
    case 0:
        return "0";
#define ERROR(name) \
    case name:      \
        return #name;
#define SIGNAL(name)
#include "names.h"
#undef ERROR
#undef SIGNAL
    }
    return NULL;
}

const char *sigabbrev_np(int signal)
{
    switch (signal) {
#define ERROR(name)
#define SIGNAL(name) \
    case SIG##name:  \
        return #name;
#include "names.h"
#undef ERROR
#undef SIGNAL
    }
    return NULL;
}

int close_range(unsigned first, unsigned last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

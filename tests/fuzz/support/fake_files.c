/* Files that the library opens below /proc and /sys. The linker leads its calls here (--wrap, ld(1)). */
#include "fake_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS "/proc/self/task"

int __wrap_open(const char *path, int flags, ...);
FILE *__wrap_fopen(const char *path, const char *mode);
ssize_t __wrap_readlink(const char *path, char *out, size_t size);
ssize_t __wrap_readlinkat(int folder, const char *path, char *out, size_t size);
int __real_open(const char *path, int flags, ...);
FILE *__real_fopen(const char *path, const char *mode);

static struct bytes rest;

void fake_files_begin(struct bytes contents)
{
    rest = contents;
}

/* False with errno set: it is not there. */
static bool next(struct bytes *out)
{
    uint8_t kind = draw_byte(&rest);
    if (kind < ABSENT_BELOW) {
        errno = kind ? kind : ENOENT;
        return false;
    }
    *out = draw_part(&rest);
    return true;
}

static bool is_ours(const char *path)
{
    return !strncmp(path, "/proc/", 6) || !strncmp(path, "/sys/", 5);
}

static int open_next(void)
{
    struct bytes text;
    if (!next(&text))
        return -1;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    MUST(fd >= 0 && (!text.left || pwrite(fd, text.at, text.left, 0) == (ssize_t)text.left));
    return fd;
}

/* Of all processes our own threads are walked through. */
int __wrap_open(const char *path, int flags, ...)
{
    if (is_ours(path) && !(flags & O_DIRECTORY))
        return open_next();
    return __real_open(strcmp(path, "/proc") ? path : THREADS, flags, 0);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (!is_ours(path))
        return __real_fopen(path, mode);
    int fd = open_next();
    return fd < 0 ? NULL : fdopen(fd, "r");
}

ssize_t __wrap_readlinkat(int folder, const char *path, char *out, size_t size)
{
    struct bytes text;
    (void)folder, (void)path;
    if (!next(&text))
        return -1;
    size_t got = text.left < size ? text.left : size;
    if (got)
        memcpy(out, text.at, got);
    return (ssize_t)got;
}

ssize_t __wrap_readlink(const char *path, char *out, size_t size)
{
    return __wrap_readlinkat(AT_FDCWD, path, out, size);
}

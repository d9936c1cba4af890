/* Takes the place of libc's allocations, in libraries too, and has some of them fail. Linked into a test, which calls
   faults_allocations(), or loaded before a program by LD_PRELOAD, which the environment tells:

   FAULTS_PROGRAM  the program that is meant, and not those that it executes
   FAULTS_PAGE     a file with a struct page: what is to fail, and in the end how many allocations there were. All processes of
                   the program count in it, from the start of main() on. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct page {
    _Atomic long made, failed;
    long first, last; /* these fail, of those that count from 1 */
};

static struct page own = {.first = LONG_MAX}, *page = &own;

void faults_allocations(long count, int and_after)
{
    own.made = own.failed = 0;
    own.first = count < 0 ? LONG_MAX : count + 1;
    own.last = and_after ? LONG_MAX : own.first;
}

long faults_failed(void)
{
    return own.failed;
}

#ifndef FAULTS_MARKER_ALONE /* a sanitizer's own allocator cannot be stood in for */
static bool fails(void)
{
    long number = ++page->made;
    if (number < page->first || number > page->last)
        return false;
    page->failed++;
    errno = ENOMEM;
    return true;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);
void *aligned_alloc(size_t alignment, size_t size);

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __libc_memalign(alignment, size);
}

/* libsmartcols 2.38 prints on without the cell that it has no memory for, and says nothing: that cannot be told from outside. */
static bool is_table_library(const void *caller)
{
    Dl_info info;
    return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libsmartcols");
}

void *realloc(void *old, size_t size)
{
    if (is_table_library(__builtin_return_address(0)))
        return __libc_realloc(old, size);
    return fails() ? NULL : __libc_realloc(old, size);
}

#endif

/* ---- Before a program ---- */

static void take_page(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct page *shared = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        abort(); /* else nothing would fail, and all be well */
    close(fd);
    page = shared;
}

__attribute__((constructor)) static void begin(void)
{
    const char *program = getenv("FAULTS_PROGRAM"), *path = getenv("FAULTS_PAGE");
    char self[PATH_MAX];
    ssize_t length = program ? readlink("/proc/self/exe", self, sizeof self - 1) : -1;
    if (length < 0)
        return;
    self[length] = '\0';
    if (strcmp(self, program) != 0)
        return;
    if (path)
        take_page(path);
    syscall(FAULTS_MARKER);
}

/* Files that a command writes: whole or not at all. */
#include "backlogctl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct filing {
    const char *option, *path;
    int (*write)(FILE *out, void *context);
    void *context;
};

/* As root, rename would put a plain file in the place of /dev/null. */
static int check_kind(const struct filing *f, struct error *err)
{
    struct stat existing;
    if (!lstat(f->path, &existing) && !S_ISREG(existing.st_mode))
        return error_set(err, EINVAL, "%s %s is there and no regular file, which rename would replace", f->option, f->path);
    return 0;
}

/* mkostemp made it for us alone: it gets what the file that it replaces has, or what the umask leaves. The owner first, for a change
   of it takes set-id bits away; who may not give it away keeps it, and then a group that it was not meant for gets nothing. */
static int take_over(const struct filing *f, int fd, struct error *err)
{
    struct stat existing, ours;
    mode_t mask = umask(0), mode = 0666 & ~mask;
    umask(mask);
    if (!stat(f->path, &existing) && !fstat(fd, &ours)) {
        /* In a user namespace without ids, as `run` makes it for an ordinary user, chown(2) is refused even when it changes nothing. */
        bool same = existing.st_uid == ours.st_uid && existing.st_gid == ours.st_gid;
        mode = existing.st_mode & 07777;
        if (!same && fchown(fd, existing.st_uid, existing.st_gid) && fchown(fd, (uid_t)-1, existing.st_gid))
            mode &= ~(mode_t)(S_ISUID | S_ISGID | S_IRWXG);
    }
    return fchmod(fd, mode) ? error_errno(err, "cannot set the mode of %s", f->option) : 0;
}

static int fill(const struct filing *f, int fd, struct error *err)
{
    FILE *file = fdopen(fd, "w");
    if (!file) {
        int status = error_errno(err, "cannot write %s", f->option);
        close(fd);
        return status;
    }
    int status = take_over(f, fd, err);
    if (!status)
        status = f->write(file, f->context);
    if (status == -ENOMEM)
        error_set(err, ENOMEM, "no memory for %s", f->option);
    else if (!status && (fflush(file) || ferror(file) || fsync(fd)))
        status = error_errno(err, "cannot write %s", f->option);
    fclose(file);
    return status;
}

/* A reader finds the file as it was or as it is now, never a part of it. */
static int fill_and_rename(const struct filing *f, struct error *err)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", f->path) < 0)
        return error_set(err, ENOMEM, "no memory for a file name");
    int fd = mkostemp(temporary, O_CLOEXEC);
    int status = fd < 0 ? error_errno(err, "cannot make a file beside %s %s", f->option, f->path) : fill(f, fd, err);
    if (!status && rename(temporary, f->path))
        status = error_errno(err, "cannot put %s %s in place", f->option, f->path);
    if (status && fd >= 0)
        unlink(temporary);
    free(temporary);
    return status;
}

int output_file(const char *option, const char *path, int (*write)(FILE *out, void *context), void *context, struct error *err)
{
    struct filing f = {option, path, write, context};
    sigset_t all, before;
    int status = check_kind(&f, err);
    if (status)
        return status;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* a signal in between would leave the temporary file behind */
    status = fill_and_rename(&f, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

int output_file_check(const char *option, const char *path, struct error *err)
{
    struct filing f = {.option = option, .path = path};
    int status = path ? check_kind(&f, err) : 0;
    char *copy = path ? strdup(path) : NULL;
    if (!status && copy && access(dirname(copy), W_OK))
        status = error_errno(err, "cannot make a file beside %s %s", option, path);
    free(copy);
    return status;
}

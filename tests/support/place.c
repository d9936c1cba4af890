/* Tries what the place may forbid, each in a child, so that nothing of it stays. */
#include "place.h"

#include "suite.h"

#include "process.h"

#include "backlogctl/error.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char reason[sizeof((struct error *)0)->text + 64];

/* Calls `attempt` in a child, which may leave a text why it cannot be done. Asserts nothing: also for use outside of tests. */
static const char *tried(const char *what, void (*attempt)(struct error *err))
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return "pipe2 fails here";
    pid_t pid = fork();
    if (!pid) {
        struct error err = {0};
        attempt(&err);
        ssize_t ignored = write(ends[1], err.text, strlen(err.text));
        (void)ignored;
        _exit(0);
    }
    close(ends[1]);
    int used = snprintf(reason, sizeof reason, "%s: ", what);
    ssize_t got = read(ends[0], reason + used, sizeof reason - 1 - (size_t)used);
    reason[used + (got > 0 ? got : 0)] = '\0';
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return got > 0 ? reason : NULL;
}

/* By the bare calls, not by the function that is under test. */
static void try_private_namespace(struct error *err)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
        error_errno(err, "unshare(CLONE_NEWUSER|CLONE_NEWNET)");
    else if (ioctl(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), SIOCSIFFLAGS, &request))
        error_errno(err, "setting lo up in a network namespace of its own");
}

static void try_user_namespace(struct error *err)
{
    if (unshare(CLONE_NEWUSER))
        error_errno(err, "unshare(CLONE_NEWUSER)");
}

static void try_somaxconn(struct error *err)
{
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
        error_errno(err, "unshare(CLONE_NEWUSER|CLONE_NEWNET)");
    else if (access("/proc/sys/net/core/somaxconn", F_OK))
        error_errno(err, "an ordinary user's network namespace");
}

const char *lacks_somaxconn(void)
{
    return tried("no net.core.somaxconn of its own", try_somaxconn);
}

const char *forbids_namespaces(void)
{
    return tried("no private network namespace here", try_private_namespace);
}

const char *forbids_user_namespaces(void)
{
    return tried("no user namespace here", try_user_namespace);
}

const char *forbids_mounts(void)
{
    struct outcome outcome =
        process_run((const char *[]){"unshare", "-m", "mount", "--bind", "/proc/self/status", "/proc/meminfo", NULL}, NULL);
    snprintf(reason, sizeof reason, "nothing can be mounted here: %.*s", (int)strcspn(outcome.err, "\n"), outcome.err);
    bool works = !outcome.status;
    outcome_free(&outcome);
    return works ? NULL : reason;
}

const char *forbids_other_users(void)
{
    return is_root() ? NULL : "becoming another user takes root";
}

static void say_skipped(const char *why)
{
    printf("skipped: %s: %s\n", program_invocation_short_name, why);
    fflush(stdout);
}

bool place_allows(place_probe *forbids)
{
    const char *why = forbids();
    if (why)
        say_skipped(why);
    return !why;
}

void skip(const char *format, ...)
{
    char why[256];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    say_skipped(why);
    exit(EXIT_SUCCESS);
}

void need(place_probe *forbids)
{
    if (!place_allows(forbids))
        exit(EXIT_SUCCESS);
}

void need_program(const char *name)
{
    if (!program_exists(name))
        skip("%s is not installed", name);
}

void need_trace(void)
{
    struct outcome tried =
        process_run((const char *[]){BACKLOGCTL, "trace", "--duration", "1ms", "-q", "--netns", "/proc/self/ns/net", NULL}, NULL);
    if (tried.status == 3 &&
        (strstr(tried.err, "no right") || strstr(tried.err, "built without") || strstr(tried.err, "this kernel")))
        skip("%.200s", tried.err);
    ck_assert_msg(tried.status == 0, "status %d: %s", tried.status, tried.err);
    outcome_free(&tried);
}

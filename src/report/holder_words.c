/* Why a listener's holders do not accept, in words. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>
#include <sys/syscall.h>

/* The calls that servers are found in; others are told by their number. */
static const struct {
    long number;
    const char *name;
} calls[] = {
    {SYS_read, "read"},
    {SYS_readv, "readv"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_write, "write"},
    {SYS_writev, "writev"},
    {SYS_sendto, "sendto"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_connect, "connect"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_flock, "flock"},
    {SYS_fcntl, "fcntl"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_openat, "openat"},
    {SYS_futex, "futex"},
    {SYS_rt_sigsuspend, "rt_sigsuspend"},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait"},
#ifdef SYS_pause
    {SYS_pause, "pause"},
#endif
};

static void write_call(FILE *out, int64_t number)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number == number) {
            fprintf(out, "%s(2)", calls[i].name);
            return;
        }
    fprintf(out, "system call %" PRId64, number);
}

static void write_cause(FILE *out, enum holder_cause cause, const struct holder_state *s)
{
    switch (cause) {
    case HOLDER_STOPPED:
        fputs("stopped by a signal (state T); kill -CONT lets it go on", out);
        break;
    case HOLDER_TRACED:
        fputs("stopped by a debugger or tracer (state t), which has to let it go on", out);
        break;
    case HOLDER_FROZEN:
        fputs("frozen with its cgroup; 'docker unpause' or 'systemctl thaw' lets it go on", out);
        break;
    case HOLDER_DESCRIPTORS:
        fprintf(out,
                "%" PRIu64 " of %" PRIu64 " file descriptors are open, so accept() fails (EMFILE): look for a leak, or raise "
                "its limit on open files (LimitNOFILE= of its unit, ulimit -n)",
                s->descriptors, s->descriptors_max);
        break;
    case HOLDER_BLOCKED:
        fputs("in uninterruptible sleep (state D): a disk, a network file system or a driver does not answer", out);
        break;
    case HOLDER_MEMORY:
        fputs("its cgroup has no memory left, so it is held back: look for a leak, or raise memory.high (MemoryHigh=)", out);
        break;
    case HOLDER_THROTTLED:
        fprintf(out,
                "its cgroup's CPU quota held it back in %" PRIu64 " of %" PRIu64
                " periods so far: raise that (cpu.max, CPUQuota=)",
                s->cpu_throttled, s->cpu_periods);
        break;
    case HOLDER_IDLE:
        fputs("not busy, it waits for events and leaves these clients: at a limit of its own (connections, workers), or it "
              "does not watch this socket",
              out);
        break;
    case HOLDER_ELSEWHERE:
        fputs("no thread of it waits for connections, but one in ", out);
        write_call(out, s->call);
        fputs(": it is held up there, or is no server and has only inherited the socket", out);
        break;
    case HOLDER_BUSY:
        fputs("its threads run: it has more to do than it can, or accepts too seldom", out);
        break;
    case HOLDER_CAUSE_COUNT:
        break;
    }
}

/* How many of them have this cause, and the first. */
static size_t count_cause(const struct socket_holder *holders, size_t count, enum holder_cause cause, size_t *first)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (holders[i].causes >> cause & 1 && !found++)
            *first = i;
    return found;
}

void write_holder_causes(FILE *out, const struct listener *listener, const struct socket_holder *holders, size_t count)
{
    const char *before = "";
    for (enum holder_cause cause = 0; cause < HOLDER_CAUSE_COUNT; cause++) {
        size_t first = 0, found = count_cause(holders, count, cause, &first);
        if (!found)
            continue;
        fprintf(out, "%s%s/%d", before, holders[first].process, (int)holders[first].pid);
        if (found > 1)
            fprintf(out, " and %zu more", found - 1);
        if (count > 1)
            fprintf(out, " of %zu that hold it", count);
        fputs(": ", out);
        write_cause(out, cause, &holders[first].state);
        before = "; ";
    }
    if (!*before && listener->shrank)
        fputs("a moment later its queue was shorter, so somebody does accept", out);
    else if (!*before)
        fputs(count ? "why nobody accepts cannot be seen from here" : "who holds it cannot be seen from here", out);
    putc('.', out);
}

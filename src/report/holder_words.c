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
    {SYS_clone, "clone"},
    {SYS_clone3, "clone3"},
#ifdef SYS_vfork
    {SYS_vfork, "vfork"},
#endif
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

/* Which of its threads accepts is not known: it may be one that does not run. */
static void write_busy(FILE *out, const struct holder_state *s)
{
    if (s->running >= s->threads) {
        fputs("its threads run: it has more to do than it can, or accepts too seldom", out);
        return;
    }
    fprintf(out,
            "%" PRIu32 " of its %" PRIu32 " threads run%s: it has more to do than it can, or the one that accepts is held up",
            s->running, s->threads, s->running == 1 ? "s" : "");
    if (s->call >= 0) {
        fputs(" (one is in ", out);
        write_call(out, s->call);
        putc(')', out);
    }
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
        fputs("in uninterruptible sleep (state D): as a rule a disk, a network file system or a driver does not answer", out);
        break;
    case HOLDER_MEMORY:
        fputs("its cgroup has used up its memory, so it is held back where it wants more: look for a leak, or raise memory.high "
              "(MemoryHigh=)",
              out);
        break;
    case HOLDER_THROTTLED:
        fprintf(out,
                "its cgroup's CPU quota held it back in %" PRIu64 " of %" PRIu64
                " periods so far: raise that (cpu.max, CPUQuota=)",
                s->cpu_throttled, s->cpu_periods);
        break;
    case HOLDER_IDLE:
        fputs(
            "not busy, it waits for events and leaves these clients: at a limit of its own (connections, workers, a rate), or it "
            "does not watch this socket",
            out);
        break;
    case HOLDER_ELSEWHERE:
        fputs("no thread of it waits for connections, ", out);
        if (s->call >= 0) {
            fputs("but one in ", out);
            write_call(out, s->call);
        } else {
            fputs("all are in futex(2), for a lock or another thread", out);
        }
        fputs(": it is held up there, or is no server and has only inherited the socket", out);
        break;
    case HOLDER_BUSY:
        write_busy(out, s);
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

/* No cause was found: what was not to be seen, if anything. */
static void write_no_cause(FILE *out, const struct listener *listener, const struct socket_holder *holders, size_t count)
{
    bool seen = true, foreign = false;
    for (size_t i = 0; i < count; i++) {
        seen = seen && holders[i].state.known && (holders[i].state.calls_known || holders[i].state.calls_foreign);
        foreign = foreign || holders[i].state.calls_foreign;
    }
    if (listener->shrank)
        fputs("a moment later its queue was shorter, so somebody does accept", out);
    else if (!count)
        fputs("who holds it cannot be seen from here", out);
    else if (!seen)
        fputs("what its threads wait for cannot be seen from here: that takes the right to trace them (CAP_SYS_PTRACE)", out);
    else if (foreign)
        fputs("what its threads wait for is not told: it is a program of another word size, with other system calls", out);
    else
        fputs("nothing that its processes were seen to do tells why nobody accepts", out);
}

void write_holder_causes(FILE *out, const struct listener *listener, const struct socket_holder *holders, size_t count)
{
    const char *before = "";
    size_t others = 0;
    for (size_t i = 0; i < count; i++)
        others += !holders[i].causes && !holders[i].keeper;
    for (enum holder_cause cause = 0; cause < HOLDER_CAUSE_COUNT; cause++) {
        size_t first = 0, found = count_cause(holders, count, cause, &first);
        if (!found)
            continue;
        fprintf(out, "%s%s/%d", before, holders[first].process, (int)holders[first].pid);
        if (found > 1)
            fprintf(out, " and %zu more", found - 1);
        if (count > 1)
            fprintf(out, ", one of %zu that hold it", count);
        fputs(": ", out);
        write_cause(out, cause, &holders[first].state);
        before = "; ";
    }
    if (!*before)
        write_no_cause(out, listener, holders, count);
    else if (others)
        fputs("; why the others take no client, if they ever do, is not seen", out);
    putc('.', out);
}

/* Gives up what is not needed. */
#include "backlogctl/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Capabilities ---- */

/* Takes CAP_SETPCAP, without which no more than the permitted ones can come back, for no_new_privs is set. */
static void narrow_bounds(uint64_t wanted)
{
    for (cap_value_t cap = 0; cap < cap_max_bits(); cap++)
        if (!(wanted >> cap & 1))
            cap_drop_bound(cap);
}

static int keep(cap_t caps, uint64_t wanted)
{
    for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
        cap_flag_value_t held;
        if (cap_get_flag(caps, cap, CAP_PERMITTED, &held))
            return -1;
        cap_flag_value_t kept = held == CAP_SET && (wanted >> cap & 1) ? CAP_SET : CAP_CLEAR;
        if (cap_set_flag(caps, CAP_PERMITTED, 1, &cap, kept) || cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, kept) ||
            cap_set_flag(caps, CAP_INHERITABLE, 1, &cap, CAP_CLEAR))
            return -1;
    }
    return cap_set_proc(caps);
}

int rights_keep(uint64_t wanted, struct error *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return error_errno(err, "cannot set no_new_privs");
    cap_t caps = cap_get_proc();
    if (!caps)
        return error_errno(err, "cannot read the capabilities of this process");
    narrow_bounds(wanted);
    int status = keep(caps, wanted) ? error_errno(err, "cannot give up capabilities") : 0;
    cap_free(caps);
    return status;
}

/* ---- System calls ---- */

/* Numbers mean other calls for another architecture, as those of 32-bit programs. */
#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__riscv)
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER == __LITTLE_ENDIAN
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCHITECTURE AUDIT_ARCH_S390X
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(BACKLOGCTL_UNFILTERED) || !defined(ARCHITECTURE)
int rights_only_read(unsigned also, struct error *err)
{
    (void)also, (void)err;
    return 0;
}

bool rights_can_filter(void)
{
    return false;
}
#else

bool rights_can_filter(void)
{
    return true;
}

/* Of files and descriptors that are open, of memory, time, signals to itself, and of itself. */
static const int reading[] = {
    SCMP_SYS(access),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(bind),
    SCMP_SYS(brk),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fcntl),
    SCMP_SYS(fstat),
    SCMP_SYS(fstatfs),
    SCMP_SYS(futex),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(kcmp),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(madvise),
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(nanosleep),
    SCMP_SYS(newfstatat),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(pread64),
    SCMP_SYS(pselect6),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(select),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(setns),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(signalfd4),
    SCMP_SYS(stat),
    SCMP_SYS(statfs),
    SCMP_SYS(statx),
    SCMP_SYS(sysinfo),
    SCMP_SYS(time),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(uname),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

/* The same by the names of 32-bit machines. */
static const int reading_32[] = {
    SCMP_SYS(_llseek),           SCMP_SYS(clock_gettime64), SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(fcntl64),           SCMP_SYS(fstat64),         SCMP_SYS(fstatat64),
    SCMP_SYS(fstatfs64),         SCMP_SYS(futex_time64),    SCMP_SYS(getegid32),
    SCMP_SYS(geteuid32),         SCMP_SYS(getgid32),        SCMP_SYS(getuid32),
    SCMP_SYS(lstat64),           SCMP_SYS(mmap2),           SCMP_SYS(ppoll_time64),
    SCMP_SYS(pselect6_time64),   SCMP_SYS(stat64),          SCMP_SYS(timerfd_gettime64),
    SCMP_SYS(timerfd_settime64), SCMP_SYS(ugetrlimit),      SCMP_SYS(set_thread_area),
};

/* Of a report's file, which is written beside and then moved. */
static const int writing[] = {
    SCMP_SYS(chmod),    SCMP_SYS(chown),     SCMP_SYS(fallocate), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fchown),
    SCMP_SYS(fchownat), SCMP_SYS(fsync),     SCMP_SYS(ftruncate), SCMP_SYS(link),   SCMP_SYS(linkat),   SCMP_SYS(rename),
    SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(umask),     SCMP_SYS(unlink), SCMP_SYS(unlinkat),
};

/* These depend on an argument, of which the kernel reads 32 bits. */
struct narrow_call {
    int call;
    uint32_t argument, mask, value;
    bool differs; /* from that value */
};

#define NARROW_MAX 16

/* ---- The program ---- */

/* A filter is a program for the kernel (seccomp(2)). libseccomp knows the numbers of the calls on each machine, negative ones for those
   that it lacks; it is not asked to make the program, since without memory it can make part of one and say nothing. */
struct program {
    struct sock_filter list[2 * (sizeof reading + sizeof reading_32 + sizeof writing) / sizeof(int) + 6 * NARROW_MAX + 20];
    unsigned short count;
};

#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
#if __BYTE_ORDER == __LITTLE_ENDIAN
#define ARGUMENT(n) (FIELD(args) + (n)*8)
#else
#define ARGUMENT(n) (FIELD(args) + (n)*8 + 4)
#endif

static void put(struct program *p, struct sock_filter instruction)
{
    p->list[p->count++] = instruction;
}

static void load(struct program *p, uint32_t field)
{
    put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, field));
}

/* Goes on behind the next `otherwise` instructions, if it is not that. */
static void want(struct program *p, uint32_t value, uint8_t otherwise)
{
    put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise));
}

static void end(struct program *p, uint32_t verdict)
{
    put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

#define REFUSED (SECCOMP_RET_ERRNO | ENOSYS)

static void allow(struct program *p, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (calls[i] >= 0) {
            want(p, (uint32_t)calls[i], 1);
            end(p, SECCOMP_RET_ALLOW);
        }
}

static void allow_narrow(struct program *p, const struct narrow_call *narrow)
{
    if (narrow->call < 0)
        return;
    want(p, (uint32_t)narrow->call, 5);
    load(p, ARGUMENT(narrow->argument));
    put(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, narrow->mask));
    want(p, narrow->value, 1);
    end(p, narrow->differs ? REFUSED : SECCOMP_RET_ALLOW);
    end(p, narrow->differs ? SECCOMP_RET_ALLOW : REFUSED);
}

/* A socket of the kernel's information, and one of TCP, which without connect(2), listen(2) and MSG_FASTOPEN reaches nobody. */
static void allow_marks(struct program *p)
{
    const int call = SCMP_SYS(socket), move = SCMP_SYS(sched_setaffinity);
    if (call < 0)
        return;
    want(p, (uint32_t)call, 10);
    load(p, ARGUMENT(0));
    want(p, AF_NETLINK, 1);
    end(p, SECCOMP_RET_ALLOW);
    want(p, AF_INET, 5);
    load(p, ARGUMENT(1));
    want(p, SOCK_STREAM | SOCK_CLOEXEC, 3);
    load(p, ARGUMENT(2));
    want(p, IPPROTO_TCP, 1);
    end(p, SECCOMP_RET_ALLOW);
    end(p, REFUSED);
    allow(p, &move, 1);
}

/* Of what the kernel counts for us: whether a program missed some, and which places are free again. */
static void allow_counts(struct program *p)
{
    const int call = SCMP_SYS(bpf);
    if (call < 0)
        return;
    want(p, (uint32_t)call, 6);
    load(p, ARGUMENT(0));
    want(p, BPF_OBJ_GET_INFO_BY_FD, 1);
    end(p, SECCOMP_RET_ALLOW);
    want(p, BPF_MAP_UPDATE_ELEM, 1);
    end(p, SECCOMP_RET_ALLOW);
    end(p, REFUSED);
}

static void fill(struct program *p, unsigned also)
{
    const uint32_t all = UINT32_MAX, changing = also & RIGHTS_TO_WRITE ? 0 : O_ACCMODE | O_CREAT | O_TRUNC,
                   self = (uint32_t)getpid();
    const struct narrow_call narrow[] = {
        {SCMP_SYS(socket), 0, all, AF_NETLINK, false}, /* the kernel's information */
        {SCMP_SYS(open), 1, changing, O_RDONLY, false},    {SCMP_SYS(openat), 2, changing, O_RDONLY, false},
        {SCMP_SYS(ioctl), 1, all, TIOCSTI, true}, /* a terminal's size and modes, but nothing typed into it */
        {SCMP_SYS(prlimit64), 0, all, 0, false},  /* our own limits */
        {SCMP_SYS(prctl), 0, all, PR_CAPBSET_READ, false}, {SCMP_SYS(kill), 0, all, self, false},         /* Ctrl-Z, abort(3) */
        {SCMP_SYS(tgkill), 0, all, self, false},           {SCMP_SYS(sendto), 3, MSG_FASTOPEN, 0, false}, /* which connects */
        {SCMP_SYS(sendmsg), 2, MSG_FASTOPEN, 0, false},
    };
    _Static_assert(sizeof narrow / sizeof *narrow <= NARROW_MAX, "the program has room for them");
    load(p, FIELD(arch));
    want(p, ARCHITECTURE, 1);
    load(p, FIELD(nr)); /* else the architecture stays, which is no call's number */
    allow(p, reading, sizeof reading / sizeof *reading);
    allow(p, reading_32, sizeof reading_32 / sizeof *reading_32);
    if (also & RIGHTS_TO_WRITE)
        allow(p, writing, sizeof writing / sizeof *writing);
    if (also & RIGHTS_TO_MARK)
        allow_marks(p);
    if (also & RIGHTS_TO_COUNT)
        allow_counts(p);
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
        allow_narrow(p, &narrow[i]);
    end(p, REFUSED);
}

int rights_only_read(unsigned also, struct error *err)
{
    struct program program = {.count = 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) /* without it a filter takes CAP_SYS_ADMIN */
        return error_errno(err, "cannot set no_new_privs");
    fill(&program, also);
    struct sock_fprog whole = {program.count, program.list};
    if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole, 0, 0) || errno == EINVAL) /* that: no CONFIG_SECCOMP_FILTER */
        return 0;
    return error_errno(err, "cannot restrict the system calls of this process");
}
#endif

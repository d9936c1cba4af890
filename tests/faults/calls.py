"""Which system calls can fail, and how; which of their occurrences are tried."""
import errno
import random

# By call; an error that a sane kernel, a limit or a container's filter gives. Where a call can be interrupted, EINTR is among them.
ERRORS = {
    "accept4": "EMFILE ENFILE ECONNABORTED EINTR ENOMEM EPERM",
    "access": "EACCES ENOENT EROFS",
    "bind": "EADDRINUSE EACCES EADDRNOTAVAIL",
    "chdir": "ENOENT EACCES",
    "chmod": "EPERM EROFS",
    "clock_nanosleep": "EINTR",
    "clone": "EAGAIN ENOMEM EPERM ENOSPC",
    "clone3": "EAGAIN ENOMEM ENOSYS",
    "close_range": "ENOSYS EMFILE ENOMEM",
    "connect": "ECONNREFUSED EADDRNOTAVAIL ENETUNREACH EPERM EAGAIN EACCES ENOBUFS",
    "dup": "EMFILE",
    "dup2": "EMFILE EBUSY",
    "dup3": "EMFILE EBUSY",
    "epoll_create1": "EMFILE ENFILE ENOMEM",
    "epoll_ctl": "ENOSPC ENOMEM",
    "epoll_wait": "EINTR",
    "epoll_pwait": "EINTR",
    "eventfd2": "EMFILE ENFILE ENOMEM",
    "execve": "ENOENT EACCES ENOMEM E2BIG",
    "faccessat": "EACCES ENOENT",
    "faccessat2": "EACCES ENOENT",
    "fchmod": "EPERM EROFS EIO",
    "fchown": "EPERM EROFS",
    "fcntl": "EINVAL EAGAIN EPERM",
    "fork": "EAGAIN ENOMEM",
    "fstat": "EIO ENOMEM",
    "fsync": "EIO ENOSPC EINVAL",
    "ftruncate": "EIO EINVAL ENOSPC",
    "getdents64": "EIO ENOENT",
    "getpeername": "ENOTCONN ENOBUFS",
    "getpgid": "ESRCH",
    "getpriority": "ESRCH",
    "getsockname": "ENOBUFS",
    "getsockopt": "ENOPROTOOPT EOPNOTSUPP ENOBUFS",
    "inotify_add_watch": "ENOSPC EACCES ENOENT",
    "inotify_init1": "EMFILE ENFILE ENOMEM",
    "ioctl": "ENOTTY EPERM ENODEV ENOSYS",
    "kcmp": "ENOSYS EPERM",
    "kill": "ESRCH EPERM",
    "listen": "EADDRINUSE",
    "lstat": "EACCES ENOENT EIO",
    "memfd_create": "EMFILE ENOMEM ENOSYS",
    "mkdir": "EEXIST EACCES ENOSPC EROFS",
    "mlock": "ENOMEM EPERM",
    "mmap": "ENOMEM",
    "mount": "EPERM EINVAL ENOMEM",
    "mprotect": "ENOMEM",
    "newfstatat": "EACCES ENOENT EIO",
    "open": "EMFILE EACCES ENOENT",
    "openat": "EMFILE EACCES ENOENT ENOSPC",
    "pidfd_getfd": "ENOSYS EPERM EMFILE",
    "pidfd_open": "ENOSYS EMFILE ESRCH",
    "pidfd_send_signal": "ENOSYS EPERM",
    "pipe": "EMFILE ENFILE",
    "pipe2": "EMFILE ENFILE",
    "poll": "EINTR ENOMEM",
    "ppoll": "EINTR ENOMEM",
    "prctl": "EINVAL EPERM",
    "pread64": "EIO",
    "prlimit64": "EPERM",
    "process_vm_readv": "EPERM ENOSYS",
    "ptrace": "EPERM ESRCH",
    "pwrite64": "ENOSPC EIO",
    "read": "EIO EINTR EACCES",
    "readlink": "EACCES ENOENT",
    "readlinkat": "EACCES ENOENT",
    "recvfrom": "ENOBUFS EINTR ENOMEM ECONNRESET EAGAIN",
    "recvmmsg": "ENOBUFS EINTR ENOMEM ECONNRESET",
    "recvmsg": "ENOBUFS EINTR ENOMEM ECONNRESET",
    "rename": "EACCES ENOSPC EIO",
    "renameat2": "EACCES ENOSPC",
    "rmdir": "EBUSY",
    "sched_setaffinity": "EINVAL EPERM",
    "select": "EINTR",
    "sendmmsg": "ENOBUFS EPERM EINTR",
    "sendmsg": "ENOBUFS EPERM EINTR ENOMEM",
    "sendto": "ENOBUFS EPERM EINTR EPIPE EAGAIN",
    "setgid": "EPERM",
    "setgroups": "EPERM",
    "setns": "EPERM ENOMEM EINVAL",
    "setpgid": "EPERM",
    "setpriority": "EACCES",
    "setrlimit": "EPERM",
    "setsid": "EPERM",
    "setsockopt": "ENOPROTOOPT EPERM ENOMEM EDOM",
    "setuid": "EPERM EAGAIN",
    "shutdown": "ENOTCONN",
    "signalfd4": "EMFILE ENFILE ENOMEM",
    "socket": "EMFILE ENOBUFS EACCES EAFNOSUPPORT EPROTONOSUPPORT",
    "socketpair": "EMFILE ENFILE ENOMEM",
    "stat": "EACCES ENOENT",
    "statfs": "ENOSYS EACCES",
    "statx": "ENOSYS EACCES",
    "tgkill": "ESRCH EPERM",
    "timerfd_create": "EMFILE ENFILE ENOMEM",
    "timerfd_settime": "ENOMEM",
    "umount2": "EBUSY EPERM",
    "uname": "EPERM",
    "unlink": "EACCES",
    "unlinkat": "EACCES",
    "unshare": "EPERM ENOSPC ENOMEM",
    "wait4": "EINTR",
    "waitid": "EINTR",
    "write": "ENOSPC EIO EINTR EPIPE",
    "writev": "ENOSPC EIO EPIPE",
}

# Cannot fail, or what they do must happen: a descriptor that is not closed because of us is no fault of the program.
NEVER = """arch_prctl brk capget clock_getres clock_gettime close exit exit_group futex getcwd getegid geteuid getgid getgroups getpgrp
getpid getppid getrandom getresgid getresuid getrlimit getrusage getsid gettid gettimeofday getuid lseek madvise munmap pause restart_syscall
rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_getparam sched_get_priority_max
sched_get_priority_min sched_yield set_robust_list set_tid_address sigaltstack sync sysinfo time times umask vfork""".split()

# Whether a loop ends that goes on for as long as this is the answer; without EINTR and EAGAIN, of which there is no end in nature.
ENDLESS = ("EINTR", "EAGAIN")


def errors(call):
    if call in NEVER:
        return []
    return ERRORS.get(call, "ENOSYS EPERM ENOMEM").split()


def number(name):
    return getattr(errno, name)


def spread(count, most):
    """Occurrences of 1..count in the order of their worth: the first, the last, then ever finer in between."""
    chosen, parts = [1, count], 2
    while parts < 2 * count and len(chosen) < most:
        chosen += [1 + (count - 1) * i // parts for i in range(1, parts, 2)]
        parts *= 2
    return list(dict.fromkeys(chosen))[:most]


def points(name, counts, allocations, most, shuffled):
    """(how soon to be tried, point) for a command of which a recording is given; `most` occurrences of each (call, error)."""
    found = []
    for call, count in sorted(counts.items()):
        for error in errors(call):
            found += [(rank, f"{name}|{call}|{at}|{error}") for rank, at in enumerate(spread(count, most))]
            if error not in ENDLESS:
                found += [(2 + rank, f"{name}|{call}|{at}+|{error}") for rank, at in enumerate(spread(count, 3)) if at < count]
    if allocations:
        for rank, at in enumerate(spread(allocations, 12 * most)):
            found.append((rank // 12, f"{name}|alloc|{at}|ENOMEM"))
            if rank % 3 == 0:
                found.append((rank // 12, f"{name}|alloc|{at}+|ENOMEM"))
    shuffled.shuffle(found)
    return found


def all_points(recordings, most, seed):
    """In the order in which they are tried: of every call and error the first occurrence, then the last, and so on."""
    shuffled = random.Random(seed)
    found = []
    for name, (counts, allocations) in recordings.items():
        found += points(name, counts, allocations, most[name], shuffled)
    shuffled.shuffle(found)
    found.sort(key=lambda one: one[0])
    return [point for _, point in found]

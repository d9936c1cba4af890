"""Where a round happens: namespaces that vanish with their first process, and what /proc says of the processes in them."""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import time

DEADLINE = 900.0  # ends what hangs, longer than all that backlogctl waits for together; nothing is asserted of time
PAUSE = 0.004
PORT = 60001

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_PDEATHSIG = 1
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

libc = ctypes.CDLL(None, use_errno=True)


class Wrong(Exception):
    """What must not be."""


class Skip(Exception):
    """Why it cannot be tried here."""


def call(name, *args):
    if getattr(libc, name)(*args):
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def die_with_parent():
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read(path):
    """The text of a file; empty when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


# ---- Namespaces ----

def enter_namespaces():
    """Network, mounts and (for the next child) process ids of our own; in a user namespace where we are not root."""
    uid, gid = os.geteuid(), os.getegid()
    user = CLONE_NEWUSER if uid else 0
    call("unshare", user | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID)
    if user:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{uid} {uid} 1")
        write("/proc/self/gid_map", f"{gid} {gid} 1")


def settle():
    """As the first process in them."""
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    call("mount", b"proc", b"/proc", b"proc", 0, None)
    with socket.socket() as s:
        request = fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def inside(work, *args):
    """work(*args) in a child process that is the first of namespaces of its own; the process between the two returns its status."""
    die_with_parent()
    enter_namespaces()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            die_with_parent()
            settle()
            work(*args)
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# ---- Processes ----

class Process:
    def __init__(self, pid, text):
        name, rest = text[text.index("(") + 1:].rsplit(") ", 1)
        fields = rest.split()
        self.pid, self.name, self.state = pid, name, fields[0]
        self.parent, self.session = int(fields[1]), int(fields[3])


def process(pid):
    text = read(f"/proc/{pid}/stat")
    return Process(pid, text) if text else None


def processes():
    """All but this one."""
    found = (process(int(name)) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())
    return [p for p in found if p]


def thread_states(pid):
    """A letter for each thread."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return ""
    texts = (read(f"/proc/{pid}/task/{thread}/stat") for thread in threads)
    return "".join(text.rsplit(") ", 1)[1][0] for text in texts if text)


def stands_still(pid):
    return any(state in "Tt" for state in thread_states(pid))


def kill(pid, number):
    """Whether it was there to be killed."""
    there = process(pid)
    if not there or there.state == "Z":
        return False
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def await_that(what, condition, deadline=DEADLINE):
    """The first true thing that it says."""
    until = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise Wrong(f"{what() if callable(what) else what} (waited {deadline:.0f} s)")
        time.sleep(PAUSE)


class Room:
    """The processes that we started, and the files and mounts there may be."""

    def __init__(self, folder):
        self.folder, self.children, self.count = folder, {}, 0
        self.temporary = os.path.join(folder, "tmp")
        os.mkdir(self.temporary)
        os.chmod(self.temporary, 0o777)
        self.mounts = read("/proc/self/mountinfo")

    def start(self, command, **options):
        self.count += 1
        out = os.path.join(self.folder, f"out.{self.count}")
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", self.temporary)
        with open(out, "w", encoding="utf-8") as file:
            child = subprocess.Popen(command, stdout=options.pop("stdout", file), stderr=file, start_new_session=True,
                                     env=dict(os.environ, TMPDIR=self.temporary), **options)
        child.said = out
        self.children[child.pid] = child
        return child

    def reap(self):
        """Orphans become ours; their ends must not count as processes that are left."""
        for child in self.children.values():
            child.poll()
        for p in processes():
            if p.state == "Z" and p.parent == os.getpid() and p.pid not in self.children:
                try:
                    os.waitpid(p.pid, os.WNOHANG)
                except ChildProcessError:
                    pass

    def of_session(self, session):
        return [p for p in processes() if p.session == session and p.state != "Z"]

    def await_end(self, tool, between=lambda: None):
        """Of the tool; else what there is."""
        def ended():
            between()
            return tool.poll() is not None
        await_that(lambda: "the tool does not end: " + ", ".join(f"{p.name} {p.pid} {thread_states(p.pid)}" for p in processes()), ended)

    def end(self, child):
        """Kills it and its session, waits until nothing of it is left."""
        def gone():
            for p in self.of_session(child.pid):
                kill(p.pid, signal.SIGKILL)
            self.reap()
            return child.poll() is not None and not any(p.session == child.pid for p in processes())
        await_that(f"{child.args[0]} does not end", gone)
        self.children.pop(child.pid, None)

    def forget(self, child):
        self.children.pop(child.pid, None)
        said = read(child.said)
        os.unlink(child.said)
        return said

    def strangers(self, known):
        """Processes that are in no session of these."""
        self.reap()
        return [p for p in processes() if p.session not in known]

    def await_alone(self, known):
        """Until nothing is left but these sessions; then no file or mount may be left either."""
        await_that(lambda: "left: " + ", ".join(f"{p.name} {p.pid} in state {p.state}" for p in self.strangers(known)),
                   lambda: not self.strangers(known))
        if os.listdir(self.temporary):
            raise Wrong(f"files are left: {os.listdir(self.temporary)}")
        if read("/proc/self/mountinfo") != self.mounts:
            raise Wrong("mounts are left")


def await_moving(pids, besides=()):
    """Until no thread of these stands still, but for those processes that may."""
    def still():
        return [f"{pid}: {thread_states(pid)}" for pid in pids() if pid not in besides and stands_still(pid)]
    await_that(lambda: f"stands still: {still()}", lambda: not still())


# ---- Clients ----

def answer(request, port=PORT, patience=DEADLINE):
    """What a fresh connection is answered; OSError when it is not."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as s:
        s.settimeout(patience)
        s.sendall(request)
        return s.recv(64)


def await_answer(request, wanted, port=PORT):
    """Until a fresh connection is answered: one that comes just when the server starts anew may be refused or reset."""
    last = []

    def answered():
        try:
            last[:] = [answer(request, port)]
        except OSError as error:
            last[:] = [error]
        return isinstance(last[0], bytes) and wanted in last[0]
    await_that(lambda: f"a fresh connection is not answered: {last[0]!r}", answered)

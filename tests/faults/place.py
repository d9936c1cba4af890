"""The namespaces that a worker runs commands in, the server that is there, and what may not be left behind."""
import fcntl
import os
import select
import signal
import socket
import stat
import struct
import sys
import time

import commands

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../truth"))
from world import CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, call, die_with_parent, mount_own_proc  # noqa: E402

CLONE_NEWUSER = 0x10000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def enter_private_namespaces():
    """Network, mounts and, for the next child, process ids of our own. An ordinary user stays one, in a user namespace."""
    user, group = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | (CLONE_NEWUSER if user else 0))
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)


def furnish():
    """In the first process of the new pid namespace."""
    mount_own_proc()
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))


def give_up_capabilities():
    """Those of a user namespace: who executes a program loses them, and may then not look into one who has them."""
    header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
    if os.geteuid():
        call("capset", header, none)


# ---- The server ----

def listen(family, address, backlog):
    listener = socket.socket(family)
    if family == socket.AF_INET:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(backlog)
    listener.setblocking(False)
    return listener


def serve(ready):
    """Accepts at two of its listeners for as long as it is let, and lets two clients of its own wait at the third."""
    unix = listen(socket.AF_UNIX, commands.UNIX, commands.BACKLOG)
    accepting = [listen(socket.AF_INET, ("127.0.0.1", commands.PORT), commands.BACKLOG), unix]
    full = listen(socket.AF_INET, ("127.0.0.1", commands.FULL_PORT), 1)
    waiting = [socket.create_connection(("127.0.0.1", commands.FULL_PORT)) for _ in range(2)]
    os.write(ready, b".")
    os.close(ready)
    clients, kept = set(), (full, waiting)
    while kept:
        for one in select.select(accepting + list(clients), [], [])[0]:
            try:
                if one in accepting:
                    clients.add(one.accept()[0])
                    continue
                got = one.recv(64)
                one.send(got)
            except OSError:
                got = b""
            if one not in accepting and not got:
                clients.discard(one)
                one.close()


class Server:
    def __init__(self):
        if os.path.exists(commands.UNIX):
            os.unlink(commands.UNIX)
        ours, ready = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            give_up_capabilities()
            die_with_parent()
            serve(ready)
        os.close(ready)
        os.read(ours, 1)
        os.close(ours)

    def end(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except OSError:
            pass  # it is gone, which state() told

    def state(self):
        """The letter of its state, "X" when it has ended; "t" also while somebody traces it."""
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
                status = dict(line.split(":", 1) for line in file.read().splitlines())
        except OSError:
            return "X"
        return "t" if int(status["TracerPid"]) else status["State"].split()[0]

    def answers(self):
        """Whether it accepts within a time that is never needed."""
        try:
            with socket.create_connection(("127.0.0.1", commands.PORT), 20) as client:
                client.settimeout(20)
                client.send(b"?")
                return client.recv(1) == b"?"
        except OSError:
            return False


# ---- What may not be left ----

def processes():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def read(path):
    if stat.S_ISSOCK(os.lstat(path).st_mode):
        return "a socket"
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Traces:
    """What a command may change and must not."""

    SYSCTLS = ["core/somaxconn", "ipv4/tcp_syncookies", "ipv4/tcp_max_syn_backlog", "ipv4/tcp_abort_on_overflow", "ipv4/ip_local_port_range"]

    def __init__(self):
        self.mounts = sorted(line.split(" - ")[0].split()[4] for line in read("/proc/self/mountinfo").splitlines())
        self.links = sorted(line.split(":")[0].strip() for line in read("/proc/net/dev").splitlines()[2:])
        self.listeners = sorted(line.split()[1] for line in read("/proc/net/tcp").splitlines() if " 0A " in line)
        self.sysctls = [read(f"/proc/sys/net/{name}") for name in self.SYSCTLS]

    def difference(self, after):
        """Mounts may go, as others may remove what they are on."""
        found = [f"mounts are left: {more}" for more in [sorted(set(after.mounts) - set(self.mounts))] if more]
        return found + [f"{what} left changed: {getattr(self, what)} became {getattr(after, what)}"
                        for what in ("links", "listeners", "sysctls") if getattr(self, what) != getattr(after, what)]


def reap_others(*ours):
    """The first process inherits what others leave."""
    for pid in processes() - set(ours) - {os.getpid()}:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def until(condition, seconds):
    """Waits for it; whether it came."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True

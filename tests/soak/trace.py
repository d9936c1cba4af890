#!/usr/bin/env python3
"""What `trace` counts where there is much of it, against who connects and accepts and against the kernel's counters.

many: listeners in many network namespaces, connections at each, more than some of them hold.
churn: listeners that come and go, more than there is room for at one time.
kinds: one listener of each kind, all of whose connections, and drops, are compared.
kill: SIGKILL at random moments, with bpftool as witness that nothing stays in the kernel.
load: connections at a rate, for long: neither the program nor its maps grow, and no event is lost unsaid.

All in network namespaces of its own. Takes the right to load programs into the kernel, else it is skipped."""
import argparse
import ctypes
import json
import mmap
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

CLONE_NEWNET = 0x40000000
SO_COOKIE = 57
PATIENCE = 120
libc = ctypes.CDLL(None, use_errno=True)


def private_network():
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def counter(name):
    with open("/proc/thread-self/net/netstat", encoding="ascii") as file:
        rows = [line.split() for line in file if line.startswith("TcpExt:")]
    return int(rows[1][rows[0].index(name)])


def overflows():
    return counter("ListenOverflows")


def netns():
    return os.stat("/proc/thread-self/ns/net").st_ino


def cookie_of(server):
    return int.from_bytes(server.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), sys.byteorder)


def queue_of(server):
    """TCP_INFO's tcpi_unacked."""
    return struct.unpack_from("I", server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]


def await_queue(server, length):
    until = time.monotonic() + PATIENCE
    while queue_of(server) < length and time.monotonic() < until:
        time.sleep(0.001)


def listener(port, backlog):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen(backlog)
    server.setblocking(False)
    return server


def visit(server, count):
    """So many connections at once; what the server accepts of them. Those left out are given up before they try again."""
    clients, accepted = [], 0
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        clients.append(client)
    while True:
        try:
            server.accept()[0].close()
            accepted += 1
        except BlockingIOError:
            break
    for client in clients:
        client.close()
    return accepted


def child(work):
    """Runs `work(wait, tell)` in a process and namespace of its own. Returns pid, a function to let it go on, and one that takes what it tells."""
    from_parent, to_child = os.pipe()
    from_child, to_parent = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            private_network()
            reply = os.fdopen(to_parent, "w")

            def tell(value):
                reply.write(json.dumps(value) + "\n")
                reply.flush()
            work(lambda: os.read(from_parent, 1), tell)
            status = 0
        finally:
            os._exit(status)
    os.close(from_parent)
    os.close(to_parent)
    replies = os.fdopen(from_child)
    return pid, lambda: os.write(to_child, b"x"), lambda: json.loads(replies.readline())


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


class Trace:
    """It runs until the summary is asked for; what it prints meanwhile is counted."""

    def __init__(self, program, *options):
        self.process = subprocess.Popen([program, "trace", "--json", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.begun, self.events, self.last = threading.Event(), 0, b""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.begun.wait(PATIENCE)
        if not self.last:
            self.process.wait()
            said = self.process.stderr.read().decode()
            self.reader.join()
            print("skipped: " + said if "no right" in said or "this kernel" in said or "built without" in said else said)
            sys.exit(77 if self.process.returncode == 3 else 1)

    def read(self):
        for line in self.process.stdout:
            self.last = line
            if b'"interval"' in line[:80]:
                self.begun.set()
            else:
                self.events += 1
        self.begun.set()

    def end(self):
        self.process.terminate()
        self.reader.join()
        self.process.wait()
        summary = json.loads(self.last)
        assert summary["event"] == "summary", summary["event"]
        self.events -= 1
        return summary


def check(what, told, known, wrong):
    if told != known:
        wrong.append(f"{what}: told {told}, it is {known}")


# ---- many ----


def hold(count, seed):
    """The listeners of a namespace: some overflow."""
    def work(wait, tell):
        draw = random.Random(seed)
        servers = [listener(10000 + i, draw.randrange(0, 6)) for i in range(count)]
        tell("ready")
        wait()
        before = overflows()
        accepts = {cookie_of(server): visit(server, draw.randrange(0, 12)) for server in servers}
        tell({"netns": netns(), "accepts": accepts, "overflows": overflows() - before})
        wait()
    return work


def many(options):
    names = range(options.namespaces)
    share = options.listeners // options.namespaces
    children = [child(hold(share, options.seed * 1000 + i)) for i in names]
    wrong, accepts, drops, missed = [], 0, 0, 0
    try:
        for _, _, take in children:
            take()
        began = time.monotonic()
        trace = Trace(options.backlogctl, "--all-netns", "-i", "1s")
        begun = time.monotonic()
        for _, go, _ in children:
            go()
        known = [take() for _, _, take in children]
        summary = trace.end()
    finally:
        for pid, _, _ in children:
            end(pid)
    told = {(one["netns"], one["cookie"]): one for one in summary["listeners"]}
    accounts = {one["netns"]: one for one in summary["namespaces"]}
    # What one process does while another is held up in a program on the same processor may be left out: then it is said.
    runs, left_out = summary["lost"]["runs"], 0
    for place in known:
        seen = 0
        for cookie, count in place["accepts"].items():
            one = told.get((place["netns"], int(cookie)))
            if not one:
                wrong.append(f"listener {cookie} of {place['netns']} is not told")
                continue
            short = count - one["entered"]
            if short and runs and one["rests_on"]["entered"]["bound"] == "at_least":
                left_out += short
                count -= short
            check(f"accepted at {cookie}", one["accepted"]["count"], count, wrong)
            check(f"entered at {cookie}", one["entered"], count, wrong)
            seen += one["overflows"]["syn"]["count"] + one["overflows"]["ack"]["count"]
            accepts += count
        drops += place["overflows"]
        missed += accounts[place["netns"]]["missed"]
        check(f"overflows in {place['netns']}", seen + accounts[place["netns"]]["missed"], place["overflows"], wrong)
    check("few missed", runs or missed <= 5 + drops // 1000, runs or True, wrong)
    check("connections left out", 0 <= left_out <= runs, True, wrong)
    check("lost searches", summary["lost"]["full_listeners"], 0, wrong)
    print(f"{share * len(children)} listeners in {len(children)} namespaces: {accepts} accepted, {drops} dropped by full queues, "
          f"of which {missed} were missed, and said to be; {left_out} left out, with {runs} runs; ready after {begun - began:.1f} s")
    return wrong


# ---- churn ----


def come_and_go(count):
    def work(wait, tell):
        tell("ready")
        wait()
        before, accepts, came, left = overflows(), 0, 0, 0
        for i in range(count):
            server = listener(20000 + i % 1000, 2)
            clients = [socket.socket() for _ in range(5)]
            for client in clients:
                client.setblocking(False)
                client.connect_ex(server.getsockname())
            await_queue(server, 3)
            server.accept()[0].close()
            behind = queue_of(server)
            server.close()
            for client in clients:
                client.close()
            came, accepts, left = came + 1 + behind, accepts + 1, left + behind
            if i % 50 == 49:
                time.sleep(0.1)  # at most five hundred a second: there is room for twice as many
        tell({"netns": netns(), "came": came, "accepts": accepts, "left": left, "overflows": overflows() - before})
        wait()
    return work


def churn(options):
    pid, go, take = child(come_and_go(options.listeners))
    wrong = []
    try:
        take()
        trace = Trace(options.backlogctl, "--netns", f"pid:{pid}", "-i", "100ms")
        go()
        known = take()
        time.sleep(0.5)
        summary = trace.end()
    finally:
        end(pid)
    forgotten, listed = summary["forgotten"], summary["listeners"]
    lost = summary["lost"]["listeners"]
    check("listeners", forgotten["listeners"] + len(listed) + lost, options.listeners, wrong)
    if lost:
        print(f"{lost} listeners of {options.listeners} found no room, and it was said: this machine is slow")
        return wrong
    check("entered", forgotten["entered"] + sum(one["entered"] for one in listed), known["came"], wrong)
    check("accepted", forgotten["accepted"] + sum(one["accepted"]["count"] for one in listed), known["accepts"], wrong)
    check("left", forgotten["left"] + sum(one["left"]["listener_closed"] for one in listed), known["left"], wrong)
    check("overflows", forgotten["syn_overflows"] + forgotten["ack_overflows"]
          + sum(one["overflows"]["syn"]["count"] + one["overflows"]["ack"]["count"] for one in listed), known["overflows"], wrong)
    check("missed", summary["namespaces"][0]["missed"], 0, wrong)
    print(f"{options.listeners} listeners came and went, {len(listed)} of them are told by themselves: {known['accepts']} accepted, "
          f"{known['overflows']} dropped by full queues")
    return wrong


# ---- kinds ----

TCP_QUICKACK, TCP_DEFER_ACCEPT, TCP_FASTOPEN, IPPROTO_MPTCP, MSG_FASTOPEN = 12, 9, 23, 262, 0x20000000
PORT, CROWD = 30000, 20


def set_sysctl(name, value):
    with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as file:
        file.write(str(value))


class Lab:
    """Listeners of one kind, and clients that come to them; what the listeners accept is counted."""

    def __init__(self):
        self.servers, self.clients, self.accepts, self.late = [], [], 0, []

    def serve(self, backlog=7, family=socket.AF_INET, protocol=0, options=()):
        server = socket.socket(family, socket.SOCK_STREAM, protocol)
        for option in options:
            server.setsockopt(*option)
        server.bind(("::" if family == socket.AF_INET6 else "127.0.0.1", PORT))
        server.listen(backlog)
        server.setblocking(False)
        self.servers.append(server)

    def visit(self, count=CROWD, to=("127.0.0.1", PORT), protocol=0, source=None, options=(), data=None, fast=False):
        for _ in range(count):
            client = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_STREAM, protocol)
            for option in options:
                client.setsockopt(*option)
            if source:
                client.bind((source, 0))
            client.setblocking(False)
            try:
                if fast:
                    client.sendto(data, MSG_FASTOPEN, to)
                else:
                    client.connect_ex(to)
                    if data:
                        client.send(data)
            except OSError:
                pass
            self.clients.append(client)

    def accept(self, most=1 << 30):
        for server in self.servers:
            try:
                while most:
                    self.late.append(server.accept()[0])
                    self.accepts, most = self.accepts + 1, most - 1
            except BlockingIOError:
                pass

    def reset(self, count):
        for client in self.clients[:count]:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.close()

    def close(self):
        for server in self.servers:
            server.close()
        self.servers = []


def plain(lab):
    lab.serve()
    yield
    for i in range(4):
        lab.visit(5, source=f"127.0.0.{10 + i}")
    lab.accept()


def reuseport(lab):
    for _ in range(4):
        lab.serve(2, options=((socket.SOL_SOCKET, socket.SO_REUSEPORT, 1),))
    yield
    lab.visit(60)
    lab.accept()


def dual_stack(lab):
    lab.serve(family=socket.AF_INET6)
    yield
    lab.visit(5)
    lab.visit(5, to=("::1", PORT))
    lab.accept()
    lab.visit()
    lab.accept()


def mptcp(lab):
    lab.serve(protocol=IPPROTO_MPTCP)
    yield
    lab.visit(protocol=IPPROTO_MPTCP)
    lab.accept()


def fast_open(lab):
    set_sysctl("tcp_fastopen", 0x603)  # without cookies
    lab.serve(options=((socket.IPPROTO_TCP, TCP_FASTOPEN, 100),))
    yield
    lab.visit(5, data=b"x", fast=True)
    lab.accept()
    lab.visit(data=b"x", fast=True)
    lab.accept()


def deferred(lab):
    lab.serve(64, options=((socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, 5),))
    yield
    lab.visit(data=b"x")
    lab.accept()


def cookies(lab):
    set_sysctl("tcp_syncookies", 2)
    lab.serve()
    yield
    lab.visit()
    lab.accept()


def without_cookies(lab):
    set_sysctl("tcp_syncookies", 0)
    lab.serve()
    yield
    lab.visit(options=((socket.IPPROTO_TCP, TCP_QUICKACK, 0),))
    time.sleep(0.5)  # the last ACKs come
    lab.accept()


def late_acks(lab):
    lab.serve(4)
    yield
    lab.visit(5, options=((socket.IPPROTO_TCP, TCP_QUICKACK, 0),))
    lab.visit()
    time.sleep(0.5)
    lab.accept()


def reset_while_queued(lab):
    lab.serve(30)
    yield
    lab.visit()
    lab.reset(8)
    lab.accept()


def closed_full(lab):
    lab.serve()
    yield
    lab.visit()
    lab.accept(3)
    lab.close()


class Ring:
    """An io_uring, without a library: it takes one accept at a time."""
    SETUP, ENTER, ACCEPT, GETEVENTS, SQES = 425, 426, 13, 1, 0x10000000

    def __init__(self):
        params = ctypes.create_string_buffer(120)
        self.fd = libc.syscall(self.SETUP, 8, params)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "io_uring_setup")
        words = struct.unpack("30I", params.raw)
        self.sq, self.cq = words[10:17], words[20:26]
        self.ring = mmap.mmap(self.fd, max(self.sq[6] + 4 * words[0], self.cq[5] + 16 * words[1]))
        self.entries = mmap.mmap(self.fd, 64 * words[0], offset=self.SQES)

    def word(self, place, value=None):
        if value is not None:
            self.ring[place:place + 4] = struct.pack("I", value)
        return struct.unpack("I", self.ring[place:place + 4])[0]

    def accept(self, server):
        tail, head = self.word(self.sq[1]), self.word(self.cq[0])
        self.entries[:64] = struct.pack("BBHiQQIIQ24x", self.ACCEPT, 0, 0, server.fileno(), 0, 0, 0, 0, 0)
        self.word(self.sq[6] + 4 * (tail & self.word(self.sq[2])), 0)
        self.word(self.sq[1], tail + 1)
        libc.syscall(self.ENTER, self.fd, 1, 1, self.GETEVENTS, None, 0)
        place = self.cq[5] + 16 * (head & self.word(self.cq[2]))
        result = struct.unpack("i", self.ring[place + 8:place + 12])[0]
        self.word(self.cq[0], head + 1)
        return result


def io_uring(lab):
    ring = Ring()
    lab.serve()
    yield
    lab.visit()
    for _ in range(6):
        fd = ring.accept(lab.servers[0])
        if fd >= 0:
            os.close(fd)
            lab.accepts += 1
    for client in lab.clients:
        client.close()
    lab.accept()


KINDS = (plain, reuseport, dual_stack, mptcp, fast_open, deferred, cookies, without_cookies, late_acks, reset_while_queued, closed_full,
         io_uring)


def of_kind(kind):
    def work(wait, tell):
        lab = Lab()
        steps = kind(lab)
        try:
            next(steps)
        except OSError as error:
            tell({"skipped": f"{kind.__name__}: {error}"})
            return
        tell({"skipped": None})
        wait()
        before = counter("ListenOverflows"), counter("TCPReqQFullDrop")
        next(steps, None)
        for client in lab.clients:  # they must not try again behind the account
            client.close()
        lab.accept()
        tell({"netns": netns(), "accepts": lab.accepts, "overflows": counter("ListenOverflows") - before[0],
              "syn_queue": counter("TCPReqQFullDrop") - before[1]})
        wait()
    return work


def total(listeners, *path):
    def value(one):
        for name in path:
            one = one[name]
        return one
    return sum(value(one) for one in listeners)


def judge_kind(kind, summary, known, wrong):
    told = [one for one in summary["listeners"] if one["netns"] == known["netns"]]
    account = next(one for one in summary["namespaces"] if one["netns"] == known["netns"])
    seen = total(told, "overflows", "syn", "count") + total(told, "overflows", "ack", "count")
    left = total(told, "left", "listener_closed") + total(told, "left", "otherwise")
    name = kind.__name__
    check(f"{name}: accepted", total(told, "accepted", "count"), known["accepts"], wrong)
    check(f"{name}: entered", total(told, "entered"), known["accepts"] + left, wrong)
    check(f"{name}: overflows", seen + account["missed"], known["overflows"], wrong)
    check(f"{name}: SYN queue", total(told, "overflows", "syn_queue", "count") + account["syn_queue_missed"], known["syn_queue"], wrong)
    # A program that interrupts itself is left out by the kernel, which is rare; then it is said.
    check(f"{name}: few missed", account["missed"] + account["syn_queue_missed"] <= 5, True, wrong)
    for figure, missed in (("syn_overflows", "missed"), ("ack_overflows", "missed"), ("syn_queue_drops", "syn_queue_missed")):
        check(f"{name}: {figure}", {one["rests_on"][figure]["bound"] for one in told}, {"at_least" if account[missed] else "exact"}, wrong)
    if kind is plain and not account["missed"]:
        sources = {one["address"]: one["syn"] for one in told[0]["overflows"]["sources"]}
        check(f"{name}: sources", sum(sources.values()), known["overflows"], wrong)
        if known["overflows"] == 12:  # none tried again
            check(f"{name}: sources", sources, {"127.0.0.11": 2, "127.0.0.12": 5, "127.0.0.13": 5}, wrong)
    if kind is reset_while_queued:
        check(f"{name}: reset", total(told, "accepted", "reset"), 8, wrong)
    if kind is io_uring:
        calls = "sys_exit" in told[0]["rests_on"]["wait"]["hook"]  # which io_uring does not make
        check(f"{name}: unseen", total(told, "accepted", "unseen"), 6 if calls else 0, wrong)
        check(f"{name}: waits", told[0]["rests_on"]["wait"]["bound"], "at_least" if calls else "exact", wrong)
    if kind is closed_full:
        check(f"{name}: left", total(told, "left", "listener_closed"), 5, wrong)
    print(f"{name}: {known['accepts']} accepted, {seen} dropped by the accept queue, {known['syn_queue']} by the SYN queue, {left} left")


def kinds(options):
    wrong, there = [], []
    children = [(kind, *child(of_kind(kind))) for kind in KINDS]
    try:
        for one in children:
            skipped = one[3]()["skipped"]
            if skipped:
                print("skipped: " + skipped)
            else:
                there.append(one)
        trace = Trace(options.backlogctl, "--all-netns", "-i", "200ms")
        for _, _, go, _ in there:
            go()
        known = [(kind, take()) for kind, _, _, take in there]
        summary = trace.end()
    finally:
        for _, pid, _, _ in children:
            end(pid)
    for kind, account in known:
        judge_kind(kind, summary, account, wrong)
    return wrong


# ---- kill ----


def bpf_ids(pid):
    """What of bpf(2) it holds: (kind, id)."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                lines = [line.split() for line in file]
        except OSError:
            continue
        found |= {(line[0][:-4], line[1]) for line in lines if line[0] in ("prog_id:", "map_id:", "link_id:")}
    return found


def is_there(kind, number):
    return subprocess.run(["bpftool", kind, "show", "id", number], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def kill(options):
    draw, wrong, held = random.Random(options.seed), [], 0
    if not shutil.which("bpftool"):
        print("skipped: bpftool is not installed")
        sys.exit(77)
    Trace(options.backlogctl, "--all-netns", "-i", "100ms").end()  # that it can
    for _ in range(options.rounds):
        trace = subprocess.Popen([options.backlogctl, "trace", "--json", "--events", "-i", "100ms"], stdout=subprocess.DEVNULL)
        time.sleep(draw.uniform(0, 0.6))
        ids = bpf_ids(trace.pid)
        trace.kill()
        trace.wait()
        held += len(ids)
        until = time.monotonic() + PATIENCE
        while ids and time.monotonic() < until:
            ids = {one for one in ids if is_there(*one)}
        check("stays in the kernel", ids, set(), wrong)
    print(f"killed {options.rounds} times, which held {held} programs, maps and links: {'some stay' if wrong else 'none stays'}")
    return wrong


# ---- load ----


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def in_kernel(pid):
    """What the maps that it holds take, in kB."""
    total = 0
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
                text = file.read()
        except OSError:
            continue
        if "map_type:" in text:
            total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("memlock:")) // 1024
    return total


def crowd(connect, seconds, rate):
    def work(wait, tell):
        tell("ready")
        wait()
        made, begun = 0, time.monotonic()
        while time.monotonic() < begun + seconds:
            subprocess.run([connect, "10000"], stdout=subprocess.DEVNULL, check=True)
            made += 10000
            time.sleep(max(0, begun + made / rate - time.monotonic()))
        tell({"made": made, "overflows": overflows()})
        wait()
    return work


def load(options):
    pid, go, take = child(crowd(os.path.abspath(options.connect), options.seconds, options.rate))
    wrong, samples = [], []
    try:
        take()
        trace = Trace(options.backlogctl, "--netns", f"pid:{pid}", "-i", "1s", *(["--events"] if options.events else []))
        go()
        until = time.monotonic() + options.seconds
        while time.monotonic() < until:
            time.sleep(min(1, options.seconds / 10))
            samples.append((resident(trace.process.pid), in_kernel(trace.process.pid)))
        known = take()
        time.sleep(1)
        summary = trace.end()
    finally:
        end(pid)
    entered = summary["forgotten"]["entered"] + sum(one["entered"] for one in summary["listeners"])
    accepted = summary["forgotten"]["accepted"] + sum(one["accepted"]["count"] for one in summary["listeners"])
    runs = summary["lost"]["runs"]
    check("entered", known["made"] - runs <= entered <= known["made"], True, wrong)
    check("accepted", known["made"] - runs <= accepted <= known["made"], True, wrong)
    if options.events:
        check("events", trace.events + summary["lost"]["events"], 2 * known["made"], wrong)
    # The figures of listeners that were closed pile up to a bound, and begin anew: so maxima are compared.
    settled = samples[len(samples) // 4:]
    half = len(settled) // 2
    first = (max(rss for rss, _ in settled[:half]), settled[0][1])
    most = max(rss for rss, _ in settled[half:])
    if most - first[0] > 2048:
        wrong.append(f"it has grown from {first[0]} to {most} kB")
    check("kernel memory", max(kernel for _, kernel in settled), first[1], wrong)
    print(f"{known['made']} connections in {options.seconds} s, {known['made'] / options.seconds:.0f} a second: {first[0]} kB at first, "
          f"{most} kB at most, {first[1]} kB in the kernel; {trace.events} events told, {summary['lost']['events']} said to be lost, {summary['lost']['runs']} runs left out")
    return wrong


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=("many", "churn", "kinds", "kill", "load"))
    options.add_argument("--backlogctl", required=True)
    options.add_argument("--connect", help="load: the program of tests/bench/connect.c")
    options.add_argument("--listeners", type=int, default=5000)
    options.add_argument("--namespaces", type=int, default=200)
    options.add_argument("--seconds", type=int, default=600)
    options.add_argument("--rate", type=int, default=20000, help="load: connections a second")
    options.add_argument("--events", action="store_true", help="load: with --events")
    options.add_argument("--rounds", type=int, default=50, help="kill: so often")
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    if os.geteuid():
        print("skipped: only root may load programs into the kernel")
        return 77
    options.backlogctl = os.path.abspath(options.backlogctl)
    wrong = {"many": many, "churn": churn, "kinds": kinds, "kill": kill, "load": load}[options.what](options)
    for line in wrong[:20]:
        print(line)
    print(f"{len(wrong)} wrong" if wrong else "all as it was")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

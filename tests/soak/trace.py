#!/usr/bin/env python3
"""What `trace` counts where there is much of it, against who connects and accepts and against the kernel's counters.

many: listeners in many network namespaces, connections at each, more than some of them hold.
churn: listeners that come and go, more than there is room for at one time.
load: connections as fast as they go, for long: neither the program nor its maps grow, and no event is lost unsaid.

All in network namespaces of its own. Takes the right to load programs into the kernel, else it is skipped."""
import argparse
import ctypes
import json
import os
import random
import select
import signal
import socket
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


def overflows():
    with open("/proc/thread-self/net/netstat", encoding="ascii") as file:
        rows = [line.split() for line in file if line.startswith("TcpExt:")]
    return int(rows[1][rows[0].index("ListenOverflows")])


def netns():
    return os.stat("/proc/thread-self/ns/net").st_ino


def cookie_of(server):
    return int.from_bytes(server.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), sys.byteorder)


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


class Trace:
    """It runs until the summary is asked for; what it prints meanwhile is counted."""

    def __init__(self, program, *options):
        self.process = subprocess.Popen([program, "trace", "--json", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.begun, self.events, self.last = threading.Event(), 0, b""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.begun.wait(PATIENCE)
        if self.process.poll() is not None:
            said = self.process.stderr.read().decode()
            self.reader.join()
            print("skipped: " + said if "no right" in said or "this kernel" in said or "built without" in said else said)
            sys.exit(77 if self.process.returncode == 3 else 1)

    def read(self):
        for line in self.process.stdout:
            if line.startswith(b'{"schema"') and b'"event": "interval"' in line[:80] or b'"event":"interval"' in line[:80]:
                self.begun.set()
            else:
                self.events += 1
            self.last = line
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
    wrong, accepts, drops = [], 0, 0
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
        for _, go, _ in children:
            go()
    finally:
        for pid, _, _ in children:
            os.waitpid(pid, 0)
    told = {(one["netns"], one["cookie"]): one for one in summary["listeners"]}
    accounts = {one["netns"]: one for one in summary["namespaces"]}
    for place in known:
        seen = 0
        for cookie, count in place["accepts"].items():
            one = told.get((place["netns"], int(cookie)))
            if not one:
                wrong.append(f"listener {cookie} of {place['netns']} is not told")
                continue
            check(f"accepted at {cookie}", one["accepted"]["count"], count, wrong)
            check(f"entered at {cookie}", one["entered"], count, wrong)
            seen += one["overflows"]["syn"]["count"] + one["overflows"]["ack"]["count"]
            accepts += count
        drops += place["overflows"]
        check(f"overflows in {place['netns']}", seen, place["overflows"], wrong)
        check(f"missed in {place['netns']}", accounts[place["netns"]]["missed"], 0, wrong)
    check("lost listeners", summary["lost"]["listeners"], 0, wrong)
    check("lost searches", summary["lost"]["full_listeners"], 0, wrong)
    print(f"{share * len(children)} listeners in {len(children)} namespaces: {accepts} accepted, {drops} dropped by full queues; "
          f"ready after {begun - began:.1f} s")
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
            server.accept()[0].close()
            server.close()
            for client in clients:
                client.close()
            came, accepts, left = came + 3, accepts + 1, left + 2
            if i % 100 == 99:
                time.sleep(0.1)  # at most a thousand a second: there is room for as many
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
        go()
    finally:
        os.waitpid(pid, 0)
    forgotten, listed = summary["forgotten"], summary["listeners"]
    check("listeners", forgotten["listeners"] + len(listed), options.listeners, wrong)
    check("entered", forgotten["entered"] + sum(one["entered"] for one in listed), known["came"], wrong)
    check("accepted", forgotten["accepted"] + sum(one["accepted"]["count"] for one in listed), known["accepts"], wrong)
    check("left", forgotten["left"] + sum(one["left"]["listener_closed"] for one in listed), known["left"], wrong)
    check("overflows", forgotten["syn_overflows"] + forgotten["ack_overflows"]
          + sum(one["overflows"]["syn"]["count"] + one["overflows"]["ack"]["count"] for one in listed), known["overflows"], wrong)
    check("missed", summary["namespaces"][0]["missed"], 0, wrong)
    check("lost listeners", summary["lost"]["listeners"], 0, wrong)
    print(f"{options.listeners} listeners came and went, {len(listed)} of them are told by themselves: {known['accepts']} accepted, "
          f"{known['overflows']} dropped by full queues")
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


def crowd(connect, seconds):
    def work(wait, tell):
        tell("ready")
        wait()
        made, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            subprocess.run([connect, "50000"], stdout=subprocess.DEVNULL, check=True)
            made += 50000
        tell({"made": made, "overflows": overflows()})
        wait()
    return work


def load(options):
    pid, go, take = child(crowd(os.path.abspath(options.connect), options.seconds))
    wrong, samples = [], []
    try:
        take()
        trace = Trace(options.backlogctl, "--netns", f"pid:{pid}", "-i", "1s", *(["--events"] if options.events else []))
        go()
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            time.sleep(min(1, options.seconds / 10))
            samples.append((resident(trace.process.pid), in_kernel(trace.process.pid)))
        known = take()
        time.sleep(1)
        summary = trace.end()
        go()
    finally:
        os.waitpid(pid, 0)
    entered = summary["forgotten"]["entered"] + sum(one["entered"] for one in summary["listeners"])
    accepted = summary["forgotten"]["accepted"] + sum(one["accepted"]["count"] for one in summary["listeners"])
    check("entered", entered, known["made"], wrong)
    check("accepted", accepted, known["made"], wrong)
    if options.events:
        check("events", trace.events + summary["lost"]["events"], 2 * known["made"], wrong)
    settled = samples[len(samples) // 5:]
    first, most = settled[0], max(rss for rss, _ in settled)
    if most - first[0] > 1024:
        wrong.append(f"it has grown from {first[0]} to {most} kB")
    check("kernel memory", max(kernel for _, kernel in settled), first[1], wrong)
    print(f"{known['made']} connections in {options.seconds} s, {known['made'] / options.seconds:.0f} a second: {first[0]} kB at first, "
          f"{most} kB at most, {first[1]} kB in the kernel; {trace.events} events told, {summary['lost']['events']} said to be lost")
    return wrong


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=("many", "churn", "load"))
    options.add_argument("--backlogctl", required=True)
    options.add_argument("--connect", help="load: the program of tests/bench/connect.c")
    options.add_argument("--listeners", type=int, default=5000)
    options.add_argument("--namespaces", type=int, default=200)
    options.add_argument("--seconds", type=int, default=600)
    options.add_argument("--events", action="store_true", help="load: with --events")
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    if os.geteuid():
        print("skipped: only root may load programs into the kernel")
        return 77
    options.backlogctl = os.path.abspath(options.backlogctl)
    wrong = {"many": many, "churn": churn, "load": load}[options.what](options)
    for line in wrong[:20]:
        print(line)
    print(f"{len(wrong)} wrong" if wrong else "all as it was")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

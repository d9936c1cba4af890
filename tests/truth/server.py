"""Servers, and the other clients of a cell, that keep their own account of what they did, and when."""
import errno
import heapq
import itertools
import os
import select
import socket
import struct
import time

TCP_DEFER_ACCEPT, TCP_FASTOPEN, SO_BINDTODEVICE = 9, 23, 25
CLOSE_BY_RESET = struct.pack("ii", 1, 0)


def family_of(host):
    return socket.AF_UNIX if host.startswith(("/", "@")) else socket.AF_INET6 if ":" in host else socket.AF_INET


def place(host, port):
    if family_of(host) == socket.AF_UNIX:
        return "\0" + host[1:] if host[0] == "@" else host
    return (host, port)


def name_of(peer):
    """A client as its account and the report's rows have it: [address, port], IPv4 unmapped; AF_UNIX: [name, 0]."""
    if isinstance(peer, (bytes, str)):
        text = peer.decode() if isinstance(peer, bytes) else peer
        return [text.replace("\0", "@", 1), 0]
    address = peer[0]
    return [address[7:] if address.startswith("::ffff:") and "." in address else address, peer[1]]


class Policy:
    """When a listener calls accept(): after each delay, never, not during a stall, so many at a time, so many in all."""

    def __init__(self, plan):
        self.plan, self.kind = plan, plan["kind"]
        self.next, self.left = 0.0, plan.get("size", 0)
        self.total = plan.get("total", 1 << 30)

    def due(self, at):
        """The time from which accept() may be called; None: never again."""
        if self.kind == "never" or not self.total:
            return None
        if self.kind == "stall" and self.plan["from"] <= at < self.plan["to"]:
            return self.plan["to"]
        if self.kind == "burst" and not self.left:
            self.left = self.plan["size"]
            self.next = (at // self.plan["every"] + 1) * self.plan["every"]
        return self.next

    def ready(self, at):
        """A client may be there: a delay counts from here, as a server's work on the one before."""
        due = self.due(at)
        return due is not None and due <= at

    def accepted(self, at):
        self.total -= 1
        self.left -= 1
        if self.kind in ("all", "count"):
            self.next = at + self.plan.get("delay", 0)


class Listener:
    def __init__(self, plan):
        self.plan, self.policy = plan, Policy(plan["accept"])
        family = family_of(plan["host"])
        kind = socket.SOCK_SEQPACKET if plan.get("seqpacket") else socket.SOCK_STREAM
        self.sock = s = socket.socket(family, kind)
        s.setblocking(False)
        if family != socket.AF_UNIX:
            self.set_options(s, family)
        s.bind(place(plan["host"], plan["port"]))
        s.listen(plan["backlog"])
        self.name = plan["name"]

    def set_options(self, s, family):
        plan = self.plan
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if plan.get("dual") else 1)
        if plan.get("reuseport"):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if plan.get("device"):
            s.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, plan["device"].encode())
        if plan.get("defer"):
            s.setsockopt(socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, plan["defer"])
        if plan.get("fastopen"):
            s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, plan["fastopen"])
        if plan.get("keepalive"):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, plan["keepalive"])
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, plan["keepalive"])


class Server:
    """All listeners of one namespace in one process. Times are those of the monotonic clock."""

    def __init__(self, channel, plans):
        self.channel = channel
        self.listeners, self.conversations, self.timers, self.order = [], {}, [], itertools.count()
        self.account = {"accepted": [], "ended": [], "listeners": []}
        for plan in plans:
            self.open(plan)

    def note(self, listener, event, backlog, before):
        self.account["listeners"].append({"name": listener.name, "event": event, "backlog": backlog, "before": before,
                                          "after": time.monotonic(), "port": listener.plan["port"],
                                          "inode": os.fstat(listener.sock.fileno()).st_ino if event == "listen" else None})

    def open(self, plan):
        before = time.monotonic()
        listener = Listener(plan)
        self.listeners.append(listener)
        self.note(listener, "listen", plan["backlog"], before)

    def later(self, at, action, *args):
        heapq.heappush(self.timers, (at, next(self.order), action, args))

    def act(self, action):
        """One of a plan's actions in the middle: listen again, close, shutdown, another server instead."""
        what, before = action["do"], time.monotonic()
        if what == "replace":
            self.open(action["plan"])
            return
        for listener in [l for l in self.listeners if l.name == action["name"]]:
            if what == "listen":
                listener.sock.listen(action["backlog"])
            elif what == "shutdown":
                listener.sock.shutdown(socket.SHUT_RDWR)
                self.listeners.remove(listener)
            elif what == "close":
                self.listeners.remove(listener)
                listener.sock.close()
            self.note(listener, what, action.get("backlog"), before)

    def end(self, fd, how):
        conversation = self.conversations.pop(fd, None)
        if not conversation:
            return
        sock, peer, _ = conversation
        if how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_BY_RESET)
        sock.close()
        self.account["ended"].append([peer, how, time.monotonic()])

    def accept(self, listener, at):
        while listener.policy.ready(at - self.zero):
            try:
                sock, peer = listener.sock.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno == errno.EINVAL:  # shut down
                    return
                raise
            at = time.monotonic()
            sock.setblocking(False)
            peer = name_of(peer)
            listener.policy.accepted(at - self.zero)
            self.account["accepted"].append([listener.name, peer, at])
            after = listener.plan["then"]
            self.conversations[sock.fileno()] = (sock, peer, after["do"])
            if after["do"] in ("close", "reset"):
                self.later(at + after["after"], self.end, sock.fileno(), after["do"])

    def converse(self, fd):
        sock, peer, what = self.conversations[fd]
        try:
            data = sock.recv(4096)
            if data and what == "echo":
                sock.send(data)
        except BlockingIOError:
            return
        except OSError:
            return self.end(fd, "gone")
        if not data or what == "read_close":
            self.end(fd, "close")

    def run(self, actions):
        self.zero = self.channel.receive()
        for action in actions:
            self.later(self.zero + action["at"], self.act, action)
        while not self.channel.stopped():
            at = time.monotonic()
            while self.timers and self.timers[0][0] <= at:
                _, _, action, args = heapq.heappop(self.timers)
                action(*args)
            self.wait(at)
        return self.account

    def wait(self, at):
        poll, until = select.poll(), at + 0.5
        by_fd = {}
        poll.register(self.channel, select.POLLIN)
        if self.timers:
            until = min(until, self.timers[0][0])
        for listener in self.listeners:
            due = listener.policy.due(at - self.zero)
            if due is None:
                continue
            if self.zero + due > at:
                until = min(until, self.zero + due)
                continue
            by_fd[listener.sock.fileno()] = listener
            poll.register(listener.sock, select.POLLIN)
        for fd, (_, _, what) in self.conversations.items():
            if what in ("echo", "read_close"):
                poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(max(0.0, (until - time.monotonic()) * 1000)):
            if fd in by_fd:
                self.accept(by_fd[fd], time.monotonic())
            elif fd in self.conversations:
                self.converse(fd)


def serve(channel, plans, actions):
    server = Server(channel, plans)
    channel.send("ready")
    channel.send(server.run(actions))


# ---- Other clients ----

def knock(plan):
    sock = socket.socket(family_of(plan["host"]), socket.SOCK_STREAM)
    sock.setblocking(False)
    if plan.get("source"):
        sock.bind((plan["source"], 0))
    sock.connect_ex(place(plan["host"], plan["port"]))
    return sock


def traffic(channel, plans):
    """Each plan: at `at` and then every `every` seconds `count` clients, that hold, or leave (by a reset) `stay` later."""
    channel.send("ready")
    zero = channel.receive()
    order = itertools.count()
    due = [(zero + plan["at"], next(order), plan, None) for plan in plans]
    heapq.heapify(due)
    held, begun = [], 0
    while not channel.stopped(due[0][0] - time.monotonic() if due else 1.0):
        if not due or due[0][0] > time.monotonic():
            continue
        at, _, plan, leaving = heapq.heappop(due)
        if leaving is not None:
            for sock in leaving:
                if plan["kind"] == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_BY_RESET)
                sock.close()
            continue
        socks = [knock(plan) for _ in range(plan["count"])]
        begun += len(socks)
        if plan["kind"] == "hold":
            held += socks
        else:
            heapq.heappush(due, (at + plan["stay"], next(order), plan, socks))
        if plan.get("every"):
            heapq.heappush(due, (at + plan["every"], next(order), plan, None))
    channel.send({"begun": begun})

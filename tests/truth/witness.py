"""Witnesses of their own in each namespace: every packet just before and behind TCP (NFLOG), and samples of queues, sockets
and counters (sock_diag, /proc/net/netstat)."""
import os
import select
import socket
import struct
import time

SO_RCVBUFFORCE = 33

# ---- Netlink ----


def attribute(kind, data):
    length = 4 + len(data)
    return struct.pack("=HH", length, kind) + data + b"\0" * (-length % 4)


def attributes(data, offset, end):
    found = {}
    while offset + 4 <= end:
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset + 4:offset + length]
        offset += length + 3 & ~3
    return found


def messages(data):
    offset = 0
    while offset + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if length < 16:
            break
        yield kind, offset + 16, offset + length
        offset += length + 3 & ~3


# ---- Packets: nft's log statement copies them to a netlink group, at hooks right around TCP ----

NETLINK_NETFILTER, NFLOG_CONFIG, NFLOG_GROUP, NLMSG_ERROR = 12, 4 << 8 | 1, 5, 2
SYN, RST, ACK = 2, 4, 16


def open_log():
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
    sock.bind((0, 0))
    for one in (attribute(1, b"\1"),                          # bind to the group
                attribute(2, struct.pack(">IBB", 128, 2, 0)),  # copy packets
                attribute(5, struct.pack(">I", 1))):          # each at once
        body = struct.pack("=BBH", 0, 0, socket.htons(NFLOG_GROUP)) + one
        sock.send(struct.pack("=IHHII", 16 + len(body), NFLOG_CONFIG, 5, 1, 0) + body)
        while True:
            answer = sock.recv(1 << 16)
            if struct.unpack_from("=H", answer, 4)[0] == NLMSG_ERROR:  # a first packet may come before it
                break
        code = struct.unpack_from("=i", answer, 16)[0]
        if code:
            raise OSError(-code, "nfnetlink_log")
    return sock


text_of = socket.inet_ntop


def parse_ip(packet):
    """(protocol, source, destination, offset of what IP carries, length of that)"""
    if packet[0] >> 4 == 4:
        begin = (packet[0] & 15) * 4
        length = struct.unpack_from(">H", packet, 2)[0] - begin
        return packet[9], text_of(socket.AF_INET, packet[12:16]), text_of(socket.AF_INET, packet[16:20]), begin, length
    length = struct.unpack_from(">H", packet, 4)[0]
    return packet[6], text_of(socket.AF_INET6, packet[8:24]), text_of(socket.AF_INET6, packet[24:40]), 40, length


def parse_packet(packet):
    """["tcp", source, port, destination, port, flags, data length] or ["icmp", type, code, source, port of what it is about]"""
    protocol, source, destination, begin, length = parse_ip(packet)
    if protocol == socket.IPPROTO_TCP:
        sport, dport = struct.unpack_from(">HH", packet, begin)
        return ["tcp", source, sport, destination, dport, packet[begin + 13], length - (packet[begin + 12] >> 4) * 4]
    if (protocol, packet[begin]) in ((socket.IPPROTO_ICMP, 3), (socket.IPPROTO_ICMPV6, 1)):
        inner = packet[begin + 8:]
        about, source, _, at, _ = parse_ip(inner)
        if about == socket.IPPROTO_TCP:
            return ["icmp", packet[begin], packet[begin + 1], source, struct.unpack_from(">H", inner, at)[0]]
    return None


class Pulse:
    """For how long at most this process did not come to run when it should have: what it wrote down then has a late time."""

    def __init__(self):
        self.last, self.most = time.monotonic(), 0.0

    def beat(self, allowed):
        now = time.monotonic()
        self.most = max(self.most, now - self.last - allowed)
        self.last = now


def capture(channel):
    log = open_log()
    log.setblocking(False)
    channel.send("ready")
    channel.receive()
    packets, missed, pulse = [], 0, Pulse()
    while True:
        ready = select.select([log, channel], [], [], SAMPLE_PAUSE)[0]
        pulse.beat(SAMPLE_PAUSE)
        if channel in ready and log not in ready:
            break  # told to stop, and everything read
        if log not in ready:
            continue
        try:
            data = log.recv(1 << 18)
        except OSError:  # ENOBUFS
            missed += 1
            continue
        at = time.monotonic()
        for _, begin, end in messages(data):
            found = attributes(data, begin + 4, end)
            try:
                parsed = parse_packet(found[9])
            except (KeyError, IndexError, struct.error, OSError):
                continue
            if parsed:
                packets.append([at, found[10][:1].decode()] + parsed)
    channel.send({"packets": packets, "missed": missed, "starved": [pulse.most]})


# ---- Samples ----

SOCK_DIAG_BY_FAMILY, LISTEN, SYN_RECV = 20, 10, 3
SAMPLE_PAUSE = 0.01
COUNTERS = ("ListenOverflows", "ListenDrops", "SyncookiesSent", "SyncookiesRecv", "TCPReqQFullDrop", "TCPReqQFullDoCookies",
            "TCPDeferAcceptDrop", "TCPFastOpenListenOverflow")


def read_counters():
    with open("/proc/self/net/netstat") as file:
        lines = file.read().split("\n")
    values = dict(zip(lines[0].split(), lines[1].split()))
    return [int(values.get(name, 0)) for name in COUNTERS]


def address_text(family, data):
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, data[:4])
    if data[:12] == b"\0" * 10 + b"\xff\xff":
        return socket.inet_ntop(socket.AF_INET, data[12:])
    return socket.inet_ntop(socket.AF_INET6, data)


def dump(sock, family):
    """Every TCP socket of the namespace: (state, local, port, remote, port, device, receive queue, send queue, inode)"""
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFF) + bytes(48)
    sock.send(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, 0x301, 1, 0) + request)
    while True:
        data = sock.recv(1 << 17)
        for kind, begin, _ in messages(data):
            if kind == 3:
                return
            if kind != SOCK_DIAG_BY_FAMILY:
                raise OSError("sock_diag refused a dump")
            of, state = data[begin], data[begin + 1]
            sport, dport = struct.unpack_from(">HH", data, begin + 4)
            device, = struct.unpack_from("=I", data, begin + 40)
            received, sent, _, inode = struct.unpack_from("=IIII", data, begin + 56)
            local, remote = (address_text(of, data[at:at + 16]) for at in (begin + 8, begin + 24))
            yield state, local, sport, remote, dport, device, received, sent, inode


class Changes:
    """What was seen under each key, written down only when it changes: key -> [[time, value], ...]; None: nothing any more."""

    def __init__(self):
        self.last, self.history = {}, {}

    def look(self, at, seen):
        for key, value in seen.items():
            if self.last.get(key) != value:
                self.history.setdefault(key, []).append([at, value])
        for key in self.last:
            if key not in seen:
                self.history[key].append([at, None])
        self.last = seen

    def account(self):
        return [[list(key), history] for key, history in self.history.items()]


def sampler(channel):
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 4)
    families = [socket.AF_INET] + ([socket.AF_INET6] if os.path.exists("/proc/net/if_inet6") else [])
    sockets, listeners, counters, times = Changes(), Changes(), Changes(), []
    channel.send("ready")
    channel.receive()
    last, pulse = False, Pulse()
    while True:
        at = time.monotonic()
        children, listening = {}, {}
        for family in families:
            for state, local, sport, remote, dport, device, received, sent, inode in dump(sock, family):
                if state == LISTEN:
                    listening[(local, sport, device, inode)] = [received, sent]
                else:
                    children[(remote, dport, sport)] = [state, inode != 0]
        sockets.look(at, children)
        listeners.look(at, listening)
        counters.look(at, {("all",): read_counters()})
        times.append([at, time.monotonic()])
        pulse.beat(SAMPLE_PAUSE)
        if last:
            break
        last = channel.stopped(SAMPLE_PAUSE)
    channel.send({"sockets": sockets.account(), "listeners": listeners.account(), "counters": counters.account(), "times": times,
                  "starved": [pulse.most]})

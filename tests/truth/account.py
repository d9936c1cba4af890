"""The account of a cell: what its servers and witnesses know of each connection, and of the time the report speaks of."""
import collections

from witness import ACK, COUNTERS, RST, SYN, SYN_RECV

ESTABLISHED, CLOSE_WAIT = 1, 8

# A look takes some milliseconds, on a busy machine more: what was true at any time of it may be said. The report tells how long it took.
LOOK, STAMPS = 0.15, 0.02
# A server and a capture write down what they saw a little later than it happened.
LATE = 0.1


def source_of(row):
    """(address, port) of a row, as the account has it."""
    source = row.get("source")
    if not source:
        return None
    if source.startswith("@"):
        return (source, 0)
    address, port = source.rsplit(":", 1)
    address = address.strip("[]")
    return (address[7:] if address.startswith("::ffff:") and "." in address else address, int(port))


class Facts:
    """One connection."""

    def __init__(self):
        self.syn_sent, self.syn_in, self.synack_out, self.synack_in = [], [], [], []
        self.ack_in, self.rst_in, self.icmp_in = [], [], []
        self.accepted, self.ended, self.histories = [], [], []
        self.ports = set()  # where its SYNs came out, behind all translation

    def states(self, low, high):
        """Server sides that were there at some time from low to high: (state, has an inode), None for none."""
        seen = set()
        for history in self.histories:
            before = [value for at, value in history if at <= low]
            values = {tuple(value) if value else None for value in before[-1:] or [None]}
            values |= {tuple(value) if value else None for at, value in history if low < at <= high}
            seen |= values
        if len(self.histories) > 1 and seen != {None}:
            seen.discard(None)
        return seen or {None}

    def unanswered(self):
        """SYNs that came to a server's TCP and got no SYN-ACK at once."""
        return [at for at in self.syn_in if not any(0 <= answer - at < 0.05 for answer in self.synack_out)]


def first(times, default=float("inf")):
    return times[0] if times else default


class Account:
    def __init__(self, cell, evidence, report):
        self.cell, self.report = cell, report
        self.by_source = {}
        self.uses = collections.Counter(source_of(row) for row in report["connections"])
        self.uses[None] = 0
        self.begin, self.exit = evidence["began"], evidence["exited"]
        self.witnesses = {name: evidence[name] for name in ("here", "there") if name in evidence}
        self.servers = evidence["servers"]
        self.read_packets()
        self.read_servers()
        self.read_samples()
        self.find_window()

    def of(self, source):
        return self.by_source.setdefault(tuple(source), Facts())

    def read_packets(self):
        for namespace, witness in self.witnesses.items():
            for packet in witness["packets"]:
                at, hook, kind = packet[:3]
                if kind == "tcp":
                    flags, incoming = packet[7], hook == "i"
                    self.note_server_end(packet, at, flags, incoming)
                    if namespace == "here":
                        self.note_client_end(packet, at, flags, incoming)
                elif (namespace, hook) == ("here", "i"):
                    self.of(packet[5:7]).icmp_in.append(at)

    def note_server_end(self, packet, at, flags, incoming):
        if incoming and flags & (SYN | ACK | RST) == SYN:
            facts = self.of(packet[3:5])
            facts.syn_in.append(at)
            facts.ports.add(packet[6])
        elif incoming and flags & (SYN | ACK) == ACK:
            self.of(packet[3:5]).ack_in.append(at)
        elif not incoming and flags & (SYN | ACK) == SYN | ACK:
            self.of(packet[5:7]).synack_out.append(at)

    def note_client_end(self, packet, at, flags, incoming):
        if not incoming:
            if flags & (SYN | ACK | RST) == SYN:
                self.of(packet[3:5]).syn_sent.append(at)
            return
        facts = self.of(packet[5:7])
        if flags & (SYN | ACK) == SYN | ACK:
            facts.synack_in.append(at)
        elif flags & RST:
            facts.rst_in.append(at)

    def read_servers(self):
        self.events, self.accepts = [], []
        for account in self.servers.values():
            self.accepts += account["accepted"]
            for _, peer, at in account["accepted"]:
                self.of(peer).accepted.append(at)
            for peer, how, at in account["ended"]:
                self.of(peer).ended.append((how, at))
            self.events += account["listeners"]

    def read_samples(self):
        for witness in self.witnesses.values():
            for (remote, port, local_port), history in witness["sockets"]:
                self.of((remote, port)).histories.append(history)

    def find_window(self):
        """When the last look was: the report's time counts from just before the first connect()."""
        elapsed = self.report["elapsed_us"] / 1e6
        sources = [source_of(row) for row in self.report["connections"]]
        syns = [first(self.by_source[s].syn_sent) for s in sources if s in self.by_source]
        zero = min(syns, default=float("inf"))
        self.zero = zero if zero < self.exit else self.exit - elapsed
        ends = (max(self.begin, self.zero - 0.05) + elapsed, min(self.exit, self.zero + elapsed))
        look = elapsed - self.report["last_look_us"] / 1e6
        self.low, self.high = min(ends) - max(LOOK, look + STAMPS), ends[1] + 0.01
        self.before_exit = self.high - 0.02  # what a sample shows later may be the probe's own closing

    # ---- What a rule asks ----

    def counter(self, name, surely=False, early=0.0):
        """By how much it rose, in all namespaces: from before the probe to behind the last look, or surely in between.
        `early`: so many seconds more, for a reading may be later than the time that stands with it."""
        rise, index = 0, COUNTERS.index(name)
        begin, end = (self.zero + 0.02, self.low) if surely else (self.begin - early, self.high + 0.05)
        for witness in self.witnesses.values():
            for _, history in witness["counters"]:
                before = [value for at, value in history if at <= begin] or [history[0][1]]
                during = [value for at, value in history if at <= end] or before
                rise += max(0, during[-1][index] - before[-1][index])
        return rise

    def ever_full(self, ports):
        """A sample saw a listener on one of these ports at its capacity."""
        return any(value and value[0] > value[1] for witness in self.witnesses.values()
                   for (_, port, _, _), history in witness["listeners"] for _, value in history if port in ports)

    def maybe_full(self, ports, when):
        """A listener on one of these ports can have been full then: the samples about that time, and who came meanwhile."""
        low, high = when - 0.05, when + 0.05
        came = sum(low < at < high for f in self.by_source.values() if f.ports & ports for at in f.ack_in[:1] + f.synack_out[:1])
        for witness in self.witnesses.values():
            for (_, port, _, _), history in witness["listeners"]:
                values = [v for at, v in history if at <= low][-1:] + [v for at, v in history if low < at < high]
                if port in ports and any(v and v[0] + came > v[1] for v in values):
                    return True
        return False

    def queue_range(self, port, which):
        """[(lowest, highest) of each listener on that port during the last look] of its queue (0) or backlog (1)."""
        ranges = []
        for witness in self.witnesses.values():
            for (_, at_port, _, _), history in witness["listeners"]:
                if at_port != port:
                    continue
                values = [v for at, v in history if at <= self.low][-1:]
                values += [v for at, v in history if self.low < at <= self.high + 0.02]
                if any(values):
                    values = [v[which] if v else 0 for v in values]  # 0: it went away during the look
                    ranges.append((min(values), max(values)))
        return ranges

    def moves(self):
        """(how many handshakes were answered, how many clients accepted) about the last look: samples may miss those."""
        low, high = self.low - 0.02, self.high + 0.02
        begun = sum(low < at < high for f in self.by_source.values() for at in f.synack_out)
        return begun, sum(low < at < high + LATE for _, _, at in self.accepts)

    def entered_unseen(self, facts):
        """Its ACK came to a listener that does not wait for data, and no queue overflowed: so it entered its queue. A run can be over
        before a sample."""
        came = facts.ack_in[0] if facts.ack_in else float("inf")
        waits = any(s["defer"] for s in self.cell["servers"] if s["port"] in facts.ports)
        return came < self.high and not waits and not self.counter("ListenOverflows") and \
            self.listening(facts.ports, came, came) != "never"

    def arrivals(self, port):
        """How many clients each listener on that port got by the last look: accepted, or waiting."""
        counts = {}
        for event in self.events:
            if event["event"] == "listen" and event["port"] == port:
                counts[event["name"]] = sum(name == event["name"] and at < self.high for name, _, at in self.accepts)
                for witness in self.witnesses.values():
                    for (_, _, _, inode), history in witness["listeners"]:
                        waiting = [value for at, value in history if at < self.high][-1:]
                        if inode == event["inode"] and waiting and waiting[0]:
                            counts[event["name"]] += waiting[0][0]
        return counts

    def listening(self, ports, low, high, namespace=None):
        """Whether somebody listened on one of the ports: "throughout" from low to high, "partly" or "never"."""
        alive, spans = {}, []
        names = {s["name"] for s in self.cell["servers"] if namespace is None or s["ns"] == namespace}
        for event in self.events:
            name = event["name"]
            if event["port"] not in ports or name.rstrip("2") not in {n.rstrip("2") for n in names}:
                continue
            if event["event"] == "listen":
                alive.setdefault(name, event["after"])
            elif name in alive:
                spans.append((alive.pop(name), event["before"], event["after"]))
        spans += [(begin, float("inf"), float("inf")) for begin in alive.values()]
        if any(begin <= low and end >= high for begin, end, _ in spans):
            return "throughout"
        return "partly" if any(begin <= high and ended >= low for begin, _, ended in spans) else "never"

    def ended_between(self, ports, low, high):
        """A listener on one of these ports was closed or shut down in that time."""
        return any(e["event"] in ("close", "shutdown") and e["port"] in ports and e["after"] > low and e["before"] < high
                   for e in self.events)

    def always_there(self, facts):
        """The server's side was there all the time of the last look."""
        return None not in facts.states(self.low, self.before_exit)

    def queued_state(self, states):
        return any(s in ((ESTABLISHED, False), (CLOSE_WAIT, False)) for s in states)

    def half_state(self, states):
        return any(s and s[0] == SYN_RECV for s in states)

"""What the merged report says, held against what the server's side tells without it."""
import collections

import lab
import place

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
GOT_IN = ("connected", "queued", "half_open", "lost", "established")


def end_of(address):
    return f"{lab.SERVER}:{lab.PORT}" == address


class Account:
    """Of one burst: who was accepted, in which second, and the SYNs, their answers and the ends on the wire.

    A verdict is what was so when its host looked last. Then its client is closed, and with its FIN the server gets to know what it had
    lost: so what it accepted only after that refutes nothing."""

    def __init__(self, packets, accepted):
        self.accepted = dict(accepted)
        self.closed = {}
        self.syns, self.answers, self.resets = collections.Counter(), collections.Counter(), set()
        self.first = {}  # of each address, when its first SYN came
        for at, source, destination, flags in packets:
            if source.startswith(f"{lab.BRIDGE}:"):
                continue  # our own questions to the server
            if end_of(destination) and flags & (SYN | ACK) == SYN:
                self.syns[source] += 1
                address = source.rsplit(":", 1)[0]
                self.first[address] = min(at, self.first.get(address, at))
            elif end_of(destination) and flags & (FIN | RST):
                self.closed.setdefault(source, at)
            elif end_of(source) and flags & (SYN | ACK) == SYN | ACK:
                self.answers[destination] += 1
            elif end_of(source) and flags & RST:
                self.resets.add(destination)

    def spread(self):
        """Between the first and the last of the hosts' first SYNs, in seconds."""
        return max(self.first.values()) - min(self.first.values()) if self.first else 0.0

    def accepted_in_time(self, peer):
        """Surely before its host looked last, which is a moment before it closed it."""
        at, closed = self.accepted.get(peer), self.closed.get(peer)
        return at is not None and (closed is None or at + 1.5 < closed)

    def refutes(self, row):
        """Why this cannot be; "" if it can."""
        peer, verdict = row["source"], row["verdict"]
        accepted, answered, early = self.accepted.get(peer), self.answers[peer], self.accepted_in_time(peer)
        if not self.syns[peer]:
            return "no SYN of it was on the wire"
        if verdict == "connected" and accepted is None:
            return "the server did not accept it"
        if verdict in GOT_IN and not answered:
            return "its SYN had no answer"
        if verdict in ("queued", "half_open", "lost", "timed_out") and early:
            return f"the server accepted it at {accepted}, its client was closed at {self.closed.get(peer)}"
        if verdict in ("refused", "reset") and peer not in self.resets:
            return "nothing was reset"
        return ""


def judge(report, account, connections):
    """A list of what is wrong with its rows and sums; how many rows are honest but weak."""
    wrong, rows = [], report["connections"]
    counts = collections.Counter(row["verdict"] for row in rows)
    for row in rows:
        why = account.refutes(row)
        if why:
            wrong.append(f"{row['source']} is called {row['verdict']} ({row['reason']}, {row['evidence']}): {why}")
    told = {word: count for word, count in report["counts"].items() if count}
    if told != dict(counts):
        wrong.append(f"its totals are {told}, its rows {dict(counts)}")
    if len({row["source"] for row in rows}) != len(rows):
        wrong.append("an address and port is in it twice")
    if len(rows) != connections:
        wrong.append(f"it has {len(rows)} rows, not {connections}")
    return wrong, counts["established"]


def named(report):
    """File name to why it was not counted."""
    return {host["file"].rsplit("/", 1)[-1]: host["trouble"] for host in report["merged"]["hosts"] if host["trouble"]}


def expect(what, condition, detail=""):
    if not condition:
        raise place.Wrong(f"{what}: {detail}" if detail else what)

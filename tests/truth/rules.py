"""The rules: which words of a report the account allows. right: a strong word, and true. weak: an honest "cannot tell".
wrong: the account refutes it."""
import re

from account import LATE, first, source_of

RIGHT, WEAK, WRONG = "right", "weak", "wrong"


class Finding:
    def __init__(self, outcome, kind, why="", source=None):
        self.outcome, self.kind, self.why, self.source = outcome, kind, why, source


def since(account, at):
    """A time as the report counts it."""
    return f"{at - account.zero:.3f} s" if at < float("inf") else "never"


# ---- One rule a verdict: (outcome, why) ----

def accepted_before_look(f, account):
    return first(f.accepted) < account.low


def accepted_by_end(f, account):
    return first(f.accepted) < account.high + LATE


def client_connected(f, account):
    return first(f.synack_in) < account.low


def connected(f, row, account):
    if accepted_by_end(f, account):
        return RIGHT, ""
    return WRONG, f"accept() returned it at {since(account, first(f.accepted))}" if f.accepted else "accept() never returned it"


def not_accepted(f, account):
    """For words that say that it was not accepted: the refutation, else None."""
    if accepted_before_look(f, account):
        return WRONG, f"accept() returned it at {since(account, first(f.accepted))}, before the last look"
    return None


def words_of(states):
    names = {1: "established", 3: "syn_recv", 4: "fin_wait1", 5: "fin_wait2", 6: "time_wait", 8: "close_wait", 9: "last_ack"}
    return " or ".join(sorted("none" if not s else names.get(s[0], str(s[0])) + ("/inode" if s[1] else "") for s in states))


def queued(f, row, account):
    refuted = not_accepted(f, account)
    if refuted:
        return refuted
    if account.cell["path"] == "unix" or accepted_by_end(f, account):
        return RIGHT, ""
    states = f.states(account.low, account.high)
    if account.queued_state(states) or (not any(states) and account.entered_unseen(f)):
        return RIGHT, ""
    return WRONG, f"it was not in the queue: the server's side was {words_of(states)}"


def half_open(f, row, account):
    refuted = not_accepted(f, account)
    if refuted:
        return refuted
    if not client_connected(f, account) and not f.synack_in:
        return WRONG, "no SYN-ACK came to the client"
    if f.ports and account.listening(f.ports, account.low, account.high) == "never":
        return WRONG, "nobody listens there any more: the request is dead"
    states = f.states(account.low, account.high)
    if account.half_state(states) or accepted_by_end(f, account):
        return RIGHT, ""
    return WRONG, f"the server's side was {words_of(states)}"


def lost(f, row, account):
    if accepted_by_end(f, account):
        return WRONG, f"accept() returned it at {since(account, first(f.accepted))}"
    if first(f.rst_in) < account.low:
        return WRONG, f"a reset came to the client at {since(account, first(f.rst_in))}"
    if account.always_there(f):
        return WRONG, f"the server's side was there: {words_of(f.states(account.low, account.before_exit))}"
    if not f.synack_out or not f.syn_in:
        return WRONG, "the server's TCP never answered it, so it cannot have forgotten it"
    if not f.synack_in:
        return WRONG, "no SYN-ACK came to the client"
    return RIGHT, ""


def established(f, row, account):
    if not f.synack_in and account.cell["path"] != "unix":
        return WRONG, "no SYN-ACK came to the client"
    if first(f.rst_in) < account.low:
        return WRONG, f"a reset came to the client at {since(account, first(f.rst_in))}"
    reason, here = row.get("reason"), account.cell["dialed_port"]
    if reason == "remote" and account.cell["path"] != "veth":
        return WRONG, "the target is an address of this host"
    if reason == "no_listener" and account.listening({here}, account.begin, account.high, "here") == "throughout":
        return WRONG, "there was a listener all the time"
    if reason in ("translated", "listener_gone"):
        return REASONS_OF_SILENCE[reason](f, account)
    if reason == "no_trace" and account.cell["path"] in ("loop", "own", "device") and account.always_there(f):
        return WRONG, f"the server's side was there: {words_of(f.states(account.low, account.before_exit))}"
    return WEAK, ""


def overflowed(f, account):
    """Its SYN came to a listener and got no answer of any kind."""
    return bool(f.syn_in) and not f.synack_out and not f.rst_in


def nobody_accepts(ports, account):
    """No server on these ports ever accepts: a queue only grows, and no sample misses its peak."""
    return all(s["accept"]["kind"] == "never" for s in account.cell["servers"] if s["port"] in ports)


def queue_full(f, account):
    if not f.syn_in:
        return WRONG, "its SYNs never came to a listener"
    if f.synack_out and not f.unanswered():
        return WRONG, "the listener answered its SYN; the answer got lost"
    if not account.counter("ListenOverflows"):
        return WRONG, "nothing overflowed (ListenOverflows 0)"
    if nobody_accepts(f.ports, account) and not account.ever_full(f.ports):
        return WRONG, "the queue was never full"
    if not any(account.maybe_full(f.ports, at) for at in f.unanswered()):
        return WRONG, "the queue was not full when its SYNs came"
    return (WEAK, "") if f.synack_out else (RIGHT, "")


def syn_queue_full(f, account):
    if not f.syn_in:
        return WRONG, "its SYNs never came to a listener"
    if f.synack_out and not f.unanswered():
        return WRONG, "the listener answered its SYN; the answer got lost"
    if not account.counter("TCPReqQFullDrop"):
        return WRONG, "the SYN queue was never full (TCPReqQFullDrop 0)"
    return (WEAK, "") if f.synack_out else (RIGHT, "")


def no_answer(f, account):
    if account.cell["path"] == "veth":
        return WEAK, ""  # of another host: a full queue and a firewall look the same
    if account.cell["firewall"]["kind"] == "no_route":
        return WEAK, ""
    if overflowed(f, account) and account.counter("ListenDrops"):
        return WRONG, f"a listener dropped its SYN (ListenDrops {account.counter('ListenDrops')})"
    return RIGHT, ""


def answer_lost(f, account):
    return (RIGHT, "") if f.synack_out else (WRONG, "the server's TCP never answered it")


def no_route_back(f, account):
    if account.cell["firewall"]["kind"] != "no_route":
        return WRONG, "there is a route back"
    return (RIGHT, "") if f.syn_in else (WRONG, "its SYNs never came to a listener")


def translated(f, account):
    if account.cell["path"] not in ("redirect", "dnat"):
        return WRONG, "nothing is translated"
    return (WRONG, "its SYNs came to the address that was dialed") if f.ports == {account.cell["dialed_port"]} else (RIGHT, "")


def listener_gone(f, account):
    if account.ended_between({account.cell["dialed_port"], account.cell["server_port"]}, account.begin - LATE, account.high + LATE):
        return WEAK, ""
    return WRONG, "no listener went away"


REASONS_OF_SILENCE = {"queue_full": queue_full, "syn_queue_full": syn_queue_full, "no_answer": no_answer,
                      "answer_lost": answer_lost, "no_route_back": no_route_back, "translated": translated,
                      "listener_gone": listener_gone}


def timed_out(f, row, account):
    if account.cell["path"] == "unix":
        return WRONG, "nothing times out on AF_UNIX"
    if client_connected(f, account) and first(f.rst_in) > account.low:
        return WRONG, f"a SYN-ACK came to the client at {since(account, first(f.synack_in))}"
    if first(f.rst_in) < account.low:
        return WRONG, f"a reset came to the client at {since(account, first(f.rst_in))}"
    rule = REASONS_OF_SILENCE.get(row.get("reason"))
    return rule(f, account) if rule else (WEAK, "")


def refused(f, row, account):
    if account.cell["path"] == "unix":
        if account.listening({0}, account.begin, account.high) == "throughout":
            return WRONG, "somebody listened all the time"
        return RIGHT, ""
    if row.get("reason") == "icmp":
        return (RIGHT, "") if f.icmp_in else (WRONG, "no ICMP message came")
    if f.icmp_in:
        return RIGHT, ""
    if first(f.rst_in) > account.high + LATE:
        return WRONG, "no reset came to the client"
    if first(f.synack_in) < first(f.rst_in):
        return WRONG, "it was established before the reset"
    return RIGHT, ""


def reset(f, row, account):
    if account.cell["path"] == "unix":
        if f.ended or account.ended_between({0}, account.begin, account.high):
            return RIGHT, ""
        return WRONG, "no server ended it"
    if first(f.rst_in) > account.high + LATE:
        return WRONG, "no reset came to the client"
    if first(f.synack_in) > first(f.rst_in):
        return WRONG, "the reset answered its SYN: it was refused"
    return RIGHT, ""


def unreachable(f, row, account):
    if f.icmp_in or account.cell["firewall"]["kind"] == "unreachable_route":
        return RIGHT, ""
    return WRONG, "no ICMP message came, and there is a route"


def would_block(f, row, account):
    if account.cell["path"] != "unix":
        return WRONG, "a TCP connection never would block"
    through = sum(row["verdict"] in ("connected", "queued", "reset", "established") for row in account.report["connections"])
    backlogs = [e["backlog"] for e in account.events if e["backlog"] is not None]
    room = min(backlogs + [account.cell["sysctl"]["net.core.somaxconn"]]) + 1
    if through + account.others < room:
        return WRONG, f"the queue holds {room} and never had so many clients"
    return RIGHT, ""


def local_error(f, row, account):
    if account.cell["firewall"]["kind"] == "unreachable_route":
        return WEAK, ""
    if f.icmp_in:
        return WRONG, f"an ICMP message came ({row.get('error')})"
    return WRONG, f"nothing ran out here ({row.get('error')})"


VERDICTS = {"connected": connected, "queued": queued, "half_open": half_open, "lost": lost, "established": established,
            "timed_out": timed_out, "refused": refused, "reset": reset, "unreachable": unreachable, "would_block": would_block,
            "local_error": local_error}


# Reasons that have a rule, or claim nothing that an account could refute.
KNOWN_REASONS = set(REASONS_OF_SILENCE) | {None, "queue_full", "icmp", "remote", "repeated", "no_listener", "no_trace", "unacknowledged",
                                           "not_seen", "descriptors", "ports", "address", "memory", "permission"}


def judge_row(row, account):
    source = source_of(row)
    if account.uses[source] > 1:  # the kernel gave its port to a later one: whose packets are whose?
        return Finding(WEAK, "a source of two connections")
    facts = account.of(source) if source else account.of(("nobody", 0))
    kind = row["verdict"] + ("/" + row["reason"] if row.get("reason") else "")
    rule = VERDICTS.get(row["verdict"])
    outcome, why = rule(facts, row, account) if rule else (WEAK, "an unknown word")
    if row.get("reason") not in KNOWN_REASONS:
        kind += " (no rule for this reason)"
    if outcome != WRONG:
        why_time = times_of_row(row, facts, account)
        if why_time:
            outcome, kind, why = WRONG, row["verdict"] + " (figures)", why_time
    return Finding(outcome, kind, why, source)


def times_of_row(row, facts, account):
    """What is wrong with a row's times and numbers, or None."""
    established_at, accepted_at, age = row.get("established_us"), row.get("accepted_us"), row.get("age_us")
    if accepted_at is not None and row["verdict"] in ("queued", "half_open", "lost", "timed_out", "refused", "would_block"):
        return "an accept time on a row that was not accepted"
    if established_at is not None and row["verdict"] in ("timed_out", "refused", "unreachable", "would_block"):
        return "a time of being established on a row that never was"
    if None not in (established_at, accepted_at) and accepted_at < established_at:
        return f"accepted at {accepted_at} us, established at {established_at} us"
    if accepted_at is not None and facts.accepted and account.zero + accepted_at / 1e6 + LATE < first(facts.accepted):
        return f"seen accepted at {accepted_at} us, accept() returned it at {since(account, first(facts.accepted))}"
    sent = len(facts.syn_sent) - 1, len([at for at in facts.syn_sent if at < account.low]) - 1
    if facts.syn_sent and not sent[1] <= row["syn_retransmits"] <= sent[0]:
        return f"{row['syn_retransmits']} repeated SYNs, {sent[0]} on the wire"
    if age is not None and age / 1e6 > account.high - account.begin + 0.05:
        return f"waiting for {age} us, longer than the run"
    return None


# ---- The report as a whole ----

def consistency(report, account):
    rows, counts = report["connections"], report["counts"]
    if sum(counts.values()) != len(rows):
        yield "counts", f"the counts add up to {sum(counts.values())}, there are {len(rows)} rows"
    for verdict, count in counts.items():
        seen = sum(row["verdict"] == verdict for row in rows)
        if count != seen:
            yield "counts", f"{verdict}: {count} counted, {seen} rows"
    if len(rows) != account.cell["probe"]["count"]:
        yield "counts", f"{len(rows)} rows of {account.cell['probe']['count']} connections"
    if account.cell["path"] == "unix":
        room = max(e["backlog"] for e in account.events if e["backlog"] is not None) + 1
        if counts["queued"] > room:
            yield "counts", f"{counts['queued']} queued, the queue never holds more than {room}"
    yield from check_listener(report, account)
    yield from check_overflows(report, account)


def check_listener(report, account):
    listener = report.get("listener")
    if not listener or account.cell["path"] == "unix" or any(t.get("listener_gone") for t in report["targets"]):
        return
    begun, accepted = account.moves()
    for member, which, more, less in (("queue", 0, begun, accepted), ("backlog", 1, 0, 0)):
        ranges = account.queue_range(listener["port"], which)
        if not ranges:
            continue
        value = listener[member]
        ranges.append((sum(low for low, _ in ranges), sum(high for _, high in ranges)))  # a group is told as one
        if not any(low - less <= value <= high + more for low, high in ranges):
            yield "listener." + member, f"{member} {value}, seen {ranges[:-1]}"


def overflow_bounds(report):
    """Every {min, max} of overflows that the report has of a listener (backlogctl.probe/2)."""
    for place in [report.get("counters")] + report.get("targets", []):
        bounds = (place or {}).get("overflows")
        if isinstance(bounds, dict):
            yield (place.get("port") or report["target"].get("port")), bounds.get("min"), bounds.get("max")


def check_overflows(report, account):
    highest = account.counter("ListenOverflows", early=0.2) + account.counter("TCPReqQFullDrop", early=0.2)
    for port, low, high in overflow_bounds(report):
        ours = [account.of(source_of(row)) for row in report["connections"] if source_of(row)]
        lowest = 0
        if highest and account.cell["firewall"]["kind"] != "no_route":
            dropped = [f for f in ours if f.ports == {port} and overflowed(f, account)]
            other = account.counter("ListenDrops", early=0.2) - account.counter("ListenOverflows")  # full SYN queues
            lowest = sum(at < account.low for f in dropped for at in f.syn_in) - other
        if low is not None and low > highest:
            yield "overflows", f"at least {low} overflows told, {highest} counted in the namespace"
        if high is not None and high < lowest:
            yield "overflows", f"at most {high} overflows told, {lowest} of our SYNs were dropped"


# ---- The explanation: a phrase that it may use only if the account does not refute it ----

def rows_with(account, verdict):
    return [row for row in account.report["connections"] if row["verdict"] == verdict]


def alone(account):
    """One listener in the namespace: the counters are its own."""
    return len(account.cell["servers"]) == 1


def somebody_accepts(account):
    plans = account.cell["servers"] + [a["plan"] for a in account.cell["actions"] if a["do"] == "replace"]
    return any(plan["accept"]["kind"] != "never" for plan in plans if plan["name"] != "elsewhere")


def hash_was_uneven(account):
    counts = account.arrivals(account.cell["server_port"]).values()
    return not counts or max(counts) > 1.5 * min(counts) + 2


def all_dropped_by_a_listener(account):
    """Every SYN of those that timed out without a reason came to a listener, which did not answer."""
    silent = [account.of(source_of(row)) for row in rows_with(account, "timed_out") if not row.get("reason")]
    return all(overflowed(f, account) and len(f.syn_in) == len(f.syn_sent) for f in silent)


def died_on_the_way(account):
    """Or the text tells of translation too."""
    told = re.search("translat|NAT|elsewhere|carried", account.report["explanation"])
    return told or account.cell["firewall"]["kind"] == "no_route" or not all_dropped_by_a_listener(account)


def not_only_a_full_queue(account):
    other = account.cell["firewall"]["kind"] != "none" or account.counter("TCPReqQFullDrop") \
        or not account.counter("ListenOverflows")
    return other or not all_dropped_by_a_listener(account)


def namespace_dialed(account):
    return "there" if account.cell["path"] == "veth" else "here"


PHRASES = [
    (r"The accept queue was full", lambda a: a.counter("ListenOverflows") > 0, "nothing overflowed"),
    (r"The SYN queue was full", lambda a: a.counter("TCPReqQFullDrop") + a.counter("TCPReqQFullDoCookies") > 0, "it was not"),
    (r"full queue or is held by TCP_DEFER_ACCEPT",
     lambda a: a.counter("ListenOverflows") + a.counter("TCPDeferAcceptDrop") > 0, "neither happened"),
    (r"tcp_abort_on_overflow=1",  # that of another namespace is not to be seen
     lambda a: a.cell["two"] or a.cell["sysctl"].get("net.ipv4.tcp_abort_on_overflow") == 1, "it is 0"),
    (r"set net\.ipv4\.tcp_syncookies=1", lambda a: a.cell["sysctl"].get("net.ipv4.tcp_syncookies") == 0, "it is not 0"),
    (r"hash was uneven", hash_was_uneven, "it was even; a member accepts less than the others"),
    (r"REJECT rule does",
     lambda a: a.cell["firewall"]["kind"] in ("reject_icmp", "reject_rst", "connlimit_rst"), "there is none"),
    (r"listener dropped nothing", lambda a: not alone(a) or not a.counter("ListenDrops", True), "it did (ListenDrops)"),
    (r"Nothing was dropped", lambda a: not alone(a) or not a.counter("ListenDrops", True), "it was (ListenDrops)"),
    (r"nobody listens (there|on \S+)\.( |$)",
     lambda a: a.listening({a.cell["dialed_port"]}, a.begin, a.high, namespace_dialed(a)) != "throughout", "somebody does"),
    (r"nobody listens on \S+, but \S+ does",
     lambda a: a.listening({a.cell["dialed_port"]}, a.begin, a.high, namespace_dialed(a)) != "never", "nobody does"),
    (r"raise (its|the) backlog|raise net\.core\.somaxconn", somebody_accepts, "nobody accepts: a longer queue does not help"),
    (r"something on the way dropped the SYNs", died_on_the_way, "they came to a listener, which dropped them"),
    (r"full queue is not the whole story", not_only_a_full_queue, "it is: the listener got all the SYNs"),
    (r"accepted none of the connections",
     lambda a: not any(accepted_before_look(a.of(source_of(row)), a) for row in a.report["connections"] if source_of(row)),
     "it accepted some"),
    (r"went away or was replaced",
     lambda a: a.ended_between({a.cell["dialed_port"], a.cell["server_port"]}, a.begin - LATE, a.high + LATE), "it did not"),
    (r"no listener was seen there",
     lambda a: a.listening({a.cell["dialed_port"]}, a.begin, a.high, namespace_dialed(a)) != "throughout", "there is one"),
]


def explanation(report, account):
    text = report.get("explanation") or ""
    for pattern, holds, why in PHRASES:
        found = re.search(pattern, text)
        if found and not holds(account):
            yield "text: " + found.group(0), why


def judge(report, account):
    """Every finding of a report."""
    findings = [judge_row(row, account) for row in report["connections"]]
    findings += [Finding(WRONG, "report: " + kind, why) for kind, why in consistency(report, account)]
    findings += [Finding(WRONG, kind, why) for kind, why in explanation(report, account)]
    return findings

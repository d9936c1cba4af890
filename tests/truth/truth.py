#!/usr/bin/env python3
"""The truth test: random experiments of `backlogctl probe` at servers that keep their own account. Every verdict is compared
with the account: `wrong` (a word that the account refutes) must be 0; `weak` (an honest "cannot tell") is counted.
Needs root, nft, ip; works in namespaces of its own that vanish with it."""
import argparse
import collections
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True  # the tree stays clean

import account as accounts
import cells
import rules
import server
import witness
import world as worlds

SKIP = 77  # what ctest takes for "skipped"
CELL_SECONDS = 40
STARVED = 0.06  # a witness that did not run for longer than the rules allow for refutes nothing: such a cell is made again,
ATTEMPTS = 4    # so often at most


# ---- One cell, as the first process of namespaces of its own ----

def run_probe(options, cell):
    """(report or None, what went wrong, times)"""
    command = [options.backlogctl, "probe", "--json"] + cells.probe_options(cell)
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=CELL_SECONDS / 2)
    times = {"began": began, "exited": time.monotonic()}
    if done.returncode:
        return None, f"exit status {done.returncode}: {done.stderr.strip()[-300:]}", times
    return json.loads(done.stdout), "", times


def start_helpers(cell, world):
    helpers = {}
    if cell["path"] != "unix":
        for name, namespace in world.namespaces.items():
            helpers[name, "packets"] = worlds.Helper("capture", namespace, witness.capture)
            helpers[name, "samples"] = worlds.Helper("sampler", namespace, witness.sampler)
    for name, namespace in world.namespaces.items():
        plans = [plan for plan in cell["servers"] if plan["ns"] == name]
        if plans:
            actions = cell["actions"] if plans[0]["name"] == "main" else []
            helpers[name, "server"] = worlds.Helper("server", namespace, server.serve, plans, actions)
    if cell["traffic"]:
        helpers["here", "traffic"] = worlds.Helper("traffic", world.here, server.traffic, cell["traffic"])
    return helpers


def gather(helpers):
    evidence = {"servers": {}, "others": 0, "starved": [0.0]}
    for (namespace, what), helper in helpers.items():
        found = helper.finish()
        if what == "server":
            evidence["servers"][namespace] = found
        elif what == "traffic":
            evidence["others"] = found["begun"]
        else:
            evidence["starved"] += found.pop("starved")
            evidence.setdefault(namespace, {}).update(found)
    return evidence


def perform(options, cell):
    """Builds the world, runs the probe in it; the evidence and the report."""
    world = worlds.World(cell)
    if cell["path"] != "unix":
        world.load(worlds.rule_texts(cell))
    helpers = start_helpers(cell, world)
    zero = time.monotonic() + 0.02
    for helper in helpers.values():
        helper.go(zero)
    time.sleep(max(0.0, zero + cell["probe_at"] - time.monotonic()))
    report, trouble, times = run_probe(options, cell)
    time.sleep(0.05)
    evidence = gather(helpers)
    evidence.update(times)
    return report, trouble, evidence


def judge_cell(options, cell):
    """What the driver gets to know of a cell."""
    report, trouble, evidence = perform(options, cell)
    if report is None:
        return {"findings": [[rules.WRONG, "report: none", trouble, None]], "connections": 0}
    if any(evidence[name].get("missed") for name in ("here", "there") if name in evidence):
        return {"trouble": "the capture missed packets"}
    account = accounts.Account(cell, evidence, report)
    account.others = evidence["others"]
    findings = rules.judge(report, account)
    result = {"findings": [[f.outcome, f.kind, f.why, f.source] for f in findings], "connections": len(report["connections"]),
              "starved": max(evidence["starved"])}
    if options.keep:
        with open(os.path.join(options.keep, f"{cell['seed']}-{cell['index']}.json"), "w") as file:
            json.dump({"report": report, "evidence": evidence, "cell": dict(cell, tags=sorted(cell["tags"]))}, file)
    return result


def first_process(options, cell, out):
    worlds.die_with_parent()
    worlds.mount_own_proc()
    try:
        result = judge_cell(options, cell)
    except Exception:
        result = {"trouble": traceback.format_exc()}
    with os.fdopen(out, "w") as file:
        json.dump(result, file)


def cell_process(options, cell, out):
    """Between the driver and the first process: a process cannot enter the pid namespace that it made."""
    worlds.die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    worlds.enter_private_namespaces()
    pid = os.fork()
    if not pid:
        first_process(options, cell, out)
        os._exit(0)
    os.close(out)
    os.waitpid(pid, 0)


class Running:
    """A cell under way."""

    def __init__(self, options, cell, attempt):
        self.cell, self.attempt, self.data = cell, attempt, b""
        self.fd, out = os.pipe()
        self.deadline = time.monotonic() + CELL_SECONDS
        self.pid = os.fork()
        if not self.pid:
            status = 1
            try:
                os.close(self.fd)
                cell_process(options, cell, out)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(out)

    def read(self):
        """False when it is over."""
        got = os.read(self.fd, 1 << 20)
        self.data += got
        return bool(got)

    def end(self):
        """Ends it if need be; its result."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        return json.loads(self.data) if self.data else {"trouble": "it ended without a result"}


# ---- The driver ----

def refuted_by_starved(result):
    return result.get("starved", 0) > STARVED and any(outcome == rules.WRONG for outcome, *_ in result["findings"])


class Tally:
    def __init__(self, tell_weak):
        self.tell_weak = tell_weak
        self.cells = self.connections = self.troubles = self.left_out = 0
        self.outcomes, self.kinds = collections.Counter(), collections.Counter()

    def add(self, cell, result):
        where = f"{cell['seed']}:{cell['index']}"
        if "trouble" in result:
            self.troubles += 1
            print(f"TROUBLE {where} {cells.describe(cell)}\n    {result['trouble'].strip()}", flush=True)
            return
        if refuted_by_starved(result):
            self.left_out += 1
            print(f"left out {where}: a witness did not run for {result['starved'] * 1000:.0f} ms, {ATTEMPTS} times", flush=True)
            return
        self.cells += 1
        self.connections += result["connections"]
        told = collections.OrderedDict()
        for outcome, kind, why, source in result["findings"]:
            self.outcomes[outcome] += 1
            self.kinds[outcome, kind] += 1
            if outcome == rules.WRONG:
                told.setdefault((kind, re.sub(r"-?\d+(\.\d+)?", "#", why)), []).append((why, source))
        for (kind, _), ones in told.items():
            why, source = ones[0]
            print(f"WRONG {where} {len(ones)}x {kind}: {why}{f' e.g. {source[0]}:{source[1]}' if source else ''}", flush=True)
        weak = collections.Counter(kind for outcome, kind, _, _ in result["findings"] if outcome == rules.WEAK) if self.tell_weak else {}
        for kind, count in weak.items():
            print(f"weak {where} {count}x {kind}", flush=True)
        if told or weak:
            print(f"    {cells.describe(cell)}", flush=True)

    def summary(self, seed):
        for outcome in (rules.WRONG, rules.WEAK):
            for (of, kind), count in sorted(self.kinds.items(), key=lambda item: -item[1]):
                if of == outcome:
                    print(f"  {outcome:5} {count:6} {kind}")
        o = self.outcomes
        if self.left_out:
            print(f"{self.left_out} cells left out: this machine is too busy for their witnesses")
        if self.troubles:
            print(f"{self.troubles} cells could not be made or judged")
        print(f"{self.cells} cells, {self.connections} connections: right {o['right']}, weak {o['weak']}, wrong {o['wrong']} "
              f"(seed {seed})")


def chosen_cells(options):
    if options.replay:
        seed, index = options.replay.rsplit(":", 1)
        yield cells.choose(seed, int(index))
        return
    index = made = 0
    while made < options.cells and index < 100 * options.cells:
        cell = cells.choose(options.seed, index)
        index += 1
        if set(options.only) <= cell["tags"] and not options.left_out & cell["tags"]:
            made += 1
            yield cell


def drive(options, tally):
    until = time.monotonic() + options.seconds
    waiting, running = chosen_cells(options), {}
    try:
        while True:
            while len(running) < options.jobs and time.monotonic() < until:
                cell = next(waiting, None)
                if not cell:
                    break
                one = Running(options, cell, 1)
                running[one.fd] = one
            if not running:
                return
            ready = select.select(list(running), [], [], 1.0)[0]
            late = [fd for fd, one in running.items() if one.deadline < time.monotonic()]
            for fd in set(ready + late):
                if fd in ready and running[fd].read() and fd not in late:
                    continue
                one = running.pop(fd)
                result = one.end()
                if refuted_by_starved(result) and one.attempt < ATTEMPTS:
                    one = Running(options, one.cell, one.attempt + 1)
                    running[one.fd] = one
                    continue
                tally.add(one.cell, result)
    finally:
        for one in running.values():
            one.end()


def in_a_namespace(work):
    """What work() says in a child process with a network of its own: true or false."""
    pid = os.fork()
    if not pid:
        try:
            worlds.call("unshare", worlds.CLONE_NEWNET)
            os._exit(not work())
        except OSError:
            os._exit(1)
    return not os.waitpid(pid, 0)[1]


def takes(*rules_of_a_chain, hook="filter hook input priority 0"):
    """Whether nft and the kernel know these."""
    text = "table inet t {\nchain c { type " + hook + ";\n" + "\n".join(rules_of_a_chain) + "\n}\n}\n"
    return subprocess.run(["nft", "-f", "-"], input=text, text=True, capture_output=True).returncode == 0


def missing():
    """Why it cannot run here, or None."""
    if os.geteuid():
        return "needs root"
    for tool in ("ip", "nft", "sysctl"):
        if not shutil.which(tool):
            return f"needs {tool}"
    if not in_a_namespace(lambda: takes('log prefix "i" ' + worlds.LOG) and witness.open_log()):
        return "namespaces, or nft's log statement, are not to be had here"
    return None


# Kinds of cells, and the rules that they need.
NEEDS = {"connlimit_drop": ["ct state new ct count over 3 drop"], "connlimit_rst": ["ct state new ct count over 3 drop"],
         "synproxy": ["tcp dport 1 synproxy mss 1460 wscale 7 timestamp sack-perm"], "loss": ["numgen random mod 4 == 0 drop"],
         "every_second": ["numgen inc mod 2 == 0 accept"], "reject_rst": ["reject with tcp reset"],
         "reject_icmp": ["reject with icmpx port-unreachable"]}


def kinds_left_out():
    left_out = {kind for kind, needed in NEEDS.items() if not in_a_namespace(lambda: takes(*needed))}
    nat = "nat hook output priority -100"
    if not in_a_namespace(lambda: takes("tcp dport 1 redirect to :2", "tcp dport 3 dnat ip to 10.1.1.1:2", hook=nat)):
        left_out |= {"redirect", "dnat"}
    if not os.path.exists("/proc/net/if_inet6"):
        left_out |= {"ipv6", "ipvmapped"}
    return left_out


def parse(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default=str(int(time.time())), help="of the random choice (default: the time)")
    parser.add_argument("--cells", type=int, default=500, help="how many experiments (default 500)")
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help="only cells of that kind, such as redirect, "
                        "drop_syn, close, fastopen, ipv6; repeatable: all of them")
    parser.add_argument("--seconds", type=float, default=3600, help="begin no cell after so long (default 3600)")
    parser.add_argument("--replay", metavar="SEED:CELL", help="this one cell again")
    parser.add_argument("--jobs", type=int, default=4, help="cells at a time (default 4; they mostly wait)")
    parser.add_argument("--backlogctl", default=os.path.join(here, "../../build/plain/backlogctl"), metavar="PATH")
    parser.add_argument("--weak", action="store_true", help="print each cell with weak words, too")
    parser.add_argument("--verbose", action="store_true", help="keep each cell's evidence and say where")
    return parser.parse_args(argv)


def main(argv):
    options = parse(argv)
    why = missing()
    if why:
        print(f"skipped: {why}")
        return SKIP
    options.backlogctl = os.path.abspath(options.backlogctl)
    options.keep = tempfile.mkdtemp(prefix="truth.") if options.verbose else None
    if options.keep:
        print(f"evidence in {options.keep}")
    options.left_out = kinds_left_out()
    if options.left_out:
        print(f"left out, as nft or the kernel has them not: {', '.join(sorted(options.left_out))}")
    tally = Tally(options.weak)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        drive(options, tally)
    finally:
        tally.summary(options.replay or options.seed)
    return 1 if tally.outcomes[rules.WRONG] or tally.troubles else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

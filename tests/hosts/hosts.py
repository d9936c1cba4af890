#!/usr/bin/env python3
"""One burst from several hosts, as backlogctl-hosts(7) has it: client namespaces on a bridge, a server with its own account among them,
`probe` on each client, `observe` at the server, `merge` of all. What the merged report says is held against the server's account and
against the packets, as tcpdump has them. Then hosts fail: one is killed, one has a wrong clock, reports are cut or of another version.
Works in namespaces of its own that vanish with it; needs root, ip, nsenter and tcpdump."""
import argparse
import calendar
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True  # the tree stays clean

import account as accounts
import burst as bursts
import lab as labs
import recipes

import place

SKIP = 77  # what ctest takes for "skipped"
FAKETIME = "/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1"
CLOCK_OFF = 3.0
expect = accounts.expect


def say(text):
    print(text, flush=True)


def keep(options, folder):
    if options.keep:
        shutil.copytree(folder, os.path.join(options.keep, os.path.basename(folder)), dirs_exist_ok=True)


# ---- A burst that goes well ----

def await_answers(packets, the_lab):
    """tcpdump writes what it has in its own time."""
    if not packets.finish():
        raise place.Skip("tcpdump missed packets: this machine is too busy for it")
    return packets.read()


def seconds(stamp):
    """Of RFC 3339, since 1970."""
    return calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) + float(stamp[19:-1] or 0)


def check_drops(report, overflows, server):
    """The listener's own figure against the namespace's, which nobody else counts in. Returns the latter's bounds."""
    begin = seconds(report["started_at"])
    least, most = overflows.between(begin, begin + report["elapsed_us"] / 1e6)
    told = report["counters"]["overflows"]
    low, high = (told["min"], told["max"]) if isinstance(told, dict) else (told, told)  # None: not known
    expect("drops", (low is None or low <= most) and (high is None or high >= least), f"the report says {told}, nstat's counter grew by {least} to {most}")
    line = server.host.run("ss", "-Hltn", f"sport = :{labs.PORT}").split()
    if not report["listener"]:
        return least, most
    expect("backlog", int(line[2]) == report["listener"]["backlog"], f"ss says {line[2]}, the report {report['listener']['backlog']}")
    return least, most


def check_clocks(report, wanted, held_up):
    """`wanted`: seconds by which the clock of a file's host is ahead. `held_up`: packets may have been, on the way."""
    for host in report["merged"]["hosts"]:
        ahead = wanted.get(host["file"].rsplit("/", 1)[-1], 0.0)
        shift = host["shift_us"] if not host["trouble"] and host["matched"] else None
        if shift and shift["min"] is not None and shift["max"] is not None:
            # A starved path holds up packets for seconds: then a clock may seem to be behind, and the report says that it may be that.
            expect(f"clock of {host['host']}", -ahead * 1e6 <= shift["max"] and (held_up or shift["min"] <= -ahead * 1e6),
                   f"{shift}, but it is {ahead:+} s ahead")
            expect(f"clock of {host['host']}", held_up or bool(host["shifted_us"]) == bool(ahead), f"moved by {host['shifted_us']} us")


def clean_burst(the_lab, options, server):
    """Returns it and its account."""
    packets = bursts.Packets("near" if the_lab.wire else "server")
    overflows, counted = bursts.Overflows(the_lab.server), server.settled()
    burst = bursts.Burst(the_lab, "clean", options, options.lead)
    statuses = burst.finish()
    expect("probe", not any(statuses), f"statuses {statuses}")
    server.settled()
    overflows.finish()
    expect("nstat", overflows.samples[-1][1] == bursts.nstat(the_lab.server, "TcpExtListenOverflows"))
    account = accounts.Account(await_answers(packets, the_lab), server.accepted())
    report, said = burst.merge()
    keep(options, burst.folder)
    wrong, weak = accounts.judge(report, account, options.connections)
    counts = {word: count for word, count in report["counts"].items() if count}
    say(f"clean: {len(the_lab.clients)} hosts, {options.connections} connections: {json.dumps(counts)}")
    for line in wrong[:20]:
        say(f"    {line}")
    expect("verdicts", not wrong, f"{len(wrong)} wrong")
    got = len(account.accepted)
    expect("accepts", report["counts"]["connected"] <= got, f"connected {report['counts']['connected']}, accepted {got}")
    expect("nobody is missing", not accounts.named(report) and report["merged"]["unreported"] == 0, str(accounts.named(report)))
    dropped = check_drops(report, overflows, server)
    check_clocks(report, {}, bool(the_lab.wire))
    say(f"    the server accepted {got} (its log{', and stub_status' if counted is not None else ''}), 0 wrong verdicts, {weak} that cannot "
        f"tell; dropped {dropped[0]} to {dropped[1]} (nstat), the report says {json.dumps(report['counters']['overflows'])}")
    say(f"    first SYNs of the {len(account.first)} hosts within {account.spread() * 1e3:.1f} ms of each other (tcpdump), by the report "
        f"{report['merged']['apart_us'] / 1e3:.1f} ms; the queue was {report['merged']['observers'][0]['peak']} long at least")
    if options.within:
        expect(f"hosts begin within {options.within} ms", account.spread() * 1e3 <= options.within, f"{account.spread() * 1e3:.1f} ms")
    return burst, account


# ---- Reports that cannot be used ----

def share_of(connections, index, of):
    return (connections - index) // of + 1


def check_the_rest(report, account, options, troubled):
    """`troubled`: file to a word of why it is not counted. All others are right, and what is missing is counted."""
    of = options.hosts
    missing = sum(share_of(options.connections, int(name[6:-5]), of) for name in troubled)
    found = accounts.named(report)
    expect("named", set(found) == set(troubled), f"{found}, want {list(troubled)}")
    for name, word in troubled.items():
        expect(f"{name} is named with the reason", word in found[name], found[name])
    wrong, _ = accounts.judge(report, account, options.connections - missing)
    expect("the rest is right", not wrong, "; ".join(wrong[:5]))
    expect("what is missing", report["merged"]["unreported"] == missing, f"{report['merged']['unreported']}, not {missing}")
    expect("which shares are missing", report["merged"]["absent"] == sorted(int(name[6:-5]) for name in troubled),
           str(report["merged"]["absent"]))


def damaged_reports(the_lab, options, burst, account):
    chance = random.Random(options.seed)
    files, one, two = list(burst.files), *chance.sample(range(len(burst.files)), 2)
    with open(files[one], "rb") as file:
        whole = file.read()
    at = chance.randrange(1, len(whole) - 2)
    damaged = f"{burst.folder}/damaged"
    os.mkdir(damaged)
    for i in (one, two):
        files[i] = f"{damaged}/{the_lab.clients[i].name}.json"
    with open(files[one], "wb") as file:
        file.write(whole[:at])
    with open(burst.files[two], encoding="utf-8") as file:
        text = file.read()
    version = json.loads(text)["version"]
    place.write(files[two], text.replace(f'"version":"{version}"', '"version":"0.1.9"', 1))
    report, said = burst.merge(files=files)
    troubled = {os.path.basename(files[one]): "", os.path.basename(files[two]): "version '0.1.9'"}
    check_the_rest(report, account, options, troubled)
    say(f"damaged: {os.path.basename(files[one])} cut at byte {at} of {len(whole)}, {os.path.basename(files[two])} from version 0.1.9: "
        "both named, the rest right")
    for name, why in accounts.named(report).items():
        say(f"    {name}: {why}")


# ---- Hosts that fail ----

def find_faketime():
    path = FAKETIME.format(os.uname().machine)
    return path if os.path.exists(path) else None


class BadBurst(bursts.Burst):
    """One host's clock is ahead; one, that is to be killed, is patient enough to be there until then."""
    ahead, dead, preload = 0, 0, None

    def begin(self, host, share, options, timeout=None, before=()):
        if share - 1 == self.dead:
            return super().begin(host, share, options, "10m")
        if share - 1 != self.ahead or not self.preload:
            return super().begin(host, share, options)
        return super().begin(host, share, options, before=["env", f"LD_PRELOAD={self.preload}", f"FAKETIME=+{CLOCK_OFF}s",
                                                           "FAKETIME_DONT_FAKE_MONOTONIC=1"])


def move_clock(file, by):
    """What a host with such a clock would have written, but for the moment at which it begins."""
    text = place.read(file)
    stamp = json.loads(text)["started_at"]
    moved = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(seconds(stamp)) + by))
    place.write(file, text.replace(f'"started_at":"{stamp}"', f'"started_at":"{moved}{stamp[19:]}"', 1))


def failing_hosts(the_lab, options, server):
    BadBurst.ahead, BadBurst.dead = random.Random(options.seed + 1).sample(range(len(the_lab.clients)), 2)
    BadBurst.preload = None if options.sanitized else find_faketime()
    accepted_before = len(server.accepted())
    packets = bursts.Packets("near" if the_lab.wire else "server")
    burst = BadBurst(the_lab, "failing", options, options.lead + CLOCK_OFF)
    dead = BadBurst.dead
    victim = burst.probes[dead]
    place.await_that("the host that is to be killed sends nothing",
                     lambda: victim.poll() is not None or the_lab.clients[dead].run("ss", "-Htan", f"dport = :{labs.PORT}"))
    victim.kill()
    burst.finish()
    account = accounts.Account(await_answers(packets, the_lab), server.accepted()[accepted_before:])
    keep(options, burst.folder)
    if not BadBurst.preload:
        move_clock(burst.files[BadBurst.ahead], int(CLOCK_OFF))
    report, said = burst.merge()
    check_the_rest(report, account, options, {os.path.basename(burst.files[dead]): "it is empty: its host may have been killed"})
    check_clocks(report, {os.path.basename(burst.files[BadBurst.ahead]): CLOCK_OFF}, bool(the_lab.wire))
    host = report["merged"]["hosts"][BadBurst.ahead]
    bounds = [f"{n / 1e6:.3f} s" if n is not None else "unknown" for n in (host["shift_us"]["min"], host["shift_us"]["max"])]
    how = "libfaketime" if BadBurst.preload else "its report's started_at was edited, for libfaketime is missing"
    say(f"failing: {the_lab.clients[dead].name} killed in the middle: named, the rest right; {host['host']} with its clock {CLOCK_OFF} s ahead "
        f"({how}): by the report {bounds[0]} to {bounds[1]}, its times moved by "
        f"{host['shifted_us'] / 1e6:.3f} s")


# ---- The driver ----

def work(options, out):
    the_lab = labs.Lab(options.backlogctl, options.hosts, options.wire if options.delay else None, options.delay)
    os.environ["PATH"] = f"{labs.ROOT}/bin:{os.environ['PATH']}"
    if options.command:
        the_lab.begin_ssh()
        os.environ["SERVER_PID"] = str(the_lab.server.pid)
        os.chdir(f"{labs.ROOT}/work")
        out.status = subprocess.run(["sh", "-c", options.command], check=False).returncode
        return
    server = bursts.Server(the_lab, 2 * options.connections)
    if options.recipes:
        out.status = recipes.run_all(options, the_lab, server)
        return
    burst, account = clean_burst(the_lab, options, server)
    damaged_reports(the_lab, options, burst, account)
    failing_hosts(the_lab, options, server)
    if the_lab.wire:
        the_lab.wire.terminate()
        lines = the_lab.wire.stdout.read().decode().split("\n")
        say(f"the path took {options.delay / 1e3:g} ms each way: to the server {lines[0]}; back {lines[1]}")
    out.status = 0


class Outcome:
    status = 1


def first_process(options):
    out = Outcome()
    try:
        work(options, out)
    except place.Wrong as reason:
        say(f"WRONG: {reason} (seed {options.seed})")
    except place.Skip as reason:
        say(f"skipped: {reason}")
        out.status = SKIP
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(out.status)


def missing():
    """Why it cannot run here, or None."""
    if os.geteuid():
        return "several hosts on one bridge take root"
    for tool in ("ip", "nsenter", "tcpdump", "nstat", "ss"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    return None


def parse(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    build = os.path.join(here, "../../build/plain")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=32, help="clients, 4 to 150 (default 32)")
    parser.add_argument("--connections", type=int, default=20000, help="of all together (default 20000)")
    parser.add_argument("--rate", type=int, help="so many a second (default: all at once, of which two processors make a second)")
    parser.add_argument("--timeout", default="5s", help="patience of a burst (default 5s)")
    parser.add_argument("--lead", type=float, default=6, help="seconds between the word and the burst (default 6)")
    parser.add_argument("--delay", type=int, default=0, metavar="US", help="of the path to the server, each way, in microseconds")
    parser.add_argument("--within", type=float, metavar="MS", help="all hosts have to begin within so many milliseconds")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random choices (default: the time)")
    parser.add_argument("--keep", metavar="FOLDER", help="put a copy of the reports there")
    parser.add_argument("--recipes", action="store_true", help="try those of backlogctl-hosts(7), each by its own tool, with 4 hosts")
    parser.add_argument("--only", action="append", default=[], metavar="TOOL", help="only the recipe of this tool; repeatable")
    parser.add_argument("--command", help="run this in the lab, with an sshd on each host, and nothing else")
    parser.add_argument("--sanitized", action="store_true", help="the program is of a build with sanitizers")
    parser.add_argument("--backlogctl", default=os.path.join(build, "backlogctl"), metavar="PATH")
    parser.add_argument("--wire", default=os.path.join(build, "tests/hosts_wire"), metavar="PATH", help="for --delay")
    options = parser.parse_args(argv)
    if not 4 <= options.hosts <= labs.MOST_CLIENTS:
        parser.error(f"--hosts: want 4 to {labs.MOST_CLIENTS}")
    options.backlogctl, options.wire = os.path.abspath(options.backlogctl), os.path.abspath(options.wire)
    if options.delay and not os.path.exists(options.wire):
        parser.error(f"--delay: {options.wire} is not built; it is beside the tests: give --wire")
    if options.recipes:
        options.hosts = 4
    return options


def main(argv):
    options = parse(argv)
    reason = missing()
    if reason:
        say(f"skipped: {reason}")
        return SKIP
    try:
        return place.inside(first_process, options)
    except OSError as error:
        say(f"skipped: namespaces are not to be had here: {error}")
        return SKIP


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Random bursts at random servers that `backlogctl run -- COMMAND` starts. The server keeps its own account, the source of every
connection that its accept() returned and when; each verdict is compared with it.

A verdict is wrong if the account refutes it: "connected" of one that was never accepted; "lost", "timed_out" and the like of one that
had been accepted when the run was over. Reproduce a cell with the same --seed and --only."""

import argparse
import collections
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile

SERVER = '''
import os, select, signal, socket, sys, threading, time
address, backlog, accepts, delay, habit, account = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5], sys.argv[6]
listener = socket.socket()
listener.bind((address, 60001))
listener.listen(backlog)
out = os.open(account, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
clients = []

def connect_to(port, pause):
    """Traffic of its own, which moves the namespace's counters."""
    while True:
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        clients.append(client)
        time.sleep(pause)

if habit == "other":
    second = socket.socket()
    second.bind(("127.0.0.1", 60002))
    second.listen(0)
if habit in ("other", "self"):
    threading.Thread(target=connect_to, args=(60002 if habit == "other" else 60001, 0.02), daemon=True).start()
# What accept() has returned is written down before a signal may end the server.
busy = ended = False

def end(*_):
    global ended
    ended = True
    if not busy:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

signal.signal(signal.SIGTERM, end)
done = 0
while done != accepts:
    select.select([listener], [], [])
    busy = True
    client, source = listener.accept()
    os.write(out, ("%s:%d %f\\n" % (*source, time.time())).encode())
    busy = False
    if ended:
        end()
    done += 1
    if habit == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
    if habit == "hello":
        client.send(b"hello\\n")
    if habit in ("close", "reset"):
        client.close()
    else:
        clients.append(client)
    time.sleep(delay)
    if habit == "die" and done == 3:
        os._exit(5)
    if habit == "shut" and done == 3:
        listener.close()
        break
while True:
    time.sleep(10)
'''

OPTIONS = ([], ["--freeze", "auto"], ["--delay", "5ms"], ["--threads", "3"], ["--rate", "500"], ["--backlog", "0"], ["--backlog", "9"],
           ["--sysctl", "net.ipv4.tcp_syncookies=0"], ["--sysctl", "net.ipv4.tcp_syncookies=2"],
           ["--sysctl", "net.ipv4.tcp_abort_on_overflow=1"], ["--send", "x"])
NOT_ACCEPTED = ("lost", "timed_out", "refused", "would_block", "unreachable", "half_open")


def draw(seed, cell):
    r = random.Random(f"{seed}:{cell}")
    return {"habit": r.choice(["keep", "keep", "close", "reset", "hello", "other", "self", "die", "shut"]),
            "backlog": r.choice([0, 1, 2, 5, 20, 100]), "accepts": r.choice([-1, -1, 0, 1, 3, 10]),
            "delay": r.choice([0, 0, 0.001, 0.02, 0.1]), "count": r.choice([1, 5, 20, 60, 200]), "options": r.choice(OPTIONS),
            # Not at a second, when SYNs are sent again: what happens during the last look is no part of the report.
            "patience": r.choice(["0", "700ms", "2500ms"])}


def account_until(path, end):
    sources = set()
    with open(path, encoding="ascii") as file:
        for line in file:
            source, at = line.split()
            if float(at) <= end:
                sources.add(source)
    return sources


def perform(program, cell, account):
    """The report, None where the server itself could not be tested to the end before anything was sent."""
    address = "0.0.0.0" if "--delay" in cell["options"] else "127.0.0.1"
    command = [program, "run", "--json", "--count", str(cell["count"]), "--timeout", cell["patience"], "--wait", "240s",
               "--port", "60001", *cell["options"], "--", sys.executable, "-c", SERVER, address, str(cell["backlog"]), str(cell["accepts"]), str(cell["delay"]), cell["habit"],
               account]
    said = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    dies = cell["habit"] == "die"
    if said.returncode not in ((0, 3) if dies else (0,)):
        raise ValueError(f"status {said.returncode}: {said.stderr}")
    return json.loads(said.stdout)


def judge(report, cell, account):
    """What the account refutes."""
    began = datetime.datetime.fromisoformat(report["started_at"].replace("Z", "+00:00")).timestamp()
    accepted = account_until(account, began + report["elapsed_us"] / 1e6)
    ever = account_until(account, float("inf"))
    if "--delay" in cell["options"]:  # the server sees each client at the far address, and its own at loopback's
        accepted, ever = ({s.split(":")[1] for s in sources if not s.startswith("127.")} for sources in (accepted, ever))
    for connection in report["connections"]:
        source, verdict = connection["source"], connection["verdict"]
        if source and "--delay" in cell["options"]:
            source = source.split(":")[1]
        if verdict == "connected" and source not in ever:
            yield f"{connection['id']} is connected, but was never accepted"
        if verdict in NOT_ACCEPTED and source in accepted:
            yield f"{connection['id']} is {verdict}, but was accepted"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--backlogctl", required=True)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--cells", type=int, default=100)
    options.add_argument("--only", type=int)
    options = options.parse_args()
    wrong, counts = 0, collections.Counter()
    for number in range(options.cells) if options.only is None else [options.only]:
        cell = draw(options.seed, number)
        with tempfile.TemporaryDirectory(prefix="backlogctl-test-") as folder:
            account = os.path.join(folder, "account")
            open(account, "w", encoding="ascii").close()
            try:
                report = perform(options.backlogctl, cell, account)
                findings = list(judge(report, cell, account))
                counts.update(c["verdict"] for c in report["connections"])
            except ValueError as error:
                findings = [str(error)]
        for finding in findings:
            wrong += 1
            print(f"WRONG: cell {number} {cell}: {finding}", flush=True)
    print(f"{options.cells} cells, {sum(counts.values())} connections: wrong {wrong} (seed {options.seed}); "
          + ", ".join(f"{v} {n}" for v, n in counts.most_common()))
    return 1 if wrong or not counts else 0


if __name__ == "__main__":
    sys.exit(main())

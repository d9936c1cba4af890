#!/usr/bin/env python3
"""Times `backlogctl list` against ss on a machine with many sockets: 1000 listeners and 50000 others, in a private namespace.

Usage: unshare --net tests/bench/list.py BACKLOGCTL [ROUNDS]"""
import os, socket, statistics, subprocess, sys, time

LISTENERS, OTHERS, HELPERS = 1000, 50000, 10  # each helper stays below the limit on descriptors of a process


def helper(number, ready):
    held = []
    for i in range(LISTENERS // HELPERS):
        s = socket.socket()
        s.bind(("127.0.0.1", 10000 + number * LISTENERS // HELPERS + i))
        s.listen(100)
        held.append(s)
    for i in range(OTHERS // HELPERS // 2):  # a connection is two sockets
        client = socket.socket()
        client.bind((f"127.1.{number}.{i // 100 + 1}", 0))
        server = held[i % 100]
        client.connect(server.getsockname())
        held += [client, server.accept()[0]]
    os.write(ready, b".")
    time.sleep(1000)


def timed(argv):
    began = time.monotonic()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 11
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    there, ready = os.pipe()
    children = []
    for number in range(HELPERS):
        children.append(os.fork())
        if not children[-1]:
            helper(number, ready)
    try:
        got = b""
        while len(got) < HELPERS:
            got += os.read(there, HELPERS)
        few = ["--columns", "address,queue,backlog,drops"]
        pairs = [("list, with processes", [program, "list"], ["ss", "-Hltnp"]),
                 ("list, four columns", [program, "list"] + few, ["ss", "-Hltnp"]),
                 ("list, four columns", [program, "list"] + few, ["ss", "-Hltnm"])]
        for name, ours, theirs in pairs:
            taken = [(timed(ours), timed(theirs)) for _ in range(rounds)]
            mine, other = (statistics.median(column) * 1000 for column in zip(*taken))
            ratio = statistics.median(a / b for a, b in taken)
            print(f"{name}: {mine:.1f} ms; {' '.join(theirs)}: {other:.1f} ms; ratio {ratio:.2f}", flush=True)
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)


main()

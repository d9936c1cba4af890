#!/usr/bin/env python3
"""Times `backlogctl list` against ss: with 10 listeners, and with 5000 beside 50000 other sockets.

Usage: unshare --net tests/bench/list.py BACKLOGCTL [ROUNDS]

Medians of pairs, one run behind the other: wall time, CPU time (user and system), and within the pairs the ratio and the difference of
CPU time. "all": with processes, clients waiting and remarks. "clients wait": at all of 10 or 100 of the 5000 listeners, for more than
a second, so that all sockets are looked at, and what the processes do."""
import statistics, sys

import scene


def row(name, ours, theirs, rounds):
    pairs = [scene.cost(ours)[:2] + scene.cost(theirs)[:2] for _ in range(rounds)]
    wall, cpu, their_wall, their_cpu = (statistics.median(column) for column in zip(*pairs))
    ratio, more = statistics.median(p[1] / p[3] for p in pairs), statistics.median(p[1] - p[3] for p in pairs)
    print(f"| {name:28} | {' '.join(theirs):8} | {wall:6.1f} | {their_wall:6.1f} | {cpu:6.1f} | {their_cpu:6.1f} "
          f"| {ratio:5.2f} | {more:+8.1f} |", flush=True)


def compare(program, title, listeners, others, waiting, rounds):
    everything, few = [program, "list"], [program, "list", "--columns", "address,queue,backlog,drops"]
    with scene.Scene(listeners, others, waiting) as there:
        row(f"{title}: all", everything, ["ss", "-ltnp"], rounds)
        row(f"{title}: all", everything, ["ss", "-ltn"], rounds)
        row(f"{title}: four columns", few, ["ss", "-ltn"], rounds)
        there.let_wait()
        row(f"{title}: all, clients wait", everything, ["ss", "-ltnp"], rounds)


def main():
    scene.apart()
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 15
    print("| listeners: `list`            | beside   | wall ms |   its | CPU ms |    its | ratio | more CPU |\n"
          "| ---------------------------- | -------- | ------: | ----: | -----: | -----: | ----: | -------: |")
    compare(program, "10", 10, 0, 10, rounds)
    compare(program, "5000", 5000, 50000, 100, rounds)


main()

#!/usr/bin/env python3
"""Measures what `backlogctl watch --batch` takes of a core at 100 listeners where nothing happens.

Usage: unshare --net tests/bench/watch.py BACKLOGCTL BENCH_TIMER [ROUNDS [SECONDS]]

In pairs with a bare loop (timer.c) that wakes up as often as watch has looked, and does nothing."""
import statistics, subprocess, sys

import scene

LISTENERS = 100


def looks(text):
    """Of the listener that is looked at fast, in all blocks: the column is the third from the right."""
    rows = [line.split() for line in text.splitlines() if line.startswith("127.0.0.1:")]
    return sum(int(row[-3]) for row in rows) - len(rows)


def main():
    scene.apart()
    program, timer = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    seconds = int(sys.argv[4]) if len(sys.argv) > 4 else 20
    shares = []
    with scene.Scene(LISTENERS):
        for _ in range(rounds):
            cpu, text = scene.cost([program, "watch", "--exact", "never", "--batch", "--duration", f"{seconds}s"], subprocess.PIPE)[1:]
            wakes = looks(text.decode())
            bare = scene.cost([timer, str(seconds), str(max(wakes, 1))])[1]
            shares.append((cpu / seconds / 10, bare / seconds / 10, wakes / seconds))
            print("watch {:.2f} % of a core, bare loop {:.2f} %, {:.0f} wake-ups a second".format(*shares[-1]), flush=True)
    print("median: watch {:.2f} %, bare loop {:.2f} %, {:.0f} wake-ups a second".format(*map(statistics.median, zip(*shares))))


main()

#!/usr/bin/env python3
"""Measures what `backlogctl trace` adds to a connection's own cost, both ends.

Usage: unshare --net tests/bench/trace.py BACKLOGCTL BENCH_CONNECT [PAIRS [CONNECTIONS]]

In pairs: the same load (connect.c) with the programs in the kernel and without, in turn first: connections that are answered and closed;
those that are only accepted and reset, which cost least; and the same where a queue has been full, when each packet that is done with is
looked at."""
import statistics, subprocess, sys

import scene


def load(connect, count, how):
    """CPU time of a connection in us."""
    return int(subprocess.run([connect, str(count), *how], stdout=subprocess.PIPE, check=True).stdout) / 1000


def traced(program, connect, count, how):
    one = subprocess.Popen([program, "trace", "--json", "-i", "1s", "--netns", "/proc/self/ns/net"], stdout=subprocess.PIPE)
    one.stdout.readline()  # it counts from here on
    used = load(connect, count, how)
    one.terminate()
    one.communicate()
    return used


def main():
    scene.apart()
    program, connect = sys.argv[1:3]
    pairs = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    count = int(sys.argv[4]) if len(sys.argv) > 4 else 50000
    for how in (["closed"], [], ["full"]):
        bare, with_it, ratios = [], [], []
        for i in range(pairs):
            if i % 2:
                bare.append(load(connect, count, how))
            with_it.append(traced(program, connect, count, how))
            if not i % 2:
                bare.append(load(connect, count, how))
            ratios.append(with_it[-1] / bare[-1])
        print("{}: {:.2f} us bare, {:.2f} us traced: {:+.1f} % (median of {} pairs, {:+.1f} to {:+.1f} %)".format(
            how[0] if how else "reset", statistics.median(bare), statistics.median(with_it),
            100 * (statistics.median(ratios) - 1), pairs, 100 * (min(ratios) - 1), 100 * (max(ratios) - 1)), flush=True)


main()

#!/usr/bin/env python3
"""Times `backlogctl sweep` against what it cannot beat: its longest run, and the processor time of all runs shared out evenly.

Usage: tests/bench/sweep.py BACKLOGCTL [BACKLOGCTL ...] [--rounds N]

Several programs, such as one built before a change, take turns. `longest` is the time that the longest run took by itself, `CPU` user
and system time of all processes; `x bound` is the wall time against the larger of `longest` and CPU / processors. Medians."""
import argparse, json, os, resource, statistics, subprocess, time

SWEEPS = ("--backlog 0..40..8 --accept-delay 5ms --count 40 --timeout 3s",
          "--backlog 0..100..10 --accept-delay 1ms --count 100",
          "-b 0..32..4 -d 1ms,5ms,20ms -n 50 --repeat 5",
          "-b 0..64 -n 20 -t 0 --repeat 4")


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(program, options):
    before, began = cpu(), time.monotonic()
    done = subprocess.run([program, "sweep", "--json", *options.split()], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    wall, used = time.monotonic() - began, cpu() - before
    report = json.loads(done.stdout)
    longest = max(run["elapsed_us"] for cell in report["cells"] for run in cell["runs"]) / 1e6
    bound = max(longest, used / len(os.sched_getaffinity(0)))
    return wall, longest, used, wall / bound, report["jobs"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print("| sweep | program | runs at a time | wall | longest | CPU | x bound |")
    print("| ----- | ------- | -------------: | ---: | ------: | --: | ------: |")
    for options in SWEEPS:
        taken = {program: [] for program in args.programs}
        for _ in range(args.rounds):
            for program in args.programs:
                taken[program].append(measure(os.path.abspath(program), options))
        for program, figures in taken.items():
            wall, longest, used, ratio, jobs = (statistics.median(column) for column in zip(*figures))
            print(f"| `{options}` | {os.path.basename(program)} | {jobs:.0f} | {wall:.2f}s | {longest:.2f}s | {used:.2f}s | {ratio:.2f} |",
                  flush=True)


main()

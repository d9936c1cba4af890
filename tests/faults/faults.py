#!/usr/bin/env python3
"""The fault test: each system call that a command of `backlogctl` makes fails in turn, with the errors that it can have, and each of
its allocations. However it fares: no signal, no hang, one message at most, a documented status, whole output or status 3, files
whole or not there, and no process, stopped server, interface, mount or temporary file left behind.
A point is COMMAND|CALL|OCCURRENCE|ERROR, as in `list|recvmsg|3|ENOBUFS`: the third recvmsg(2) of `list` fails so; 3+: the third and
all after it. CALL alloc stands for allocations of memory. Works in namespaces of its own."""
import argparse
import collections
import fnmatch
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

sys.dont_write_bytecode = True  # the tree stays clean

import calls
import commands
import place
import worker

SKIP = 77  # what ctest takes for "skipped"


class Worker:
    """A process that runs points, one at a time."""

    def __init__(self, options, folder):
        orders, self.orders = os.pipe()
        self.results, results = os.pipe()
        self.point = None
        self.pid = os.fork()
        if not self.pid:
            os.close(self.orders)
            os.close(self.results)
            os._exit(self.live(options, folder, orders, results))
        os.close(orders)
        os.close(results)
        self.lines = os.fdopen(self.results, encoding="utf-8")

    @staticmethod
    def live(options, folder, orders, results):
        """Between the driver and the first process: a process cannot enter the pid namespace that it made."""
        place.die_with_parent()
        place.enter_private_namespaces()
        pid = os.fork()
        if not pid:
            place.die_with_parent()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            worker.work(options, folder, os.fdopen(orders), os.fdopen(results, "w", encoding="utf-8"))
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def give(self, point, baseline):
        self.point = point
        os.write(self.orders, (json.dumps([point, baseline]) + "\n").encode())

    def take(self):
        line = self.lines.readline()
        if not line:
            raise ChildProcessError(f"the worker ended at {self.point}")
        self.point = None
        return json.loads(line)

    def end(self):
        os.kill(self.pid, signal.SIGKILL)  # and the kernel all the others
        os.waitpid(self.pid, 0)


class Crew:
    def __init__(self, options, folder):
        self.workers = [Worker(options, os.path.join(folder, str(number))) for number in range(options.jobs)]

    def run(self, tasks, until):
        """tasks: iterator of (point, baseline); yields each result. Begins none after `until`."""
        idle, busy = list(self.workers), {}
        tasks = iter(tasks)
        while True:
            while idle and time.monotonic() < until:
                task = next(tasks, None)
                if not task:
                    break
                one = idle.pop()
                one.give(*task)
                busy[one.results] = one
            if not busy:
                return
            for fd in select.select(list(busy), [], [])[0]:
                one = busy.pop(fd)
                yield one.take()
                idle.append(one)

    def end(self):
        for one in self.workers:
            one.end()


def told(result, verbose):
    print(f"WRONG {sys.argv[0]} --only '{result['point']}'", flush=True)
    for finding in result["findings"][:8]:
        print(f"    {finding}")
    if result["at"]:
        print(f"    at {result['at']}")
    for line in result["stderr"].splitlines()[:3]:
        print(f"    stderr: {line}")
    if verbose:
        print(result["stdout"])


def record(options, crew, names, tally):
    """What each command does without a fault. One that is not well then has no points."""
    recordings, baselines = {}, {}
    points = [(f"{name}|{call}|1|", None) for name in names for call in ("none", "all")]
    for result in crew.run(points, float("inf")):
        name, call = result["point"].split("|")[:2]
        if result["findings"] or os.waitstatus_to_exitcode(result["status"]):
            tally["wrong"] += 1
            told(result, True)
            continue
        if call == "none":
            baselines[name] = {"stdout": result["stdout"], "seconds": result["seconds"]}
        recordings.setdefault(name, {})[call] = result
    for one in recordings.values():
        if options.sanitized and "all" in one:
            one["all"]["counts"].pop("mmap", None)  # the sanitizer's own
    return baselines, {name: (one["all"]["counts"], one["none"]["allocations"])
                       for name, one in sorted(recordings.items()) if len(one) == 2}


def chosen(options, recordings, table):
    if options.only:
        return options.only
    for name in [name for name in recordings if table[name].resolves]:
        recordings[name] = (recordings[name][0], 0)
        print(f"skipped: {name}: failing allocations, which glibc's getaddrinfo(3) does not bear", flush=True)
    points = calls.all_points(recordings, {name: min(options.most, table[name].most) for name in recordings}, options.seed)
    if options.points:
        import random
        points = random.Random(options.seed).sample(points, min(options.points, len(points)))
    return points


def drive(options, crew, tally):
    table = commands.table(options.backlogctl, options.server)
    wanted = options.command or ["*"]
    if options.only:
        wanted = [point.split("|")[0] for point in options.only]
    names = [name for name in table if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)]
    if any(name.startswith("trace") for name in names):
        tried = subprocess.run([options.backlogctl, "trace", "--duration", "1ms", "--quiet"], capture_output=True, text=True)
        if tried.returncode == 3:
            print(f"skipped: trace: {tried.stderr.strip()}", flush=True)
            names = [name for name in names if not name.startswith("trace")]
    if not names:
        raise SystemExit(f"no such command; there are: {' '.join(table)}")
    baselines, recordings = record(options, crew, names, tally)
    points = [point for point in chosen(options, recordings, table) if point.split("|")[0] in baselines]
    print(f"{len(names)} commands, {len(points)} points (seed {options.seed})", flush=True)
    for result in crew.run(((point, baselines[point.split("|")[0]]) for point in points), time.monotonic() + options.seconds):
        tally["tried"] += 1
        tally["reached"] += result["reached"] > 0
        tally["status " + str(result["status"] >> 8)] += 1
        if result["findings"]:
            tally["wrong"] += 1
            told(result, options.verbose)
        elif options.verbose:
            print(f"right {result['point']}: status {result['status'] >> 8} {result['stderr'].strip()} ({result['at']})")
    return tally["tried"] == len(points)


def missing(options):
    """Why it cannot run here, or None."""
    for path in (options.inject, options.allocations, options.backlogctl):
        if not os.path.exists(path):
            return f"{path} is not built"
    pid = os.fork()
    if not pid:
        try:
            place.enter_private_namespaces()
            child = os.fork()
            if not child:
                place.furnish()
                os._exit(subprocess.run([options.inject, "1", "none", "1", "0", "/bin/true"], capture_output=True).returncode)
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        except OSError:
            os._exit(1)
    return "namespaces of one's own, or seccomp's notifications, are forbidden here" if os.waitpid(pid, 0)[1] else None


def parse(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="POINT", help="only this point; repeatable")
    parser.add_argument("--command", action="append", default=[], metavar="NAME", help="only commands of this name, such as list-json or "
                        "'run*'; repeatable")
    parser.add_argument("--most", type=int, default=6, help="occurrences of each call and error (default 6)")
    parser.add_argument("--points", type=int, help="only so many, chosen by the seed")
    parser.add_argument("--seed", default="1", help="of the order of the points (default 1)")
    parser.add_argument("--seconds", type=float, default=600, help="begin no point after so long, counted from the first one (default 600)")
    parser.add_argument("--jobs", type=int, default=4 * len(os.sched_getaffinity(0)), help="points at a time (default: four a CPU)")
    parser.add_argument("--backlogctl", default=os.path.join(here, "../../build/plain/backlogctl"), metavar="PATH")
    parser.add_argument("--verbose", action="store_true", help="tell of each point")
    options = parser.parse_args(argv)
    options.backlogctl = os.path.realpath(options.backlogctl)
    options.source = os.path.join(here, "../..")
    beside = os.path.join(os.path.dirname(options.backlogctl), "tests")
    options.inject, options.allocations = os.path.join(beside, "faults_inject"), os.path.join(beside, "libfaults_allocations.so")
    return options


def is_sanitized(program):
    with open(program, "rb") as file:
        return b"__asan_init" in file.read()


def main(argv):
    options = parse(argv)
    why = missing(options)
    if why:
        print(f"skipped: {why}")
        return SKIP
    options.sanitized = is_sanitized(options.backlogctl)
    if options.sanitized:
        print("skipped: failing allocations and mmap, for the sanitizer has its own")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    tally = collections.Counter()
    folder = tempfile.mkdtemp(prefix="backlogctl-faults-")
    os.chmod(folder, 0o755)
    for name in ("inject", "allocations", "backlogctl"):  # copies, so that it may be built again meanwhile
        setattr(options, name, shutil.copy(getattr(options, name), os.path.join(folder, name)))
    # A program of another file than ours: what fails in it is not our fault.
    options.server = [shutil.copy(options.backlogctl, os.path.join(folder, "server")), "serve", "--port", "{port}", "--backlog", "{backlog}",
                      "--quiet"]
    crew = Crew(options, folder)
    whole = False
    try:
        whole = drive(options, crew, tally)
    finally:
        crew.end()
        shutil.rmtree(folder, ignore_errors=True)
        statuses = ", ".join(f"{name} {count}" for name, count in sorted(tally.items()) if re.match("status", name))
        print(f"{tally['tried']} points tried{'' if whole else ', not all'}, {tally['reached']} reached, wrong {tally['wrong']} ({statuses}; "
              f"seed {options.seed})")
    return 1 if tally["wrong"] or not tally["reached"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

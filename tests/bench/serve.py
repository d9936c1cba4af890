#!/usr/bin/env python3
"""Times `backlogctl serve` against a bare loop of accept4(2) and epoll, under the same load, in pairs.

Usage: unshare --net tests/bench/serve.py BACKLOGCTL [--rounds N] [--count N] [--no-calls]

The load opens connections as fast as it can from many addresses of 127/8 and closes them when all are accepted: `arriving`, the
server accepts meanwhile; `waiting`, it is stopped until all of them stand in its queue. CPU is user and system time of the server's
threads until the last accept; `in all` is that until the last connection is closed. Medians, ratios of paired runs."""
import argparse, glob, os, re, shutil, statistics, subprocess, sys, tempfile

PORT = 9000
STRACE_COUNT = 5000
LOADS = ("arriving", "waiting")


def cpu(pid):
    """Of all its threads, in seconds."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total / 1e9


class Bench:
    def __init__(self, program, folder, count):
        self.folder, self.count = folder, count
        self.yardstick = os.path.join(folder, "accept")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "accept.c")
        subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-Wall", "-o", self.yardstick, source], check=True)
        serve = [program, "serve", "--port", str(PORT), "--backlog", "1000000"]
        self.servers = {"bare": [self.yardstick, "server", str(PORT)], "text": serve, "--json": serve + ["--json"],
                        "--quiet": serve + ["--quiet"]}

    def start(self, name, before=()):
        out = open(os.path.join(self.folder, "out"), "w+b")
        process = subprocess.Popen([*before, *self.servers[name]], stdout=out)
        port = f":{PORT:04X} 00000000:0000 0A"
        while port not in open("/proc/net/tcp").read():
            if process.poll() is not None:
                sys.exit(f"{name}: ended with status {process.returncode}")
        return process, out

    def load(self, pid, count, stopped):
        argv = [self.yardstick, "load", str(PORT), str(count)] + [str(pid)] * stopped
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def measure(self, name, kind):
        """Seconds, seconds of CPU until the last accept and in all, each for one connection."""
        process, out = self.start(name)
        before = cpu(process.pid)
        load = self.load(process.pid, self.count, kind == "waiting")
        took = float(load.stdout.readline())
        accepted = cpu(process.pid)
        load.communicate(b"\n")
        closed = cpu(process.pid)
        self.end(process, out, name, self.count)
        return took / self.count, (accepted - before) / self.count, (closed - before) / self.count

    def end(self, process, out, name, count):
        process.terminate()
        process.wait()
        out.seek(0)
        text = out.read()
        told = {"text": rb"  accepted #", "--json": rb'"event":"accepted"'}
        if name in told and len(re.findall(told[name], text)) != count:
            sys.exit(f"{name}: a line for each of {count} accepts was wanted")

    def calls(self, name, kind):
        """System calls for each accept, by name, closing left out."""
        counted = os.path.join(self.folder, "calls")
        process, out = self.start(name)
        tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "name,calls", "-o", counted, "-p", str(process.pid)],
                                  stderr=subprocess.PIPE)
        tracer.stderr.readline()
        load = self.load(process.pid, STRACE_COUNT, kind == "waiting")
        load.stdout.readline()
        tracer.send_signal(2)
        tracer.wait()
        load.communicate(b"\n")
        self.end(process, out, name, STRACE_COUNT)
        rows = [line.split() for line in open(counted)]
        calls = {row[0]: int(row[1]) / STRACE_COUNT for row in rows if len(row) == 2 and row[1].isdigit()}
        total = calls.pop("total", 0)
        often = sorted(((n, c) for c, n in calls.items() if n >= 0.005), reverse=True)
        return f"{total:.2f}: " + ", ".join(f"{call} {number:.2f}" for number, call in often)


def table(bench, rounds):
    print("| load     | server  |    wall | x bare a second |    CPU | x bare | in all | x bare |")
    print("| -------- | ------- | ------: | --------------: | -----: | -----: | -----: | -----: |")
    for kind in LOADS:
        taken = {name: [] for name in bench.servers}
        for i in range(rounds):
            for name in sorted(bench.servers, key=lambda n: (list(bench.servers).index(n) + i) % len(bench.servers)):
                taken[name].append(bench.measure(name, kind))
        for name, figures in taken.items():
            wall, used, whole = (statistics.median(column) * 1e6 for column in zip(*figures))
            pairs = list(zip(taken["bare"], figures))
            rate = statistics.median(b[0] / f[0] for b, f in pairs)
            more, most = (statistics.median(f[i] / b[i] for b, f in pairs) for i in (1, 2))
            print(f"| {kind:8} | {name:7} | {wall:5.1f}us | {rate:15.2f} | {used:4.2f}us | {more:6.2f} | {whole:4.1f}us | {most:6.2f} |",
                  flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--count", type=int, default=18000)
    parser.add_argument("--no-calls", action="store_true")
    args = parser.parse_args()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with open("/proc/sys/net/core/somaxconn", "w") as file:
        file.write("1000000")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        bench = Bench(os.path.abspath(args.program), folder, args.count)
        table(bench, args.rounds)
        if not args.no_calls and shutil.which("strace"):
            print(f"\nSystem calls for each of {STRACE_COUNT} accepts:")
            for kind in LOADS:
                for name in bench.servers:
                    print(f"{kind}, {name}: {bench.calls(name, kind)}", flush=True)


main()

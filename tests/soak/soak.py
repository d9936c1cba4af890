#!/usr/bin/env python3
"""A soak: `serve` under clients that come and go and `watch` of thousands of listeners among many more sockets, for minutes. Neither may
grow in memory or descriptors. Beside it, `list` and `ss -ltnp` are timed in turn; the times are printed, and judge nothing.

All in a network namespace of its own; takes a hard limit of descriptors that allows it (root raises it)."""
import argparse
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time

FIRST_PORT, SERVE_PORT = 20000, 10000
HOLDERS = 10
GROWTH_KB = 1024  # what a heap may move by


def sh(*command):
    subprocess.run(command, check=True)


def enter():
    """Into a new namespace, as a new process image: Python 3.11 has no unshare."""
    if os.environ.get("SOAK_INSIDE"):
        return
    os.environ["SOAK_INSIDE"] = "1"
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    os.execvp("unshare", ["unshare", *rights, "--net", sys.executable, *sys.argv])


def raise_limit(wanted):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (ValueError, OSError):
            print(f"skipped: a process may have {hard} descriptors here, and needs {wanted}")
            sys.exit(77)
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def hold(first, listeners, pairs, ready):
    """One server: its listeners, and connections of its own to them, both ends of which it holds."""
    servers, others = [], []
    for port in range(first, first + listeners):
        server = socket.create_server(("127.0.0.1", port), backlog=64)
        servers.append(server)
    for i in range(pairs):
        client = socket.socket()
        client.connect(servers[i % listeners].getsockname())
        others += [client, servers[i % listeners].accept()[0]]
    os.write(ready, b"x")
    signal.pause()


def start_holders(listeners, sockets):
    pids = []
    reader, writer = os.pipe()
    for i in range(HOLDERS):
        share, pairs = listeners // HOLDERS, sockets // 2 // HOLDERS
        pid = os.fork()
        if not pid:
            os.close(reader)
            try:
                hold(FIRST_PORT + i * share, share, pairs, writer)
            finally:
                os._exit(1)
        pids.append(pid)
    os.close(writer)
    seen = 0
    while seen < HOLDERS:
        got = os.read(reader, HOLDERS)
        if not got:
            raise SystemExit("soak: a server ended before it was ready")
        seen += len(got)
    return pids


def clients():
    """They come, say a word, and go, at most a thousand at a time."""
    pid = os.fork()
    if pid:
        return pid
    try:
        while True:
            crowd = []
            for _ in range(200):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", SERVE_PORT))
                crowd.append(client)
            time.sleep(0.05)
            for client in crowd:
                client.close()
    finally:
        os._exit(0)


def measure(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
    return rss, len(os.listdir(f"/proc/{pid}/fd"))


def timed(command):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def compare(program, pairs):
    commands = {"list": [program, "list"], "ss -ltnp": ["ss", "-ltnp"], "list without owners": [program, "list", "--columns", "address,queue,backlog"],
                "ss -ltn": ["ss", "-ltn"]}
    times = {name: [] for name in commands}
    for _ in range(pairs):
        for name, command in commands.items():
            times[name].append(timed(command))
    for name, taken in times.items():
        print(f"{name}: median {statistics.median(taken):.3f} s of {len(taken)}, from {min(taken):.3f} to {max(taken):.3f}")
    print(f"list / ss -ltnp: {statistics.median(times['list']) / statistics.median(times['ss -ltnp']):.2f}")


def judge(name, samples):
    """What it has after a tenth of the time, it has at the end."""
    settled = samples[len(samples) // 10:]
    first, last = settled[0], settled[-1]
    peak = max(rss for rss, _ in settled)
    print(f"{name}: {first[0]} kB and {first[1]} descriptors at first, {last[0]} kB and {last[1]} at the end, {peak} kB at most")
    return peak - first[0] > GROWTH_KB or last[1] > max(fds for _, fds in settled[:5])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--backlogctl", required=True)
    options.add_argument("--seconds", type=int, default=600)
    options.add_argument("--listeners", type=int, default=5000)
    options.add_argument("--sockets", type=int, default=50000)
    options.add_argument("--pairs", type=int, default=7, help="how often list and ss are timed in turn")
    options = options.parse_args()
    options.backlogctl = os.path.abspath(options.backlogctl)
    enter()
    raise_limit((options.listeners + options.sockets) // HOLDERS + 100)
    sh("ip", "link", "set", "lo", "up")
    children, programs = [], []
    try:
        children += start_holders(options.listeners, options.sockets)
        quiet = {"stdout": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        programs.append(("serve", subprocess.Popen([options.backlogctl, "serve", "--port", str(SERVE_PORT), "--backlog", "512"], **quiet)))
        programs.append(("watch", subprocess.Popen([options.backlogctl, "watch", "--batch", "--interval", "1s"], **quiet)))
        children.append(clients())
        samples = {name: [] for name, _ in programs}
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            time.sleep(1)
            for name, program in programs:
                if program.poll() is not None:
                    raise SystemExit(f"soak: {name} ended with {program.returncode}")
                samples[name].append(measure(program.pid))
        grown = [name for name in samples if judge(name, samples[name])]
        for name, program in programs:
            with open(f"/proc/{program.pid}/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            print(f"{name}: {cpu:.1f} s of CPU in {options.seconds} s")
            program.terminate()
            program.wait()
        os.kill(children.pop(), signal.SIGKILL)
        compare(options.backlogctl, options.pairs)
        print(f"{options.seconds} s, {options.listeners} listeners, {options.sockets} other sockets: "
              f"{'grown: ' + ', '.join(grown) if grown else 'nothing has grown'}")
        return 1 if grown else 0
    finally:
        for _, program in programs:
            if program.poll() is None:
                program.kill()
                program.wait()
        for pid in children:
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())

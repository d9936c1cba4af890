#!/usr/bin/env python3
"""That a server which backlogctl stops always goes on: real servers are measured, and the tool, its guardians, the server or several of
them are killed at random moments while a client asks; and peculiar servers are measured. Afterwards nobody stands still who ran before,
a fresh client is answered, and nothing of the tool is left. Works in namespaces of its own that vanish with it."""
import argparse
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True  # the tree stays clean

import kills
import peculiar
import place
import servers

SKIP = 77       # what ctest takes for "skipped"
ROUNDS = 12     # of one server, in one process
PECULIAR = 3    # every so many rounds is a peculiar one


# ---- What is done in one process ----

def work(options, specs, folder, out):
    room = place.Room(folder)

    def tell(result):
        out.write(json.dumps(result) + "\n")
        out.flush()
    perform = peculiar.perform_all if specs[0]["kind"] in peculiar.BY_NAME else kills.perform_all
    try:
        perform(options, room, specs, tell)
        tell({"over": True})
    except Exception:
        tell({"wrong": traceback.format_exc(), "what": f"{specs[0]['kind']}", "index": specs[0]["index"]})


class Running:
    """A batch of rounds under way."""

    def __init__(self, options, specs, folder):
        self.specs, self.folder, self.rest = specs, tempfile.mkdtemp(dir=folder), b""
        os.chmod(self.folder, 0o777)
        self.over = False
        self.fd, out = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            status = 1
            try:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_DFL)
                os.close(self.fd)
                with os.fdopen(out, "w") as file:
                    status = place.inside(work, options, specs, self.folder, file)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(out)

    def results(self):
        """What has come; None at the end."""
        got = os.read(self.fd, 1 << 16)
        if not got:
            return None
        *lines, self.rest = (self.rest + got).split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- The driver ----

class Tally:
    def __init__(self, seed):
        self.seed = seed
        self.kills = self.still = self.peculiar = self.wrong = self.answered = self.missed = 0
        self.skipped = {}

    def add(self, result):
        if "answered" in result:
            self.answered += result["answered"]
        elif "wrong" in result:
            self.wrong += 1
            print(f"WRONG {self.seed}:{result['index']} {result['what']}\n    {result['wrong'].strip()}", flush=True)
        elif "skipped" in result:
            if result["skipped"] not in self.skipped:
                self.skipped[result["skipped"]] = True
                print(f"skipped: {result['skipped']}", flush=True)
        elif "kills" in result:
            self.kills += result["kills"]
            self.still += result["still"]
            self.missed += not result["kills"]
        else:
            self.peculiar += result["peculiar"]

    def summary(self):
        print(f"kills: {self.still} rounds while the server stood still, {self.missed} came too late for all; "
              f"{self.answered} requests of clients were answered meanwhile")
        print(f"{self.kills} kills, {self.peculiar} peculiar: {self.wrong} wrong (seed {self.seed})", flush=True)


def kinds(options):
    """The names of the servers that there are, and of the peculiar ones."""
    def chosen(name):
        return not options.only or any(part in name for part in options.only)
    real = []
    for name, server in servers.SERVERS.items():
        if chosen(name) and server.absent():
            print(f"skipped: {name}: {server.program} is not installed")
        elif chosen(name):
            real.append(name)
    return real, [name for name in peculiar.BY_NAME if chosen(name)]


def all_rounds(options):
    real, odd = kinds(options)
    for index in range(options.rounds):
        if odd and (index % PECULIAR == PECULIAR - 1 or not real):
            yield peculiar.draw(options.seed, index, index // PECULIAR if real else index, odd)
        elif real:
            yield kills.draw(options.seed, index, real)


def batches(options):
    """Rounds of the same server together, the peculiar ones apart from these; in the order of their first ones."""
    if options.replay:
        index = options.replay.rsplit(":", 1)[1]
        return [[spec for spec in all_rounds(options) if spec["index"] == int(index)]]
    made, current = [], {}
    for spec in all_rounds(options):
        key = "peculiar" if spec["kind"] in peculiar.BY_NAME else spec["kind"]
        if len(current.get(key, ())) == (ROUNDS if key != "peculiar" else PECULIAR) or key not in current:
            current[key] = []
            made.append(current[key])
        current[key].append(spec)
    return made


def drive(options, tally, folder):
    waiting, running = batches(options), {}
    try:
        while True:
            while waiting and len(running) < options.jobs and time.monotonic() < options.until:
                one = Running(options, waiting.pop(0), folder)
                running[one.fd] = one
            if not running:
                return
            for fd in select.select(list(running), [], [])[0]:
                one = running[fd]
                results = one.results()
                for result in results or ():
                    if "over" in result:
                        one.over = True
                    else:
                        tally.add(result)
                if results is None:
                    running.pop(fd).end()
                    if not one.over:
                        tally.wrong += 1
                        print(f"WRONG: a batch ended before its end: {[spec['index'] for spec in one.specs]}", flush=True)
    finally:
        for one in running.values():
            one.end()


def missing():
    """Why it cannot run here, or None."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(place.inside(lambda: None))
        except OSError:
            os._exit(1)
    if os.waitpid(pid, 0)[1]:
        return "namespaces are not to be had here (an ordinary user needs user namespaces)"
    return None


def parse(argv):
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default=str(int(time.time())), help="of the random choice (default: the time)")
    parser.add_argument("--rounds", type=int, default=750, help="how many rounds, a third of them peculiar (default 750)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only servers, real or peculiar, with this in "
                        "their names; repeatable: any of them")
    parser.add_argument("--seconds", type=float, default=3600, help="begin no round after so long (default 3600)")
    parser.add_argument("--replay", metavar="SEED:ROUND", help="this one round again, with the same --only")
    parser.add_argument("--jobs", type=int, default=4, help="servers at a time (default 4)")
    parser.add_argument("--backlogctl", default=os.path.join(here, "../../build/plain/backlogctl"), metavar="PATH")
    options = parser.parse_args(argv)
    if options.replay:
        options.seed, index = options.replay.rsplit(":", 1)
        options.rounds = int(index) + 1
    return options


def main(argv):
    options = parse(argv)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    options.backlogctl = os.path.abspath(options.backlogctl)
    options.until = time.monotonic() + options.seconds
    why = missing()
    if why:
        print(f"skipped: {why}")
        return SKIP
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    folder = tempfile.mkdtemp(prefix="backlogctl-test-")
    os.chmod(folder, 0o755)
    tally = Tally(options.seed)
    try:
        drive(options, tally, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        tally.summary()
    return 1 if tally.wrong or not tally.kills + tally.peculiar else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

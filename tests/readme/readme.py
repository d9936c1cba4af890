"""The command lines of README.md, run in a network namespace of their own: what they print is compared with what stands there.

A block ```console``` is one command line and its output. Times, process ids, clients' ports and the widths of columns are masked; of a
block behind the comment <!-- numbers vary --> all numbers are. A line `...` stands for any lines, also none. A block ```sh``` installs:
it is only read (.ci/run runs the first one). With --update those that differ are written anew."""

import argparse
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading

SKIP = 77  # what ctest takes for "skipped"
BLOCK = re.compile(r"(?P<head>(?P<vary><!-- numbers vary -->\n)?```console\n)\$ (?P<command>.*)\n(?P<output>(?:.*\n)*?)```\n")
COMMANDS = "run probe serve list watch resize measure sweep size completion schema".split()
ATTEMPTS = 5
PATIENCE = 120  # seconds for one command, on a busy machine

# It takes one client and then waits for a lock that nobody gives back.
HANGS = """
import socket, threading
server = socket.create_server(("127.0.0.1", 9000), backlog=32)
server.accept()
lock = threading.Lock()
lock.acquire()
lock.acquire()
"""


# ---- What a command finds ----

class Place:
    """Servers and their clients in this namespace, until the end of the with block."""

    def __init__(self, folder):
        self.folder = folder
        self.ends = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends.close()

    def start(self, *command):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   cwd=self.folder)
        self.ends.callback(lambda: (process.kill(), process.wait()))

    def await_listeners(self, expectation, *target):
        """Until the program itself sees them so: the test is of what it prints then."""
        command = ["backlogctl", "list", *target, "--expect", expectation]
        for _ in range(PATIENCE * 10):
            if not subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
                return
            threading.Event().wait(0.1)
        raise SystemExit(f"readme: {' '.join(command)} did not come true within {PATIENCE} s")

    def clients(self, port, count):
        for _ in range(count):
            client = socket.socket()
            self.ends.callback(client.close)
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))


def one_hangs(place):
    place.start("/usr/bin/python3", "-c", HANGS)
    place.start("redis-server", "--port", "6379", "--bind", "127.0.0.1", "--save", "")
    place.await_listeners("listeners=2")
    place.clients(9000, 34)
    place.await_listeners("queue=33", "9000")
    place.clients(9000, 26)
    place.await_listeners("oldest_ms>=2000", "9000")


SCENES = {"backlogctl list": one_hangs}


# ---- What is compared ----

MASKS = [(r"\[[#.]+\] \d+ of \d+ runs.*", ""),                                # progress
         (r"^ +\|0.*$", "RULER"),                                              # of a timeline: how long it is varies
         (r"\b\d+(\.\d+)?([eE][-+]?\d+)?(us|ms|s)\b", "TIME"),
         (r"(?<=:)(?!60001)\d{5}\b", "PORT"),                                 # a client's, which the kernel chose
         (r"\(pid \d+\)", "(pid PID)"),
         (r"(?<=[a-z\d])/\d+\b", "/PID"),
         (r"([#.=?F\d])\1+(?=[#.=?FSA\d\s])", r"\1"),                         # lanes of a timeline
         (r"-{3,}", "-")]


def masked(text, vary):
    for pattern, stand_in in MASKS:
        text = re.sub(pattern, stand_in, text, flags=re.M)
    return re.sub(r"\d+(\.\d+)?", "N", text) if vary else text


def words(text, vary):
    return [" ".join(masked(part, vary).split()) for part in re.split(r"^\.\.\.$", text, flags=re.M)]


def agrees(expected, seen, vary):
    parts, rest = words(expected, vary), words(seen, vary)[0]
    if len(parts) == 1:
        return parts[0] == rest
    if not rest.startswith(parts[0]) or not rest.endswith(parts[-1]):
        return False
    at = len(parts[0])
    for part in parts[1:]:
        at = rest.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def run(command, folder):
    with Place(folder) as place:
        if command in SCENES:
            SCENES[command](place)
        done = subprocess.run(["sh", "-c", command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False)
        return done.stdout


def seen_in_the_end(command, expected, vary):
    """On a busy machine a server is late now and then, and other things happen: what stands there has to come true once."""
    for _ in range(ATTEMPTS):
        with tempfile.TemporaryDirectory() as folder:
            seen = run(command, folder)
        if agrees(expected, seen, vary):
            break
    return seen


def absent(command):
    """A program that is wanted beside ours and not there."""
    wanted = re.search(r" -- (\S+)", command)
    for name in ["redis-server"] * (command in SCENES) + ([wanted[1]] if wanted else []):
        if subprocess.run(["sh", "-c", f"command -v {name}"], stdout=subprocess.DEVNULL, check=False).returncode:
            return name
    return None


def inline(text):
    """Command lines within sentences, with or without the program's name; COMMAND and FILE stand for what a reader has."""
    for code in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)):
        given = code.removeprefix("backlogctl ").split()
        if given and given[0] in COMMANDS and "COMMAND" not in given:
            yield given


def check_inline(text):
    """Whether the program knows these commands and options: with --help it says so and does nothing."""
    wrong = 0
    for given in inline(text):
        done = subprocess.run(["backlogctl", *given, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            wrong += 1
            print(f"WRONG {' '.join(given)}: {done.stderr.strip()}")
    print(f"{len(list(inline(text)))} command lines within sentences, {wrong} wrong")
    return wrong


def check(path, update):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    blocks = list(BLOCK.finditer(text))
    if len(blocks) != text.count("```console"):
        raise SystemExit("readme: a console block has no command line, or no end")
    wrong, ran = 0, 0
    for block in reversed(blocks):
        command, vary = block["command"], bool(block["vary"])
        if lacking := absent(command):
            print(f"skipped: {command}: {lacking} is not installed")
            continue
        seen = seen_in_the_end(command, block["output"], vary)
        ran += 1
        if "by arithmetic, not measured" in seen and "by arithmetic" not in block["output"]:
            print(f"skipped: {command}: this machine is too busy to keep the pace, which it says:\n{seen[:1000]}")
            continue
        right = agrees(block["output"], seen, vary)
        if update and not right:
            text = f"{text[:block.start()]}{block['head']}$ {command}\n{seen}```\n{text[block.end():]}"
        elif not right:
            wrong += 1
            print(f"WRONG {command}\n--- README.md\n{block['output']}--- now\n{seen}---")
            for part in [*words(block["output"], vary), "--- now", *words(seen, vary)]:
                print(part)
        else:
            print(f"right {command}")
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    print(f"{ran} command lines with their output, {wrong} wrong")
    return wrong + check_inline(text)


def enter(argv):
    """Goes on in a network namespace of its own, or not at all."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-current-user", "--net", "--keep-caps"]
    inside = [*unshare, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    probe = subprocess.run([*inside, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        print(f"skipped: no network namespace here: {probe.stderr.strip()}")
        sys.exit(SKIP)
    os.execvp(inside[0], [*inside, sys.executable, *argv, "--inside"])


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backlogctl", default=os.path.join(here, "../../build/plain/backlogctl"))
    parser.add_argument("--update", action="store_true", help="write the outputs of now into README.md")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        enter(sys.argv)
    os.environ["PATH"] = os.path.dirname(os.path.abspath(options.backlogctl)) + os.pathsep + os.environ["PATH"]
    os.environ.pop("COLUMNS", None)
    return 1 if check(os.path.join(here, "../../README.md"), options.update) else 0


if __name__ == "__main__":
    sys.exit(main())

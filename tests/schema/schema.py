#!/usr/bin/env python3
"""Every JSON document against the schema that the program prints for it: of runs of each command in many ways, or those that tests
have kept in a folder."""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

try:
    import jsonschema
except ImportError:
    print("skipped: no jsonschema (package python3-jsonschema)")
    sys.exit(77)

SECONDS = 120  # to end what hangs
FREE = {".cells[].values"}  # members of any name


class Schemas:
    def __init__(self, program):
        self.of = {}
        for name in subprocess.run([program, "schema"], capture_output=True, text=True, check=True).stdout.split():
            text = subprocess.run([program, "schema", name], capture_output=True, text=True, check=True).stdout
            schema = json.loads(text)
            jsonschema.Draft202012Validator.check_schema(schema)
            self.of[name] = jsonschema.Draft202012Validator(schema)
        self.seen = collections.Counter()
        self.shapes = set()

    def name_of(self, document):
        """By the document's own word; a line of serve has none."""
        if "schema" in document:
            return re.fullmatch(r"backlogctl\.(\w+)/\d+", document["schema"]).group(1)
        return "serve"

    def check(self, document, origin):
        name = self.name_of(document)
        self.seen[name] += 1
        found = [error for whole in self.of[name].iter_errors(document) for error in leaves(whole, document)]
        for error in found[:5]:
            print(f"{origin}: {name}: {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}")
        return not found and self.is_strict(document, name)

    def is_strict(self, document, name):
        """Tried with one document of each shape."""
        document = shortened(document)
        shape = (name, str(document.get("event")), *sorted(path for path, _ in objects(document)))
        if shape in self.shapes:
            return True
        self.shapes.add(shape)
        found = list(lenient(self.of[name], document))
        for place in found:
            print(f"{name}: the schema does not mind {place}")
        return not found


def leaves(error, document):
    """Of alternatives the one that is meant: of lines that of their event."""
    if not error.context or (isinstance(error.instance, dict) and error.validator != "oneOf"):
        return [error]
    return [deeper for inner in error.context for deeper in leaves(inner, document)]


def shortened(value):
    """Of each array the first."""
    if isinstance(value, list):
        return [shortened(item) for item in value[:1]]
    return {name: shortened(member) for name, member in value.items()} if isinstance(value, dict) else value


def objects(value, path=""):
    """Those of a shortened document, with their places."""
    if isinstance(value, list):
        yield from objects(value[0], path + "[]") if value else ()
    elif isinstance(value, dict):
        yield path, value
        for name, member in value.items():
            yield from objects(member, f"{path}.{name}")


def lenient(validator, document):
    """Where the schema lets a member come that nobody knows, or one go that is always there."""
    for path, value in list(objects(document)):
        value["unknown"] = "x"
        if validator.is_valid(document) and path not in FREE:
            yield f"{path}.unknown"
        del value["unknown"]
        for name in list(value):
            member = value.pop(name)
            if validator.is_valid(document) and path not in FREE:
                yield f"{path}.{name}"
            value[name] = member


def documents(text):
    """One object, or one a line; a document that was cut off is none."""
    with contextlib.suppress(json.JSONDecodeError):
        return [json.loads(text)]
    found = []
    for line in text.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


# ---- Runs ----


class Scene:
    """A server that accepts nobody and has one client waiting, whose queue of two is not full; one that is; and AF_UNIX."""

    def __init__(self, folder):
        self.half, self.full = (self.listener(1) for _ in range(2))
        self.unix = socket.socket(socket.AF_UNIX)
        self.path = f"{folder}/socket"
        self.unix.bind(self.path)
        self.unix.listen(3)
        self.clients = [self.client(self.half), self.client(self.full), self.client(self.full)]

    @staticmethod
    def listener(backlog):
        one = socket.socket()
        one.bind(("127.0.0.1", 0))
        one.listen(backlog)
        return one

    @staticmethod
    def client(server):
        return socket.create_connection(server.getsockname())


def port(server):
    return str(server.getsockname()[1])


def command_lines(program, scene):
    """All presets, and each command in its ways."""
    burst = ["-n", "6", "-t", "300ms"]
    presets = subprocess.run([program, "run", "--list-presets"], capture_output=True, text=True, check=True).stdout
    http = ["--", "python3", "-m", "http.server", "{port}"]
    at_full = ["probe", "-p", port(scene.full), *burst]
    yield from (["run", "--preset", line.split()[0]] for line in presets.splitlines() if line and not line.startswith(" "))
    yield from [
        ["run", "-b", "1", "-a", "1", *burst, "--expect", "connected=1,timed_out>=9"],
        ["run", "-b", "1", "-a", "1", *burst, "--summary"],
        ["run", "-b", "1", "-a", "1", *burst, "--timeline", "--delay", "3ms"],
        ["run", "--unix", "private", "-b", "1", "-a", "1", *burst, "--timeline"],
        ["run", "--unix", "private", "--seqpacket", "-b", "1", "-a", "1", *burst],
        ["run", "--mptcp", "-b", "1", "-a", "1", *burst],
        ["run", "--fastopen", "--send", "x", "-b", "3", *burst],
        ["run", "-6", "-H", "::1", "-b", "1", *burst],
        ["run", "--reuseport", "3", "-b", "1", "-a", "0", *burst],
        ["run", "--defer-accept", "1s", *burst, "--send", "x"],
        ["run", "--burst", "3", "--every", "20ms", *burst, "--stall", "10ms", "--stall-every", "50ms"],
        ["run", "--rate", "100", "--threads", "2", *burst, "--greeting", "hello"],
        ["run", "--sysctl", "net.ipv4.tcp_syncookies=0", "-b", "1", "-a", "0", *burst],
        ["run", "--source", "127.0.0.2,127.0.0.3", *burst],
        ["run", *burst, *http],
        ["run", *burst, "--freeze", "auto", *http],
        ["run", *burst, "--", "false"],
        ["run", *burst, "--wait", "100ms", "--", "sleep", "9"],
        ["run", *burst, "--", "/nonexistent"],
        ["probe", "-p", port(scene.half), *burst, "--send", "x", "--expect", "queued>=1"],
        at_full,
        [*at_full, "--timeline"],
        [*at_full, "--expect", "drops=0"],
        ["probe", "-p", "1", *burst],
        ["probe", "-H", "localhost", "-p", "1", *burst],
        ["probe", "-H", "localhost", "-p", port(scene.half), *burst],
        ["probe", "--unix", scene.path, *burst],
        ["probe", "--unix", "@nobody", *burst],
        ["probe", "-H", "203.0.113.1", "--allow-remote", "-n", "2", "-t", "50ms"],
        ["list"],
        ["list", "--all-netns"],
        ["list", "-p", port(scene.full), "--expect", "queue=0,drops=0,oldest_ms<1"],
        ["list", "-p", "1", "--expect", "listeners>=1"],
        ["watch", "--batch", "-n", "2", "-i", "100ms", "--alert", "queue>=1,drops_per_second>0,listeners<0"],
        ["watch", "--batch", "-n", "1", "-i", "100ms", "--all-netns"],
        ["observe", "-p", port(scene.full), "--duration", "50ms", "--start-at", "+10ms"],
        ["observe", "-p", port(scene.half), "--duration", "50ms"],
        ["trace", "--duration", "300ms", "-i", "100ms", "--events"],
        ["resize", "-p", port(scene.half), "-b", "2147483647", "--dry-run"],
        ["resize", "-p", port(scene.half), "-b", "4"],
        ["resize", "--unix", scene.path, "-b", "5"],
        ["sweep", "-b", "1..3", "-n", "4,5", "-t", "50ms"],
        ["sweep", "-b", "1,2", "-n", "4", "-t", "50ms", "--expect", "connected=99", *http],
        ["sweep", "-n", "4", "--sysctl", "net.nosuch.key=1,2", "-t", "50ms"],
        ["size", "--burst", "5", "--every", "50ms", "--checks", "1"],
        ["size", "--rate", "100", "--accept-delay", "50ms", "--checks", "1"],
        ["serve", "-p", "0", "--duration", "50ms"],
        ["serve", "-p", "0", "--full", "--duration", "100ms"],
        ["serve", "--unix", "private", "--duration", "50ms"],
    ]


def measured(program):
    """Of servers of their own: a measurement waits until they have taken in its connections."""
    for options in (["-p", "0"], ["--unix", "measured"]):
        serve = subprocess.Popen([program, "serve", *options, "-b", "3", "--json"], stdout=subprocess.PIPE, text=True)
        ready = json.loads(serve.stdout.readline())
        where = ["-p", str(ready["port"])] if "port" in ready else ["--unix", ready["path"]]
        yield ["measure", *where, "--yes", "--expect", "capacity>=9,queue=0"]
        yield ["measure", *where, "--yes", "--freeze", "stop"]
        yield ["probe", *where, "-n", "2", "-t", "100ms"]
        serve.send_signal(signal.SIGTERM)
        yield serve.stdout.read()


def output(program, words):
    done = subprocess.run([program, words[0], "--json", *words[1:]], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode not in (2, 127) and done.returncode >= 0, f"{words}: {done.returncode}: {done.stderr}"
    return done.stdout


def interrupted(program, words):
    """It ends early, after it has begun to write, or at any moment."""
    one = subprocess.Popen([program, words[0], "--json", *words[1:]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(0.5)
    one.send_signal(signal.SIGINT)
    return one.communicate(timeout=SECONDS)[0]


def outputs(program, scene):
    for words in command_lines(program, scene):
        yield " ".join(words), output(program, words)
    for words in measured(program):
        yield ("serve", words) if isinstance(words, str) else (" ".join(words), output(program, words))
    for words in (
        ["run", "-n", "9", "-b", "1", "-a", "0", "-t", "1m"],
        ["sweep", "-b", "1..9", "-n", "9", "-t", "1m"],
        ["size", "--burst", "9", "--every", "1s", "--accept-delay", "100ms"],
        ["watch", "--batch", "-i", "100ms"],
        ["serve", "-p", "0"],
    ):
        yield " ".join(words) + ", interrupted", interrupted(program, words)


def kept(folder):
    for path in sorted(pathlib.Path(folder).iterdir()):
        yield path.name, path.read_text(encoding="utf-8", errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backlogctl", required=True, help="the program")
    parser.add_argument("--documents", help="check what tests have kept in this folder instead")
    options = parser.parse_args()
    program = os.path.abspath(options.backlogctl)
    schemas = Schemas(program)
    checked = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        source = kept(os.path.abspath(options.documents)) if options.documents else None
        os.chdir(folder)
        for origin, text in source or outputs(program, Scene(folder)):
            found = documents(text)
            checked += len(found)
            failed += sum(not schemas.check(document, origin) for document in found if isinstance(document, dict))
    print(f"{checked} documents ({dict(schemas.seen)}), {failed} failed")
    if not options.documents and set(schemas.seen) != set(schemas.of):
        raise SystemExit(f"none of {set(schemas.of) - set(schemas.seen)}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

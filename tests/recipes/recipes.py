"""The recipes of backlogctl-ci(7), taken out of the page and run by the tools they are for: with a server that keeps what they expect,
where they must pass, and with one that does not, where they must fail.

A recipe is what stands between .Bd -literal and .Ed behind a comment `.\\" recipe: TOOL FILE`."""

import argparse
import contextlib
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

SERVER = """#!/usr/bin/python3
import socket, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(%s)
clients = []
while True:
    %s
"""
GOOD = SERVER % ("512", "clients.append(listener.accept())")
BAD = SERVER % ("1", "__import__('time').sleep(1000)")


def recipes(page):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    for tool, name, body in re.findall(r'^\.\\" recipe: (\S+) (\S+)\n\.Bd -literal\n(.*?)^\.Ed$', text, re.M | re.S):
        yield tool, name, body.replace("\\&", "").replace("\\e", "\\")


def yaml_of(text):
    """What a reader of YAML makes of it; None where there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        done = subprocess.run([python, "-c", "import json,sys,yaml; json.dump(yaml.safe_load(sys.stdin.read()), sys.stdout)"], input=text,
                              capture_output=True, text=True, check=False)
        if not done.returncode:
            return __import__("json").loads(done.stdout)
    return None


# ---- How each tool is called: a command in the folder with the recipe, or why it cannot be ----

class Absent(Exception):
    pass


def program(*names):
    for name in names:
        if not shutil.which(name):
            raise Absent(f"{name} is not installed")


def github(_folder, name, action):
    workflow, steps = yaml_of(open(name, encoding="utf-8").read()), yaml_of(open(action, encoding="utf-8").read())
    if not workflow:
        raise Absent("no reader of YAML (python3-yaml) is installed")
    uses = [s for s in workflow["jobs"]["backlog"]["steps"] if ".github/actions/backlogctl@" in s.get("uses", "")]
    os.environ["ARGUMENTS"] = uses[0]["with"]["arguments"]
    return ["sh", "-c", steps["runs"]["steps"][1]["run"]]


def gitlab(_folder, name, _action):
    pipeline = yaml_of(open(name, encoding="utf-8").read())
    if not pipeline:
        raise Absent("no reader of YAML (python3-yaml) is installed")
    return ["sh", "-ec", "\n".join(pipeline["backlog"]["script"])]


def tap(_folder, name, _action):
    program("prove")
    os.chmod(name, 0o755)
    return ["prove", "--exec", "sh", name]


def bats(_folder, name, _action):
    program("bats", "nc")
    return ["bats", name]


def pytest(_folder, name, _action):
    for python in ("/usr/bin/python3", sys.executable):
        with contextlib.suppress(OSError):
            if not subprocess.run([python, "-c", "import pytest"], capture_output=True, check=False).returncode:
                return [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", name]
    raise Absent("python3-pytest is not installed")


def go(folder, _name, _action):
    program("go")
    with open("go.mod", "w", encoding="utf-8") as file:
        file.write("module recipe\n")
    os.environ.update(HOME=folder, GOCACHE=f"{folder}/cache", GOFLAGS="-mod=mod")
    return ["go", "test", "-count=1", "./..."]


def cargo(folder, _name, _action):
    program("cargo")
    with open("Cargo.toml", "w", encoding="utf-8") as file:
        file.write('[package]\nname = "recipe"\nversion = "0.1.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n')
    open("lib.rs", "w", encoding="utf-8").close()
    return ["cargo", "test", "--offline", "--quiet"]


def node(_folder, name, _action):
    program("node")
    return ["node", "--test", name]


def java(_folder, name, _action):
    program("javac", "java")
    jars = [jar for pattern in ("junit-jupiter*", "junit-platform*", "opentest4j", "apiguardian-api", "univocity-parsers", "picocli")
            for jar in glob.glob(f"/usr/share/java/{pattern}.jar")]
    if not any("console" in jar for jar in jars):
        raise Absent("JUnit 5 (Debian's junit5) is not installed")
    path = ":".join(jars)
    return ["sh", "-ec", f"javac -cp {path} {name}; exec java -cp .:{path} org.junit.platform.console.ConsoleLauncher "
            "--disable-banner -c BacklogTest"]


TOOLS = {f.__name__: f for f in (github, gitlab, tap, bats, pytest, go, cargo, node, java)}


# ---- Running them ----

def in_namespace(command):
    """Ports of the recipes are theirs alone."""
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-current-user", "--net", "--keep-caps"]
    return unshare + ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"] + command


def attempt(tool, name, body, action, server):
    """Its exit status and what it said."""
    folder, here = tempfile.mkdtemp(prefix="backlogctl-test-"), os.getcwd()
    before = dict(os.environ)
    try:
        os.chdir(folder)
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        for path, text in ((name, body), ("server", server)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod("server", 0o755)
        command = TOOLS[tool](folder, name, action)
        done = subprocess.run(in_namespace(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False, timeout=1200)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
        subprocess.run(["chmod", "-R", "u+w", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--backlogctl", required=True)
    options.add_argument("--source", required=True)
    options.add_argument("--only")
    options = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="backlogctl-test-") as prefix:
        os.chmod(prefix, 0o755)
        os.mkdir(f"{prefix}/bin")
        os.symlink(os.path.abspath(options.backlogctl), f"{prefix}/bin/backlogctl")
        os.environ.update(PATH=f"{prefix}/bin:{os.environ['PATH']}", PREFIX=prefix)
        sys.exit(run_all(options))


def run_all(options):
    wrong = tried = 0
    action = f"{options.source}/.github/actions/backlogctl/action.yml"
    probe = subprocess.run(in_namespace(["true"]), capture_output=True, text=True, check=False)
    if probe.returncode:
        print(f"skipped: no network namespace here: {probe.stderr.strip()}")
        return 77
    found = [r for r in recipes(f"{options.source}/man/backlogctl-ci.7") if options.only in (None, r[0])]
    if not found:
        print("WRONG: the page has no recipe")
        return 1
    for tool, name, body in found:
        try:
            good, said = attempt(tool, name, body, action, GOOD)
            bad, said_bad = attempt(tool, name, body, action, BAD)
        except Absent as reason:
            print(f"skipped: {tool}: {reason}", flush=True)
            continue
        tried += 1
        if good or not bad:
            wrong += 1
            print(f"WRONG: {tool}: status {good} with the good server, {bad} with the bad one\n{said if good else said_bad}", flush=True)
        else:
            print(f"{tool}: passed with the good server, failed ({bad}) with the bad one", flush=True)
    print(f"{tried} recipes, {wrong} wrong")
    return 1 if wrong else 0 if tried else 77


if __name__ == "__main__":
    main()

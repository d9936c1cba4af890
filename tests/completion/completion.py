#!/usr/bin/env python3
"""Completion in the shells themselves: what each offers for a command line, in words of the tables and of what runs here."""

import argparse
import ctypes
import os
import pathlib
import pty
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SECONDS = 60  # to end what hangs


class Bash:
    """Sources the script and calls its function, as bash does: words divided at = and : too."""

    name = "bash"
    script = "backlogctl"

    def __init__(self, file, _):
        self.file = file

    @staticmethod
    def divided(line):
        words = []
        for word in line.split(" "):
            part = ""
            for character in word:
                if (character in "=:") != (part[-1:] in ("=", ":")) and part:
                    words.append(part)
                    part = ""
                part += character
            words.append(part)
        return words

    def offers(self, line):
        words = self.divided(line)
        script = (
            f"source {shlex.quote(str(self.file))}; COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1};"
            f"COMP_LINE={shlex.quote(line)}; COMP_POINT=${{#COMP_LINE}}; _backlogctl backlogctl '' '';"
            "((${#COMPREPLY[@]} == 0)) || printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = run(["bash", "--norc", "-c", script])
        # What stands before the last = or : of the word is not replaced.
        kept = line.split(" ")[-1]
        kept = kept[: max(kept.rfind("="), kept.rfind(":")) + 1]
        return {kept + " ".join(shlex.split(word)) for word in done.splitlines()}


class Fish:
    name = "fish"
    script = "backlogctl.fish"

    def __init__(self, file, _):
        self.file = file

    def offers(self, line):
        done = run(["fish", "--no-config", "-c", f"source '{self.file}'; complete -C \"$argv[1]\"", line])
        return {unescaped(offer.split("\t")[0]) for offer in done.splitlines()}


def unescaped(word):
    return " ".join(shlex.split(word)) if "\\" in word else word


# Its compadd tells what would be offered, with what stands before it in the word.
ZSH_SETUP = r"""
PROMPT= PROMPT2= RPROMPT= ; unsetopt zle_bracketed_paste 2>/dev/null; unset zle_bracketed_paste
fpath=(%(folder)s $fpath); autoload -Uz compinit; compinit -u -d %(dump)s; zmodload zsh/zutil
compadd() {
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
    local -a hits; builtin compadd -O hits "$@"
    (($#hits)) && print -rl -- $IPREFIX${^hits} >>%(offers)s
    builtin compadd "$@"
}
offer() { _main_complete 2>>%(errors)s; compstate[insert]=; compstate[list]=; print -r -- '=end=' >>%(offers)s }
zle -C offer list-choices offer
bindkey '^T' offer; bindkey '^U' kill-whole-line; stty -echo
print ready >>%(offers)s
"""


class Zsh:
    """In a terminal, since zsh completes nowhere else."""

    name = "zsh"
    script = "_backlogctl"

    def __init__(self, file, folder):
        self.told = folder / "offers"
        self.errors = folder / "errors"
        names = {"folder": file.parent, "dump": folder / "dump", "offers": self.told, "errors": self.errors}
        setup = folder / "setup.zsh"
        setup.write_text(ZSH_SETUP % names)
        self.told.touch()
        self.errors.touch()
        pid, self.terminal = pty.fork()
        if not pid:
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.pid = pid
        self.type(f"source {setup}\n")
        self.wait_for("ready")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, line):
        end = time.monotonic() + SECONDS
        while line not in (lines := self.told.read_text().splitlines()):
            if time.monotonic() > end:
                raise SystemExit(f"zsh: no {line} in {SECONDS} s")
            if select.select([self.terminal], [], [], 0.02)[0]:
                os.read(self.terminal, 65536)
        return lines

    def offers(self, line):
        self.told.write_text("")
        self.type(f"\x15{line}\x14")
        lines = self.wait_for("=end=")
        errors = self.errors.read_text()
        if errors:
            raise SystemExit(f"zsh: {line}: {errors}")
        return {unescaped(offer) for offer in lines[:-1]}

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def run(words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL, check=False)
    if done.stderr:
        raise SystemExit(f"{words[0]}: {words[-1]}: {done.stderr}")
    return done.stdout


class Scene:
    """Listeners whose names would do harm in a shell that evaluates them."""

    comm = "a b$(id)'"

    def __init__(self, folder):
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.path = f"{folder}/clients wait.sock"
        self.unix.bind(self.path)
        self.unix.listen(1)
        pathlib.Path("/proc/self/comm").write_text(self.comm, encoding="ascii")
        self.port = str(self.tcp.getsockname()[1])
        self.pid = str(os.getpid())


# In front of the program: units and containers as list shows them, since a place without systemd has none.
STAND_IN = r"""#!/bin/sh
case "$*" in
*'--columns unit'*) printf '%%s\n' 'unit' '-' 'web.service' 'at@1.service' '-.mount' 'colon:ed.service' '$(id).socket' '' 'rest' ;;
*'--columns container'*) printf '%%s\n' 'container' 'box' '-' '' 'rest' ;;
*) exec %s "$@" ;;
esac
"""


def services():
    """Some; a place without /etc/services has none."""
    try:
        socket.getservbyname("domain", "tcp")
        return {"service:domain"}
    except OSError:
        print("service: skipped: /etc/services has no domain")
        return set()


def cases(scene, tables):
    """A line, what is offered among others, and what is not."""
    measure, column, preset = tables["measures"], tables["columns"], tables["presets"]
    return [
        ("backlogctl ", tables["commands"], {"bash"}),
        ("backlogctl sw", {"sweep"}, {"run"}),
        ("backlogctl run --ba", {"--backlog"}, {"--backlogs", "--batch"}),
        ("backlogctl watch --ba", {"--batch"}, {"--backlog"}),
        ("backlogctl trace --", {"--batch", "--svg", "--html"}, {"--alert"}),
        ("backlogctl run --preset ", preset, {"auto"}),
        ("backlogctl run --preset=", {f"--preset={name}" for name in preset}, {"--preset=auto"}),
        ("backlogctl sweep --preset a", {"article", "abort"}, {"lost"}),
        ("backlogctl list --columns ", column, {"lost"}),
        ("backlogctl list --columns address,que", {"address,queue"}, {"queue"}),
        ("backlogctl list --sort=-dr", {"--sort=-drops"}, {"-queue"}),
        ("backlogctl watch --sort queue,-dr", {"queue,-drops"}, {"drops"}),
        ("backlogctl probe -e ", {"connected", "drops"}, {"oldest_ms", "peak"}),
        ("backlogctl run --expect connected=1,que", {"connected=1,queue", "connected=1,queued"}, {"queue"}),
        ("backlogctl list --expect ", measure, {"connected", "peak"}),
        ("backlogctl watch --alert p", {"peak", "percent"}, {"queue"}),
        ("backlogctl list --color ", {"auto", "always", "never"}, {"ptrace"}),
        ("backlogctl measure --freeze ", {"auto", "ptrace", "stop"}, {"never"}),
        ("backlogctl run --sysctl net.core.somax", {"net.core.somaxconn="}, {"net.ipv4.tcp_syncookies="}),
        ("backlogctl sweep --sysctl net.ipv4.tcp_synco", {"net.ipv4.tcp_syncookies="}, {"net.core.somaxconn="}),
        ("backlogctl run --user ro", {"root"}, {"auto"}),
        ("backlogctl probe --host localh", {"localhost"}, {"auto"}),
        ("backlogctl list --junit Sc", {"Scene"}, {"auto"}),
        ("backlogctl completion ", {"bash", "zsh", "fish"}, {"run"}),
        ("backlogctl schema pr", {"probe"}, {"list"}),
        ("backlogctl run --count ", set(), {"Scene", "auto", "--port"}),
        ("backlogctl run -- setar", {"setarch"}, {"Scene"}),
        ("backlogctl size --rate 5 -- cat Sc", {"Scene"}, {"--checks"}),
        ("backlogctl list --port ", {scene.port}, {"Scene"}),
        ("backlogctl probe -p ", {scene.port}, {"Scene"}),
        ("backlogctl serve -p ", set(), {scene.port}),
        ("backlogctl list --host 127", {"127.0.0.1"}, {scene.port}),
        ("backlogctl measure --pid ", {scene.pid}, {"Scene"}),
        ("backlogctl list --process a", {scene.comm}, {"root"}),
        (f"backlogctl list --unix {scene.path[:-12]}", {scene.path}, {"Scene"}),
        ("backlogctl list --netns nosuch", set(), {"nosuch"}),
        ("backlogctl nosuch --", set(), {"--port"}),
        ("backlogctl list ", {scene.port, scene.path, scene.comm, "web.service", "at@1.service", "$(id).socket", "pid:", "unit:"},
         {"Scene", "-.mount", "colon:ed.service", "rest", "-", "localhost", scene.pid}),
        ("backlogctl watch we", {"web.service"}, {"unit:", "at@1.service"}),
        ("backlogctl measure un", {"unit:", "unix:"}, {"process:", "web.service"}),
        ("backlogctl resize --backlog 9 ", {scene.port, scene.comm}, {"9", "localhost"}),
        ("backlogctl resize -b 9 unit:", {"unit:web.service", "unit:colon:ed.service", "unit:-.mount"}, {"web.service", "unit:unit:"}),
        ("backlogctl list unit:at", {"unit:at@1.service"}, {"unit:web.service", scene.comm}),
        ("backlogctl list process:", {f"process:{scene.comm}"}, {scene.comm, "process:web.service"}),
        ("backlogctl list container:b", {"container:box"}, {"box", "container:-"}),
        ("backlogctl watch pid:", {f"pid:{scene.pid}"}, {scene.pid, "pid:"}),
        (f"backlogctl list unix:{scene.path[:-12]}", {f"unix:{scene.path}"}, {scene.path}),
        ("backlogctl list service:dom", services(), {"domain"}),
        ("backlogctl list --js", {"--json"}, {scene.port, scene.comm}),
        ("backlogctl list 8080 ", set(), {scene.port, "unit:"}),
        ("backlogctl list --color auto 8080 --json ", set(), {scene.port, "unit:"}),
        ("backlogctl list --color auto --json ", {scene.port, "unit:"}, {"always"}),
        ("backlogctl probe ", {scene.port, scene.path, "localhost", "unix:"}, {scene.comm, "unit:", "web.service"}),
        ("backlogctl probe unit:", set(), {"unit:web.service", "web.service"}),
        ("backlogctl probe --count 5 localh", {"localhost"}, {scene.port}),
        ("backlogctl run ", set(), {scene.port, "unit:"}),
        ("backlogctl serve ", set(), {scene.port, "unit:"}),
        ("backlogctl help ", tables["commands"], {"help", "bash"}),
        ("backlogctl help sw", {"sweep"}, {"run"}),
        ("backlogctl he", {"help"}, {"run"}),
        ("backlogctl version --j", {"--json"}, {"--port"}),
    ]


def tables_of(program):
    """The words of the program's own tables, from its output."""

    def lines(*words):
        return run([program, *words]).splitlines()

    def first_words(these):
        return {line.split()[0] for line in these if line and not line.startswith(" ")}

    usage = lines("--help")
    commands = usage[usage.index("Commands:") + 1 :]
    return {
        "commands": {line.split()[0] for line in commands[: commands.index("")] if line[2] != " "},  # others go on a summary
        "presets": first_words(lines("run", "--list-presets")),
        "columns": first_words(lines("list", "--columns", "help")[1:]),
        "measures": {"queue", "backlog", "capacity", "percent", "half_open", "drops", "oldest_ms", "listeners"},
    }


def check(shell, table):
    failed = 0
    for line, wanted, unwanted in table:
        offers = shell.offers(line)
        # With the value behind a '=' some shells tell the value alone.
        bare = {offer.split("=", 1)[1] if offer.startswith("--") and "=" in offer else offer for offer in offers}
        want = {word.split("=", 1)[1] if word.startswith("--") and "=" in word else word for word in wanted}
        if not want <= bare or unwanted & offers:
            failed += 1
            print(f"{shell.name}: '{line}': offers {sorted(offers)[:20]}, lacks {sorted(want - bare)}, has {sorted(unwanted & offers)}")
    print(f"{shell.name}: {len(table)} lines, {failed} failed")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backlogctl", required=True, help="the program")
    program = os.path.abspath(parser.parse_args().backlogctl)
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: nobody is left behind
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.environ["HOME"] = os.environ["XDG_CONFIG_HOME"] = name
        (folder / "Scene").touch()
        stand_in = folder / "bin" / "backlogctl"
        stand_in.parent.mkdir()
        stand_in.write_text(STAND_IN % shlex.quote(program))
        stand_in.chmod(0o755)
        os.environ["PATH"] = f"{stand_in.parent}:{os.environ['PATH']}"
        os.chdir(folder)
        scene = Scene(name)
        table = cases(scene, tables_of(program))
        for kind in (Bash, Zsh, Fish):
            if not shutil.which(kind.name):
                print(f"{kind.name}: skipped: not installed")
                continue
            scripts = folder / kind.name
            scripts.mkdir()
            file = scripts / kind.script
            file.write_text(run([program, "completion", kind.name]))
            shell = kind(file, folder)
            failed += check(shell, table)
            if kind is Zsh:
                shell.close()
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

"""Servers that are hard to stop, or not to be: each is measured, sometimes with a kill, and is afterwards as it was before."""
import contextlib
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time

from place import (PORT, Skip, Wrong, await_answer, await_moving, await_that, kill, process, read, thread_states,
                   write)

METHODS = ("ptrace", "stop", "auto")
KILLS = ((), (), (), ("tool",), ("freeze-guardian",), ("freeze-rescuer",), ("freeze-guardian", "tool"), ("freeze-rescuer", "tool"))
ODD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "odd.py")
LAST_PID, YAMA = "/proc/sys/kernel/ns_last_pid", "/proc/sys/kernel/yama/ptrace_scope"
NOBODY = 65534
SCENES = []


def scene(work):
    SCENES.append(work)
    return work


def draw(seed, index, number, scenes):
    """`number` counts the peculiar rounds: scenes and methods come in turn, so that few rounds have them all."""
    r = random.Random(f"{seed}:{index}")
    name, method = scenes[number % len(scenes)], METHODS[(number % len(scenes) + number // len(scenes)) % len(METHODS)]
    return {"index": index, "kind": name, "method": method, "kills": KILLS[0] if number < len(scenes) * len(METHODS) else r.choice(KILLS),
            "signal": r.choice(("KILL", "KILL", "TERM", "INT", "HUP")), "delay": r.random() * 0.01}


def describe(spec):
    killed = f": {', '.join(spec['kills'])} by SIG{spec['signal']} {1000 * spec['delay']:.1f} ms later" if spec["kills"] else ""
    return f"peculiar {spec['kind']}, --freeze {spec['method']}{killed}"


class Scene:
    """One round: who is started, and is measured."""

    def __init__(self, options, room, spec):
        self.options, self.room, self.spec, self.method = options, room, spec, spec["method"]
        self.sessions = []

    def start(self, command, word="ready", **options):
        """Started, once it has said the word; `words` is that line."""
        child = self.room.start(command, **options)
        self.sessions.append(child)

        def ready():
            lines = [line for line in read(child.said).splitlines() if line.startswith(word)]
            if not lines and child.poll() is not None:
                raise Wrong(f"{command} ended with {child.returncode}: {read(child.said)[-300:]}")
            return lines and lines[0].split()
        child.words = await_that(f"{command} does not begin", ready)
        return child

    def odd(self, *words, before=(), **options):
        return self.start([*before, sys.executable, "-S", "-E", ODD, *words], **options)

    def pids(self):
        known = {child.pid for child in self.sessions}
        return [p.pid for p in self.room.strangers(set()) if p.session in known and p.state != "Z"]

    def known(self):
        return {child.pid for child in self.sessions}

    # ---- The tool ----

    def measure(self, *options, before=(), wanted=(0,), word="", known=None):
        """Its kills come while the server stands still. What it says without a kill must be that."""
        command = [*before, self.options.backlogctl, "measure", "--port", str(PORT), "--yes", "--budget", "10s", "--timeout", "240s",
                   "--with-waiting", "--freeze", self.method, *options]
        tool = self.room.start(command)
        known = known or self.known
        done = self.strike(tool, known) if self.spec["kills"] else 0
        self.room.await_end(tool)
        said = self.room.forget(tool)
        if "still stopped" in said or (not done and (tool.returncode not in wanted or word not in said)):
            raise Wrong(f"status {tool.returncode}: {said[-500:]}")
        self.room.await_alone(known())
        return said

    def strike(self, tool, known):
        def guardian():
            return tool.poll() is not None or any(p.name == "freeze-guardian" for p in self.room.strangers(known()))
        await_that("neither a guardian nor an end", guardian)
        time.sleep(self.spec["delay"])
        number = getattr(signal, "SIG" + self.spec["signal"])
        pids = [p.pid for p in self.room.strangers(known()) if p.name in self.spec["kills"]]
        if "tool" in self.spec["kills"] and tool.poll() is None:
            pids.append(tool.pid)
        return sum(kill(pid, number) for pid in pids)

    def serves(self, besides=()):
        """Nobody stands still but those, and a fresh client is answered."""
        await_moving(self.pids, besides)
        await_answer(b"", b"here")

    def end(self):
        for child in reversed(self.sessions):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGCONT)
            self.room.end(child)


# ---- Those that change all the time ----

def measure_changing(s, kind):
    """What forks or executes all the time may be too quick for ten tries, and on a busy machine too slow for the budget; never may it
    stand still afterwards."""
    child, late = s.odd(kind), 0
    for _ in range(3):
        said = s.measure(wanted=(0, 3))
        late += "within the budget" in said or "so try again" in said
        if "CAP_SYS_PTRACE" in said or late == 3:
            raise Wrong(f"it could have been stopped: {said}")
    if child.poll() is not None:
        raise Wrong(f"the server ended: {child.returncode}")
    s.serves()


@scene
def forks(s):
    measure_changing(s, "forking")


@scene
def executes(s):
    measure_changing(s, "executing")


@scene
def executes_from_a_thread(s):
    measure_changing(s, "thread_executing")


@scene
def has_many_threads(s):
    s.odd("threads")
    s.measure()
    s.serves()


# ---- Those that others have a hand in ----

def measure_traced(s, server, tracer):
    def traced_by():
        return [line for line in read(f"/proc/{server.pid}/status").splitlines() if line.startswith("TracerPid:")]
    before = await_that("it is not traced", lambda: traced_by() != ["TracerPid:\t0"] and traced_by())
    refused = s.method == "ptrace"
    said = s.measure(wanted=(3,) if refused else (0, 3), word="traces it already" if refused else "")
    if not refused and "to the end" in said and "did not stand still to the end" not in said:
        raise Wrong(f"its tracer may let it go on, but nothing else can be: {said}")
    s.serves()
    if tracer.poll() is not None or traced_by() != before:
        raise Wrong(f"its tracer has lost it: {traced_by()}")


@scene
def is_traced(s):
    server = s.odd("plain")
    measure_traced(s, server, s.odd("tracer", str(server.pid)))


@scene
def is_traced_by_strace(s):
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    server = s.odd("plain")
    measure_traced(s, server, s.start(["strace", "-f", "-o", "/dev/null", "-p", str(server.pid)], word="strace:"))


def await_stopped(pid):
    await_that(lambda: f"it is not stopped: {thread_states(pid)}", lambda: set(thread_states(pid)) == {"T"})


@scene
def is_stopped_before(s):
    """Nobody accepts, so it is refused, and nothing is changed."""
    server = s.odd("plain")
    os.kill(server.pid, signal.SIGSTOP)
    await_stopped(server.pid)
    s.measure("--timeout", "300ms", wanted=(3,), word="nothing was stopped")
    await_stopped(server.pid)
    os.kill(server.pid, signal.SIGCONT)
    s.serves()


@scene
def is_stopped_in_part(s):
    """One of two processes was stopped before: it stays so, the other one goes on."""
    server = s.odd("pair")
    stopped = int(server.words[1])
    os.kill(stopped, signal.SIGSTOP)
    await_stopped(stopped)
    for _ in range(2):
        s.measure()
        s.serves(besides=(stopped,))
        await_stopped(stopped)
    os.kill(stopped, signal.SIGCONT)
    s.serves()


@scene
def sleeps_uninterruptibly(s):
    """It cannot be stopped within the budget: that is told, and it runs on."""
    if platform.machine() != "x86_64":
        raise Skip("the number of clone(2) is x86-64's")
    server = s.odd("waiting_for_vfork")
    await_that("no thread is in state D", lambda: "D" in thread_states(server.pid))
    s.measure("--budget", "200ms", wanted=(3,), word="did not stop within the budget")
    s.serves()


# ---- Those that are apart ----

def own_pids():
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    return command if os.geteuid() == 0 else command + ["--user", "--map-root-user"]


def need_unshare():
    if subprocess.run([*own_pids(), "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("no further pid namespace is to be had")


@scene
def has_own_pids(s):
    need_unshare()
    s.odd("plain", before=own_pids())
    s.measure()
    s.serves()


@scene
def is_the_first_process(s):
    """Of its pid namespace, and backlogctl is in it, too: process 1 is not to be stopped."""
    need_unshare()
    outer = s.odd("plain", before=own_pids())
    inner = [p.pid for p in s.room.strangers(set()) if p.parent == outer.pid][0]
    enter = ["nsenter", "--target", str(inner), "--pid", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--preserve-credentials"])
    s.measure(before=enter, wanted=(3,), word="process 1 is not to be frozen")
    s.serves()


# ---- Those behind filters ----

def need_numbers():
    if platform.machine() != "x86_64":
        raise Skip("the numbers of its system calls are x86-64's")


@scene
def has_a_strict_filter(s):
    need_numbers()
    s.odd("filtered_with_restart")
    for _ in range(3):
        s.measure()
        s.serves()


@scene
def has_a_filter_without_restart(s):
    """It would not survive a stop, but for what the freeze does about it; SIGSTOP is a risk that has to be asked for."""
    need_numbers()
    if s.method == "stop":
        s.method = "auto"
    if "freeze-guardian" in s.spec["kills"]:
        s.spec = dict(s.spec, kills=("tool",))  # killed before it can do so it cannot help
    server = s.odd("filtered_without_restart")
    for _ in range(3):
        s.measure()
        if server.poll() is not None:
            raise Wrong(f"it was killed: {server.returncode}")
        s.serves()


# ---- Ids that are another's by now ----

def answer_wishes(s, server, answers):
    """Sees to it that the id that it wants is the next one."""
    wishes = read(server.said).count("next ")
    while answers[0] < wishes:
        pid = int([line for line in read(server.said).splitlines() if line.startswith("next ")][answers[0]].split()[1])
        write(LAST_PID, str(pid - 1))
        os.write(answers[1], b".")
        answers[0] += 1


def measure_reused(s, what):
    if what != "nobody" and not os.path.exists(LAST_PID):
        raise Skip(f"{LAST_PID} is not there (CONFIG_CHECKPOINT_RESTORE): nobody can choose the next id")
    there, ours = os.pipe()
    try:
        server = s.odd("reuse", what, stdin=there)
        holder, answers = int(server.words[1]), [0, ours]
        tool = s.room.start([s.options.backlogctl, "measure", "--port", str(PORT), "--yes", "--budget", "10s", "--timeout", "240s",
                             "--with-waiting", "--freeze", s.method])
        s.room.await_end(tool, lambda: answer_wishes(s, server, answers))
        said = s.room.forget(tool)
        if tool.returncode or "reused" not in read(server.said):
            raise Wrong(f"status {tool.returncode}: {said[-400:]}")
        if what == "process" and not process(holder):
            raise Wrong("who got the id is gone")
        s.serves()
    finally:
        os.close(there)
        os.close(ours)


@scene
def has_an_id_reused_by_a_process(s):
    measure_reused(s, "process")


@scene
def has_an_id_reused_by_a_thread(s):
    measure_reused(s, "thread")


@scene
def has_lost_a_process(s):
    measure_reused(s, "nobody")


# ---- Yama ----

def measure_under(s, scope):
    """An ordinary user may not trace it then, root may."""
    if not os.path.exists(YAMA):
        raise Skip(f"{YAMA} is not there: no Yama")
    before = read(YAMA).strip()
    if before != scope:
        try:
            write(YAMA, scope)
        except OSError:
            raise Skip(f"kernel.yama.ptrace_scope is {before}, and it takes root to set it") from None
    try:
        as_nobody = [] if os.geteuid() else ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        s.odd("plain", before=as_nobody)
        refused = s.method == "ptrace"
        s.measure(before=as_nobody, wanted=(3,) if refused else (0,), word="kernel.yama.ptrace_scope" if refused else "")
        s.serves()
        if not os.geteuid():
            s.measure()
            s.serves()
    finally:
        if before != scope:
            write(YAMA, before)


@scene
def is_under_yama_1(s):
    measure_under(s, "1")


@scene
def is_under_yama_2(s):
    measure_under(s, "2")


# ---- A round ----

BY_NAME = {work.__name__: work for work in SCENES}


def perform_all(options, room, specs, tell):
    for spec in specs:
        if time.monotonic() > options.until:
            break
        result = {"index": spec["index"], "what": describe(spec)}
        s = Scene(options, room, spec)
        try:
            BY_NAME[spec["kind"]](s)
            result["peculiar"] = 1
        except Skip as why:
            result["skipped"] = f"{spec['kind']}: {why}"
        except (Wrong, OSError) as wrong:
            result["wrong"] = repr(wrong)
            for p in room.strangers(s.known()):
                kill(p.pid, signal.SIGKILL)
        s.end()
        tell(result)

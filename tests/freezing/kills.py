"""Kills at random moments, while a real server is being measured or is started by `run --freeze`, and a client asks all the time."""
import os
import random
import signal
import threading
import time

from place import DEADLINE, Wrong, answer, await_answer, await_moving, await_that, kill, process, read, stands_still
from servers import PORT, SERVERS

METHODS = ("ptrace", "stop", "auto")
SIGNALS = ("KILL", "KILL", "TERM", "INT", "HUP")
GUARDS = {"guardian": "freeze-guardian", "rescuer": "freeze-rescuer"}
# Never guardian, rescuer and tool at one stroke: with SIGSTOP that is the documented gap.
VICTIMS = (("tool",), ("tool",), ("group",), ("guardian",), ("rescuer",), ("guardian", "rescuer"), ("guardian", "tool"),
           ("rescuer", "tool"), ("main",), ("worker",), ("server",), ("server", "tool"), ("worker", "tool"), ("server", "guardian"),
           ("main", "rescuer"))
VICTIMS_OF_RUN = (("tool",), ("group",), ("guardian",), ("rescuer",), ("guardian", "tool"), ("started",), ("reaper",),
                  ("guardian", "rescuer"), ("started", "tool"))
SERVERS_OWN = {"main", "worker", "server"}


def draw(seed, index, names):
    r = random.Random(f"{seed}:{index}")
    command = r.choice(("measure",) * 5 + ("run",))
    victims = r.choice(VICTIMS if command == "measure" else VICTIMS_OF_RUN)
    return {"index": index, "kind": r.choice(names), "command": command, "victims": victims, "method": r.choice(METHODS),
            "signals": [r.choice(SIGNALS) for _ in victims], "moment": r.choice(("any", "frozen", "frozen", "suspended")),
            "delay": r.random()}


def describe(spec):
    killed = ", ".join(f"{v} by SIG{s}" for v, s in zip(spec["victims"], spec["signals"]))
    return f"{spec['kind']}, {spec['command']} --freeze {spec['method']}: {killed}; moment {spec['moment']} {spec['delay']:.3f}"


class Clients(threading.Thread):
    """Asks again and again. Each request must be answered, but where the server was hit meanwhile."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.answered, self.failed = server, 0, []
        self.hits = 0     # odd: the server may be gone just now
        self.over = False

    def run(self):
        while not self.over:
            before = self.hits
            try:
                said = answer(self.server.request)
                trouble = None if self.server.wanted in said else f"was answered {said!r}"
            except OSError as error:
                trouble = repr(error)
            if not trouble:
                self.answered += 1
            elif before == self.hits and before % 2 == 0:
                self.failed.append(trouble)
            time.sleep(0.01)


class Bench:
    """A server that runs, and the rounds at it. `room` is the place."""

    def __init__(self, options, room, name):
        self.options, self.room, self.server = options, room, SERVERS[name]
        self.home = os.path.join(room.folder, name)
        os.mkdir(self.home)
        os.chmod(self.home, 0o777)
        self.child, self.span = None, 0.1
        self.clients = Clients(self.server)

    # ---- The server ----

    def begin(self):
        for stale in ("pid",):  # of one that was killed
            if os.path.exists(f"{self.home}/{stale}"):
                os.unlink(f"{self.home}/{stale}")
        self.child = self.room.start(self.server.make(self.home), cwd=self.home)
        self.await_served()
        self.groups = read(f"/proc/{self.child.pid}/cgroup")
        if self.clients.hits % 2:
            self.clients.hits += 1

    def await_served(self):
        def tried():
            if self.child.poll() is not None:
                raise Wrong(f"the server ended by itself: {self.child.returncode}: {read(self.child.said)[-300:]}")
            try:
                return self.server.wanted in answer(self.server.request)
            except OSError:
                return False
        await_that("the server does not serve", tried)

    def pids(self):
        return [p.pid for p in self.room.of_session(self.child.pid)]

    def end(self):
        if self.child:
            if self.clients.hits % 2 == 0:
                self.clients.hits += 1
            self.room.end(self.child)
            self.room.forget(self.child)
            self.child = None

    # ---- The tool ----

    def command(self, spec):
        tool, method = self.options.backlogctl, spec["method"]
        if spec["command"] == "run":
            return [tool, "run", "--json", "--summary", "--count", "250", "--timeout", "0", "--wait", "240s", "--freeze", method,
                    "--", *self.server.make(self.home)]
        return [tool, "measure", "--port", str(PORT), "--yes", "--with-waiting", "--budget", "10s", "--timeout", "240s",
                "--freeze", method, "--json"]

    def calibrate(self):
        """How long one takes here that nobody disturbs; it must be as it should."""
        began = time.monotonic()
        tool = self.room.start(self.command({"command": "measure", "method": "auto"}))
        self.room.await_end(tool)
        self.span = time.monotonic() - began
        said = self.room.forget(tool)
        if tool.returncode:
            raise Wrong(f"measure without a kill: status {tool.returncode}: {said[-400:]}")

    def find(self, victim, tool):
        """The processes that it stands for, just now."""
        if victim in ("tool", "group"):
            return [tool.pid]
        if victim == "main":
            return [self.child.pid]
        if victim in ("server", "worker"):
            pids = self.pids()
            return pids if victim == "server" else pids[-1:]
        strangers = self.room.strangers({self.child.pid} if self.child else set())
        if victim in GUARDS:
            return [p.pid for p in strangers if p.name == GUARDS[victim]]
        reapers = [p.pid for p in strangers if p.parent == tool.pid and p.name not in GUARDS.values()]
        if victim == "reaper":
            return reapers
        return [p.pid for p in strangers if p.parent in reapers]

    def await_moment(self, spec, tool):
        """False: it had ended before."""
        span = self.span * (6 if spec["command"] == "run" else 1)
        if spec["moment"] == "any":
            time.sleep(spec["delay"] * 1.1 * span)
        else:
            await_that("neither a guardian nor an end", lambda: self.find("guardian", tool) or tool.poll() is not None)
            if spec["moment"] == "suspended":  # it stands still for longer
                kill(tool.pid, signal.SIGSTOP)
            time.sleep(spec["delay"] ** 3 * 0.5 * self.span)  # soon, for the most part

    def strike(self, spec, tool):
        """(how many signals, whether the server stood still just before)"""
        struck = [(v, pid, getattr(signal, "SIG" + s)) for v, s in zip(spec["victims"], spec["signals"]) for pid in self.find(v, tool)]
        still = any(stands_still(pid) for pid in self.pids()) if self.child else bool(self.find("guardian", tool))
        done = 0
        for victim, pid, number in struck:
            if victim in SERVERS_OWN and self.clients.hits % 2 == 0:
                self.clients.hits += 1
            if victim == "group" and process(pid):
                os.killpg(pid, number)
                done += 1
            else:
                done += kill(pid, number)
        if spec["moment"] == "suspended":
            kill(tool.pid, signal.SIGCONT)
        return done, still and done > 0

    # ---- A round ----

    def perform(self, spec):
        if spec["command"] == "run":
            self.end()
        elif not self.child:
            self.begin()
            self.calibrate()
        tool = self.room.start(self.command(spec))
        self.await_moment(spec, tool)
        done, still = self.strike(spec, tool)
        self.room.await_end(tool)
        said = self.room.forget(tool)
        self.check_end(spec, tool, said)
        if self.child:
            self.check_server(spec, done)
        self.room.await_alone({self.child.pid} if self.child else set())
        if self.clients.failed:
            raise Wrong(f"a client of a server that nobody hit: {self.clients.failed}")
        return done, still

    def check_end(self, spec, tool, said):
        """It ends by what was sent to it, or says what it did."""
        sent = [getattr(signal, "SIG" + s) for v, s in zip(spec["victims"], spec["signals"]) if v in ("tool", "group")]
        allowed = {0, 1, 3} | {-n for n in sent} | {128 + n for n in sent}
        if tool.returncode not in allowed:
            raise Wrong(f"the tool ended with {tool.returncode}: {said[-400:]}")
        if "still stopped" in said:
            raise Wrong(f"the tool says: {said[-400:]}")

    def check_server(self, spec, done):
        await_moving(self.pids)
        hit = [(v, s) for v, s in zip(spec["victims"], spec["signals"]) if v in SERVERS_OWN] if done else []
        if any(v in ("main", "server") and s in ("KILL", "TERM") for v, s in hit):
            await_that("the server that was killed does not end", lambda: self.child.poll() is not None)
            self.end()
        elif hit:
            self.after_a_hit()
        else:
            if self.child.poll() is not None:
                raise Wrong(f"the server ended: {self.child.returncode}: {read(self.child.said)[-300:]}")
            await_answer(self.server.request, self.server.wanted)
            if read(f"/proc/{self.child.pid}/cgroup") != self.groups:
                raise Wrong("the server is in other cgroups")
            self.clients.hits += self.clients.hits % 2

    def after_a_hit(self):
        """Either it ends, as some do of SIGINT or SIGHUP, or it serves; its workers may be others."""
        def decided():
            if self.child.poll() is not None:
                return True
            try:
                return self.server.wanted in answer(self.server.request, patience=5)
            except OSError:
                return False
        await_that("the server neither serves nor ends", decided, DEADLINE)
        await_moving(self.pids)
        self.end()


def perform_all(options, room, specs, tell):
    """The rounds of one server, which are told one by one."""
    bench = Bench(options, room, specs[0]["kind"])
    bench.clients.hits = 1
    bench.clients.start()
    for spec in specs:
        if time.monotonic() > options.until:
            break
        result = {"index": spec["index"], "what": describe(spec)}
        try:
            result["kills"], result["still"] = bench.perform(spec)
        except Wrong as wrong:
            result["wrong"] = str(wrong)
            bench.clients.failed = []
            bench.end()
            for p in room.strangers(set()):
                kill(p.pid, signal.SIGKILL)
        tell(result)
    bench.end()
    bench.clients.over = True
    tell({"answered": bench.clients.answered})

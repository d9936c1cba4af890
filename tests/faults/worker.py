"""One run of a command with a fault in it, and what is wrong with how it took that."""
import json
import os
import re
import select
import shutil
import signal
import subprocess
import time

import calls
import commands
import place

DEADLINE = 120  # seconds beyond ten times what the command takes by itself; only what hangs gets there
GRACE = 20  # for the end of what a command has told to end
OLD = "what was there before\n"
PROGRESS = re.compile(r"\[#*\.*\] \d+ of \d+ runs.*|  \| .*")  # of a long series; and a started server's last lines
MESSAGE = re.compile(r"backlogctl( \w+)?: \S.*")


class Fault:
    """COMMAND|CALL|OCCURRENCE|ERROR; CALL "alloc" is an allocation, "all" and "none" are no fault; OCCURRENCE "3+": all from it on."""

    def __init__(self, point):
        self.command, self.call, when, self.error = point.split("|")
        self.at, self.and_after = int(when.rstrip("+")), when.endswith("+")

    def allocations(self):
        """The page that allocations.c takes."""
        first = self.at if self.call == "alloc" else 1 << 62
        last = 1 << 62 if self.and_after else first
        return b"".join(number.to_bytes(8, "little") for number in (0, 0, first, last))

    def words(self):
        call = "none" if self.call == "alloc" else self.call
        return [call, f"{self.at}{'+' if self.and_after else ''}", str(calls.number(self.error)) if self.error else "0"]


class Worker:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.work = os.path.join(folder, "work")
        os.makedirs(self.work)
        os.chdir(self.work)
        self.table = commands.table(options.backlogctl, options.server)
        self.server = None

    def path(self, name):
        return os.path.join(self.folder, name)

    # ---- One run ----

    def environment(self):
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "FAULTS_PRELOAD": self.options.allocations, "TMPDIR": self.work,
                "FAULTS_PROGRAM": self.options.backlogctl, "FAULTS_PAGE": self.path("page"),
                "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0", "HOME": self.work}

    def begin(self, command, fault):
        for name in os.listdir(self.work):
            if name != commands.UNIX:
                os.unlink(name)
        with open("old", "w", encoding="ascii") as file:
            file.write(OLD)
        with open(self.path("page"), "wb") as file:
            file.write(fault.allocations())
        report, out = os.pipe()
        words = [self.options.inject, str(out), *fault.words(), self.options.backlogctl, *command.words]
        with open(self.path("stdout"), "wb") as stdout, open(self.path("stderr"), "wb") as stderr:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, pass_fds=[out],
                                       env=self.environment(), start_new_session=True)
        os.close(out)
        return process, report

    def wait(self, process, report, seconds):
        """Until the program and all that it began have ended: the lines of the report, and what is wrong so far."""
        findings, text = [], b""
        end = time.monotonic() + DEADLINE + 10 * seconds
        while not findings:
            place.reap_others(process.pid, self.server.pid)
            if select.select([report], [], [], 0.1)[0]:
                got = os.read(report, 65536)
                text += got
                if not got:
                    break
            elif time.monotonic() > end:
                findings.append("it hangs: " + self.whereabouts(process.pid))
        os.close(report)
        if not findings and not place.until(lambda: place.reap_others(process.pid, self.server.pid) or process.poll() is not None, GRACE):
            findings.append("a process is left: " + self.whereabouts(process.pid))
        self.end_all(process)
        return [line.split(" ", 1) for line in text.decode(errors="replace").splitlines()], findings

    def strangers(self, *known):
        return sorted(place.processes() - {os.getpid(), self.server.pid, *known})

    def whereabouts(self, supervisor):
        told = []
        for pid in self.strangers(supervisor):
            try:
                call = place.read(f"/proc/{pid}/syscall").split()[0]
                told.append(f"{pid} {place.read(f'/proc/{pid}/comm').strip()} {place.read(f'/proc/{pid}/wchan')} call {call}")
            except OSError:
                continue
        return "; ".join(told)

    def end_all(self, process):
        for pid in self.strangers():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait()
        place.until(lambda: place.reap_others(self.server.pid) or not self.strangers(), GRACE)

    # ---- What it was ----

    def fields(self, lines):
        told = {name: value for name, value in lines if name != "count"}
        with open(self.path("page"), "rb") as file:
            page = file.read(16)
        failed = int.from_bytes(page[8:], "little")
        return {"status": int(told.get("ended", -1)), "reached": int(told.get("reached", 0)) + failed, "at": told.get("at", ""),
                "counts": {value.split()[0]: int(value.split()[1]) for name, value in lines if name == "count"},
                "allocations": int.from_bytes(page[:8], "little"),
                "stdout": place.read(self.path("stdout")), "stderr": place.read(self.path("stderr")),
                "files": {name: place.read(name) for name in os.listdir(self.work) if name != commands.UNIX}}

    def run(self, point, baseline):
        fault = Fault(point)
        command = self.table[fault.command]
        if not self.server or command.fresh:
            self.restart()
        before = place.Traces()
        began = time.monotonic()
        process, report = self.begin(command, fault)
        lines, findings = self.wait(process, report, baseline["seconds"] if baseline else 60)
        result = self.fields(lines)
        result["seconds"] = time.monotonic() - began
        if not findings:
            findings = self.judge(command, fault, result, baseline) + before.difference(place.Traces()) + self.look_at_server(command)
        if findings:
            self.restart()
        return dict(result, point=point, findings=findings)

    def restart(self):
        if self.server:
            self.server.end()
        self.server = place.Server()
        if not os.path.exists(self.path("share-1")):
            self.make_reports()

    def make_reports(self):
        """What `merge` reads: two shares of a burst of four."""
        for share in "12":
            with open(self.path(f"share-{share}"), "wb") as file:
                subprocess.run([self.options.backlogctl, *commands.PROBE, "--segment", f"{share}/2", "--json"], stdout=file, check=True)

    def look_at_server(self, command):
        place.until(lambda: self.server.state() not in "tT", GRACE)
        state = self.server.state()
        if state in "tTXZ":
            return [f"the server is left in state {state}"]
        return [] if not command.fresh or self.server.answers() else ["the server does not accept any more"]

    # ---- Judgement ----

    def judge(self, command, fault, result, baseline):
        status = result["status"]
        if status < 0 or os.WIFSIGNALED(status):
            return [f"ended by signal {os.WTERMSIG(status)}" if status >= 0 else "it ended without a status"]
        code = os.WEXITSTATUS(status)
        findings = judge_status(self.options.source, command, code)
        findings += judge_messages(command, fault, result, code)
        if code != 3:
            findings += judge_text(command.whole, result["stdout"], baseline and baseline["stdout"], "stdout")
            if command.must and not re.search(command.must, result["stdout"]):
                findings.append(f"status {code}, and stdout has not {command.must}")
        if command.backlog:
            findings += self.judge_backlog(command, result["stdout"], code)
        return findings + judge_files(command, fault, result, code)

    def judge_backlog(self, command, text, code):
        """Whether the server has the backlog that it is said to have."""
        words = [self.options.backlogctl, "list", "--json", "--port", str(commands.PORT)]
        found = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)["listeners"][0]["backlog"]
        findings = [f"status {code}, and the backlog is {found}"] if code == 0 and found != command.backlog else []
        if command.whole is commands.one_json and not judge_text(commands.one_json, text, None, ""):
            said = [one["changed"] for one in json.loads(text)["listeners"]]
            findings += [f"changed is {said}, and the backlog {found}"] if said != [found == command.backlog] else []
        return findings


def judge_status(source, command, code):
    allowed = commands.documented_statuses(source, command.page) - {1, 2}
    if not command.judges:
        allowed -= {4}
    return [] if code in allowed else [f"exit status {code}"]


def judge_messages(command, fault, result, code):
    lines = result["stderr"].splitlines()
    if "/stderr write(" in result["at"] or (fault.call == "write" and fault.and_after):
        return []  # it could not be said
    findings = [f"this is on stderr: {line}" for line in lines if not MESSAGE.fullmatch(line) and not PROGRESS.fullmatch(line)]
    messages = [line for line in lines if MESSAGE.fullmatch(line)]
    findings += [f"an empty reason: {line}" for line in messages if re.search(r"Success|\(null\)|Unknown error", line)]
    # There is one for each expectation; and one that observe has begun.
    reasons = [line for line in messages if ": expected " not in line and not line.endswith(": observing")]
    if len(reasons) > 1:
        findings.append(f"{len(messages)} messages: {' // '.join(messages)}")
    if code == 3 and not messages and not (command.explains and result["stdout"]):
        findings.append("status 3 and no message")
    return findings


def judge_text(whole, text, model, what):
    try:
        found = whole(text)
        # None: what else goes on on this machine was seen half.
        if model is not None and found is not None and whole(model) is not None and found != whole(model):
            return [f"{what} is not what it is without a fault: {found} instead of {whole(model)}"]
    except (AssertionError, ValueError, SyntaxError, LookupError) as error:
        return [f"{what} is not whole: {error or type(error).__name__}"]
    return []


def judge_files(command, fault, result, code):
    findings = []
    for name, text in result["files"].items():
        if name == "old" and text == OLD:
            if code != 3 and name in command.files:
                findings.append(f"status {code}, and {name} was not written")
        elif name in command.files:
            findings += judge_text(command.files[name], text, None, name)
        elif not fault.call.startswith("unlink") and not (text == "a socket" and "stat" in fault.call):
            findings.append(f"a file is left: {name}")
    findings += [f"status {code}, and {name} was not written" for name in command.files if code != 3 and name not in result["files"]]
    if "old" not in result["files"]:
        findings.append("the old file has gone")
    return findings


# ---- As the first process of its namespaces ----

def work(options, folder, orders, results):
    """A line of `orders` is [point, baseline]; each is answered with a line."""
    place.furnish()
    worker = Worker(options, folder)
    for line in orders:
        point, baseline = json.loads(line)
        results.write(json.dumps(worker.run(point, baseline)) + "\n")
        results.flush()
    worker.server and worker.server.end()
    os.chdir("/")
    shutil.rmtree(folder, ignore_errors=True)

"""The commands that are tried, and what must be true of their output however they fared."""
import csv
import dataclasses
import io
import json
import os
import re
import typing
import xml.etree.ElementTree as etree

PORT, FULL_PORT = 7001, 7002  # of the server that is there: it accepts at one; the queue of the other is full
BACKLOG = 5
UNIX = "socket"  # its AF_UNIX listener, in the folder that commands are run in


# ---- What whole output is: each fails, or returns what must be the same in a run without a fault ----

def one_json(text):
    return sorted(json.loads(text))


def listing(text):
    """The listeners that must be in it; who is not known must be counted."""
    report = json.loads(text)
    hidden = sum(one["pid"] is None for one in report["listeners"])
    assert hidden <= report["owners_unseen"] or report["incomplete"], f"{hidden} owners are missing, and nothing tells of it"
    places = {str(one["port"] or one["path"]) for one in report["listeners"]} & {str(PORT), str(FULL_PORT), UNIX}
    return None if report["incomplete"] or report["owners_unseen"] else sorted(places)


def observation(text):
    """Nobody comes."""
    report = json.loads(text)
    assert sum(report["counts"].values()) == len(report["connections"]), f"{report['counts']} do not count them"
    assert report["complete"] == (report["incomplete"] is None), "complete, or why not"
    return sorted(report)


def burst(text):
    """Of four clients, each has one verdict."""
    report = json.loads(text)
    assert sum(report["counts"].values()) == len(report["connections"]) == 4, f"not four: {report['counts']}"
    return sorted(report)


def got_in(text, connected, queued):
    keys, counts = burst(text), json.loads(text)["counts"]
    assert counts["connected"] <= connected and counts["queued"] <= queued, f"so many cannot have got in: {counts}"
    assert not counts["lost"], f"none can be lost: {counts}"
    return keys


def one_accepted(text):
    """A backlog of 1 holds two, and one is accepted."""
    return got_in(text, 1, 2)


def none_accepted(text):
    """Two wait there already."""
    return got_in(text, 0, 0)


def all_accepted(text):
    counts = json.loads(text)["counts"]
    assert not counts["timed_out"] and not counts["half_open"], f"there is room for all: {counts}"
    return got_in(text, 4, 4)


def merged(text):
    """Of the four clients of two shares, each is counted or said to be missing."""
    report = json.loads(text)
    counted, missing = sum(report["counts"].values()), report["merged"]["unreported"]
    troubles = [host for host in report["merged"]["hosts"] if host["trouble"]]
    assert counted + missing == 4 and (not missing or troubles), f"{counted} counted, {missing} missing, {troubles}"
    return None if troubles else sorted(report)


def measured(text):
    """It holds six."""
    report = json.loads(text)
    assert report["held"] is None or not report["full"] or report["held"] == BACKLOG + 1, f"it does not hold {report['held']}"
    return sorted(report)


def json_lines(text):
    assert text.endswith("\n"), "the last line is cut off"
    return sorted({str(json.loads(line).get("event")) for line in text.splitlines()} - {"accepted", "closed", "queue"})


def prometheus(text):
    assert text.endswith("\n"), "the last line is cut off"
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \w+ .+|\w+(\{.*\})? [-+0-9.e]+", line), f"no metric: {line}"
    return sorted(line.split()[2] for line in text.splitlines() if line.startswith("# TYPE"))


def comma_separated(text):
    rows = list(csv.reader(io.StringIO(text)))
    assert text.endswith("\n") and len({len(row) for row in rows}) == 1, "rows of different length"
    return [len(rows), rows[0]]


def tap(text):
    lines = text.splitlines()
    assert text.endswith("\n") and any(re.fullmatch(r"1\.\.\d+", line) for line in lines), "no plan"
    return len([line for line in lines if re.match("(not )?ok", line)])


def markup(text):
    return etree.fromstring(text).tag


def words(text):
    assert text.endswith("\n"), "the last line is cut off"


def nothing(text):
    assert not text, "something was printed"


@dataclasses.dataclass
class Command:
    name: str
    words: list
    whole: typing.Callable = words
    must: str = ""  # is in its output whenever it says that it did its work
    files: dict = dataclasses.field(default_factory=dict)  # that it writes, and what they are when whole
    judges: bool = False  # it can be that it cannot tell, which is status 4; what is expected holds, so that 1 would be a lie
    explains: bool = False  # its report says why the status is 3
    backlog: int = 0  # that the server has when its status is 0
    fresh: bool = False  # each run has a server of its own
    resolves: bool = False  # a name, by glibc's getaddrinfo(3), which ends by a signal when it has no memory: none is refused
    most: int = 99  # occurrences of a call and error that are tried

    @property
    def page(self):
        return self.words[0]


# What may be missing must be said to be.
LISTENER = rf"[:\"]{PORT}\b|\"port\": ?{PORT}\b|incomplete|not seen|could not"
BURST = ["-n", "4", "-t", "60ms"]
QUEUE = ["-b", "1", "-a", "1", *BURST]
TOTALS = r"(?m)^4 connections: "
HELD = ["-e", "backlog>=0"]
PROBE = ["probe", "-p", str(PORT), *BURST]
MEASURE = ["measure", "-p", str(PORT), "--yes", "-t", "15s", "--budget", "9s"]


def table(program, server):
    """`server` is what `run -- COMMAND` starts."""
    all_of_them = [
        Command("version", ["--version"], must="^backlogctl "),
        Command("help", ["--help"], must="Commands:"),
        Command("list-help", ["list", "--help"], must="--prometheus"),
        Command("columns-help", ["list", "--columns", "help"]),
        Command("presets", ["run", "--list-presets"], must="lost"),
        Command("completion", ["completion", "bash"], must="complete -F"),
        Command("schema", ["schema", "probe"], one_json),
        Command("list", ["list", "--exact", "never"], must=LISTENER),
        Command("list-exact", ["list"], must=LISTENER),
        Command("list-json", ["list", "--exact", "never", "--json"], listing),
        Command("list-prometheus", ["list", "--exact", "never", "--prometheus"], prometheus, LISTENER),
        Command("list-expect", ["list", "--exact", "never", "--port", str(PORT), "-e", "queue<=1,drops=0", "-q"], nothing, judges=True),
        Command("list-tap", ["list", "--exact", "never", "--tap", "--junit", "junit", *HELD], tap, files={"junit": markup}, judges=True),
        Command("list-all-netns", ["list", "--exact", "never", "--all-netns", "--json"], listing),
        Command("list-output", ["list", "--exact", "never", "--prometheus", "--output", "metrics"], nothing, files={"metrics": prometheus}),
        Command("list-output-text", ["list", "--exact", "never", "--output", "old"], nothing, files={"old": words}),
        Command("list-name", ["list", "--exact", "never", "python3", "--json"], listing),
        Command("list-host-name", ["list", "--exact", "never", f"localhost:{PORT}", "--json"], listing, resolves=True),
        Command("list-process", ["list", "--exact", "never", "--process", "python3", "--json"], listing),
        Command("watch", ["watch", "--exact", "never", "--batch", "-n", "1", "-i", "100ms"], must=LISTENER),
        Command("watch-json", ["watch", "--exact", "never", "--batch", "-n", "2", "-i", "100ms", "--json"], json_lines),
        Command("watch-alert", ["watch", "--exact", "never", "--batch", "-n", "1", "-i", "100ms", "-a", "queue>100"], judges=True),
        Command("trace-watch", ["watch", "--exact", "auto", "--batch", "-n", "1", "-i", "100ms", "--netns", "/proc/self/ns/net"],
                must=LISTENER),
        Command("observe", ["observe", "-p", str(PORT), "--duration", "60ms"], must="complete"),
        Command("observe-json", ["observe", "-p", str(PORT), "--duration", "60ms", "--json"], observation),
        Command("observe-output", ["observe", "-p", str(FULL_PORT), "--duration", "60ms", "--json", "--output", "old"], nothing,
                files={"old": observation}),
        Command("trace", ["trace", "--duration", "150ms", "-i", "100ms", "--netns", "/proc/self/ns/net"], must="these figures rest on"),
        Command("trace-json", ["trace", "--duration", "150ms", "-i", "100ms", "--netns", "/proc/self/ns/net", "--json", "--events"],
                json_lines),
        Command("trace-svg", ["trace", "--duration", "150ms", "-i", "100ms", "--netns", "/proc/self/ns/net", "-q", "--svg", "svg", "--html", "old"],
                nothing, files={"svg": markup, "old": markup}),
        Command("probe", PROBE, must=TOTALS),
        Command("probe-json", [*PROBE, "--json", "-e", "connected>=0"], all_accepted, judges=True),
        Command("probe-svg", [*PROBE, "--svg", "svg", "--junit", "junit", "-e", "connected>=0"], must=TOTALS,
                files={"svg": markup, "junit": markup}, judges=True),
        Command("probe-summary", [*PROBE, "--summary", "--timeline"], must="4 connections"),
        Command("probe-full", ["probe", "-p", str(FULL_PORT), *BURST, "--json"], none_accepted),
        Command("probe-start", [*PROBE, "--start-at", "+30ms", "--segment", "1/1", "--json"], all_accepted),
        Command("probe-unix", ["probe", "--unix", UNIX, *BURST], must=TOTALS),
        Command("probe-wait", ["probe", "-p", str(PORT), "--wait", "5s", "--send", "x", "-n", "4", "-t", "60ms", "-q"], nothing),
        Command("run", ["run", *QUEUE], must=TOTALS),
        Command("run-json", ["run", "--json", *QUEUE, "-e", "connected>=0"], one_accepted, judges=True),
        Command("run-svg", ["run", "--svg", "old", *QUEUE], must=TOTALS, files={"old": markup}),
        Command("run-html", ["run", "--html", "old", *QUEUE], must=TOTALS, files={"old": markup}),
        Command("run-unix", ["run", "--unix", "private", *QUEUE], must=TOTALS),
        Command("run-delay", ["run", "--delay", "1ms", "--sysctl", "net.core.somaxconn=3", *QUEUE], must=TOTALS),
        Command("run-threads", ["run", "--threads", "2", *QUEUE, "--json"], one_accepted),
        Command("run-command", ["run", *BURST, "--json", "--", *server], all_accepted),
        Command("run-command-frozen", ["run", *BURST, "--freeze", "auto", "--server-log", "log", "--", *server], must=TOTALS,
                files={"log": str}),
        Command("serve", ["serve", "-p", "0", "--duration", "30ms"]),
        Command("serve-json", ["serve", "-p", "0", "--duration", "30ms", "--json"], json_lines),
        Command("serve-full", ["serve", "-p", "0", "-b", "2", "--full", "--duration", "30ms", "--json"], json_lines),
        Command("serve-unix", ["serve", "--unix", "private", "--duration", "30ms"]),
        Command("resize", ["resize", "-p", str(PORT), "-b", "7"], must=r"\b7\b|not seen\s+again", explains=True, fresh=True, backlog=7),
        Command("resize-json", ["resize", "-p", str(PORT), "-b", "7", "--json"], one_json, explains=True, fresh=True, backlog=7),
        Command("measure", MEASURE, judges=True, fresh=True),
        Command("measure-json", [*MEASURE, "--json"], one_json, judges=True, fresh=True),
        Command("measure-stop", [*MEASURE, "--freeze", "stop", "--json"], one_json, judges=True, fresh=True),
        Command("measure-unix", ["measure", "--unix", UNIX, "--yes", "-t", "15s", "--budget", "9s"], judges=True, fresh=True),
        Command("merge", ["merge", "../share-1", "../share-2", "--svg", "svg"], must="connections?: ", files={"svg": markup}),
        Command("merge-json", ["merge", "../share-1", "../share-2", "--json", "-e", "connected>=0"], merged, judges=True),
        Command("sweep", ["sweep", "-b", "1,2", "-n", "2", "-t", "20ms", "--json"], one_json, most=3),
        Command("sweep-csv", ["sweep", "-b", "1,2", "-n", "2", "-t", "20ms", "--csv", "--svg", "svg", "--html", "html", "--jobs", "2"],
                comma_separated, files={"svg": markup, "html": markup}, most=3),
        Command("size", ["size", "--burst", "4", "--every", "10ms", "--checks", "1", "--json"], one_json, judges=True, explains=True, most=1),
    ]
    return {command.name: command for command in all_of_them}


def documented_statuses(source, page):
    """The plain numbers in section EXIT STATUS of the command's manual page."""
    name = f"backlogctl-{page}.1" if not page.startswith("-") else "backlogctl.1"
    with open(os.path.join(source, "man", name), encoding="utf-8") as file:
        section = re.search(r"(?s)\.Sh EXIT STATUS\n(.*?)\n\.Sh", file.read())
    return {int(number) for number in re.findall(r"(?m)^\.It (\d+)$", section.group(1))}

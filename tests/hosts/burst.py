"""One burst in the lab: the server with its own account, the packets at its port, probe on each host, observe at the server."""
import calendar
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import lab
import place

NGINX_CONFIG = """daemon off;
worker_processes 2;
worker_rlimit_nofile {files};
pid {folder}/pid;
error_log {folder}/error.log debug_event;
events {{ worker_connections {files}; }}
http {{
    access_log off;
    server {{
        listen {port} backlog=511;
        location /status {{ stub_status; }}
    }}
}}
"""
# Where nginx is missing: the same backlog, and a line for each client that it accepts.
PYTHON_SERVER = """import resource, socket, time
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
listener = socket.create_server(("", {port}), backlog=511)
log = open("{folder}/error.log", "w", 1)
kept = []
while True:
    client, peer = listener.accept()
    kept.append(client)
    log.write("%s accept: %s:%d fd:%d\\n" % (time.strftime("%Y/%m/%d %H:%M:%S"), *peer, client.fileno()))
"""


class Server:
    """A web server that accepts as fast as it can, and tells of each client that it accepted."""

    def __init__(self, the_lab, connections):
        self.host, self.folder = the_lab.server, f"{lab.ROOT}/web"
        os.mkdir(self.folder)
        words = {"files": connections + 2000, "folder": self.folder, "port": lab.PORT}
        self.is_nginx = bool(shutil.which("nginx"))
        if self.is_nginx:
            config = place.write(f"{self.folder}/nginx.conf", NGINX_CONFIG.format(**words))
            command = ["nginx", "-p", self.folder, "-c", config]
        else:
            print("nginx is not installed: a server in python in its place", flush=True)
            command = ["python3", "-c", PYTHON_SERVER.format(**words)]
        self.process = self.host.start("nice", "-n", "-15", "env", "TZ=UTC", *command, stderr=open(f"{self.folder}/said", "w"))
        place.await_that(lambda: "no server: " + place.read(f"{self.folder}/said"),
                         lambda: f":{lab.PORT} " in self.host.run("ss", "-Hltn"))

    def accepted(self):
        """(peer, in which second), in the order of the accepts; those of our own requests (from the bridge) left out."""
        found = re.findall(r"^(.{19}) .*accept: (192\.0\.2\.\d+):(\d+) fd", place.read(f"{self.folder}/error.log"), re.M)
        return [(f"{address}:{port}", calendar.timegm(time.strptime(stamp, "%Y/%m/%d %H:%M:%S"))) for stamp, address, port in found
                if address != lab.BRIDGE]

    def settled(self):
        """Waits until its queue is empty and it has told of all that it accepted; what nginx counts of itself, then: None of another."""
        count = [None]

        def is_over():
            count[0] = self.status()
            return int(self.host.run("ss", "-Hltn", f"sport = :{lab.PORT}").split()[1]) == 0 and count[0] == self.status_of_log()
        place.await_that(lambda: f"the server's log has {self.status_of_log()}, its status {count[0]}", is_over)
        return count[0]

    def status_of_log(self):
        found = re.findall(r"accept: 192\.0\.2\.\d+:\d+ fd", place.read(f"{self.folder}/error.log"))
        return len(found) if self.is_nginx else None

    def status(self):
        """How many it has accepted by its own count, this request among them; None: it has none."""
        if not self.is_nginx:
            return None
        with socket.create_connection((lab.SERVER, lab.PORT), timeout=60) as s:
            s.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(4096), b"")).decode()
        return int(re.search(r"requests\n (\d+) ", text).group(1))


class Overflows(threading.Thread):
    """Packets that were dropped on full queues in a namespace, as nstat has them, over time."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.path, self.samples, self.over = f"/proc/{host.pid}/net/netstat", [], threading.Event()
        self.start()

    def sample(self):
        names, values = place.read(self.path).splitlines()[:2]
        self.samples.append((time.time(), int(values.split()[names.split().index("ListenOverflows")])))

    def run(self):
        while not self.over.wait(0.02):
            self.sample()

    def finish(self):
        self.over.set()
        self.join()
        self.sample()

    def between(self, begin, end):
        """(least, most) of what was dropped in that time."""
        before = [n for at, n in self.samples if at <= begin][-1]
        first = [n for at, n in self.samples if at >= begin][0]
        last = [n for at, n in self.samples if at <= end][-1]
        after = [n for at, n in self.samples if at >= end][0]
        return max(0, last - first), after - before


def nstat(host, counter):
    return json.loads(host.run("nstat", "-asz", "--json"))["kernel"][counter]


# ---- Packets, by another tool ----

class Packets:
    """tcpdump at the port of the server's veth pair, before any delay of the path."""

    def __init__(self, device):
        self.file = f"{lab.ROOT}/packets"
        self.tool = subprocess.Popen(["tcpdump", "-i", device, "-n", "-s", "80", "-B", "262144", "--time-stamp-precision=nano", "-Z", "root",
                                      "-w", self.file, f"tcp port {lab.PORT} and tcp[tcpflags] & (tcp-syn|tcp-rst|tcp-fin) != 0"],
                                     stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = ""
        while "listening on" not in line:
            line = self.tool.stderr.readline()
            if not line:
                raise RuntimeError("tcpdump does not begin")

    def finish(self):
        """Whether it missed none."""
        self.tool.send_signal(signal.SIGINT)
        said = self.tool.stderr.read()
        self.tool.wait()
        return " 0 packets dropped by kernel" in " " + said.replace("\n", " ")

    def read(self):
        """(time, source, destination, flags) of each."""
        with open(self.file, "rb") as file:
            data = file.read()
        at, found = 24, []
        while at + 16 <= len(data):
            seconds, nanos, size, _ = struct.unpack_from("<IIII", data, at)
            packet = data[at + 16:at + 16 + size]
            at += 16 + size
            if len(packet) < 54 or packet[12:14] != b"\x08\x00":
                continue
            tcp = 14 + (packet[14] & 15) * 4
            ports = struct.unpack_from("!HH", packet, tcp)
            found.append((seconds + nanos / 1e9, f"{socket.inet_ntoa(packet[26:30])}:{ports[0]}",
                          f"{socket.inet_ntoa(packet[30:34])}:{ports[1]}", packet[tcp + 13]))
        return found


# ---- The burst ----

def probe_words(start_at, share, of, connections, timeout, rate):
    pace = ["--rate", str(rate)] if rate else []
    return ["probe", f"{lab.SERVER}:{lab.PORT}", "--i-own-this-target", lab.SERVER, "--count", str(connections), "--timeout", timeout,
            "--start-at", str(start_at), "--segment", f"{share}/{of}", "--json", *pace]


class Burst:
    """All hosts begin at one moment. `lead`: how long before that they are told."""

    def __init__(self, the_lab, name, options, lead):
        self.lab, self.folder = the_lab, f"{lab.ROOT}/{name}"
        os.mkdir(self.folder)
        self.start_at = round(time.time() + lead, 3)
        self.observer_file = f"{self.folder}/server.json"
        self.said = open(f"{self.folder}/said", "w")
        self.observer = the_lab.server.start("nice", "-n", "-15", the_lab.backlogctl, "observe", f":{lab.PORT}", "--every", "10ms", "--json", "--output", self.observer_file,
                                             stderr=subprocess.PIPE, stdout=self.said)
        if b"observing" not in self.observer.stderr.readline():
            raise RuntimeError("observe does not begin")
        self.files, self.probes = [], []
        for i, host in enumerate(the_lab.clients):
            self.files.append(f"{self.folder}/{host.name}.json")
            self.probes.append(self.begin(host, i + 1, options))

    def begin(self, host, share, options, timeout=None, before=()):
        words = probe_words(self.start_at, share, len(self.lab.clients), options.connections, timeout or options.timeout, options.rate)
        with open(self.files[-1], "wb") as out:
            return host.start("nice", "-n", "-15", *before, self.lab.backlogctl, *words, stdout=out, stderr=self.said)

    def finish(self):
        """Waits for all; the statuses of the probes."""
        statuses = [probe.wait() for probe in self.probes]
        # The clients' sockets end with their processes; what the server makes of that is not of the burst.
        self.observer_tool().send_signal(signal.SIGINT)
        self.observer.wait()
        return statuses

    def observer_tool(self):
        return self.observer

    def merge(self, *more, files=None):
        """(the report, what was said)"""
        done = subprocess.run([self.lab.backlogctl, "merge", "--json", *(files or self.files), self.observer_file, *more],
                              capture_output=True, text=True, check=False)
        if done.returncode not in (0, 4):
            raise place.Wrong(f"merge: status {done.returncode}: {done.stderr}")
        return json.loads(done.stdout), done.stderr

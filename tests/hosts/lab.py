"""The lab: hosts with a network namespace, a name, an address and a /tmp each, on one bridge, and a server among them; with sshd where
that is installed. All of it stands in namespaces and on a file system in memory that vanish with the first process."""
import array
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../freezing"))

import place

ROOT = "/run/lab"        # in memory, and the lab's alone
SERVER = "192.0.2.1"     # RFC 5737: addresses for documentation, as the manual has them
BRIDGE = "192.0.2.254"   # where the lab itself asks from
CLIENTS_FROM = 101       # clientI has 192.0.2.(100 + I)
MOST_CLIENTS = 150
PORT = 80
CLONE_NEWUTS = 0x04000000
SIOCETHTOOL, ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO = 0x8946, 0x17, 0x1f, 0x24, 0x2c
SSHD = "/usr/sbin/sshd"

SSHD_CONFIG = """Port 22
ListenAddress {address}
HostKey {root}/ssh/host
AuthorizedKeysFile {root}/ssh/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
MaxStartups 200
Subsystem sftp internal-sftp
SetEnv PATH={root}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
"""
SSH_CONFIG = """Host *
User root
IdentityFile {root}/ssh/user
IdentitiesOnly yes
UserKnownHostsFile {root}/ssh/known
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
LogLevel ERROR
"""


def run(*command, text=None):
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def whole_checksums(name):
    """Packets that a process carries over must be as they are on a real wire."""
    with socket.socket() as s:
        for command in (ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO):
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP16x", name.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(s, SIOCETHTOOL, request)
            except OSError:
                pass  # what it cannot do need not be turned off


class Host:
    """A namespace of each kind that makes it a host, held by a process."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        ours, theirs = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                place.die_with_parent()
                place.call("unshare", place.CLONE_NEWNET | place.CLONE_NEWNS | CLONE_NEWUTS)
                socket.sethostname(name)
                place.call("mount", b"none", b"/tmp", b"tmpfs", 0, None)
                os.write(theirs, b"!")
                signal.pause()
            finally:
                os._exit(1)
        os.close(theirs)
        if os.read(ours, 1) != b"!":
            raise RuntimeError(f"{name}: no namespaces")
        os.close(ours)
        os.mkdir(f"{ROOT}/{name}")

    def join(self, device):
        """Its end of a veth pair."""
        run("ip", "link", "set", device, "netns", str(self.pid))
        batch = [f"link set {device} name eth0", f"addr add {self.address}/24 dev eth0", "link set lo up", "link set eth0 up"]
        run(*self.entering(), "ip", "-batch", "-", text="\n".join(batch) + "\n")

    def entering(self):
        return ["nsenter", "-t", str(self.pid), "-n", "-u", "-m", "--"]

    def run(self, *command):
        return run(*self.entering(), *command)

    def start(self, *command, **options):
        """A process of this host."""
        return subprocess.Popen([*self.entering(), *command], stdin=subprocess.DEVNULL, **options)


class Lab:
    def __init__(self, backlogctl, clients, wire=None, delay_us=0):
        os.umask(0o022)
        place.call("mount", b"none", b"/run", b"tmpfs", 0, None)
        for folder in (ROOT, f"{ROOT}/bin", f"{ROOT}/ssh", f"{ROOT}/work", "/run/sshd"):
            os.mkdir(folder)
        place.call("unshare", CLONE_NEWUTS)
        socket.sethostname("head")
        self.backlogctl = shutil.copy(backlogctl, f"{ROOT}/bin/backlogctl")
        self.name_hosts(clients)
        self.server = Host("server", SERVER)
        self.clients = [Host(f"client{i + 1}", f"192.0.2.{CLIENTS_FROM + i}") for i in range(clients)]
        self.wire = None
        self.lay(wire, delay_us)
        self.introduce()

    def name_hosts(self, clients):
        lines = ["127.0.0.1 localhost", f"{BRIDGE} head", f"{SERVER} server"] + [f"192.0.2.{CLIENTS_FROM + i} client{i + 1}" for i in range(clients)]
        place.write(f"{ROOT}/hosts", "\n".join(lines) + "\n")
        place.call("mount", f"{ROOT}/hosts".encode(), b"/etc/hosts", None, 0x1000, None)  # MS_BIND

    def lay(self, wire, delay_us):
        """A bridge with a port for each host; the server's behind a wire that takes its time, if there is one."""
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "addr", "add", f"{BRIDGE}/24", "dev", "bridge")
        run("ip", "link", "set", "bridge", "up")
        for host in [self.server, *self.clients]:
            self.plug(host.name, "moving")
            whole_checksums("moving")
            host.join("moving")
            if host is not self.server or not wire:
                run("ip", "link", "set", host.name, "master", "bridge")
        if wire:
            self.plug("near", "port")
            run("ip", "link", "set", "port", "master", "bridge", "up")
            self.wire = subprocess.Popen(["nice", "-n", "-20", wire, "near", "server", str(delay_us)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            self.wire.stdout.readline()

    def introduce(self):
        """Each client and the server know the other's hardware address: a burst is not to wait for, or be lost in, its resolution."""
        hosts = {host: json.loads(host.run("ip", "-json", "link", "show", "dev", "eth0"))[0]["address"]
                 for host in [self.server, *self.clients]}
        know = "neigh replace {} lladdr {} dev eth0 nud permanent\n"
        for host in self.clients:
            run(*host.entering(), "ip", "-batch", "-", text=know.format(SERVER, hosts[self.server]))
        run(*self.server.entering(), "ip", "-batch", "-", text="".join(know.format(host.address, hosts[host]) for host in self.clients))

    @staticmethod
    def plug(name, other):
        run("ip", "link", "add", name, "type", "veth", "peer", "name", other)
        for device in (name, other):
            whole_checksums(device)
        run("ip", "link", "set", name, "up")

    # ---- ssh ----

    def begin_ssh(self):
        """An sshd on each host, and an `ssh` for those in the lab that knows the keys."""
        for key in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{ROOT}/ssh/{key}")
        place.write(f"{ROOT}/ssh/known", "* " + place.read(f"{ROOT}/ssh/host.pub"))
        place.write(f"{ROOT}/ssh/config", SSH_CONFIG.format(root=ROOT))
        for tool in ("ssh", "scp", "sftp"):
            path = place.write(f"{ROOT}/bin/{tool}", f'#!/bin/sh\nexec /usr/bin/{tool} -F {ROOT}/ssh/config "$@"\n')
            os.chmod(path, 0o755)
        for host in [self.server, *self.clients]:
            config = place.write(f"{ROOT}/{host.name}/sshd_config", SSHD_CONFIG.format(root=ROOT, address=host.address))
            host.sshd = host.start(SSHD, "-D", "-e", "-f", config, stderr=open(f"{ROOT}/{host.name}/sshd.log", "w"))
        for host in [self.server, *self.clients]:
            place.await_that(f"{host.name}: no sshd: " + place.read(f"{ROOT}/{host.name}/sshd.log"),
                             lambda address=host.address: is_open(address, 22))


def is_open(address, port):
    try:
        socket.create_connection((address, port), timeout=5).close()
        return True
    except OSError:
        return False

"""The world of a cell: namespaces that vanish with their processes, helpers in them, addresses, sysctls, firewall, NAT."""
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time
import traceback

CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID = 0x00020000, 0x40000000, 0x20000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *args):
    if getattr(libc, name)(*args):
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def die_with_parent():
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)


def enter_private_namespaces():
    """Network, mounts and (for the next child) process ids of our own: when that child ends, the kernel ends all its kin."""
    call("unshare", CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID)


def mount_own_proc():
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    call("mount", b"proc", b"/proc", b"proc", 0, None)


# ---- Helpers: forked processes that do one thing in one namespace and hand back their account ----

class Channel:
    """A helper's line to its cell: one JSON value a line, both ways."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def fileno(self):
        return self.sock.fileno()

    def send(self, value):
        self.sock.sendall(json.dumps(value, separators=(",", ":")).encode() + b"\n")

    def receive(self):
        """The next value; None at the end."""
        while b"\n" not in self.rest:
            got = self.sock.recv(1 << 20)
            if not got:
                return None
            self.rest += got
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def stopped(self, patience=0.0):
        return bool(select.select([self.sock], [], [], max(0.0, patience))[0])


class Helper:
    """work(channel, *args) in a child process: it says ready, gets the time zero, and sends its account when told to stop."""

    def __init__(self, name, namespace, work, *args):
        self.name = name
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self.pid = os.fork()
        if not self.pid:
            ours.close()
            status = 1
            try:
                die_with_parent()
                namespace.enter()
                channel = Channel(theirs)
                work(channel, *args)
                status = 0
            except BaseException:  # also of a helper that is interrupted: its parent tells
                traceback.print_exc()
            finally:
                os._exit(status)
        theirs.close()
        if self.channel.receive() != "ready":
            raise RuntimeError(f"{name} did not begin")

    def go(self, zero):
        self.channel.send(zero)

    def finish(self):
        """Tells it to stop, returns its account."""
        self.channel.sock.shutdown(socket.SHUT_WR)
        account = self.channel.receive()
        os.waitpid(self.pid, 0)
        if account is None:
            raise RuntimeError(f"{self.name} gave no account")
        return account


# ---- Namespaces ----

class Namespace:
    """A network namespace, held by a descriptor."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def enter(self):
        call("setns", self.fd, CLONE_NEWNET)

    def run(self, *command, text=None):
        done = subprocess.run(command, input=text, text=True, capture_output=True, preexec_fn=self.enter)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()} {text or ''}")
        return done.stdout


def hold_namespace(channel):
    call("unshare", CLONE_NEWNET)
    channel.send(os.getpid())
    channel.receive()


def another_namespace(here):
    """A second namespace and the pid of the process that holds it."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        ours.close()
        try:
            die_with_parent()
            hold_namespace(Channel(theirs))
        finally:
            os._exit(0)
    theirs.close()
    channel = Channel(ours)
    if channel.receive() is None:
        raise RuntimeError("no second network namespace")
    here.holder = channel  # it lives as long as the cell
    return Namespace(f"/proc/{pid}/ns/net"), pid


HERE4, THERE4, HERE6, THERE6 = "10.1.1.1", "10.1.1.2", "fd01::1", "fd01::2"
# Other clients come from addresses of their own, so that a firewall can tell them from the probe.
OTHERS4, OTHERS6, OTHERS_LOOP = "10.1.1.50", "fd01::50", "127.0.0.50"
DEAF4, DEAF6, DEAF_LOOP = "10.1.1.77", "fd01::77", "127.0.0.77"  # whose last ACK of the handshake never arrives
NO_ROUTE4 = "10.9.9.9"


def lift(namespace, batch):
    namespace.run("ip", "-batch", "-", text="\n".join(batch) + "\n")


def set_sysctls(namespace, values):
    for key, value in values.items():
        namespace.run("sysctl", "-qw", f"{key}={value}")


class World:
    """All namespaces of a cell; `there` is another one behind a veth pair, or `here` again."""

    def __init__(self, cell):
        self.here = Namespace("/proc/self/ns/net")
        self.there = self.here
        self.namespaces = {"here": self.here}
        lift(self.here, ["link set lo up"])
        if cell["path"] != "unix":
            self.lay_wire(cell["two"])
        for namespace in self.namespaces.values():
            set_sysctls(namespace, cell["sysctl"])
        self.lay_routes(cell)

    def lay_wire(self, two):
        lift(self.here, ["link add va type veth peer name vb"])
        batch = [f"addr add {a}/24 dev va" for a in (HERE4, OTHERS4, DEAF4)] + [f"addr add {HERE6}/64 dev va nodad"]
        batch += [f"addr add {a}/64 dev va nodad preferred_lft 0" for a in (OTHERS6, DEAF6)]  # never a source by itself
        lift(self.here, batch + [f"addr add {NO_ROUTE4}/32 dev lo", "link set va up"])
        if two:
            self.there, pid = another_namespace(self.here)
            self.namespaces["there"] = self.there
            lift(self.here, [f"link set vb netns {pid}"])
            lift(self.there, ["link set lo up", f"addr add {THERE4}/24 dev vb", f"addr add {THERE6}/64 dev vb nodad",
                              "link set vb up", f"route add {NO_ROUTE4}/32 via {HERE4}"])
        else:
            lift(self.here, ["link set vb up"])

    def lay_routes(self, cell):
        kind = cell["firewall"]["kind"]
        if kind == "no_route" and cell["two"]:
            lift(self.there, [f"route replace blackhole {NO_ROUTE4}/32"])
        elif kind == "no_route":
            lift(self.here, ["rule add pref 10 lookup local", f"rule add pref 5 from {cell['host']} to {NO_ROUTE4} blackhole",
                             "rule del pref 0"])
        elif kind == "unreachable_route":
            lift(self.here, [f"route add unreachable {cell['host']}"])

    def load(self, rules):
        """rules: namespace name -> nft text"""
        for name, text in rules.items():
            self.namespaces[name].run("nft", "-f", "-", text=text)


# ---- Firewall and NAT as nft text ----

SYN, SYNACK = "tcp flags & (syn|ack) == syn", "tcp flags & (syn|ack) == (syn|ack)"
ACK = "tcp flags & (syn|ack) == ack"


def family_word(address):
    return "ip6" if ":" in address else "ip"


def share_of(firewall, port_word):
    return f"tcp {port_word} & 8 == 8" if firewall["share"] == "half" else ""


def firewall_rules(cell):
    """(chain of input, of output, of prerouting) in the server's namespace, (chain of input) in the client's."""
    firewall, port, source = cell["firewall"], cell["server_port"], cell["probe_address"]
    word = family_word(source)
    ours = f"{word} saddr {source} tcp dport {port} {share_of(firewall, 'sport')}"
    back = f"{word} daddr {source} tcp sport {port} {share_of(firewall, 'dport')}"
    limit = f"tcp dport {port} ct state new {word} saddr {source} ct count over {firewall.get('limit', 3)}"
    rules = {
        "drop_syn": (f"{ours} {SYN} drop", "", "", ""),
        "drop_synack_out": ("", f"{back} {SYNACK} drop", "", ""),
        "drop_synack_in": ("", "", "", f"{back} {SYNACK} drop"),
        "drop_last_ack": (f"{ours} {ACK} drop", "", "", ""),
        "reject_rst": (f"{ours} {SYN} reject with tcp reset", "", "", ""),
        "reject_icmp": (f"{ours} {SYN} reject with icmpx {firewall.get('code', 'port-unreachable')}", "", "", ""),
        "connlimit_drop": (f"{limit} drop", "", "", ""),
        "connlimit_rst": (f"{limit} reject with tcp reset", "", "", ""),
        "loss": (f"{ours} numgen random mod 4 == 0 drop", "", "", ""),
        "synproxy": (f"tcp dport {port} ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm\n"
                     "ct state invalid drop", "", f"tcp dport {port} {SYN} notrack", ""),
    }
    return rules.get(firewall["kind"], ("", "", "", ""))


def nat_rule(cell):
    there = f"[{THERE6}]" if cell["family"] == "6" else THERE4  # without brackets the port would belong to the address
    where = {"redirect": f"redirect to :{cell['server_port']}",
             "dnat": f"dnat {family_word(cell['host'])} to {there}:{cell['server_port']}"}
    if cell["path"] not in where:
        return ""
    alternate = "numgen inc mod 2 == 0 " if cell["every_second"] else ""
    return f"tcp dport {cell['dialed_port']} {alternate}{where[cell['path']]}"


LOG = 'group 5 snaplen 120 queue-threshold 1'
TAP = f"""chain tap_in {{ type filter hook input priority 300; meta l4proto {{ tcp, icmp, ipv6-icmp }} log prefix "i" {LOG}
}}
chain tap_out {{ type filter hook output priority -400; meta l4proto {{ tcp, icmp, ipv6-icmp }} log prefix "o" {LOG}
}}"""


def rule_texts(cell):
    """nft text by namespace: the taps of the capture around TCP, and the cell's firewall and NAT between them."""
    at_server = "there" if cell["two"] else "here"
    taps = {name: [TAP] for name in ("here", at_server)}
    server_in, server_out, server_pre, client_in = firewall_rules(cell)
    deaf = "\n".join(f"{family_word(a)} saddr {a} tcp dport {cell['server_port']} {ACK} drop" for a in (DEAF4, DEAF6, DEAF_LOOP))
    taps[at_server].append(f"chain way_in {{ type filter hook input priority 0; {deaf}\n{server_in}\n}}")
    if server_out:
        taps[at_server].append(f"chain way_out {{ type filter hook output priority 0; {server_out}\n}}")
    if server_pre:
        taps[at_server].append(f"chain raw {{ type filter hook prerouting priority -300; {server_pre}\n}}")
    if client_in:
        taps["here"].append(f"chain way_back {{ type filter hook input priority 1; {client_in}\n}}")
    if nat_rule(cell):
        taps["here"].append(f"chain nat {{ type nat hook output priority -100; {nat_rule(cell)}\n}}")
    return {name: "table inet truth {\n" + "\n".join(chains) + "\n}\n" for name, chains in taps.items()}


def now():
    return time.monotonic()

"""Listeners and other sockets in a network and a pid namespace of their own, and what a program costs beside them."""
import os, resource, socket, subprocess, sys, time

HELPERS = 10  # each stays below the limit on descriptors of a process
PORT = 10000


def apart():
    """Begins the script again in a pid namespace, so that the walks through /proc see the same few processes on every machine."""
    if "BENCH_APART" not in os.environ:
        os.environ["BENCH_APART"] = "1"
        os.execvp("unshare", ["unshare", "--pid", "--fork", "--mount-proc", sys.executable] + sys.argv)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def hold(number, listeners, others, waiting, ready, go_on):
    """Listens on ports of its own, connects to them and accepts; when it may go on, has clients wait at some of them."""
    held = []
    for i in range(listeners):
        s = socket.socket()
        s.bind(("127.0.0.1", PORT + number * listeners + i))
        s.listen(100)
        held.append(s)
    servers = list(held)
    for i in range(others // 2):  # a connection is two sockets
        client = socket.socket()
        client.bind((f"127.1.{number}.{i // 100 + 1}", 0))
        server = servers[i % len(servers)]
        client.connect(server.getsockname())
        held += [client, server.accept()[0]]
    os.write(ready, b".")
    os.read(go_on, 1)
    for server in servers[:waiting]:
        client = socket.socket()
        client.connect(server.getsockname())
        held.append(client)
    os.write(ready, b".")
    time.sleep(10000)


class Scene:
    """`listeners` with nobody in their queues, beside `others`; let_wait() has one client wait at each of `waiting`."""

    def __init__(self, listeners, others=0, waiting=0):
        self.there, ready = os.pipe()
        go_on, self.go = os.pipe()
        helpers = min(HELPERS, listeners)
        self.children = []
        for number in range(helpers):
            self.children.append(os.fork())
            if not self.children[-1]:
                hold(number, listeners // helpers, others // helpers, waiting // helpers, ready, go_on)
        self.wait()

    def wait(self):
        got = 0
        while got < len(self.children):
            got += len(os.read(self.there, len(self.children)))

    def let_wait(self):
        os.write(self.go, b"." * len(self.children))
        self.wait()
        time.sleep(1.2)  # who has waited for a second is in trouble, and it is asked why

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self.children:
            os.kill(child, 9)
            os.waitpid(child, 0)


def cost(argv, out=subprocess.DEVNULL):
    """Wall and CPU time (user and system) of a program from fork to exit, in ms; and what it printed."""
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    text = subprocess.run(argv, stdout=out, check=True).stdout
    took, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took * 1000, (now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime) * 1000, text

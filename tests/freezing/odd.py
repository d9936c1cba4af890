"""Peculiar servers: each connection gets "here". The first word is the kind; "ready" is printed when it listens."""
import ctypes
import os
import select
import signal
import socket
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
PORT, BACKLOG = 60001, 30
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
RESTART_SYSCALL = 219  # x86-64, as all numbers here
# What a server in C needs that polls and answers, and Python's memory; but for restart_syscall(2) if that is not wanted.
STRICT = (0, 1, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 25, 28, 44, 45, 46, 47, 48, 51, 54, 55, 60, 72, 202, 230, 231, 271, 288)


def listening():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", PORT))
    s.listen(BACKLOG)
    return s


def say(word):
    os.write(1, word.encode() + b"\n")


def serve_one(s):
    try:
        client = s.accept()[0]
    except OSError:
        return
    try:
        client.sendall(b"here\n")
    except OSError:
        pass
    client.close()


def serve(s):
    while True:
        serve_one(s)


def serve_polling(s, milliseconds):
    poll = select.poll()
    poll.register(s, select.POLLIN)
    while True:
        if poll.poll(milliseconds):
            serve_one(s)
        yield


def plain():
    s = listening()
    say("ready")
    serve(s)


def forking():
    """Children that hold the socket come and go."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    s = listening()
    say("ready")
    for _ in serve_polling(s, 3):
        if not os.fork():
            time.sleep(0.002)
            os._exit(0)


def execute_again(s, kind):
    os.set_inheritable(s.fileno(), True)
    os.execv(sys.executable, [sys.executable, "-S", "-E", sys.argv[0], kind, str(s.fileno())])


def executing():
    s = inherited()
    begin = time.monotonic()
    for _ in serve_polling(s, 5):
        if time.monotonic() > begin + 0.005:
            execute_again(s, "executing")


def inherited():
    if len(sys.argv) > 2:
        return socket.socket(fileno=int(sys.argv[2]))
    s = listening()
    say("ready")
    return s


def thread_executing():
    """Not the first thread does it: it gets the first one's id."""
    s = inherited()
    for _ in range(10):
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()

    def later():
        time.sleep(0.02)
        execute_again(s, "thread_executing")
    threading.Thread(target=later, daemon=True).start()
    serve(s)


def threads():
    """A hundred that wait, and some that come and go all the time."""
    threading.stack_size(1 << 16)
    s = listening()
    for _ in range(100):
        threading.Thread(target=time.sleep, args=(100000,), daemon=True).start()

    def churn():
        while True:
            thread = threading.Thread(target=time.sleep, args=(0.0005,))
            thread.start()
            thread.join()
    for _ in range(3):
        threading.Thread(target=churn, daemon=True).start()
    say("ready")
    serve(s)


def pair():
    """A second process holds the socket and only waits; its id is told."""
    s = listening()
    child = os.fork()
    if not child:
        while True:
            time.sleep(0.01)
    say(f"ready {child}")
    serve(s)


def waiting_for_vfork():
    """A thread in an uninterruptible sleep (state D), while its child of vfork(2) neither ends nor executes anything."""
    CLONE_VFORK, SYS_clone = 0x4000, 56
    s = listening()

    def call():
        if libc.syscall(SYS_clone, CLONE_VFORK | signal.SIGCHLD, 0, 0, 0, 0) == 0:
            s.close()
            while True:
                time.sleep(1)
    threading.Thread(target=call, daemon=True).start()
    say("ready")
    serve(s)


def filter_calls(numbers):
    class Step(ctypes.Structure):
        _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("k", ctypes.c_uint)]

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.POINTER(Step))]
    KILL_PROCESS, ALLOW = 0x80000000, 0x7FFF0000
    steps = [Step(0x20, 0, 0, 0)]
    steps += [Step(0x15, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
    steps += [Step(0x06, 0, 0, KILL_PROCESS), Step(0x06, 0, 0, ALLOW)]
    steps = (Step * len(steps))(*steps)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(Program(len(steps), steps))):
        os._exit(1)


def filtered(numbers):
    s = listening()
    serving = serve_polling(s, 1000000)
    filter_calls(numbers)
    say("ready")
    for _ in serving:
        pass


def filtered_with_restart():
    filtered(STRICT + (RESTART_SYSCALL,))


def filtered_without_restart():
    filtered(STRICT)


def reuse():
    """Two processes; when the first client comes, before it is accepted, the second one has ended and its id is that of a process
    or thread that has nothing to do with the socket. Standard input and output lead to somebody who may choose the next id."""
    s = listening()
    holder = os.fork()
    if not holder:
        while True:
            time.sleep(0.01)
    say(f"ready {holder}")
    select.select([s], [], [])
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    while sys.argv[2] != "nobody":
        say(f"next {holder}")
        os.read(0, 1)
        if as_a_thread(holder) if sys.argv[2] == "thread" else as_a_process(s, holder):
            break
    say("reused")
    serve(s)


def as_a_process(s, wanted):
    child = os.fork()
    if not child:
        s.close()
        while True:
            time.sleep(0.01)
    if child == wanted:
        return True
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def as_a_thread(wanted):
    thread = threading.Thread(target=time.sleep, args=(100000,), daemon=True)
    thread.start()
    return thread.native_id == wanted


def tracer():
    """Traces a process by its id, lets it go on at each stop, and listens where it is stopped for good."""
    SEIZE, LISTEN, CONT, STOP_EVENT = 0x4206, 0x4208, 7, 128
    pid = int(sys.argv[2])
    if libc.ptrace(SEIZE, pid, None, None):
        os._exit(1)
    say("ready")
    while True:
        try:
            tid, status = os.waitpid(-1, 0x40000000)
        except ChildProcessError:
            os._exit(0)
        if not os.WIFSTOPPED(status):
            continue
        if status >> 16 == STOP_EVENT and os.WSTOPSIG(status) in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            libc.ptrace(LISTEN, tid, None, None)
        else:
            libc.ptrace(CONT, tid, None, ctypes.c_void_p(0 if status >> 16 else os.WSTOPSIG(status)))


if __name__ == "__main__":
    globals()[sys.argv[1]]()

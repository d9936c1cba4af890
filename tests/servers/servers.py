"""Servers that people run, each started by `backlogctl run -- COMMAND`: what it says of them is compared with what ss sees in the
same namespace, with the servers' own logs, and with their answers.

Without options: a line for each server, skipped with the reason where it is not installed. --table prints the table of backlogctl(7)."""

import argparse
import contextlib
import glob
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

PYTHON = "/usr/bin/python3"  # that has Debian's modules
PORT = 60001
CLIENTS = 300
HTTP = "GET / HTTP/1.0\r\n\r"

# Beside the server, in its namespace: what ss says of the listener that came first.
SS = """(until ss {kind} | grep -q "{place}"; do sleep 0.02; done; ss {kind} | grep "{place}" | head -1 > {out}.new; mv {out}.new {out}) &
exec "$@"
"""

# The server goes on for a moment when it is to end, until its log has a line for everybody or has not grown for a while, which is long,
# as a worker may lack a CPU: then there is a file "settled".
LINGER = """linger() {{
    before=x now=$(wc -l <{log}) still=0
    while [ "$now" -lt {wanted} ] && [ "$still" -lt 10 ]; do
        sleep 0.4
        before=$now now=$(wc -l <{log})
        [ "$before" != "$now" ] && still=0 || still=$((still + 1))
    done
    : >{folder}/settled
    kill -TERM $child
    wait
}}
trap linger TERM
"$@" &
child=$!
wait
"""


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def lines(folder, name):
    with contextlib.suppress(FileNotFoundError):
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            return sum(1 for _ in file)
    return 0


def first_line(*command):
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return ((said.stdout + said.stderr).strip().splitlines() or ["?"])[0]


def number(text):
    found = re.search(r"\d+(\.\d+)+|\d+", text)
    return found.group(0) if found else "?"


# ---- The servers ----
# Each makes its files in a folder and returns the command. `log` is a file with a line for each request that was answered.

SERVERS = []


def server(name, program, version, request=HTTP, log=None, unix=False, user=None):
    def add(make):
        SERVERS.append({"name": name, "program": program, "version": version, "request": request, "log": log, "unix": unix,
                        "user": user, "make": make})
        return make
    return add


@server("nginx", "nginx", ("nginx", "-v"), log="access.log")
def nginx(folder):
    user = "user root;" if os.geteuid() == 0 else ""
    conf = write(folder, "nginx.conf", f"""daemon off; {user} worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;
worker_rlimit_nofile 4096; events {{ worker_connections 2000; }}
http {{ access_log {folder}/access.log; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
server {{ listen {PORT}; return 200 'here\\n'; }} }}
""")
    return ["nginx", "-e", f"{folder}/error.log", "-p", folder, "-c", conf]


@server("Apache (mpm_event)", "apache2", ("apache2", "-v"), log="access.log")
def apache(folder):
    modules = "/usr/lib/apache2/modules"
    user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
    write(folder, "index.html", "here\n")
    conf = write(folder, "apache.conf", f"""ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex file:{folder}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
ErrorLog {folder}/error.log
CustomLog {folder}/access.log "%h %r %s"
{user}Listen 0.0.0.0:{PORT}
DocumentRoot {folder}
""")
    return ["apache2", "-f", conf, "-D", "FOREGROUND"]


@server("haproxy", "haproxy", ("haproxy", "-v"))
def haproxy(folder):
    conf = write(folder, "haproxy.cfg", f"""global
  maxconn 2000
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
frontend here
  bind :{PORT}
  http-request return status 200 content-type text/plain string here
""")
    return ["haproxy", "-f", conf]


@server("redis", "redis-server", ("redis-server", "--version"), request="PING")
def redis(folder):
    return ["redis-server", "--port", "{port}", "--save", "", "--protected-mode", "no", "--dir", folder]


@server("memcached", "memcached", ("memcached", "-V"), request="version\r")
def memcached(folder):
    return ["memcached", "-p", "{port}", "-l", "127.0.0.1"] + (["-u", "nobody"] if os.geteuid() == 0 else [])


APP = "def app(environ, start):\n    start('200 OK', [('Content-Length', '5')])\n    return [b'here\\n']\n"


@server("gunicorn (sync)", "gunicorn", ("gunicorn", "--version"), log="access.log")
def gunicorn_sync(folder):
    write(folder, "app.py", APP)
    return ["gunicorn", "-b", "127.0.0.1:{port}", "--chdir", folder, "--access-logfile", f"{folder}/access.log",
            "--worker-tmp-dir", folder, "app:app"]


@server("gunicorn (gthread)", "gunicorn", ("gunicorn", "--version"), log="access.log")
def gunicorn_threads(folder):
    return gunicorn_sync(folder)[:-1] + ["-k", "gthread", "--threads", "4", "app:app"]


ASGI = """async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'5')]})
    await send({'type': 'http.response.body', 'body': b'here\\n'})
"""


@server("uvicorn", "/usr/lib/python3/dist-packages/uvicorn", (PYTHON, "-m", "uvicorn", "--version"))
def uvicorn(folder):
    write(folder, "asgi.py", ASGI)
    return [PYTHON, "-m", "uvicorn", "--lifespan", "off", "--port", "{port}", "--app-dir", folder, "asgi:app"]


@server("hypercorn", "/usr/lib/python3/dist-packages/hypercorn",
        (PYTHON, "-c", "import importlib.metadata as m; print(m.version('hypercorn'))"))
def hypercorn(folder):
    write(folder, "asgi.py", ASGI)
    return ["env", f"PYTHONPATH={folder}", PYTHON, "-m", "hypercorn", "-b", "127.0.0.1:{port}", "asgi:app"]


@server("uwsgi", "uwsgi_python3", ("uwsgi", "--version"))
def uwsgi(folder):
    write(folder, "app.py", APP.replace("app(", "application("))
    return ["uwsgi_python3", "--http-socket", "127.0.0.1:{port}", "--wsgi-file", f"{folder}/app.py", "--master", "--die-on-term"]


@server("Python http.server", PYTHON, (PYTHON, "--version"), log="output")
def python(folder):
    return [PYTHON, "-m", "http.server", "{port}", "--directory", folder]


@server("Node.js http", "node", ("node", "--version"))
def node(folder):
    return ["node", "-e", "require('http').createServer((q, r) => r.end('here\\n')).listen({port})"]


@server("Go net/http", "go", ("go", "version"))
def go(folder):
    source = write(folder, "main.go", """package main
import ("io"; "net/http"; "os")
func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "here\\n") })
	http.ListenAndServe(":" + os.Args[1], nil)
}
""")
    env = dict(os.environ, HOME=folder, GOCACHE=f"{folder}/cache", GO111MODULE="off", GOFLAGS="")
    subprocess.run(["go", "build", "-o", f"{folder}/server", source], check=True, env=env, cwd=folder)
    return [f"{folder}/server", "{port}"]


@server("Rust std::net", "rustc", ("rustc", "--version"))
def rust(folder):
    source = write(folder, "main.rs", """use std::io::{Read, Write};
fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    for client in std::net::TcpListener::bind(("127.0.0.1", port)).unwrap().incoming() {
        std::thread::spawn(move || {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 512]);
            let _ = client.write_all(b"HTTP/1.0 200 OK\\r\\n\\r\\nhere\\n");
        });
    }
}
""")
    subprocess.run(["rustc", "-o", f"{folder}/server", source], check=True, cwd=folder)
    return [f"{folder}/server", "{port}"]


@server("Java com.sun.net.httpserver", "javac", ("java", "--version"))
def java(folder):
    source = write(folder, "Main.java", """import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
public class Main {
    public static void main(String[] words) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(words[0])), 0);
        server.createContext("/", e -> { e.sendResponseHeaders(200, 5); e.getResponseBody().write("here\\n".getBytes()); e.close(); });
        server.start();
    }
}
""")
    subprocess.run(["javac", "-d", folder, source], check=True)
    return ["java", "-cp", folder, "Main", "{port}"]


def postgres_program(name):
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return found[-1] if found else "postgres"


@server("PostgreSQL", postgres_program("postgres"), (postgres_program("postgres"), "--version"), request=None, user="nobody")
def postgres(folder):
    as_user = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run(as_user + [postgres_program("initdb"), "-D", f"{folder}/data", "-A", "trust", "-N"], check=True, cwd="/",
                   stdout=subprocess.DEVNULL)
    return [postgres_program("postgres"), "-D", f"{folder}/data", "-p", "{port}", "-k", folder]


@server("php-fpm", "php-fpm8.2", ("php-fpm8.2", "-v"), request=None, unix=True)
def php(folder):
    user = "user = nobody\ngroup = nogroup\n" if os.geteuid() == 0 else ""
    conf = write(folder, "fpm.conf", f"[global]\nerror_log = {folder}/error.log\n[www]\n{user}listen = {folder}/fpm.sock\n"
                 "pm = static\npm.max_children = 2\n")
    return ["php-fpm8.2", "-n", "-F", "-y", conf]


# ---- Trying one ----

class Wrong(Exception):
    pass


def run(program, spec, folder, options, command):
    options = [program, "run", "--json", "--wait", "240s", "--server-log", f"{folder}/output"] + options
    if spec["user"] and os.geteuid() == 0:
        options += ["--user", spec["user"]]
    said = subprocess.run(options + ["--"] + command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd="/")
    if said.returncode:
        raise Wrong(f"status {said.returncode}: {said.stderr.strip()[:300]} ... {said.stderr.strip()[-300:]}")
    return json.loads(said.stdout)


def with_ss(folder, unix, command):
    kind, place = ("-Hlxn", folder) if unix else ("-Hltn", f":{PORT} ")
    return ["sh", "-c", SS.format(kind=kind, place=place, out=f"{folder}/ss"), "sh"] + command


def expect(what, seen, wanted):
    if seen != wanted:
        raise Wrong(f"{what}: {seen}, not {wanted}")


def request(spec):
    return ["--send", spec["request"]] if spec["request"] else []


def measure(program, spec, folder, command):
    """Its queue, counted while it stands still, against ss. A server with TCP_DEFER_ACCEPT has nobody in it who has sent nothing."""
    for _ in range(20):  # on a busy machine all can be over before ss has looked
        report = run(program, spec, folder, ["--summary", "--freeze", "auto", "--timeout", "0", "--count", "8k", *request(spec)],
                     with_ss(folder, spec["unix"], command))
        looked = os.path.exists(f"{folder}/ss") and os.path.getsize(f"{folder}/ss")
        # ... and packets can be lost before they reach the listener, where the input queue of lo is full.
        if looked and report["server"]["freeze"]["held"] == report["listener"]["capacity"]:
            break
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}/pid")
    with open(f"{folder}/ss", encoding="utf-8") as file:
        backlog = int(file.read().split()[3 if spec["unix"] else 2])
    expect("backlog", report["listener"]["backlog"], backlog)
    expect("capacity", report["listener"]["capacity"], backlog + 1)
    expect("queue while it stood still", report["server"]["freeze"]["held"], backlog + 1)
    return backlog


def serve(program, spec, folder, command):
    """The log has a line for everybody who is called connected and for those who waited in the queue, and for nobody else."""
    before = lines(folder, spec["log"]) if spec["log"] else 0
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{folder}/pid")  # of one that was killed: process numbers begin anew, so somebody would have it
    if spec["log"]:
        command = ["sh", "-c", LINGER.format(log=f"{folder}/{spec['log']}", folder=folder, wanted=before + CLIENTS), "sh"] + command
    report = run(program, spec, folder, ["--count", str(CLIENTS), "--timeout", "20s", *request(spec)], command)
    counts = report["counts"]
    expect("connections", sum(counts.values()), CLIENTS)
    if spec["log"]:
        logged, reached = requests(folder, spec["log"], before), counts["connected"] + counts["queued"]
        if os.path.exists(f"{folder}/settled") or logged > reached:
            expect("requests in its log", logged, reached)
        else:
            print(f"{spec['name']}: its log was not complete in time, {logged} of {reached} requests")
    for verdict in ("refused", "reset", "unreachable", "local_error", "half_open", "established"):
        expect(verdict, counts[verdict], 0)
    return counts


def requests(folder, log, before):
    with open(os.path.join(folder, log), encoding="utf-8", errors="replace") as file:
        return sum(1 for line in list(file)[before if log != "output" else 0:] if "GET / " in line)


def attempt(program, spec):
    folder = tempfile.mkdtemp(prefix="backlogctl-test-")
    os.chmod(folder, 0o755)
    try:
        if spec["user"] and os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam(spec["user"]).pw_uid, -1)
        command = spec["make"](folder)
        backlog = measure(program, spec, folder, command)
        counts = serve(program, spec, folder, command)
        left = [name for name in os.listdir(folder) if name.endswith(".sock")]
        expect("socket files that are left", left, [])
        return backlog, counts
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def absent(spec):
    return not (os.path.isdir(spec["program"]) or shutil.which(spec["program"]))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--backlogctl", required=True)
    options.add_argument("--only", help="names that have this in them")
    options.add_argument("--table", action="store_true")
    options = options.parse_args()
    options.backlogctl = os.path.abspath(options.backlogctl)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    wrong = tried = 0
    rows = []
    for spec in SERVERS:
        if options.only and options.only not in spec["name"]:
            continue
        if absent(spec):
            print(f"skipped: {spec['name']}: {spec['program']} is not installed", flush=True)
            continue
        tried += 1
        try:
            backlog, counts = attempt(options.backlogctl, spec)
            seen = ", ".join(f"{n} {v}" for v, n in counts.items() if n)
            print(f"{spec['name']} {number(first_line(*spec['version']))}: backlog {backlog}; {seen}", flush=True)
            rows.append((spec["name"], number(first_line(*spec["version"])), backlog, seen))
        except (Wrong, OSError, subprocess.CalledProcessError, KeyError, TypeError, ValueError, IndexError) as error:
            wrong += 1
            print(f"WRONG: {spec['name']}: {error!r}", flush=True)
    if options.table:
        for row in rows:
            print(".It " + " Ta ".join(row))
    print(f"{tried} servers, {wrong} wrong")
    return 1 if wrong else 0 if tried else 77


if __name__ == "__main__":
    sys.exit(main())

"""Real servers, in the foreground, each with a queue for some hundred connections: it takes a while to fill them."""
import os
import shutil
import sys

from place import PORT, write

BACKLOG = 200
HTTP = (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.")
SERVERS = {}


class Server:
    def __init__(self, name, program, speech, make):
        self.name, self.program, self.make = name, program, make
        self.request, self.wanted = speech

    def absent(self):
        return not shutil.which(self.program)


def server(name, program, speech=HTTP):
    def add(make):
        SERVERS[name] = Server(name, program, speech, make)
        return make
    return add


@server("nginx", "nginx")
def nginx(folder):
    user = "user root;" if os.geteuid() == 0 else ""
    conf = write(f"{folder}/nginx.conf", f"""daemon off; {user} worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 500; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
server {{ listen {PORT} backlog={BACKLOG}; return 200 'here\\n'; }} }}
""")
    return ["nginx", "-e", f"{folder}/error.log", "-p", folder, "-c", conf]


@server("redis", "redis-server", (b"PING\r\n", b"+PONG"))
def redis(folder):
    return ["redis-server", "--port", str(PORT), "--bind", "127.0.0.1", "--save", "", "--protected-mode", "no", "--dir", folder,
            "--tcp-backlog", str(BACKLOG)]


@server("python", sys.executable)
def python(folder):
    write(f"{folder}/index.html", "here\n")
    return [sys.executable, "-c", "import http.server as h, socketserver as s, functools as f\n"
            f"class Server(h.ThreadingHTTPServer):\n request_queue_size = {BACKLOG}\n"
            f"Server(('127.0.0.1', {PORT}), f.partial(h.SimpleHTTPRequestHandler, directory={folder!r})).serve_forever()"]


@server("haproxy", "haproxy")
def haproxy(folder):
    conf = write(f"{folder}/haproxy.cfg", f"""global
  maxconn 1000
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
frontend here
  bind :{PORT} backlog {BACKLOG}
  http-request return status 200 content-type text/plain string here
""")
    return ["haproxy", "-f", conf]


@server("apache2", "apache2")
def apache(folder):
    modules = "/usr/lib/apache2/modules"
    user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
    write(f"{folder}/index.html", "here\n")
    conf = write(f"{folder}/apache.conf", f"""ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex file:{folder}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
ErrorLog {folder}/error.log
AcceptFilter http none
ListenBacklog {BACKLOG}
{user}Listen 0.0.0.0:{PORT}
DocumentRoot {folder}
""")
    return ["apache2", "-f", conf, "-D", "FOREGROUND"]


@server("gunicorn", "gunicorn")
def gunicorn(folder):
    write(f"{folder}/app.py", "def app(environ, start):\n    start('200 OK', [('Content-Length', '5')])\n    return [b'here\\n']\n")
    return ["gunicorn", "-b", f"127.0.0.1:{PORT}", "--backlog", str(BACKLOG), "--chdir", folder, "--worker-tmp-dir", folder, "-w", "2",
            "app:app"]


@server("memcached", "memcached", (b"version\r\n", b"VERSION"))
def memcached(folder):
    return ["memcached", "-p", str(PORT), "-l", "127.0.0.1", "-b", str(BACKLOG)] + (["-u", "nobody"] if os.geteuid() == 0 else [])


@server("node", "node")
def node(folder):
    return ["node", "-e", f"require('http').createServer((q, r) => r.end('here\\n')).listen({{port: {PORT}, backlog: {BACKLOG}}})"]

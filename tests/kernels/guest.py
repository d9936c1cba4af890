"""Runs the jobs of /jobs.json, one after the other, as the second process of a guest. Lines for the host begin with "@@"; what a
job that failed has printed last begins with "@|"."""
import json
import os
import pwd
import re
import subprocess
import sys
import time

TAIL = 40  # lines of a job that failed


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def become(user):
    def change():
        if user != "root":
            entry = pwd.getpwnam(user)
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
        os.setsid()
    return change


def run(job):
    began = time.monotonic()
    path = f"/tmp/job-{os.getpid()}.log"
    with open(path, "w+") as log:
        try:
            status = subprocess.run(job["command"], cwd=job["folder"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                    preexec_fn=become(job["user"]), timeout=1800).returncode
        except subprocess.TimeoutExpired:
            status = "no end after 1800 s"
        log.seek(0)
        lines = [line.rstrip("\n") for line in log]
    skipped = sorted({found.group(0) for found in (re.search(r"skipped: .*", line) for line in lines) if found})
    word = "passed" if status == 0 else "skipped" if status == job["skip"] else "failed"
    say(f"@@ {job['name']}: {word} (status {status}, {time.monotonic() - began:.1f} s)")
    for reason in skipped:
        say(f"@@   {reason}")
    if word == "failed":
        for line in lines[-TAIL:]:
            say(f"@| {line[:300]}")


def main():
    say(f"@@ Linux {os.uname().release}")
    with open("/jobs.json") as text:
        jobs = json.load(text)
    os.environ["TERM"] = "xterm"
    for job in jobs:
        run(job)
    say("@@ all jobs done")


main()

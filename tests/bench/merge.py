#!/usr/bin/env python3
"""What a merge costs: reports of HOSTS hosts with ROWS connections in all, and that of an observer, are made up, then merged.
Prints time, CPU time and the peak of memory, and per connection."""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

HEAD = {"schema": "backlogctl.probe/2", "command": "probe", "kernel": "made up", "netns": 1, "preset": None}


def address(host):
    return f"10.{host >> 16 & 255}.{host >> 8 & 255}.{host & 255}"


def source(host, i):
    """Each host has as many addresses as its ports take."""
    return f"{address((host + 1) * 64 + i // 28000)}:{32768 + i % 28000}"


def write_host(path, version, host, hosts, rows):
    count = rows // hosts
    options = {"host": "10.255.0.1", "count": rows, "timeout_us": 2000000, "rate": None, "every_us": None, "burst": None,
               "allow_remote": True, "segment": {"index": host + 1, "of": hosts, "count": count}}
    with open(path, "w") as out:
        head = dict(HEAD, version=version, host=f"host{host}", options=options, target={"address": "10.255.0.1", "port": 80},
                    started_at="2026-01-31T12:00:00.000000Z", counts={"established": count},
                    pace={"took_us": 1000, "threads": 1}, times={})
        out.write(json.dumps(head)[:-1] + ',"connections":[')
        for i in range(count):
            out.write(("," if i else "") + f'\n{{"id":{i + 1},"source":"{source(host, i)}","verdict":"established","reason":"remote",'
                      f'"evidence":"tcp_info","opened_us":{i},"established_us":{i + 400},"accepted_us":null,"accepted_by":null,'
                      f'"age_us":null,"syn_retransmits":0,"error":null}}')
        out.write('],"last_look_us":2000000,"elapsed_us":2000100,"interrupted_by":null,"incomplete":null}\n')


def write_observer(path, version, hosts, rows):
    count = rows // hosts
    with open(path, "w") as out:
        head = {"schema": "backlogctl.observe/1", "version": version, "host": "server", "started_at": "2026-01-31T11:59:59.000000Z",
                "listeners": [{"address": "10.255.0.1", "port": 80, "backlog": 511, "capacity": 512, "cookie": 7}]}
        out.write(json.dumps(head)[:-1] + ',"samples":[{"at_us":0,"listener":0,"queue":0,"discarded":0}],"connections":[')
        for host in range(hosts):
            for i in range(count):
                out.write(("," if host or i else "") + f'\n{{"listener":0,"peer":"{source(host, i)}","local":"10.255.0.1:80",'
                          f'"state":"accepted","entered_us":{{"min":{1000000 + i},"max":{1010000 + i}}},'
                          f'"accepted_us":{{"min":{1000000 + i},"max":{1010000 + i}}},"closed_us":null,"evidence":"look"}}')
        counts = {"half_open": 0, "queued": 0, "accepted": count * hosts, "closed": 0, "expired": 0}
        out.write('],' + json.dumps({"counters": None, "counts": counts, "complete": True, "incomplete": None,
                                     "last_look_us": 4000000, "elapsed_us": 4000100})[1:] + "\n")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000000, help="connections of all hosts together (default 1000000)")
    parser.add_argument("--hosts", type=int, default=32, help="default 32")
    parser.add_argument("--folder", help="for the reports, some 600 bytes a connection (default: that for temporary files)")
    parser.add_argument("--backlogctl", default=os.path.join(here, "../../build/plain/backlogctl"))
    options = parser.parse_args()
    version = subprocess.run([options.backlogctl, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    rows = options.rows // options.hosts * options.hosts
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        files = [f"{folder}/{host}.json" for host in range(options.hosts)] + [f"{folder}/observer.json"]
        for host in range(options.hosts):
            write_host(files[host], version, host, options.hosts, rows)
        write_observer(files[-1], version, options.hosts, rows)
        size = sum(os.path.getsize(file) for file in files)
        began = time.monotonic()
        done = subprocess.run([options.backlogctl, "merge", "--quiet", "-e", f"connected={rows}", *files])
        took = time.monotonic() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime
        print(f"{rows} connections of {options.hosts} hosts, {size / 1e6:.0f} MB: {took:.1f} s, {cpu:.1f} s of CPU "
              f"({cpu / rows * 1e6:.2f} us a connection), {used.ru_maxrss / 1024:.0f} MB at the peak "
              f"({used.ru_maxrss * 1024 / rows:.0f} bytes a connection), exit status {done.returncode}")
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())

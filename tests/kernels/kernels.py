#!/usr/bin/env python3
"""The kernel matrix: the test executables and the truth test under other kernels than this machine's, in qemu without KVM.

A guest has this machine's installed packages and the build folder in its memory, and one processor that skips idle time
(-icount sleep=off): its clock depends on what it computes, not on how busy the host is. Kernels are Debian's cloud images, of
the mirror that apt uses here. Needs qemu-system-x86, busybox-static, cpio, kmod, apt and, for the jobs, what tests/run installs."""
import argparse
import concurrent.futures
import fcntl
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the tree stays clean

import userland

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
SKIP = 77  # what ctest takes for "skipped"
SUITES = ["bullseye", "bookworm", "trixie", "sid"]  # 5.10, 6.1, 6.12 and the newest

MODULES = """tun veth dummy bridge nf_tables nft_chain_nat nft_nat nft_redir nft_masq nft_ct nft_reject nft_reject_inet nft_reject_ipv4
nft_limit nft_log nfnetlink_log nf_log_syslog nft_connlimit nft_counter nft_tproxy nft_socket nft_synproxy nft_numgen nft_hash nft_fib nf_conntrack nf_conntrack_netlink nf_nat
inet_diag tcp_diag udp_diag raw_diag unix_diag af_packet_diag netlink_diag mptcp_diag inet_mptcp_diag sch_netem sch_tbf sch_ingress
cls_u32 cls_bpf act_mirred overlay tls xt_REDIRECT xt_tcpudp ip_tables iptable_nat""".split()


def sh(*command, **options):
    return subprocess.run(command, check=True, text=True, **options)


# ---- Kernels ----

def mirror():
    """Where this machine's apt takes Debian from."""
    lines = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"],
                           capture_output=True, text=True, check=True).stdout.split()
    places = [line for line in lines if line.rstrip("/").endswith("/debian")]
    if not places:
        raise SystemExit("kernels: apt knows no mirror of Debian here: give one with --mirror")
    return places[0]


class Apt:
    """apt for one suite, with files of its own under `folder`."""

    def __init__(self, suite, uri, folder):
        for part in ("lists/partial", "cache/archives/partial"):
            os.makedirs(f"{folder}/{part}", exist_ok=True)
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        trust = f"signed-by={keyring}" if os.path.exists(keyring) else "trusted=yes"
        with open(f"{folder}/sources.list", "w") as out:
            out.write(f"deb [{trust}] {uri} {suite} main\n")
        settings = {"Dir::Etc::sourcelist": f"{folder}/sources.list", "Dir::Etc::sourceparts": "-", "APT::Architecture": "amd64",
                    "Dir::State::lists": f"{folder}/lists", "Dir::Cache": f"{folder}/cache", "APT::Sandbox::User": "root"}
        self.options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]

    def update(self):
        sh("apt-get", *self.options, "--quiet", "update", stdout=subprocess.DEVNULL)

    def depends(self, package):
        text = sh("apt-cache", *self.options, "depends", "--important", package, capture_output=True).stdout
        return re.findall(r"^ *\|?Depends: (\S+)", text, re.M)

    def image(self):
        """The packages that the newest cloud kernel of the suite consists of."""
        names, found = self.depends("linux-image-cloud-amd64"), []
        release = re.search(r"\d+\.\d+.*-cloud-amd64$", " ".join(names))
        if not release:
            raise RuntimeError(f"no cloud kernel in this suite: {names}")
        names = [f"linux-image-{release.group(0)}"]
        while names:
            name = names.pop()
            if name.startswith("linux-") and name.endswith(release.group(0)) and name not in found:
                found.append(name)
                names += self.depends(name)
        return found

    def fetch(self, packages, folder):
        sh("apt-get", *self.options, "--quiet", "download", *packages, cwd=folder, stdout=subprocess.DEVNULL)


def unpacked(suite, options):
    """The folder with the kernel of this suite: fetched once, kept."""
    folder = f"{options.cache}/{suite}"
    root = f"{folder}/root"
    if not os.path.isdir(root):
        apt = Apt(suite, options.mirror or mirror(), f"{folder}/apt")
        apt.update()
        shutil.rmtree(f"{folder}/deb", ignore_errors=True)
        os.makedirs(f"{folder}/deb")
        apt.fetch(apt.image(), f"{folder}/deb")
        for package in os.listdir(f"{folder}/deb"):
            sh("dpkg-deb", "-x", f"{folder}/deb/{package}", f"{root}.new")
        os.rename(f"{root}.new", root)
    return root


def under(root, *places):
    """The first of these folders that is there."""
    return next(path for path in (f"{root}/{place}" for place in places) if os.path.isdir(path))


def image(root):
    """The file that boots: in /boot, or since Linux 7.2 beside its modules."""
    found = glob.glob(f"{root}/boot/vmlinuz-*") + glob.glob(f"{root}/usr/lib/modules/*/vmlinuz")
    if not found:
        raise RuntimeError(f"no vmlinuz in {root}")
    return found[0]


def modules(root, folder):
    """An archive with the modules that the tests use, and their names in the order of loading."""
    base = under(root, "usr/lib/modules", "lib/modules")
    release = os.listdir(base)[0]
    sh("depmod", "--basedir", os.path.dirname(os.path.dirname(base)), release, stderr=subprocess.DEVNULL)
    with open(f"{base}/{release}/modules.dep") as lines:
        needs = dict(line.strip().split(":", 1) for line in lines)
    by_name = {re.sub(r"\.ko.*$", "", os.path.basename(path)).replace("-", "_"): path for path in needs}
    order = []

    def want(path):
        for other in reversed(needs[path].split()):
            want(other)
        if path not in order:
            order.append(path)

    for name in MODULES:
        if name in by_name:
            want(by_name[name])
    stage = f"{folder}/modules"
    shutil.rmtree(stage, ignore_errors=True)
    for path in order:
        target = f"{stage}/usr/lib/modules/{release}/{path}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(f"{base}/{release}/{path}", target)
    sh("depmod", "--basedir", f"{stage}/usr", release, stderr=subprocess.DEVNULL)
    with open(f"{stage}/modules.order", "w") as out:
        out.writelines(f"/usr/lib/modules/{release}/{path}\n" for path in order)
    return userland.archive(stage, f"{folder}/modules.cpio")


# ---- Jobs ----

def ctest_jobs(options):
    """What ctest would run in the build folder, as dictionaries that guest.py reads."""
    text = sh("ctest", "--test-dir", options.build, "--show-only=json-v1", capture_output=True).stdout
    for test in json.loads(text)["tests"]:
        properties = {item["name"]: item["value"] for item in test.get("properties", [])}
        if test["name"] in userland.NOT_THERE or "command" not in test:
            continue
        command = test["command"]
        if os.path.basename(command[0]).startswith("python3"):  # cmake may have found one that is not Debian's
            command = ["python3", *command[1:]]
        for user in ("root", "nobody"):
            yield {"name": f"{test['name']} as {user}", "command": command, "user": user,
                   "folder": properties.get("WORKING_DIRECTORY", options.build), "skip": properties.get("SKIP_RETURN_CODE")}


def truth_jobs(options):
    if options.cells:
        yield {"name": "truth, more cells", "user": "root", "folder": options.build, "skip": SKIP,
               "command": ["python3", f"{SOURCE}/tests/truth/truth.py", "--backlogctl", f"{options.build}/backlogctl", "--seed",
                           str(options.seed), "--cells", str(options.cells), "--jobs", "1"]}


def yama_jobs(options):
    """Servers under Yama 1 and 2, by each way to stop them: this machine may have no Yama, Debian's kernels do."""
    yield {"name": "freezing under Yama", "user": "root", "folder": options.build, "skip": SKIP,
           "command": ["python3", f"{SOURCE}/tests/freezing/freezing.py", "--backlogctl", f"{options.build}/backlogctl", "--seed",
                       str(options.seed), "--only", "yama", "--rounds", "6", "--jobs", "1"]}


def jobs_of(options):
    jobs = list(ctest_jobs(options)) + list(yama_jobs(options)) + list(truth_jobs(options))
    return [job for job in jobs if not options.only or any(re.search(only, job["name"]) for only in options.only)]


# ---- Guests ----

def boot(suite, options, shared):
    """Runs the jobs under the kernel of this suite. The lines that the guest printed about them."""
    folder = f"{options.cache}/{suite}"
    root = unpacked(suite, options)
    kernel = image(root)
    with open(f"{folder}/initrd", "wb") as initrd:
        for part in (shared, modules(root, folder)):
            with open(part, "rb") as source:
                shutil.copyfileobj(source, initrd)
    console = f"{folder}/console.log"
    command = ["qemu-system-x86_64", "-machine", "pc", "-cpu", "max", "-m", "3G", "-accel", "tcg", "-icount", "shift=1,sleep=off",
               "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", kernel, "-initrd", f"{folder}/initrd",
               "-chardev", f"file,id=console,path={console}", "-serial", "chardev:console",
               "-append", "console=ttyS0 quiet panic=-1 mitigations=off nokaslr no_timer_check tsc=reliable rdinit=/init"]
    subprocess.run(command, timeout=options.seconds, check=True, stdin=subprocess.DEVNULL)
    with open(console, errors="backslashreplace") as text:
        return text.read().replace("\r\n", "\n")


def attempt(suite, options, shared):
    """(suite, results by job, what the guest printed)"""
    began = time.monotonic()
    try:
        text = boot(suite, options, shared)
    except (subprocess.SubprocessError, RuntimeError, OSError) as error:
        text = f"@@ end of {suite}: {error}\n"
    results = dict(re.findall(r"^@@ (?:\[.*?\] )?(.+?): (passed|skipped|failed)\b.*$", text, re.M))
    release = re.search(r"^@@ Linux (\S+)", text, re.M)
    title = f"{suite} (Linux {release.group(1)})" if release else f"{suite} (did not boot)"
    whole = re.search(r"^@@ all jobs done$", text, re.M) is not None
    return title, results, whole, text, time.monotonic() - began


def tell(title, results, whole, text, seconds, options):
    counts = {word: sum(result == word for result in results.values()) for word in ("passed", "skipped", "failed")}
    print(f"---- {title}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"
          f"{'' if whole else ', NOT FINISHED'} ({seconds:.0f} s)")
    shown = re.findall(r"^@@ (.*)$", text, re.M) if options.verbose else re.findall(r"^@@ (.*: (?:failed|skipped).*)$", text, re.M)
    for line in shown:
        print(f"  {line}")
    for line in re.findall(r"^@\| (.*)$", text, re.M):
        print(f"    {line}")
    if not whole:
        print("\n".join(f"    {line}" for line in text.splitlines()[-15:]))
    sys.stdout.flush()
    return counts["passed"], counts["failed"] + (not whole), counts["skipped"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kernel", action="append", help=f"a suite of Debian; repeatable (default: {' '.join(SUITES)})")
    parser.add_argument("--build", default=f"{SOURCE}/build/plain", help="the build folder whose tests are run")
    parser.add_argument("--cache", default=f"{SOURCE}/build/kernels", help="where kernels and archives are kept")
    parser.add_argument("--mirror", help="a mirror of Debian (default: the one that apt uses here)")
    parser.add_argument("--only", action="append", help="only the jobs whose name fits this regular expression; repeatable")
    parser.add_argument("--cells", type=int, default=100, help="experiments of the truth test besides those of ctest")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=7200, help="end a guest that takes longer")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="guests at a time")
    parser.add_argument("--verbose", action="store_true", help="name what passed, too")
    options = parser.parse_args()
    options.build, options.cache = os.path.abspath(options.build), os.path.abspath(options.cache)
    return options


def main():
    options = arguments()
    absent = [name for name in ("qemu-system-x86_64", "cpio", "depmod", "dpkg-deb", "ctest") if not shutil.which(name)]
    absent += [] if os.path.exists("/bin/busybox") else ["busybox-static"]
    if absent:
        print(f"skipped: not here: {', '.join(absent)}")
        return SKIP
    os.makedirs(options.cache, exist_ok=True)
    lock = open(f"{options.cache}/lock", "w")  # two runs would build each other's archive
    fcntl.flock(lock, fcntl.LOCK_EX)
    jobs = jobs_of(options)
    shared = userland.build(f"{options.cache}/userland", SOURCE, options.build, jobs)
    totals = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(lambda suite: attempt(suite, options, shared), options.kernel or SUITES):
            totals = [sum(pair) for pair in zip(totals, tell(*found, options))]
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a guest has besides its kernel: files of this machine's packages, the build folder and the tests, as one archive."""
import json
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))

# Packages whose files the jobs use; what they depend on comes too.
PACKAGES = """coreutils dash bash grep sed gawk mawk findutils util-linux bsdutils mount procps kmod iproute2 nftables netcat-openbsd telnet
python3 python3-minimal libpython3-stdlib tmux mandoc redis-server nginx-light check libcap2 libseccomp2 libmnl0 libjansson4 libbpf1
libsmartcols1 libncursesw6 libtinfo6 ncurses-base ncurses-bin libc-bin libc6 base-files base-passwd netbase strace""".split()

# Tests that need compilers, or programs too large for a guest's memory, or time without end where a processor is emulated.
NOT_THERE = {"format", "hardening", "option_row_of_its_type", "option_row_of_another_type", "recipes", "servers", "test_valgrind",
             "test_scale", "test_server_scale", "test_layers"}

LEFT_OUT = re.compile(r"^/(usr/share/(doc|man|locale|info|bug|lintian|bash-completion|zoneinfo|perl|icons|fonts|vim)/"
                      r"|usr/include/|usr/lib/python3\.\d+/(test|idlelib|tkinter|lib2to3|distutils|ensurepip)/|var/|boot/"
                      r"|usr/lib/x86_64-linux-gnu/(perl|gconv)/|usr/lib/.*\.a$|etc/(init|rc|cron|logrotate|systemd))")


def closure(packages):
    """These installed packages and what they depend on, as far as it is installed."""
    text = subprocess.run(["dpkg-query", "-W", "-f", "${Package}|${db:Status-Abbrev}|${Provides}|${Pre-Depends}, ${Depends}\n"],
                          capture_output=True, text=True, check=True).stdout
    needs, providers = {}, {}
    for line in text.splitlines():
        name, status, provides, depends = line.split("|", 3)
        if status.startswith("ii"):
            needs.setdefault(name, set()).update(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]+)", depends))
            for other in re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9+.-]+)", provides):
                providers.setdefault(other, name)
    wanted, found = list(packages), set()
    while wanted:
        name = wanted.pop()
        name = name if name in needs else providers.get(name)
        if name and name not in found and name not in ("perl-base", "debconf", "dpkg", "systemd", "init-system-helpers"):
            found.add(name)
            wanted += needs[name]
    return sorted(found)


def files_of(packages):
    lists = subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True, check=True).stdout
    return sorted({path for path in lists.splitlines() if path.startswith("/") and not LEFT_OUT.match(path + "/")
                   and os.path.lexists(path) and (os.path.islink(path) or os.path.isfile(path))})


def copy(paths, stage):
    """Copies these files, through tar: links, modes and owners as they are. /bin and the like are links into /usr."""
    for link in ("bin", "sbin", "lib", "lib64"):
        os.makedirs(f"{stage}/usr/{link}", exist_ok=True)
        if not os.path.lexists(f"{stage}/{link}"):
            os.symlink(f"usr/{link}", f"{stage}/{link}")
    out = subprocess.Popen(["tar", "-C", stage, "--keep-directory-symlink", "-xf", "-"], stdin=subprocess.PIPE)
    subprocess.run(["tar", "-C", "/", "--no-recursion", "-cf", "-", "--verbatim-files-from", "-T", "-"], stdout=out.stdin, check=True,
                   input="\n".join(path.lstrip("/") for path in paths).encode(), stderr=subprocess.DEVNULL)
    out.stdin.close()
    if out.wait():
        raise SystemExit("userland: tar failed")


def tree(top, keep):
    return [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names if keep(os.path.join(folder, name))]


def archive(stage, target):
    """The folder as a cpio archive, which a kernel unpacks."""
    with open(target, "wb") as out:
        find = subprocess.Popen(["find", ".", "-print0"], cwd=stage, stdout=subprocess.PIPE)
        subprocess.run(["cpio", "--null", "--create", "--format=newc", "--quiet"], cwd=stage, stdin=find.stdout, stdout=out, check=True)
        if find.wait():
            raise SystemExit("userland: find failed")
    return target


def build(stage, source, build_folder, jobs):
    """The archive with everything but the modules. `stage` is made anew."""
    shutil.rmtree(stage, ignore_errors=True)
    os.makedirs(stage)
    built = tree(build_folder, lambda path: os.access(path, os.X_OK) and "CMakeFiles" not in path)
    kept = tree(source, lambda path: not re.match(re.escape(source) + r"/(build|\.git)/", path))
    copy(files_of(closure(PACKAGES)) + ["/bin/busybox"] + built + kept, stage)
    # Links that dpkg does not own: alternatives.
    for name in ("awk", "nc", "telnet"):
        for folder in ("/usr/bin", "/bin"):
            path = f"{folder}/{name}"
            if os.path.islink(path) and not os.path.lexists(f"{stage}/usr/bin/{name}"):
                os.symlink(os.path.realpath(path), f"{stage}/usr/bin/{name}")
    for name in ("passwd", "group", "nsswitch.conf", "services", "protocols", "ld.so.cache"):
        if os.path.exists(f"/etc/{name}"):
            shutil.copy(f"/etc/{name}", f"{stage}/etc/{name}")
    with open(f"{stage}/etc/hosts", "w") as hosts:
        hosts.write("127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
    for folder in ("proc", "sys", "dev", "run", "tmp", "var/tmp", "var/lib/nginx", "var/log/nginx", "root"):
        os.makedirs(f"{stage}/{folder}", exist_ok=True)
    for name in ("init", "guest.py"):
        shutil.copy(f"{HERE}/{name}", f"{stage}/{name}")
    with open(f"{stage}/jobs.json", "w") as out:
        json.dump(jobs, out)
    return archive(stage, f"{stage}.cpio")

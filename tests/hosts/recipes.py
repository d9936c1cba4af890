"""The recipes of backlogctl-hosts(7), taken out of the page and run by the tools they are for, in the lab; then the merged report is held
against the server's own account. A recipe is what stands between .Bd -literal and .Ed behind a comment `.\\" recipe: TOOL FILE`."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import lab
import place

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../man/backlogctl-hosts.7")
CONNECTIONS = 2000   # that of the page in each of its commands is made smaller
LEAD = 20            # so is its half a minute, but for the slow
PATIENCE = "2s"

SLURM = """ClusterName=lab
SlurmctldHost=head({bridge})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/slurm/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/linear
SchedulerType=sched/builtin
MpiDefault=none
ReturnToService=2
SlurmctldTimeout=60
StateSaveLocation={root}/slurm/state
SlurmdSpoolDir={root}/slurm/spool.%n
SlurmctldPidFile={root}/slurm/ctld.pid
SlurmdPidFile={root}/slurm/%n.pid
SlurmctldLogFile={root}/slurm/ctld.log
SlurmdLogFile={root}/slurm/%n.log
{nodes}
PartitionName=lab Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Absent(Exception):
    """Why a recipe cannot be tried."""


def recipes():
    text = place.read(PAGE)
    found = re.findall(r'^\.\\" recipe: (\S+) (\S+)\n\.Bd -literal\n(.*?)^\.Ed$', text, re.M | re.S)
    return {tool: (name, smaller(body.replace("\\&", "").replace("\\e", "\\"))) for tool, name, body in found}


def smaller(body):
    body = re.sub(r"(--count[ ,]+\"?)20000", rf"\g<1>{CONNECTIONS}", body)
    return body.replace("+ 30)", f"+ {LEAD})").replace("--timeout 5s", f"--timeout {PATIENCE}").replace("--timeout, 5s", f"--timeout, {PATIENCE}")


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Absent(f"{program} is not installed")


def run(script, patience=180):
    done = subprocess.run(["timeout", str(patience), "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


# ---- What each tool needs beside its recipe; each returns the script ----

def parallel(body, _lab):
    need("parallel")
    place.write("hosts", "".join(f"client{i + 1}\n" for i in range(4)))
    return body


def pdsh(body, _lab):
    need("pdsh")
    return body


def ansible_place():
    need("ansible")
    place.write("inventory", "[clients]\nclient[1:4]\n")
    os.environ.update(ANSIBLE_LOCAL_TEMP=f"{lab.ROOT}/ansible", ANSIBLE_HOME=f"{lab.ROOT}/ansible", ANSIBLE_REMOTE_TEMP="/tmp/ansible",
                      ANSIBLE_PYTHON_INTERPRETER="/usr/bin/python3", ANSIBLE_NOCOLOR="1")


def ansible(body, _lab):
    ansible_place()
    # The hosts of the lab share root's home, but not /tmp.
    return body.replace(">burst.json", ">/tmp/burst.json").replace("src=burst.json", "src=/tmp/burst.json")


def playbook(body, _lab):
    ansible_place()
    place.write("burst.yml", body.replace(">burst.json", ">/tmp/burst.json").replace("src: burst.json", "src: /tmp/burst.json"))
    return "ansible-playbook -i inventory -f 1000 -e at=$at burst.yml"


def begin_slurm(the_lab):
    need("srun", "slurmctld", "slurmd", "munged")
    folder = f"{lab.ROOT}/slurm"
    if os.path.exists(folder):
        return
    os.makedirs(f"{folder}/state")
    place.write(f"{folder}/key", "k" * 64)
    os.chmod(f"{folder}/key", 0o600)
    nodes = "\n".join(f"NodeName={h.name} NodeAddr={h.address} CPUs=1 State=UNKNOWN" for h in the_lab.clients)
    config = place.write(f"{folder}/slurm.conf", SLURM.format(root=lab.ROOT, bridge=lab.BRIDGE, nodes=nodes))
    os.environ["SLURM_CONF"] = config
    log = open(f"{folder}/said", "w")
    start = lambda *command: subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    start("munged", "--foreground", "--force", f"--socket={folder}/munge", f"--key-file={folder}/key", f"--pid-file={folder}/munge.pid",
          f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed")
    place.await_that("no munged", lambda: os.path.exists(f"{folder}/munge"), 30)
    start("slurmctld", "-D", "-f", config)
    for host in the_lab.clients:
        host.start("slurmd", "-D", "-N", host.name, "-f", config, stdout=log, stderr=log)
    place.await_that(lambda: "slurm does not begin: " + subprocess.run(["sinfo"], capture_output=True, text=True, check=False).stdout +
                     place.read(f"{folder}/said")[-2000:] + place.read(f"{folder}/ctld.log")[-2000:] + place.read(f"{folder}/client1.log")[-1000:],
                     lambda: "idle" in subprocess.run(["timeout", "5", "sinfo", "-h", "-o", "%T %D"], capture_output=True, text=True,
                                                      check=False).stdout.replace("idle 4", "idle"), 60)


def srun(body, the_lab):
    begin_slurm(the_lab)
    return body


def sbatch(body, the_lab):
    begin_slurm(the_lab)
    place.write("burst.sbatch", body)
    return "sbatch --wait --output=job.log burst.sbatch; cat job.log"


CHECK = """import sys, json, yaml
from kubernetes import client
text = yaml.safe_load(sys.stdin.read())
class Response: data = json.dumps(text)
api = client.ApiClient()
job = api.deserialize(Response, "V1Job")
again = api.sanitize_for_serialization(job)
sys.exit(0 if again == text else f"the types of Kubernetes do not know all of it:\\n{text}\\n{again}")
"""


def kubernetes(body, the_lab):
    """No cluster: the manifest is held against the client library's types, and each pod's command line is run on a host."""
    python = next((p for p in ("/usr/bin/python3", sys.executable)
                   if not subprocess.run([p, "-c", "import kubernetes, yaml"], capture_output=True, check=False).returncode), None)
    if not python:
        raise Absent("python3-kubernetes is not installed")
    done = subprocess.run([python, "-c", CHECK], input=body, text=True, capture_output=True, check=False)
    if done.returncode:
        raise place.Wrong(f"kubernetes: {done.stderr}")
    loaded = subprocess.run([python, "-c", "import sys,json,yaml; print(json.dumps(yaml.safe_load(sys.stdin.read())))"], input=body, text=True,
                            capture_output=True, check=True).stdout
    spec = json.loads(loaded)["spec"]
    words = shlex.join(spec["template"]["spec"]["containers"][0]["args"]).replace("AT", "$at")
    lines = [shlex.join([*host.entering(), "env", f"JOB_COMPLETION_INDEX={i}", the_lab.backlogctl]) + f" {words} >client{i}.json &"
             for i, host in enumerate(the_lab.clients[:spec["completions"]])]
    return "\n".join(lines)


TOOLS = (parallel, pdsh, ansible, playbook, srun, sbatch, kubernetes)


# ---- Running them ----

def attempt(tool, found, the_lab, server):
    """What to say of it."""
    name, body = found[tool.__name__]
    folder = f"{lab.ROOT}/work/{tool.__name__}"
    os.mkdir(folder)
    os.chdir(folder)
    before = len(server.accepted())
    whole = tool(body, the_lab)
    burst = found["burst"][1] if tool is not sbatch else ""
    merge = found["merge"][1]
    status, said = run("\n".join((burst, whole, merge, "backlogctl merge --json client*.json server.json >merged.json")))
    if status:
        raise place.Wrong(f"{tool.__name__}: status {status}:\n{said}")
    report = json.loads(place.read("merged.json"))
    server.settled()
    accepted = len(server.accepted()) - before
    counts = {word: count for word, count in report["counts"].items() if count}
    hosts = [host for host in report["merged"]["hosts"] if not host["trouble"]]
    if len(report["connections"]) != CONNECTIONS or len(hosts) != 4 or accepted < report["counts"]["connected"]:
        raise place.Wrong(f"{tool.__name__}: {counts} of {len(hosts)} hosts, the server accepted {accepted}:\n{said}")
    if report["counts"]["established"] or not report["merged"]["observers"]:
        raise place.Wrong(f"{tool.__name__}: {counts}, nothing was observed:\n{said}")
    late = max(host["late_us"] for host in hosts) / 1e3
    return (f"{counts}, the server accepted {accepted}; the latest host began {late:.1f} ms late, all within "
            f"{report['merged']['apart_us'] / 1e3:.1f} ms")


def run_all(options, the_lab, server):
    if not os.path.exists(lab.SSHD):
        print("skipped: sshd (openssh-server) is not installed")
        return 77
    the_lab.begin_ssh()
    found, wrong, tried = recipes(), 0, 0
    for tool in TOOLS:
        if options.only and tool.__name__ not in options.only:
            continue
        try:
            said = attempt(tool, found, the_lab, server)
            tried += 1
        except Absent as reason:
            print(f"skipped: {tool.__name__}: {reason}", flush=True)
            continue
        except place.Wrong as reason:
            wrong += 1
            said = f"WRONG: {reason}"
        print(f"{tool.__name__}: {said}", flush=True)
    print(f"{tried} recipes, {wrong} wrong")
    return 1 if wrong else 0 if tried else 77

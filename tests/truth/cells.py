"""A cell: one experiment as plain values, chosen by a seed."""
import random

from world import (DEAF4, DEAF6, DEAF_LOOP, HERE4, HERE6, NO_ROUTE4, OTHERS4, OTHERS6, OTHERS_LOOP, THERE4, THERE6)

PORT, BEHIND, ELSEWHERE = 7000, 7080, 7999
UNIX_NAME = "@truth"


def weighted(r, table):
    """table: [(weight, value)]"""
    return r.choices([value for _, value in table], [weight for weight, _ in table])[0]


def choose_accept(r, cell):
    patience, begin = cell["probe"]["timeout"], cell["probe_at"]
    return weighted(r, [
        (4, {"kind": "all", "delay": 0}),
        (4, {"kind": "all", "delay": r.choice([0.002, 0.02, 0.1, 0.3, 1.0])}),
        (5, {"kind": "never"}),
        (3, {"kind": "stall", "from": 0, "to": round(begin + r.uniform(0.1, max(0.3, patience)), 3)}),
        (2, {"kind": "burst", "every": r.choice([0.1, 0.5, 1.0]), "size": r.randint(1, 8)}),
        (2, {"kind": "count", "total": r.randint(1, 10), "delay": r.choice([0, 0.05])}),
    ])


def choose_then(r):
    return weighted(r, [
        (6, {"do": "hold"}),
        (2, {"do": "close", "after": r.choice([0, 0.05, 0.5])}),
        (2, {"do": "reset", "after": r.choice([0, 0.05, 0.5])}),
        (2, {"do": "echo"}),
        (1, {"do": "read_close"}),
    ])


def choose_server(r, name, port, cell):
    backlog = weighted(r, [(6, r.randint(0, 8)), (2, r.randint(9, 20)), (2, r.choice([64, 128]))])
    return {"name": name, "port": port, "backlog": backlog,
            "accept": choose_accept(r, cell), "then": choose_then(r),
            "defer": weighted(r, [(7, 0), (1, 1), (1, 30)]), "fastopen": weighted(r, [(6, 0), (1, 16)]),
            "keepalive": weighted(r, [(4, 0), (1, 1)])}


def choose_actions(r, cell, server):
    """What happens to the listener in the middle."""
    name, at = server["name"], round(cell["probe_at"] + r.uniform(0.05, max(0.2, cell["probe"]["timeout"] * 0.9)), 3)
    again = dict(server, name=server["name"] + "2", backlog=r.randint(0, 20), accept=choose_accept(r, cell))
    gone = [{"do": "close", "name": name, "at": at}]
    return weighted(r, [
        (13, []),
        (2, [{"do": "listen", "name": name, "at": at, "backlog": r.choice([0, 1, 3, 50])}]),
        (2, gone),
        (2, [{"do": "shutdown", "name": name, "at": at}]),
        (2, gone + [{"do": "replace", "at": round(at + r.choice([0.0, 0.3]), 3), "plan": again}]),
    ])


def choose_firewall(r, path):
    if path == "unix":
        return {"kind": "none"}
    kinds = [(14, "none"), (2, "drop_syn"), (1, "drop_synack_out"), (2, "drop_synack_in"), (2, "drop_last_ack"),
             (1, "reject_rst"), (2, "reject_icmp"), (1, "connlimit_drop"), (1, "connlimit_rst"), (1, "loss")]
    if path == "veth":
        kinds += [(1, "synproxy"), (1, "unreachable_route")]
    if path in ("loop", "veth"):
        kinds.append((1, "no_route"))
    kind = weighted(r, kinds)
    return {"kind": kind, "share": r.choice(["all", "all", "half"]), "limit": r.randint(1, 6),
            "code": r.choice(["port-unreachable", "admin-prohibited", "host-unreachable"])}


def choose_probe(r, path, patience):
    rate = weighted(r, [(6, {}), (2, {"rate": r.choice([5, 20, 50, 200])}),
                        (2, {"burst": r.randint(2, 10), "every": r.choice(["50ms", "300ms"])})])
    count = weighted(r, [(5, r.randint(1, 15)), (3, r.randint(16, 40)), (1, r.randint(41, 60))])
    if rate.get("rate") == 5 or rate.get("every") == "300ms":
        count = min(count, 15)
    probe = dict(rate, count=count, timeout=patience)
    if r.random() < 0.25:
        probe["send"] = r.choice(["hello", "end"])
    if path != "unix" and not rate and r.random() < 0.15:
        probe["threads"] = 2
    return probe


def choose_traffic(r, cell, servers):
    """Other clients: at the same listener, and at another one of the namespace that overflows."""
    six = cell["family"] == "6"
    others, deaf = (OTHERS6, DEAF6) if six else (OTHERS4, DEAF4)
    to = {"host": cell["host"], "port": cell["dialed_port"]}
    if cell["path"] == "unix":
        others = deaf = None
    if cell["path"] == "loop":
        others, deaf = (OTHERS6, DEAF6) if six else (OTHERS_LOOP, DEAF_LOOP)
    kinds = [(8, None), (2, {"kind": "hold", "count": r.randint(1, 25)}),
             (1, {"kind": "hold", "count": r.randint(1, 5), "every": 0.2}),
             (1, {"kind": "reset", "count": r.randint(1, 8), "stay": r.choice([0.02, 0.2]), "every": 0.1}),
             (1, {"kind": "churn", "count": 2, "stay": 0.05, "every": 0.05})]
    if deaf:
        kinds.append((1, {"kind": "hold", "count": r.randint(1, 8), "source": deaf}))
    chosen, plans = weighted(r, kinds), []
    if chosen:
        plans.append(dict({"source": others, "at": r.choice([0, 0.1, 0.6])}, **chosen, **to))
    if cell["path"] != "unix" and r.random() < 0.25:
        there = cell["two"] and r.random() < 0.6
        host = ("::1" if six else "127.0.0.1") if not there else cell["server_address"]
        servers.append({"name": "elsewhere", "ns": "there" if there else "here", "host": host, "port": ELSEWHERE, "backlog": 1,
                        "accept": {"kind": "never"}, "then": {"do": "hold"}})
        plans.append({"kind": "hold", "count": 3, "every": 0.1, "at": 0, "host": host, "port": ELSEWHERE,
                      "source": OTHERS6 if six else OTHERS_LOOP if host == "127.0.0.1" else OTHERS4})
        cell["tags"].add("elsewhere")
    return plans


def choose_addresses(r, cell):
    """Who listens where, who dials what, and from where."""
    path, family = cell["path"], cell["family"]
    six = family == "6"
    here, there = (HERE6, THERE6) if six else (HERE4, THERE4)
    loop = "::1" if six else "127.0.0.1"
    cell["host"] = {"loop": loop, "redirect": loop, "own": here, "device": here, "dnat": here, "veth": there}[path]
    cell["server_address"] = there if cell["two"] else cell["host"]
    cell["dialed_port"] = PORT
    cell["server_port"] = BEHIND if path in ("redirect", "dnat") else PORT
    cell["probe_address"] = here if cell["two"] or path in ("own", "device") else loop
    cell["probe_host"] = "::ffff:" + cell["host"] if family == "mapped" else cell["host"]
    cell["source"] = None
    if cell["firewall"]["kind"] == "no_route":
        cell["source"] = cell["probe_address"] = NO_ROUTE4
    elif path == "loop" and not six and r.random() < 0.4:
        cell["source"] = cell["probe_address"] = "127.0.0.9"


def bind_host(r, cell):
    """(host, dual) that the listener binds to."""
    six = cell["family"] == "6"
    kinds = [(3, (cell["server_address"], False)), (2, ("::" if six else "0.0.0.0", False))]
    if not six:
        kinds.append((2, ("::", True)))
    return weighted(r, kinds)


def choose_tcp(r, cell):
    choose_addresses(r, cell)
    at_server = "there" if cell["two"] else "here"
    main = choose_server(r, "main", cell["server_port"], cell)
    main["ns"] = at_server
    main["host"], main["dual"] = bind_host(r, cell)
    servers = [main]
    if cell["path"] == "device":
        main.update(device="va", host="0.0.0.0" if cell["family"] != "6" else "::", dual=False)
    elif r.random() < 0.15 and cell["path"] != "redirect":
        main["reuseport"] = True
        for member in range(r.randint(1, 3)):
            servers.append(dict(main, name=f"member{member}", accept=choose_accept(r, cell)))
            cell["tags"].add("reuseport")
    cell["every_second"] = False
    if cell["path"] in ("redirect", "dnat") and r.random() < 0.5:
        host, dual = bind_host(r, dict(cell, server_address=cell["host"]))
        servers.append(dict(choose_server(r, "decoy", cell["dialed_port"], cell), ns="here", host=host, dual=dual))
        cell["every_second"] = r.random() < 0.5
        cell["tags"] |= {"decoy"} | ({"every_second"} if cell["every_second"] else set())
    cell["actions"] = choose_actions(r, cell, main)
    cell["traffic"] = choose_traffic(r, cell, servers)
    cell["servers"] = servers
    if main["fastopen"] and r.random() < 0.7:
        cell["probe"]["fastopen"] = True
        cell["tags"].add("fastopen")
    for word in ("defer", "keepalive"):
        if main[word]:
            cell["tags"].add(word)


def choose_unix(r, cell):
    main = dict(choose_server(r, "main", 0, cell), ns="here", host=UNIX_NAME, seqpacket=r.random() < 0.3)
    cell.update(host=UNIX_NAME, server_address=UNIX_NAME, dialed_port=0, server_port=0, probe_address=UNIX_NAME, source=None,
                probe_host=UNIX_NAME, every_second=False, servers=[main])
    cell["actions"] = choose_actions(r, cell, main)
    cell["traffic"] = [] if main["seqpacket"] else choose_traffic(r, cell, cell["servers"])


def choose(seed, index):
    r = random.Random(f"{seed}:{index}")
    path = weighted(r, [(8, "loop"), (2, "own"), (6, "veth"), (3, "redirect"), (3, "dnat"), (1, "device"), (2, "unix")])
    family = "unix" if path == "unix" else weighted(r, [(6, "4"), (4, "6"), (2, "mapped" if path in ("loop", "own") else "4")])
    patience = weighted(r, [(1, 0), (3, 0.3), (3, 0.8), (3, 1.5), (2, 2.5), (1, 4)])
    cell = {"seed": seed, "index": index, "path": path, "family": family, "two": path in ("veth", "dnat"), "tags": {path}}
    cell["probe_at"] = weighted(r, [(3, 0.02), (1, 0.3), (1, 0.8)])
    cell["firewall"] = choose_firewall(r, path)
    if cell["firewall"]["kind"] == "no_route" and family == "6":
        cell["firewall"]["kind"] = "none"
    cell["probe"] = choose_probe(r, path, patience)
    cell["sysctl"] = {"net.core.somaxconn": weighted(r, [(6, 4096), (1, r.randint(1, 6))])}
    if path != "unix":
        cell["sysctl"].update({"net.ipv4.tcp_syncookies": weighted(r, [(5, 1), (4, 0), (1, 2)]),
                               "net.ipv4.tcp_abort_on_overflow": weighted(r, [(4, 0), (1, 1)]),
                               "net.ipv4.tcp_fastopen": 3})
        if cell["firewall"]["kind"] == "synproxy":
            cell["sysctl"].update({"net.ipv4.tcp_syncookies": 1, "net.netfilter.nf_conntrack_tcp_loose": 0})
    (choose_unix if path == "unix" else choose_tcp)(r, cell)
    cell["tags"] |= {cell["firewall"]["kind"], "ipv" + family} | {a["do"] for a in cell["actions"]}
    cell["tags"] |= {p["kind"] for p in cell["traffic"]} | {"accept_" + cell["servers"][0]["accept"]["kind"]}
    cell["tags"].add("then_" + cell["servers"][0]["then"]["do"])
    return cell


OPTIONS = ("defer", "fastopen", "keepalive", "reuseport", "device", "seqpacket")


def describe_server(server):
    accept = ",".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in server["accept"].values())
    options = "".join(f" {name}={server[name]}" for name in OPTIONS if server.get(name))
    place = f"{server['host']}:{server['port']}"
    return f"[{server['name']} {server['ns']} {place} backlog {server['backlog']} {accept} {server['then']['do']}{options}]"


def describe_others(plan):
    deaf = "/deaf" if plan.get("source") in (DEAF4, DEAF6, DEAF_LOOP) else ""
    return f"others:{plan['kind']}x{plan['count']}->{plan['port']}{deaf}"


def describe(cell):
    """One line for a person."""
    words = [cell["path"], "ipv" + cell["family"] if cell["family"] != "unix" else ""]
    words += [key.rsplit(".", 1)[1] + f"={value}" for key, value in cell["sysctl"].items() if not key.endswith("fastopen")]
    words += [describe_server(server) for server in cell["servers"]]
    if cell["firewall"]["kind"] != "none":
        words.append("firewall " + cell["firewall"]["kind"] + "/" + cell["firewall"]["share"])
    words += ["every second"] * cell["every_second"]
    words += [f"{a['do']}@{a['at']}" + (f"({a['backlog']})" if "backlog" in a else "") for a in cell["actions"]]
    words += [describe_others(plan) for plan in cell["traffic"]]
    return " ".join(word for word in words if word) + f" | probe@{cell['probe_at']} " + " ".join(probe_options(cell))


def probe_options(cell):
    probe = cell["probe"]
    options, timeout = ["-H", cell["probe_host"], "-p", str(cell["dialed_port"])], probe["timeout"]
    if cell["path"] == "unix":
        options = ["--unix", cell["probe_host"]]
    options += ["-n", str(probe["count"]), "-t", f"{round(timeout * 1000)}ms" if timeout else "0"]
    options += ["--seqpacket"] * bool(cell["servers"][0].get("seqpacket"))
    for name in ("rate", "burst", "every", "threads", "send"):
        if name in probe:
            options += ["--" + name, str(probe[name])]
    if cell["source"]:
        options += ["--source", ("::ffff:" if cell["family"] == "mapped" else "") + cell["source"]]
    options += ["--fastopen"] if probe.get("fastopen") else []
    return options + (["--allow-remote"] if cell["path"] == "veth" else [])

/* Bad command lines: one clear line on stderr, the right status, nothing on stdout and no packet sent. */
#include "suite.h"

#include "process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 12
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

struct bad_line {
    const char *args[ARGS_MAX];
    int status;
    const char *says; /* a fragment of the one line on stderr */
    struct process_setup setup;
};

static const struct bad_line bad_lines[] = {
    /* resize and measure */
    {{"resize", "--port", "60001"}, 2, "--backlog is needed"},
    {{"resize", "--backlog", "5"}, 2, "--port or --unix is needed"},
    {{"resize", "--port", "0", "--backlog", "5"}, 2, "--port '0': out of range: want 1 to 65535"},
    {{"resize", "--port", "60001", "--unix", "@x", "--backlog", "5"}, 2, "--port and --unix exclude each other"},
    {{"resize", "--host", "localhost", "--port", "60001", "--backlog", "5"}, 2, "--host 'localhost': want an address"},
    {{"resize", "--port", "60001", "--backlog", "2147483648"}, 2, "out of range"},
    {{"resize", "--port", "60001", "--backlog", "5"}, 3, "no such listener here"},
    {{"resize", "--unix", "@nobody", "--backlog", "5"}, 3, "no such listener here"},
    {{"resize", "--port", "60001", "--backlog", "5", "--pid", "0"}, 2, "--pid '0': out of range"},
    {{"resize", "--port", "60001", "--backlog", "5", "--pid", "2147483647"}, 3, "there is no process 2147483647"},
    {{"resize", "--port", "60001", "--backlog", "5", "--netns", "no/such"}, 3, "cannot open the network namespace no/such"},
    {{"resize", "--port", "60001", "--backlog", "5", "--netns", "/dev/null"}, 3, "that is no network namespace"},
    {{"resize", "--port", "60001", "--backlog", "5", "--all", "--all-netns"}, 2, "--all and --all-netns exclude each other"},
    {{"measure"}, 2, "--port or --unix is needed"},
    {{"measure", "--port", "60001", "--budget", "0"}, 2, "--budget '0': out of range: want 1ms to 10s"},
    {{"measure", "--port", "60001", "--budget", "11s"}, 2, "--budget '11s': out of range: want 1ms to 10s"},
    {{"measure", "--port", "60001", "--freeze", "hard"}, 2, "--freeze 'hard': want auto, ptrace or stop"},
    {{"measure", "--port", "60001", "--expect", "connected=1"},
     2,
     "'connected' is no measure: want one of queue, backlog, capacity"},
    {{"measure", "--port", "60001", "--all-netns"}, 2, "--all-netns: want one namespace"},
    {{"measure", "--port", "60001", "--netns", "no/such"}, 3, "cannot open the network namespace no/such"},
    {{"measure", "--port", "60001", "--container", "zz"}, 3, "no process here is in a container whose id begins with zz"},
    {{"resize", "--port", "60001", "--backlog", "5", "--container", "zz"}, 3, "in a container whose id begins with zz"},
    {{"measure", "--port", "60001", "--yes"}, 3, "no such listener here"},
    /* observe */
    {{"observe"}, 2, "--port or --unix is needed"},
    {{"observe", "--port", "60001"}, 3, "no such listener here"},
    {{"observe", "nosuchserver"}, 3, "nobody who listens here is called 'nosuchserver'"},
    {{"observe", "--port", "60001", "--duration", "0"}, 2, "--duration '0': out of range: want 1ms to 14400m"},
    {{"observe", "--port", "60001", "--duration", "5"}, 2, "--duration '5': a duration needs a unit"},
    {{"observe", "--port", "60001", "--every", "100us"}, 2, "--every '100us': out of range: want 1ms to 10s"},
    {{"observe", "--port", "60001", "--start-at", "noon"}, 2, "--start-at 'noon': want a moment"},
    {{"observe", "--port", "60001", "--all-netns"}, 2, "--all-netns: want one namespace"},
    {{"observe", "--port", "60001", "--quiet", "--output", "x"}, 2, "--output and --quiet exclude each other"},
    {{"observe", "--port", "60001", "--output", "/dev/null"}, 3, "no regular file"},
    {{"observe", "--port", "60001", "--output", "no/such/file"}, 3, "cannot make a file beside --output no/such/file"},
    {{"observe", "--port", "60001", "--json", "--quiet"}, 2, "--json and --quiet exclude each other"},
    /* completion */
    {{"completion"}, 2, "SHELL is missing: want bash, zsh, fish"},
    {{"completion", "tcsh"}, 2, "unknown SHELL 'tcsh': want bash, zsh, fish"},
    {{"completion", "bash", "zsh"}, 2, "unexpected argument 'zsh': one SHELL is enough"},
    {{"completion", "bsh"}, 2, "unknown SHELL 'bsh' (did you mean bash?): want bash, zsh, fish"},
    {{"schema", "prob"}, 2, "unknown NAME 'prob' (did you mean probe?): want list, "},
    {{"schema", ""}, 2, "unknown NAME '': want list, "},
    {{"schema", "size", "list"}, 2, "unexpected argument 'list': one NAME is enough"},
    {{"completion", "--json", "bash"}, 2, "unknown option '--json'"},
    /* schema */
    {{"schema", "nosuch"},
     2,
     "unknown NAME 'nosuch': want list, measure, observe, probe, resize, serve, size, sweep, trace, watch"},
    {{"schema", "common"}, 2, "unknown NAME 'common'"},
    {{"schema", "probe", "run"}, 2, "unexpected argument 'run'"},
    /* list */
    {{"list", "--port", "0"}, 2, "--port '0': out of range: want 1 to 65535"},
    {{"list", "--port", "60001", "--unix", "@x"}, 2, "--port and --unix exclude each other"},
    {{"list", "--host", "localhost"}, 2, "--host 'localhost': want an address"},
    {{"list", "--host", "127.0.0.0/8"}, 2, "--host '127.0.0.0/8': want an address"},
    {{"list", "--unix", ""}, 2, "--unix '': want some text"},
    {{"list", "--process", ""}, 2, "--process '': want some text"},
    {{"list", "--pid", "0"}, 2, "--pid '0': out of range"},
    {{"list", "--pid", "2147483647"}, 3, "there is no process 2147483647"},
    {{"list", "--pid", "1", "--netns", "x"}, 2, "--pid and --netns exclude each other"},
    {{"list", "--pid", "1", "--all-netns"}, 2, "--all-netns and --pid exclude each other"},
    {{"list", "--netns", "x", "--all-netns"}, 2, "--netns and --all-netns exclude each other"},
    {{"list", "--container", "ab", "--all-netns"}, 2, "--all-netns and --container exclude each other"},
    {{"list", "--container", "ab", "--netns", "x"}, 2, "--container and --netns exclude each other"},
    {{"list", "--container", "ab", "--pid", "1"}, 2, "--pid and --container exclude each other"},
    {{"list", "--container", ""}, 2, "--container '': want some text"},
    {{"list", "--container", "zz"}, 3, "no process here is in a container whose id begins with zz"},
    {{"list", "--netns", "container:zz"}, 3, "no process here is in a container whose id begins with zz"},
    {{"list", "--netns", "container:"}, 2, "--netns 'container:': want the id of a container"},
    {{"list", "--netns", "pid:"}, 2, "--netns 'pid:': want the number of a process"},
    {{"list", "--netns", "pid:1x"}, 2, "--netns 'pid:1x': want the number of a process"},
    {{"list", "--netns", "pid:0"}, 2, "--netns 'pid:0': want the number of a process"},
    {{"list", "--netns", "pid:2147483647"}, 3, "there is no process 2147483647"},
    {{"list", "--netns", ""}, 2, "--netns '': want some text"},
    {{"list", "--netns", "no-such-name"}, 3, "cannot open the network namespace /run/netns/no-such-name: No such file"},
    {{"list", "--netns", "/dev/null"}, 3, "that is no network namespace"},
    {{"list", "--columns", "adress"}, 2, "'adress' is no column (did you mean address?): see --columns help"},
    {{"list", "--columns", "queue,"}, 2, "'' is no column"},
    {{"list", "--columns", ""}, 2, "'' is no column"},
    {{"list", "--sort", "size"}, 2, "'size' is no column"},
    {{"list", "--sort", "--queue"}, 2, "'-queue' is no column"},
    {{"list", "--sort", "queue,drops,backlog,uid,inode"}, 2, "want at most 4 columns to sort by"},
    {{"list", "--expect", "connected=1"}, 2, "'connected' is no measure: want one of queue, backlog, capacity"},
    {{"list", "--expect", "drops"}, 2, "'drops' compares nothing"},
    {{"list", "--prometheus", "--json"}, 2, "--prometheus and --json exclude each other"},
    {{"list", "--output", "x", "--quiet"}, 2, "--output and --quiet exclude each other"},
    {{"list", "--output", "/no/such/folder/x.prom"}, 3, "cannot make a file beside --output /no/such/folder/x.prom"},
    {{"list", "--backlog", "5"}, 2, "unknown option '--backlog'"},
    {{"list"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"list", "--json"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"list", "--prometheus"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"list", "--columns", "help"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    /* watch */
    {{"watch", "--interval", "99ms"}, 2, "--interval '99ms': out of range: want 100ms to "},
    {{"watch", "-i", "61m"}, 2, "--interval '61m': out of range"},
    {{"watch", "--interval", "1"}, 2, "--interval '1': a duration needs a unit"},
    {{"watch", "--iterations", "0"}, 2, "--iterations '0': out of range: want 1 to"},
    {{"watch", "--duration", "soon"}, 2, "--duration 'soon': want a duration"},
    {{"watch", "--alert", "queue"}, 2, "'queue' compares nothing"},
    {{"watch", "--alert", "connected>1"}, 2, "'connected' is no measure: want one of queue, backlog"},
    {{"watch", "--alert", "queue>1,"}, 2, "an expectation is empty"},
    {{"watch", "--sort", "shoesize"}, 2, "--sort 'shoesize': 'shoesize' is no column"},
    {{"watch", "--port", "0"}, 2, "--port '0': out of range: want 1 to 65535"},
    {{"watch", "--json", "--quiet"}, 2, "--json and --quiet exclude each other"},
    {{"trace", "--interval", "99ms"}, 2, "--interval '99ms': out of range: want 100ms to "},
    {{"trace", "--duration", "1"}, 2, "--duration '1': a duration needs a unit"},
    {{"trace", "--prometheus", "--json"}, 2, "--prometheus and --json exclude each other"},
    {{"trace", "--prometheus", "--events"}, 2, "--prometheus and --events exclude each other"},
    {{"trace", "--output", "x"}, 2, "--output"},
    {{"trace", "--svg", "/no/such/folder/x.svg"}, 3, "cannot make a file beside --svg /no/such/folder/x.svg"},
    {{"trace", "--html", "/dev/null"}, 3, "--html /dev/null is there and no regular file"},
    {{"trace", "--html"}, 2, "--html needs a value"},
    {{"trace", "--unix", "/tmp/x"}, 2, "AF_UNIX listeners cannot be followed"},
    {{"trace", "--port", "0"}, 2, "--port '0': out of range: want 1 to 65535"},
    {{"trace", "--pid", "2147483647"}, 3, "there is no process 2147483647"},
    {{"watch", "now"}, 3, "nobody who listens here is called 'now'"},
    {{"watch", "--pid", "2147483647"}, 3, "there is no process 2147483647"},
    {{"watch", "--netns", "no/such"}, 3, "cannot open the network namespace no/such"},
    {{"watch", "--container", "zz"}, 3, "no process here is in a container whose id begins with zz"},
    {{"watch", "-i", "100ms"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"watch", "--json", "-i", "100ms"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    /* commands */
    {{""}, 2, "no command"},
    {{"prob"}, 2, "unknown command 'prob' (did you mean probe?): want run, probe, "},
    {{"version", "--jsno"}, 2, "unexpected argument '--jsno': version takes --json or nothing"},
    {{"--version", "--json", "x"}, 2, "unexpected argument 'x'"},
    {{"help", "lsit"}, 2, "unknown command 'lsit' (did you mean list?)"},
    {{"--help", "lsit"}, 2, "unknown command 'lsit' (did you mean list?)"},
    {{"help", "list", "run"}, 2, "unexpected argument 'run': help takes one command"},
    {{"help", ""}, 2, "no command: want run, "},
    {{"--frobnicate"}, 2, "unknown command '--frobnicate'"},
    {{"-x"}, 2, "unknown command '-x'"},
    /* unknown, ambiguous, superfluous */
    {{"probe", "--frobnicate"}, 2, "unknown option '--frobnicate'. Try"},
    {{"probe", "--cuont=3"}, 2, "unknown option '--cuont' (did you mean --count?)"},
    {{"probe", "-x"}, 2, "unknown option '-x'"},
    {{"probe", "-jx"}, 2, "unknown option '-x'"},
    {{"serve", "--accept-", "1"}, 2, "ambiguous option '--accept-': want one of --accept-delay, --accept-rate, --accept-count"},
    {{"probe", "127.0.0.1", "80"}, 2, "unexpected argument '80': one target is enough"},
    {{"probe", "127.0.0.1", "--", "80"}, 2, "unexpected argument '80': one target is enough"},
    {{"run", "127.0.0.1"}, 2, "unexpected argument '127.0.0.1': everything is given by options"},
    {{"sweep", "-b", "1,2", "80"}, 2, "unexpected argument '80': everything is given by options"},
    {{"size", "80"}, 2, "unexpected argument '80': everything is given by options"},
    /* targets */
    {{"probe", ""}, 2, "target '': want HOST:PORT, a port, or a socket's path"},
    {{"probe", "localhost:"}, 2, "target 'localhost:': want a port behind the colon"},
    {{"probe", "localhost:65536"}, 2, "target 'localhost:65536': want a port from 1 to 65535"},
    {{"probe", "localhost:0"}, 2, "target 'localhost:0': want a port from 1 to 65535"},
    {{"probe", "--port", "0"}, 2, "--port '0': out of range: want 1 to 65535"},
    {{"probe", "localhost:no-such-service"},
     2,
     "target 'localhost:no-such-service': /etc/services has no TCP service 'no-such-service': want the number of the port. Try"},
    {{"list", "docker:no-such-id"}, 2, "want the number of the port, or process:, unit:, container: or pid: before a name. Try"},
    {{"probe", "no-such-host.invalid"}, 3, "cannot resolve host 'no-such-host.invalid'"},
    {{"probe", "nosuchhost"}, 3, "; a word alone is a host here: 'backlogctl list' shows who listens, and where"},
    {{"probe", "80 81"}, 2, "target '80 81': want a host's name, HOST:PORT, a port or a socket's path"},
    {{"probe", "\033[31m"}, 2, "target '\\x1b[31m': want a host's name"},
    {{"probe", "fe80::77:80"}, 2, "is not an address of this host (port 80 of fe80::77 is [fe80::77]:80): give --allow-remote"},
    {{"probe", "/tmp/" X50 X50 X50}, 2, "': a socket's path has at most 107 bytes. Try"},
    {{"list", "@" X50 X50 X50}, 2, "': a socket's path has at most 107 bytes. Try"},
    {{"list", "tcp.invalid:80"}, 3, "target 'tcp.invalid:80': cannot resolve host 'tcp.invalid'"},
    {{"probe", "unix:"}, 2, "target 'unix:': want a path or @NAME behind unix:"},
    {{"probe", "[::1"}, 2, "target '[::1': ']' is missing: want [ADDR]:PORT"},
    {{"probe", "http://"}, 2, "target 'http://': want a host: SCHEME://HOST[:PORT]"},
    {{"serve", "65536"}, 2, "target '65536': want a port from 0 to 65535"},
    {{"serve", "8000,8001"}, 2, "target '8000,8001': want one port"},
    {{"serve", "/tmp"}, 3, "cannot listen on /tmp: the file exists, and is no socket: choose another path"},
    {{"list", " "}, 2, "target ' ': want HOST:PORT, a port, a socket's path, or the name of who listens"},
    {{"list", "80,443"}, 2, "target '80,443': want one port, a whole number from 1 to 65535"},
    {{"list", "0"}, 2, "target '0': want a port from 1 to 65535"},
    {{"list", "pid:0"}, 2, "target 'pid:0': --pid '0': out of range: want 1 to 2147483647"},
    {{"list", "pid:"}, 2, "target 'pid:': want a number behind pid:"},
    {{"watch", "process:"}, 2, "target 'process:': want a name behind process:"},
    {{"measure", "unit:"}, 2, "target 'unit:': want a name behind unit:"},
    {{"measure"}, 2, "a target, --port or --unix is needed, to tell which listener. Try"},
    {{"resize", "8080"}, 2, "--backlog is needed: what listen(2) is to be called with. Try"},
    {{"probe", "no-such-host.invalid:80"}, 3, "cannot resolve host 'no-such-host.invalid'"},
    {{"probe", "localhost:80", "--port", "80"}, 2, "target 'localhost:80' and --port say the same thing"},
    {{"probe", "--host", "::1", "localhost"}, 2, "target 'localhost' and --host say the same thing"},
    {{"probe", "/x", "--unix", "/x"}, 2, "target '/x' and --unix say the same thing"},
    {{"probe", "/x", "-4"}, 2, "target '/x' stands for --unix: --unix and --ipv4 exclude each other"},
    {{"probe", "localhost:80", "--seqpacket"}, 2, "--seqpacket goes with --unix only"},
    {{"probe", "/x", "-p", "80"}, 2, "--port and --unix exclude each other"},
    {{"probe", "pid:1"}, 2, "target 'pid:1': that names who listens already"},
    {{"probe", "0.0.0.0%eth0:80"}, 2, "want an address of it, without %eth0"},
    {{"probe", "10.99.0.7:80"}, 2, "10.99.0.7 is not an address of this host: give --allow-remote"},
    {{"serve", "unit:nginx"}, 2, "target 'unit:nginx': that names who listens already"},
    {{"list", "80", "-p", "80"}, 2, "target '80' and --port say the same thing"},
    {{"list", "process:x", "--process", "x"}, 2, "target 'process:x' and --process say the same thing"},
    {{"list", "unit:x", "--unit", "x"}, 2, "target 'unit:x' and --unit say the same thing"},
    {{"list", "pid:1", "--pid", "1"}, 2, "target 'pid:1' and --pid say the same thing"},
    {{"list", "container:ab", "--container", "ab"}, 2, "target 'container:ab' and --container say the same thing"},
    {{"list", "pid:1", "--netns", "x"}, 2, "target 'pid:1' stands for --pid: --pid and --netns exclude each other"},
    {{"list", "pid:x"}, 2, "target 'pid:x': --pid 'x': want a whole number"},
    {{"list", "container:zz"}, 3, "no process here is in a container whose id begins with zz"},
    {{"list", "no such name"}, 3, ": it is no process, unit, container or service; 'backlogctl list' shows who listens"},
    {{"list", "name", "--netns", "/dev/null"}, 3, "that is no network namespace"},
    {{"list", "no-such-host.invalid:80"}, 3, "cannot resolve host 'no-such-host.invalid'"},
    {{"list", "10.0.0.0:x y"}, 2, "want a port behind the colon"},
    {{"list", "--unit", ""}, 2, "--unit '': want some text"},
    {{"list", "--host", "127.0.0.1%"}, 2, "--host '127.0.0.1%': want some text"},
    {{"measure", "/no/such", "--yes"}, 3, "no such listener here as '/no/such': 'backlogctl list' shows"},
    {{"measure", "--all", "--tap", "-e", "capacity>1"}, 2, "--all and --tap exclude each other"},
    {{"resize", "/no/such", "-b", "1"}, 3, "no such listener here"},
    {{"probe", "--backlog", "2"}, 2, "unknown option '--backlog'"},
    {{"serve", "--count", "2"}, 2, "unknown option '--count'"},
    {{"probe", "--sysctl", "net.core.somaxconn=1"}, 2, "unknown option '--sysctl'"},
    {{"probe", "--json=yes"}, 2, "--json takes no value"},
    /* missing values */
    {{"probe", "--count"}, 2, "--count needs a value"},
    {{"probe", "-n"}, 2, "--count needs a value"},
    {{"serve", "--backlog"}, 2, "--backlog needs a value"},
    {{"run", "--expect"}, 2, "--expect needs a value"},
    /* numbers */
    {{"probe", "--count", "0"}, 2, "--count '0': out of range: want 1 to 1000000"},
    {{"probe", "--count", "-1"}, 2, "--count '-1': out of range"},
    {{"probe", "--count", ""}, 2, "--count '': want a whole number"},
    {{"probe", "--count", "ten"}, 2, "--count 'ten': want a whole number"},
    {{"probe", "--count", "10x"}, 2, "--count '10x': want a whole number"},
    {{"probe", "--count", "1.5"}, 2, "--count '1.5': want a whole number"},
    {{"probe", "--count", " 5"}, 2, "--count ' 5': want a whole number"},
    {{"probe", "--count", "0x10"}, 2, "--count '0x10': want a whole number"},
    {{"probe", "--count", "1000001"}, 2, "out of range"},
    {{"probe", "--count", "1001k"}, 2, "out of range"},
    {{"probe", "--count", "99999999999999999999"}, 2, "out of range"},
    {{"probe", "--count", "9223372036854775807k"}, 2, "out of range"},
    {{"probe", "--start-at", "12:00"}, 2, "--start-at '12:00': want a moment"},
    {{"probe", "--start-at", "2026-02-30T00:00:00Z"}, 2, "want a moment"},
    {{"probe", "--start-at", "1000000000"}, 2, "more than an hour ago"},
    {{"probe", "--start-at", "+25h"}, 2, "--start-at '+25h': out of range"},
    {{"probe", "--segment", "3"}, 2, "--segment '3': want I/N"},
    {{"probe", "--segment", "4/3"}, 2, "--segment '4/3': out of range: want 1 to 3"},
    {{"probe", "--segment", "0/3"}, 2, "--segment '0/3': out of range"},
    {{"probe", "--segment", "1/0"}, 2, "--segment '1/0': out of range"},
    {{"probe", "--segment", "1/2/3"}, 2, "--segment '1/2/3': want a whole number"},
    {{"probe", "--segment", "/3"}, 2, "JOB_COMPLETION_INDEX"},
    {{"probe", "--segment", "auto"}, 2, "JOB_COMPLETION_INDEX"},
    {{"probe", "--count", "2", "--segment", "3/3"}, 2, "none is left for it"},
    {{"probe", "--source", "127.0.0.1,127.0.0.2", "--segment", "1/3"}, 2, "--source has 2 addresses"},
    {{"run", "--start-at", "+1s"}, 2, "--start-at"},
    {{"probe", "--rate", "0"}, 2, "--rate '0': out of range"},
    {{"probe", "--rate", "50001"}, 2, "--rate '50001': out of range"},
    {{"serve", "--backlog", "2147483648"}, 2, "--backlog '2147483648': out of range"},
    {{"serve", "--backlog", "-2147483649"}, 2, "--backlog '-2147483649': out of range"},
    {{"serve", "--backlog", "two"}, 2, "--backlog 'two': want a whole number"},
    {{"serve", "--accept-count", "-1"}, 2, "--accept-count '-1': out of range"},
    {{"probe", "--port", "65536"}, 2, "--port '65536': out of range: want 0 to 65535"},
    {{"probe", "--port", "-1"}, 2, "--port '-1': out of range"},
    {{"probe", "--port", "http"}, 2, "--port 'http': want a whole number"},
    {{"probe", "--port", "0"}, 2, "--port '0': out of range: want 1 to 65535"},
    {{"probe", "--port", "1k"}, 2, "--port '1k': want a whole number"},
    /* durations */
    {{"probe", "--timeout", "2"}, 2, "--timeout '2': a duration needs a unit"},
    {{"probe", "--timeout", "2s3"}, 2, "--timeout '2s3': want a duration such as"},
    {{"probe", "--timeout", "-2s"}, 2, "--timeout '-2s': want a duration"},
    {{"probe", "--timeout", ""}, 2, "--timeout '': want a duration"},
    {{"probe", "--timeout", "s"}, 2, "--timeout 's': want a duration"},
    {{"probe", "--timeout", "1 s"}, 2, "--timeout '1 s': want a duration"},
    {{"probe", "--timeout", "1.s"}, 2, "--timeout '1.s': want a duration"},
    {{"probe", "--timeout", "25h"}, 2, "--timeout '25h': out of range"},
    {{"probe", "--timeout", "99999999999999999999s"}, 2, "out of range"},
    {{"serve", "--accept-delay", "300"}, 2, "--accept-delay '300': a duration needs a unit"},
    {{"serve", "--duration", "5d"}, 2, "--duration '5d': want a duration"},
    {{"probe", "--pid", "1", "--netns", "x"}, 2, "--netns and --pid exclude each other"},
    {{"probe", "--container", "ab", "--netns", "x"}, 2, "--netns and --container exclude each other"},
    {{"probe", "--container", "ab", "--pid", "1"}, 2, "--pid and --container exclude each other"},
    {{"probe", "--all-netns"}, 2, "unknown option '--all-netns'"},
    {{"probe", "--netns", "container:"}, 2, "--netns 'container:': want the id of a container"},
    {{"probe", "--container", ""}, 2, "--container '': want some text"},
    {{"probe", "--container", "zz"}, 3, "no process here is in a container whose id begins with zz"},
    {{"probe", "--netns", "container:zz"}, 3, "no process here is in a container whose id begins with zz"},
    {{"probe", "--pid", "2147483647"}, 3, "there is no process 2147483647"},
    {{"probe", "--pid", "0"}, 2, "--pid '0': out of range"},
    {{"probe", "--netns", "no-such-name"}, 3, "cannot open the network namespace /run/netns/no-such-name: No such file"},
    {{"probe", "--netns", "/dev/null"}, 3, "that is no network namespace"},
    {{"probe", "--wait", "abc"}, 2, "--wait 'abc': want a duration"},
    /* options of probe that would do nothing where the server is the command's own */
    {{"run", "--wait", "1s"}, 2, "--wait goes with -- COMMAND only"},
    {{"run", "--allow-remote"}, 2, "unknown option '--allow-remote'"},
    {{"sweep", "-b", "1,2", "--wait=1s"}, 2, "--wait goes with -- COMMAND only"},
    {{"sweep", "-b", "1,2", "--allow-remote"}, 2, "unknown option '--allow-remote'"},
    {{"sweep", "-b", "1,2", "--summary"}, 2, "unknown option '--summary'"},
    /* words */
    {{"probe", "--color", "blue"}, 2, "--color 'blue': want auto, always or never"},
    {{"list", "--exact", "yes"}, 2, "--exact 'yes': want auto, always or never"},
    {{"watch", "--exact", "maybe"}, 2, "--exact 'maybe': want auto, always or never"},
    {{"watch", "--exact", "always", "--unix", "@x"}, 3, "AF_UNIX listeners cannot be followed in the kernel"},
    {{"list", "--exact="}, 2, "--exact '': want auto, always or never"},
    {{"probe", "--host", ""}, 2, "--host '': want some text"},
    {{"serve", "--greeting", ""}, 2, "--greeting '': want some text"},
    {{"probe", "--send", ""}, 2, "--send '': want some text"},
    /* expectations */
    {{"probe", "--expect", ""}, 2, "an expectation is empty"},
    {{"probe", "--expect", "conected=1"}, 2, "'conected' is no measure (did you mean connected?): want one of connected"},
    {{"probe", "--expect", "=1"}, 2, "'' is no measure"},
    {{"probe", "--expect", "connected"}, 2, "'connected' compares nothing"},
    {{"probe", "--expect", "connected=="}, 2, "behind connected=="},
    {{"probe", "--expect", "connected===1"}, 2, "behind connected=="},
    {{"probe", "--expect", "connected=-1"}, 2, "behind connected="},
    {{"probe", "--expect", "connected=x"}, 2, "behind connected="},
    {{"probe", "--expect", "connected=1,"}, 2, "an expectation is empty"},
    {{"probe", "--expect", "connected=1,,queued=1"}, 2, "an expectation is empty"},
    {{"probe", "--expect", "connected~1"}, 2, "compares nothing"},
    /* sysctls */
    {{"run", "--sysctl", "net.core.somaxconn"}, 2, "want KEY=VALUE"},
    {{"run", "--sysctl", "net.core.somaxconn="}, 2, "want KEY=VALUE"},
    {{"run", "--sysctl", "kernel.hostname=x"}, 2, "want a key of net.*"},
    {{"run", "--sysctl", "net.../../kernel/hostname=x"}, 2, "want a key of net.*"},
    {{"run", "--sysctl", "=1"}, 2, "want a key of net.*"},
    {{"run", "--sysctl", "net.core.no_such=1"}, 3, "net.core.no_such"},
    {{"run", "--sysctl", "net.core.somaxconn=many"}, 3, "net.core.somaxconn"},
    /* exclusive options */
    {{"probe", "-4", "-6"}, 2, "--ipv4 and --ipv6 exclude each other"},
    {{"probe", "--json", "--quiet"}, 2, "--json and --quiet exclude each other"},
    {{"run", "--host-net", "--sysctl", "net.core.somaxconn=1"}, 2, "--sysctl and --host-net exclude each other"},
    /* hosts and ports */
    {{"probe", "--host", "no-such-host.invalid"}, 3, "cannot resolve host 'no-such-host.invalid'"},
    {{"probe", "--host", "127.0.0.256"}, 3, "cannot resolve host '127.0.0.256'"},
    {{"probe", "-4", "--host", "::1"}, 3, "cannot resolve host '::1' to an IPv4 address"},
    {{"probe", "-6", "--host", "127.0.0.1"}, 3, "cannot resolve host '127.0.0.1' to an IPv6 address"},
    {{"probe", "--wait", "30ms"}, 3, "nobody listens on 127.0.0.1:60001 after --wait 30ms"},
    {{"probe", "--host", "10.99.0.7"}, 2, "10.99.0.7 is not an address of this host: give --allow-remote"},
    {{"probe", "--host", "10.99.0.7", "--allow-remote", "--count", "1001"}, 2, "--count of at most 1000"},
    {{"probe", "--host", "10.99.0.7", "--allow-remote", "--rate", "1001"}, 2, "--rate of at most 1000"},
    {{"probe", "--host", "10.99.0.7", "--allow-remote", "--burst", "11", "--every", "10ms"}, 2, "--burst: want at most one for"},
    {{"probe", "--allow-remote", "--count", "1001"}, 2, "--count of at most 1000"},
    {{"probe", "--i-own-this-target", "10.99.0.7"}, 2, "--host '127.0.0.1' leads to 127.0.0.1"},
    {{"probe", "--i-own-this-target", "x"}, 2, "want an address"},
    {{"probe", "--host", "10.99.0.7", "--allow-remote", "--wait", "1s"}, 2, "--wait: whether somebody listens"},
    {{"run", "--source", "nowhere"}, 2, "--source 'nowhere': 'nowhere' is no address"},
    {{"run", "--source", "127.0.0.0/3"}, 2, "want a prefix length from 12 to 32"},
    {{"run", "--source", "127.0.0.1,::1"}, 2, "want addresses of one family"},
    {{"run", "--source", "::1"}, 3, "the target is of the other address family"},
    {{"run", "--source", "10.1.1.1"}, 3, "cannot connect from --source 10.1.1.1: Cannot assign"},
    {{"run", "--host", "::1", "--count", "30k"}, 3, "cannot hold 30000 connections: 1 source address with"},
    {{"run", "--threads", "0"}, 2, "--threads '0': out of range"},
    {{"serve", "--host", "10.98.0.1", "--duration", "10ms"}, 3, "10.98.0.1"},
    {{"serve", "--port", "60002", "--duration", "10ms"}, 3, "already: end it, or choose another place"},
    {{"run", "--host-net", "--port", "60002"}, 3, "60002: bind: Address already in use"},
    {{"serve", "--port", "80", "--duration", "10ms"}, 3, "80: bind: Permission denied", {.as_nobody = true}},
    /* kinds of socket */
    {{"run", "--seqpacket"}, 2, "--seqpacket goes with --unix only: give both"},
    {{"serve", "--unix", "@x", "--port", "1"}, 2, "--port and --unix exclude each other"},
    {{"serve", "--unix", "/no/such/folder/x"}, 3, "cannot listen on /no/such/folder/x: bind: No such file"},
    {{"serve", "--unix", "/proc/version"}, 3, "cannot listen on /proc/version: the file exists"},
    {{"run", "--unix", "/tmp/" X50 X50 X50}, 3, "a socket's path has at most 107 bytes"},
    {{"probe", "--unix", "/tmp/" X50 X50 X50}, 3, "a socket's path has at most 107 bytes"},
    {{"serve", "--fastopen"}, 3, "with Fast Open: net.ipv4.tcp_fastopen is 1; set it to 3"},
    {{"serve", "--full", "--reuseport", "2"}, 2, "--full and --reuseport exclude each other"},
    {{"serve", "--full", "--defer-accept", "1s"}, 2, "--full and --defer-accept exclude each other"},
    {{"serve", "--full", "--fastopen"}, 2, "--full and --fastopen exclude each other"},
    {{"run", "--full"}, 2, "unknown option '--full'"},
    {{"run", "--reuseport", "0"}, 2, "--reuseport '0': out of range: want 1 to 256"},
    {{"run", "--defer-accept", "1"}, 2, "--defer-accept '1': a duration needs a unit"},
    {{"probe", "--burst", "3"}, 2, "--burst goes with --every only"},
    /* pictures and the lab */
    {{"run", "--svg", "/no/such/folder/x.svg"}, 3, "cannot make a file beside --svg /no/such/folder/x.svg"},
    {{"probe", "--svg", "/dev/null"}, 3, "--svg /dev/null is there and no regular file"},
    {{"run", "--preset", "overlfow"}, 2, "no such preset (did you mean overflow?)"},
    {{"run", "--html", "/no/such/folder/x"}, 3, "cannot make a file beside --html /no/such/folder/x"},
    {{"probe", "--html", "/dev/null"}, 3, "--html /dev/null is there and no regular file, which rename would replace"},
    {{"probe", "--html"}, 2, "--html needs a value"},
    {{"run", "--preset", "none"}, 2, "no such preset: --list-presets shows them"},
    {{"run", "--preset", "cookies", "--host-net"}, 2, "--delay and --host-net exclude each other"},
    {{"run", "--delay", "20"}, 2, "--delay '20': a duration needs a unit"},
    /* sweep */
    {{"sweep"}, 2, "nothing varies: give --backlog"},
    {{"sweep", "--backlog", "3"}, 2, "nothing varies"},
    {{"sweep", "--backlog", "1..x"}, 2, "--backlog '1..x': want a whole number"},
    {{"sweep", "--backlog", "5..1"}, 2, "want a range that rises, and a step above 0"},
    {{"sweep", "--backlog", "1..5..0"}, 2, "want a range that rises, and a step above 0"},
    {{"sweep", "--backlog", "1..2..3..4"}, 2, "want FROM..TO or FROM..TO..STEP"},
    {{"sweep", "--backlog", "1,,2"}, 2, "want values, with commas between"},
    {{"sweep", "--backlog", "0..2000"}, 2, "want at most 1024 values"},
    {{"sweep", "--backlog", "1,99999999999"}, 2, "--backlog '99999999999': out of range"},
    {{"sweep", "--count", "0..3"}, 2, "--count '0': out of range: want 1 to 1000000"},
    {{"sweep", "--accept-delay", "1ms..5ms"}, 2, "a range of durations needs a step"},
    {{"sweep", "--accept-delay", "1,2"}, 2, "--accept-delay '1': a duration needs a unit"},
    {{"sweep", "--backlog", "1,2", "--count", "1,2", "--rate", "1,2"}, 2, "two options vary already"},
    {{"sweep", "--sysctl", "kernel.pid_max=1,2"}, 2, "want a key of net.*"},
    {{"sweep", "--sysctl", "net.core.somaxconn"}, 2, "want KEY=VALUES"},
    {{"sweep", "--backlog", "1,2", "--repeat", "0"}, 2, "--repeat '0': out of range"},
    {{"sweep", "--backlog", "1,2", "--csv", "--json"}, 2, "--csv and --json exclude each other"},
    {{"sweep", "--backlog", "1,2", "--svg", "/no/such/x.svg"}, 3, "cannot make a file beside --svg"},
    {{"sweep", "--backlog", "1,2", "--html", "/no/such/x"}, 3, "cannot make a file beside --html /no/such/x"},
    {{"sweep", "--backlog", "0..1000", "--count", "1..1000"}, 2, "want at most 100000"},
    /* size */
    {{"size"}, 2, "who comes? Give --rate N, or --burst N and --every DUR"},
    {{"size", "--burst", "5"}, 2, "--burst goes with --every only"},
    {{"size", "--rate", "5", "--burst", "5", "--every", "1s"}, 2, "--rate and --burst exclude each other"},
    {{"size", "--rate", "5", "--checks", "0"}, 2, "--checks '0': out of range: want 1 to 1000"},
    {{"size", "--rate", "5", "--stall-every", "1s"}, 2, "--stall-every goes with --stall only"},
    {{"size", "--rate", "5", "--sysctl", "net.no.such=1"}, 3, "a run of the lab failed: "},
    {{"size", "--rate", "5", "--html", "/no/such/x"}, 3, "cannot make a file beside --html /no/such/x"},
    {{"size", "--rate", "5", "--html", "/dev/null"}, 3, "--html /dev/null is there and no regular file"},
    /* a stdout that takes nothing */
    {{"probe"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"probe", "--json"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"run"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"serve", "--duration", "50ms"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"--help"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"probe", "--help"}, 3, "cannot write to stdout: No space left on device", {.stdout_to = "/dev/full"}},
    {{"probe"}, 3, "stdout is closed", {.stdout_closed = true}},
    {{"serve", "--duration", "50ms"}, 3, "stdout is closed", {.stdout_closed = true}},
    {{"run"}, 3, "stdout is closed", {.stdout_closed = true}},
};

_Static_assert(COUNT(bad_lines) >= 60, "the list must stay long");

/* TCP segments sent in this namespace: any connection attempt raises it. */
static long segments_sent(void)
{
    FILE *file = fopen("/proc/thread-self/net/snmp", "r");
    char line[1024];
    long sent = -1;
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "Tcp: ", 5) && line[5] >= '0' && line[5] <= '9')
            ck_assert_int_eq(sscanf(line, "Tcp: %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %ld", &sent), 1);
    fclose(file);
    ck_assert_int_ge(sent, 0);
    return sent;
}

static size_t lines_in(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

START_TEST(bad_line_is_refused)
{
    const struct bad_line *bad = &bad_lines[_i];
    if (bad->setup.as_nobody)
        need(forbids_other_users);
    in_private_namespace();
    if (bad->setup.as_nobody)
        set_sysctl("net.ipv4.ip_unprivileged_port_start", "1024");
    const char *holder_argv[] = {BACKLOGCTL, "serve", "--port", "60002", NULL};
    struct process holder = process_start(holder_argv, NULL);
    free(process_line(&holder, PATIENCE));

    const char *argv[ARGS_MAX + 2] = {BACKLOGCTL};
    for (size_t i = 0; i < ARGS_MAX && bad->args[i]; i++)
        argv[i + 1] = bad->args[i];
    long before = segments_sent();
    struct outcome outcome = process_run(argv, &bad->setup);
    ck_assert_msg(strstr(outcome.err, bad->says), "stderr: %s", outcome.err);
    ck_assert_msg(lines_in(outcome.err) == 1, "stderr: %s", outcome.err);
    ck_assert_int_eq(outcome.status, bad->status);
    ck_assert_str_eq(outcome.out, "");
    ck_assert_int_eq(segments_sent(), before);
    outcome_free(&outcome);

    process_signal(&holder, 15);
    outcome = process_finish(&holder, PATIENCE);
    outcome_free(&outcome);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("bad input");
    TCase *tcase = tcase_create("lines");
    tcase_add_loop_test(tcase, bad_line_is_refused, 0, COUNT(bad_lines));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)

/* Who is in a queue: clients that have gone are told apart from those that only seem to have, and from those of other listeners. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *list_json(const char *options)
{
    char *text = shell("%s list --json --port 60001 %s", BACKLOGCTL, options);
    json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%s", text);
    free(text);
    return report;
}

/* Five waited at the listener of all addresses when another one began to listen on theirs alone, and one more came to that. */
START_TEST(a_later_listener_gets_no_clients_of_an_earlier_one)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING
                      "tcp('0.0.0.0',share=1);client(60001,5);time.sleep(1.1);tcp('127.0.0.1',share=1)\n"
                      "signal.signal(signal.SIGUSR1,lambda *x: len(C)<6 and client(60001,1))\nprint('ready',flush=True)\n"
                      "while True: signal.pause()\n",
                      &server))
        return;
    for (int later = 0; later < 2; later++) {
        json_t *report = list_json(""), *any = report_listener(report, 0), *exact = report_listener(report, 1);
        ck_assert_int_eq(report_number(any, "queue"), 5);
        ck_assert_int_eq(report_number(exact, "queue"), later);
        ck_assert(!report_has_remark(any, "given_up") && !report_has_remark(exact, "given_up"));
        ck_assert(!report_has_remark(exact, "not_accepting"));
        ck_assert(json_is_null(json_object_get(exact, "oldest_ms")));
        json_decref(report);
        process_signal(&server, SIGUSR1); /* one more */
        await("ss -Htln src 127.0.0.1:60001 | grep -q '^LISTEN *1 '");
    }
    python_end(&server);
}
END_TEST

/* Those that have gone are counted, also while others wait, and before and behind them. */
START_TEST(who_has_reset_is_counted)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "import struct;s=tcp('127.0.0.1',b=64)\n"
                                "def gone(n):\n"
                                " for i in range(n):\n"
                                "  c=S.create_connection(('127.0.0.1',60001))\n"
                                "  c.setsockopt(S.SOL_SOCKET,S.SO_LINGER,struct.pack('ii',1,0));c.close()\n"
                                "gone(2);client(60001,3);gone(4)\n"
                                "for i in range(2):\n"
                                " c=S.create_connection(('127.0.0.1',60001));c.shutdown(S.SHUT_WR);C.append(c)" AND_WAIT,
                      &server))
        return;
    json_t *report = list_json(""), *one = report_listener(report, 0);
    ck_assert_int_eq(report_number(one, "queue"), 11);
    ck_assert_int_eq(report_number(one, "queue_reset"), 6);
    ck_assert_int_eq(report_number(one, "queue_closed"), 2);
    ck_assert(report_has_remark(one, "given_up"));
    json_decref(report);
    char *text = shell("%s list --port 60001 | tr -s '\\n ' ' '", BACKLOGCTL);
    ck_assert_msg(strstr(text, "may still wait for an answer") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "8 of 11 clients, 6 of them by a reset") != NULL, "%s", text);
    free(text);
    python_end(&server);
}
END_TEST

/* A server that accepts all the time, of clients that stay: what it takes between two looks has not vanished. */
START_TEST(a_busy_server_is_not_said_to_lose_clients)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "import ctypes,resource;most=resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
                                "resource.setrlimit(resource.RLIMIT_NOFILE,(most,most));n=min(most-64,8000)\n"
                                "s=tcp('127.0.0.1',b=512);s.setblocking(False);d=lambda: ctypes.CDLL(None).prctl(1,9,0,0,0)\n"
                                "if not os.fork():\n"
                                " d();s.close()\n"
                                " while True: client(60001,1);time.sleep(.002);del C[:-n]\n"
                                "print('ready',flush=True)\n"
                                "while True:\n"
                                " time.sleep(.01)\n"
                                " try:\n  while True: C.append(s.accept())\n"
                                " except BlockingIOError: del C[:-n]\n",
                      &server))
        return;
    for (int i = 0; i < 30; i++) {
        json_t *report = list_json("--columns queue,remarks"), *one = report_listener(report, 0);
        ck_assert_msg(!report_has_remark(one, "given_up"), "look %d: queue %ld, reset %ld", i, report_number(one, "queue"),
                      report_number(one, "queue_reset"));
        json_decref(report);
    }
    python_end(&server);
}
END_TEST

/* By Fast Open a connection is in the queue before its handshake is over. A filter on the listener drops all but SYNs. */
START_TEST(fast_open_clients_wait_like_others)
{
    struct process server;
    in_private_namespace();
    set_sysctl("net.ipv4.tcp_fastopen", "1543"); /* both sides, and no cookie is needed */
    if (!python_begin(LISTENING
                      "import struct,ctypes;s=tcp('127.0.0.1',b=64);s.setsockopt(S.IPPROTO_TCP,S.TCP_FASTOPEN,16)\n"
                      "f=b''.join(struct.pack('HBBI',*x) for x in [(0x30,0,0,13),(0x45,0,1,2),(6,0,0,65535),(6,0,0,0)])\n"
                      "b=ctypes.create_string_buffer(f);s.setsockopt(S.SOL_SOCKET,26,struct.pack('HL',4,ctypes.addressof(b)))\n"
                      "for i in range(4):\n"
                      " c=S.socket();c.setblocking(False);C.append(c)\n"
                      " try: c.sendto(b'hello',S.MSG_FASTOPEN,('127.0.0.1',60001))\n"
                      " except BlockingIOError: pass" AND_WAIT,
                      &server))
        return;
    char *early = shell("ss -Htn state syn-recv sport = :60001 | wc -l");
    json_t *report = list_json(""), *one = report_listener(report, 0);
    ck_assert_str_eq(early, "4");
    ck_assert_int_eq(report_number(one, "queue"), 4);
    ck_assert_int_eq(report_number(one, "half_open"), 0);
    ck_assert_int_eq(report_number(one, "queue_reset"), 0);
    ck_assert(json_is_integer(json_object_get(one, "oldest_ms")));
    json_decref(report);
    free(early);
    python_end(&server);
}
END_TEST

/* TPROXY: what waits at the listener has another local address and port. */
START_TEST(transparent_proxies_lose_no_clients)
{
    struct process server;
    in_private_namespace();
    char *made = shell("{ nft add table ip t && nft 'add chain ip t in { type filter hook prerouting priority -150; }' && "
                       "nft add rule ip t in tcp dport 60080 tproxy to :60001 meta mark set 1 accept && "
                       "nft add table ip o && nft 'add chain ip o out { type route hook output priority -150; }' && "
                       "nft add rule ip o out tcp dport 60080 meta mark set 1 && ip rule add fwmark 1 lookup 100 && "
                       "ip route add local 0/0 dev lo table 100; } >/dev/null 2>&1 && echo made; true");
    bool can = strstr(made, "made") != NULL;
    free(made);
    if (!can)
        skip("no TPROXY here (nft, ip, or the kernel)");
    if (!python_begin(LISTENING "s=S.socket();s.setsockopt(S.IPPROTO_IP,19,1);s.bind(('0.0.0.0',60001));s.listen(64)\n"
                                "for i in range(4): C.append(S.create_connection(('127.0.0.5',60080)))" AND_WAIT,
                      &server))
        return;
    json_t *report = list_json(""), *one = report_listener(report, 0);
    ck_assert_int_eq(report_number(one, "queue"), 4);
    ck_assert(!report_has_remark(one, "given_up") && !report_has_remark(one, "not_accepting"));
    ck_assert(json_is_null(json_object_get(one, "queue_reset")));
    json_decref(report);
    python_end(&server);
}
END_TEST

/* More ports with a queue than fit into one question, and more listeners at one port; behind each its own clients, and no others. */
START_TEST(clients_at_many_listeners_are_told_apart)
{
    struct process server;
    in_private_namespace();
    if (!python_begin("import socket as S,time\n"
                      "H=[]\n"
                      "def tcp(a,p,n,f=S.AF_INET):\n"
                      " s=S.socket(f);s.bind((a,p));s.listen(64);H.append(s)\n"
                      " for i in range(n): c=S.socket(f);c.connect((a,p));H.append(c)\n"
                      "for i in range(80): tcp('127.0.0.1',20000+i*7,1+i%3)\n"
                      "for i in range(80): tcp('127.0.1.%d'%i,30000,i%4)\n"
                      "for i in range(3): tcp('::1',40000+i,i+1,S.AF_INET6)\n"
                      "print('ready',flush=True);time.sleep(600)\n",
                      &server))
        return;
    char *text = shell("%s list --json", BACKLOGCTL);
    json_t *report = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *one;
    size_t i, count = 0;
    free(text);
    json_array_foreach(json_object_get(report, "listeners"), i, one)
    {
        long port = report_number(one, "port"), queue = report_number(one, "queue");
        count++;
        if (port < 30000)
            ck_assert_int_eq(queue, 1 + (port - 20000) / 7 % 3);
        ck_assert_int_eq(json_is_integer(json_object_get(one, "oldest_ms")), queue > 0);
        ck_assert_int_eq(json_integer_value(json_object_get(one, "queue_reset")), 0);
        ck_assert_int_eq(report_number(one, "half_open"), 0);
    }
    ck_assert_uint_eq(count, 163);
    json_decref(report);
    python_end(&server);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {a_later_listener_gets_no_clients_of_an_earlier_one,
                                  who_has_reset_is_counted,
                                  a_busy_server_is_not_said_to_lose_clients,
                                  fast_open_clients_wait_like_others,
                                  transparent_proxies_lose_no_clients,
                                  clients_at_many_listeners_are_told_apart};
    Suite *suite = suite_create("queued");
    suite_add(suite, "clients", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)

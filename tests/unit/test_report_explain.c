/* What the report says in words, a case a row. */
#include "sample_run.h"
#include "suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void tell(enum verdict verdict, enum reason reason, enum evidence evidence)
{
    sample_decide((uint32_t)sample.connection_count + 1, verdict, reason, evidence);
}

static void all_connected(void)
{
    sample_with_listener(5, 0, 0);
    for (int i = 0; i < 3; i++)
        tell(VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void one_queued(void)
{
    sample_with_listener(5, 3, 0);
    tell(VERDICT_QUEUED, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void clamped_by_us(void)
{
    sample_with_listener(16, 17, 1);
    sample.somaxconn = 16;
    sample_ours(-1);
    tell(VERDICT_TIMED_OUT, REASON_QUEUE_FULL, EVIDENCE_DEADLINE);
}

static void repeated_syn(void)
{
    sample_with_listener(5, 0, 1);
    sample_decide(1, VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET)->syn_retransmits = 1;
}

static void repeated_syns_of_ghosts(void)
{
    sample_with_listener(5, 0, 3);
    sample_decide(1, VERDICT_LOST, REASON_NONE, EVIDENCE_PEER_SOCKET)->syn_retransmits = 1;
    sample_decide(2, VERDICT_HALF_OPEN, REASON_NONE, EVIDENCE_PEER_SOCKET)->syn_retransmits = 1;
    sample_decide(3, VERDICT_QUEUED, REASON_NONE, EVIDENCE_PEER_SOCKET)->syn_retransmits = 1;
}

/* A server that accepts, and yet not fast enough. */
static void clamped_and_accepting(void)
{
    clamped_by_us();
    tell(VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void syn_queue_full_without_cookies(void)
{
    sample.sysctls.syncookies = 0;
    sample_with_listener(5, 0, 2);
    tell(VERDICT_TIMED_OUT, REASON_SYN_QUEUE_FULL, EVIDENCE_DEADLINE);
}

static void syn_queue_full(void)
{
    sample_with_listener(5, 0, 2);
    tell(VERDICT_TIMED_OUT, REASON_SYN_QUEUE_FULL, EVIDENCE_DEADLINE);
    tell(VERDICT_TIMED_OUT, REASON_SYN_QUEUE_FULL, EVIDENCE_DEADLINE);
}

static void partial_drops(void)
{
    sample_with_listener(5, 0, 1);
    tell(VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
    tell(VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
}

static void unknown_drops(void)
{
    partial_drops();
    sample_forget_drops();
}

static void silent_unasked(void)
{
    sample.asked = false;
    sample.counters.value[COUNTER_LISTEN_OVERFLOWS] = 8;
    tell(VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
}

static void silent_for(enum reason reason)
{
    sample_with_listener(5, 0, 2);
    tell(VERDICT_TIMED_OUT, reason, EVIDENCE_DEADLINE);
}

static void answer_lost(void)
{
    silent_for(REASON_ANSWER_LOST);
}

static void no_route_back(void)
{
    silent_for(REASON_NO_ROUTE_BACK);
    sample.targets[0].unroutable = sample_ipv4(40001);
}

static void listener_gone(void)
{
    silent_for(REASON_LISTENER_GONE);
}

static void translated(void)
{
    silent_for(REASON_TRANSLATED);
    sample.targets[0].translation = TRANSLATION_FOUND;
    sample.targets[0].carried_to = sample_ipv4(8080);
    sample.targets[0].carrier = sample_listener(2, 3, 9);
    sample.targets[0].carrier.local.port = 8080;
}

static void translated_to_a_container(void)
{
    translated();
    sample.targets[0].carrier.netns = 4026532000;
    sample.targets[0].carrier.queue = 0;
}

static void translated_to_nowhere(void)
{
    translated();
    sample.targets[0].carrier.known = false;
}

static void silent_with_two_causes(void)
{
    silent_for(REASON_NONE);
    sample.targets[0].causes[SYMPTOM_SILENCE] = 1u << CAUSE_FULL_QUEUE | 1u << CAUSE_FIREWALL;
}

static void silent_without_listener(void)
{
    tell(VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
}

static void silent_way(void)
{
    sample_with_listener(5, 0, 0);
    tell(VERDICT_TIMED_OUT, REASON_NO_ANSWER, EVIDENCE_DEADLINE);
}

static void silent_remote(void)
{
    sample.targets[0].local = false;
    tell(VERDICT_TIMED_OUT, REASON_NO_ANSWER, EVIDENCE_DEADLINE);
}

static void lost_by_cookie(void)
{
    sample_with_listener(5, 0, 2);
    sample.counters.value[COUNTER_SYNCOOKIES_SENT] = 2;
    tell(VERDICT_LOST, REASON_NONE, EVIDENCE_PEER_SOCKET);
    tell(VERDICT_LOST, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void lost_without_cookie(void)
{
    sample_with_listener(5, 0, 2);
    tell(VERDICT_LOST, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void half_open(void)
{
    sample_with_listener(5, 0, 2);
    tell(VERDICT_HALF_OPEN, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void half_open_and_deferred(void)
{
    half_open();
    sample.targets[0].causes[SYMPTOM_HALF_OPEN] = 1u << CAUSE_DEFER_ACCEPT;
}

static void refused(void)
{
    tell(VERDICT_REFUSED, REASON_NONE, EVIDENCE_SOCKET_ERROR);
}

static void refused_beside_another(void)
{
    refused();
    sample.targets[0].other_listener = sample_listener(5, 0, 0);
    sample.targets[0].other_listener.local.bytes[3] = 2;
    sample.targets[0].other_places = 1;
}

static void refused_beside_others(void)
{
    refused_beside_another();
    memset(sample.targets[0].other_listener.local.bytes, 0, 16);
    strcpy(sample.targets[0].other_listener.device, "eth1");
    strcpy(sample.targets[0].other_listener.process, "nginx");
    sample.targets[0].other_listener.pid = 71;
    sample.targets[0].other_places = 3;
}

static void refused_by_icmp(void)
{
    tell(VERDICT_REFUSED, REASON_ICMP, EVIDENCE_SOCKET_ERROR);
}

static void refused_remote(void)
{
    sample.targets[0].local = false;
    refused();
}

static void refused_gone(void)
{
    sample_with_listener(5, 0, 0);
    sample.targets[0].listener_gone = true;
    refused();
}

static void gone(void)
{
    sample_with_listener(5, 0, 0);
    sample.targets[0].listener_gone = true;
    tell(VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void accepted_and_reset(void)
{
    sample_with_listener(5, 0, 0);
    tell(VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
    sample_decide(2, VERDICT_RESET, REASON_NONE, EVIDENCE_SOCKET_ERROR)->accepted = 5;
    tell(VERDICT_QUEUED, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void accepted_and_reset_unseen(void)
{
    accepted_and_reset();
    sample_decide(4, VERDICT_RESET, REASON_NONE, EVIDENCE_SOCKET_ERROR);
}

/* It may have been accepted before. */
static void reset_beside_queued(void)
{
    sample_with_listener(5, 1, 0);
    tell(VERDICT_RESET, REASON_NONE, EVIDENCE_SOCKET_ERROR);
    tell(VERDICT_QUEUED, REASON_NONE, EVIDENCE_PEER_SOCKET);
}

static void reset(void)
{
    sample_with_listener(5, 0, 0);
    tell(VERDICT_RESET, REASON_NONE, EVIDENCE_SOCKET_ERROR);
}

static void reset_of_many_sources(void)
{
    reset();
    sample.pace.sources = 3;
}

static void unreachable(void)
{
    tell(VERDICT_UNREACHABLE, REASON_NONE, EVIDENCE_SOCKET_ERROR);
}

static void no_descriptors(void)
{
    tell(VERDICT_LOCAL_ERROR, REASON_DESCRIPTORS, EVIDENCE_SOCKET_ERROR);
}

static void no_ports(void)
{
    tell(VERDICT_LOCAL_ERROR, REASON_PORTS, EVIDENCE_SOCKET_ERROR);
}

static void odd_error(void)
{
    sample_decide(1, VERDICT_LOCAL_ERROR, REASON_NONE, EVIDENCE_SOCKET_ERROR)->error = EPROTO;
}

static void remote(void)
{
    sample.targets[0].local = false;
    for (int i = 0; i < 2; i++)
        tell(VERDICT_ESTABLISHED, REASON_REMOTE, EVIDENCE_TCP_INFO);
}

static void remote_acknowledged(void)
{
    sample.targets[0].local = false;
    sample_decide(1, VERDICT_ESTABLISHED, REASON_REMOTE, EVIDENCE_PROBE_BYTE)->acknowledged = true;
}

static void carried_elsewhere(void)
{
    tell(VERDICT_ESTABLISHED, REASON_NO_LISTENER, EVIDENCE_TCP_INFO);
}

static void no_trace(void)
{
    sample_with_listener(5, 0, 0);
    tell(VERDICT_ESTABLISHED, REASON_NO_TRACE, EVIDENCE_TCP_INFO);
}

static void not_seen(void)
{
    tell(VERDICT_ESTABLISHED, REASON_NOT_SEEN, EVIDENCE_TCP_INFO);
}

static void trap(void)
{
    sample_two_targets(true);
}

static void trap_of_silence(void)
{
    sample_two_targets(false);
}

/* The refusing address comes first: its refusal is not the last failure and hides nothing. */
static void no_trap(void)
{
    sample_two_targets(true);
    struct target first = sample.targets[0];
    sample.targets[0] = sample.targets[1];
    sample.targets[1] = first;
}

/* What is wrong, why, and what to do, in this order. */
static const struct {
    void (*prepare)(void);
    const char *wrong, *why, *to_do;
} orders[] = {
    {clamped_by_us, "dropped the SYNs of 1 connection", "net.core.somaxconn clamped it to 16", "To go on: find out"},
    {one_queued, "1 waits in the accept queue", "the accept queue holds 6", "To go on: find out"},
    {syn_queue_full, "The SYN queue was full", "the accept queue holds 6", "To go on: raise"},
    {lost_by_cookie, "2 connections are lost", "the accept queue holds 6", "To go on: "},
    {refused, "refused at once", "nobody listens", "To go on: start the server"},
    {trap, "dropped the SYNs", "the accept queue holds 3", "To go on: let the server"},
    {trap, "hides the full queue", "the accept queue holds 3", "To go on: let the server"},
};

START_TEST(what_is_wrong_comes_first)
{
    sample_begin();
    orders[_i].prepare();
    char *words = report_explain(&sample);
    ck_assert_ptr_nonnull(words);
    const char *wrong = strstr(words, orders[_i].wrong), *why = strstr(words, orders[_i].why),
               *to_do = strstr(words, orders[_i].to_do);
    ck_assert_msg(wrong && why && to_do && wrong < why && why < to_do, "%s", words);
    free(words);
}
END_TEST

static const struct {
    void (*prepare)(void);
    const char *has, *lacks;
} explanations[] = {
    {all_connected, "The server accepted all 3 connections. Nothing was dropped.", "wait"},
    {one_queued, "The server accepted none of the connections; 1 waits in the accept queue: the client's kernel", "wait in"},
    {one_queued, "The queue also holds 2 that are not among these", "dropped"},
    {one_queued, "what keeps the server from calling accept().", "raise"},
    {clamped_by_us, "a backlog of -1, which means as many as allowed, and net.core.somaxconn clamped it to 16", NULL},
    {clamped_by_us, "what keeps the server from calling accept(); no longer queue helps", "raise"},
    {clamped_and_accepting, "raise net.core.somaxconn and then the backlog", "raise its backlog"},
    {clamped_by_us, "again after about 1, 2, 3, 4, 5, 7, 11, 19 s, even", "2 minutes"},
    {clamped_by_us, "gives up after about 131 s.", NULL},
    {clamped_by_us, "dropped the SYNs of 1 connection (1 packet dropped in all)", "packets"},
    {repeated_syn, "1 connection got through only after repeating its SYN", "their"},
    {repeated_syns_of_ghosts, "1 connection got through only after", "3 connections got through"},
    {syn_queue_full, "The SYN queue was full and no SYN cookie was sent", "The accept queue was full"},
    {syn_queue_full, "raise the backlog and net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies=1"},
    {syn_queue_full_without_cookies, "set net.ipv4.tcp_syncookies=1.", "raise"},
    {partial_drops, "All 2 connections got no answer. The listener discarded 1 packet meanwhile, but it cannot be told",
     "was full"},
    {unknown_drops, "what the listener discarded is not known", "was full"},
    {silent_without_listener, "no listener is at this address", "was full"},
    {silent_unasked, "the listener could not be asked (sock_diag). In this network namespace ListenOverflows rose by 8",
     "no listener"},
    {silent_with_two_causes, "What can have caused it: the accept queue was full, or a firewall or the path drops packets.",
     "translation"},
    {answer_lost, "the server's side has the request (SYN_RECV)", "was full"},
    {no_route_back, "this host has no route back to 127.0.0.1", "syncookies"},
    {listener_gone, "what the listener that has gone did with the SYNs", "was full"},
    {translated, "Address translation carries them to 127.0.0.1:8080: the listener there has 3 of 3 in its queue, so it is full",
     "another network"},
    {translated_to_a_container, "in another network namespace of this host: the listener there has 0 of 3", "full"},
    {translated_to_a_container, "'backlogctl list --all-netns --port 8080'", "full"},
    {translated_to_nowhere, "to 127.0.0.1:8080: no listener was found there", "full"},
    {silent_way, "1 connection got no answer although the listener dropped nothing", "was full"},
    {silent_remote, "a full queue, a firewall and a dead host look the same", "although"},
    {lost_by_cookie, "All 2 connections are lost: the client believes it is connected", NULL},
    {lost_by_cookie, "SYN cookie", "half-open"},
    {lost_without_cookie, "1 connection is lost", "cookie"},
    {half_open, "1 connection is half-open", "caused"},
    {half_open_and_deferred, "caused it: TCP_DEFER_ACCEPT holds it back", "full"},
    {refused, "1 connection was refused at once: nobody listens on 127.0.0.1:60001.", "ICMP"},
    {refused, "--wait", "backlog"},
    {refused_beside_another, "nobody listens on 127.0.0.1:60001, but 127.0.0.2:60001 does. To go on: connect to where", "--wait"},
    {refused_beside_others, "but 0.0.0.0%eth1:60001 does (nginx, pid 71), and 2 more with this port.", "--wait"},
    {refused_by_icmp, "refused by an ICMP message", "nobody listens"},
    {refused_remote, "refused by the other host", "--wait"},
    {refused_gone, "refused: the listener at 127.0.0.1:60001 has gone.", "went away"},
    {gone, "The listener at 127.0.0.1:60001 went away or was replaced during the run.", "refused"},
    {reset, "1 connection was reset by the other side", "dropped the SYNs"},
    {reset, "reset by the other side.", "--source"},
    {reset_beside_queued, "1 waits in the accept queue", "accepted none"},
    {accepted_and_reset, "The server accepted 2 connections and reset 1 of them; 1 waits", "accepted none"},
    {accepted_and_reset_unseen, "The server accepted at least 2 connections and reset 1 of them; 1 waits", "accepted none"},
    {reset_of_many_sources, "They came from 3 source addresses, and a server may serve one of them only", "dropped the SYNs"},
    {unreachable, "found no way to the address", "server"},
    {no_descriptors, "RLIMIT_NOFILE", "ip_local_port_range"},
    {no_descriptors, "says nothing about the server", "backlog"},
    {no_ports, "net.ipv4.ip_local_port_range", "RLIMIT_NOFILE"},
    {odd_error, "EPROTO (Protocol error)", "RLIMIT_NOFILE"},
    {remote, "All 2 connections are established as the client sees it: the server's side is on another host", NULL},
    {remote, "--send", "acknowledged"},
    {remote_acknowledged, "on 1 of them was acknowledged: the server's kernel really has it", NULL},
    {carried_elsewhere, "something carries them elsewhere", "lost"},
    {no_trace, "no drops that tell what became of them", "lost"},
    {not_seen, "the kernel could not be asked", "lost"},
    {trap, "its \"connection refused\" from [::1]:60001 hides the full queue at 127.0.0.1:60001.", NULL},
    {trap_of_silence, "hides the silence at 127.0.0.1:60001.", "the full queue at"},
    {no_trap, "was full", "telnet"},
    {all_connected, "accepted", "telnet"},
};

START_TEST(explanation)
{
    sample_begin();
    explanations[_i].prepare();
    char *words = report_explain(&sample);
    ck_assert_ptr_nonnull(words);
    assert_has(words, explanations[_i].has);
    if (explanations[_i].lacks)
        assert_lacks(words, explanations[_i].lacks);
    assert_lacks(words, "\n");
    assert_lacks(words, "  ");
    free(words);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("report explain");
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, explanation, 0, COUNT(explanations));
    tcase_add_loop_test(rows, what_is_wrong_comes_first, 0, COUNT(orders));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)

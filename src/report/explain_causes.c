/* The words of causes. */
#include "explain.h"

static const char *const words[CAUSE_COUNT] = {
    [CAUSE_FULL_QUEUE] = "the accept queue was full",
    [CAUSE_DEFER_ACCEPT] = "TCP_DEFER_ACCEPT holds it back until the client sends something",
    [CAUSE_ACK_LOST] = "that ACK was lost on the way to the server, as a firewall's rule can make it",
    [CAUSE_SERVER_RESET] = "the server closes with data unread, or with SO_LINGER 0",
    [CAUSE_ABORT_ON_OVERFLOW] = "the accept queue was full, and net.ipv4.tcp_abort_on_overflow is on",
    [CAUSE_CLOSED_LISTENER] = "the listener was closed with them in its queue",
    [CAUSE_SYN_QUEUE] = "the SYN queue was full, and no SYN cookie was sent",
    [CAUSE_LISTENER_FILTER] =
        ("the listener itself takes no such packets: they lack the signature that it wants (TCP MD5, TCP-AO), or a "
         "filter is on its socket"),
    [CAUSE_FIREWALL] = "a firewall or the path drops packets",
    [CAUSE_TRANSLATION] = ("address translation carries them to another listener ('nft list ruleset' shows the rules, "
                           "'backlogctl list --all-netns' the listeners)"),
    [CAUSE_BELOW] = "something beside connection tracking carries them on, as IPVS and BPF programs do",
};

void tell_causes(struct explanation *s, const struct target *target, enum symptom symptom)
{
    uint32_t left = target ? target->causes[symptom] : 0;
    const char *before = " What can have caused it: ";
    for (enum cause c = 0; c < CAUSE_COUNT; c++) {
        if (!(left & 1u << c))
            continue;
        fprintf(s->out, "%s%s", before, words[c]);
        before = ", or ";
    }
    if (left)
        putc('.', s->out);
}

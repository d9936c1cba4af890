/* What a connection's own socket tells of it. */
#include "flood_internal.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

nsec since_epoch(const struct flood *flood)
{
    return clock_now() - flood->epoch;
}

/* NULL: not kept. */
static nsec *failed_of(struct flood *flood, const struct attempt *a)
{
    return flood->target->failed ? &flood->target->failed[a - flood->attempts] : NULL;
}

void note_error(struct flood *flood, struct attempt *a, int error, bool soft)
{
    if (!error || (a->error && !a->soft_error))
        return;
    a->error = (int16_t)error;
    a->soft_error = soft;
    nsec *failed = failed_of(flood, a);
    if (failed && *failed == NSEC_NEVER)
        *failed = since_epoch(flood);
}

void note_established(struct flood *flood, struct attempt *a)
{
    /* A look at the server's side can have shown it accepted before we learned of its handshake. */
    a->established = a->accepted != NSEC_NEVER ? a->accepted : since_epoch(flood);
    atomic_fetch_add_explicit(&flood->established, 1, memory_order_relaxed);
    if (a->soft_error) { /* it came through after all */
        a->error = 0;
        a->soft_error = false;
        nsec *failed = failed_of(flood, a);
        if (failed)
            *failed = NSEC_NEVER;
    }
}

static uint8_t capped8(uint32_t value)
{
    return value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
}

static uint16_t capped16(uint32_t value)
{
    return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

/* TCP_INFO grows with the kernel: what an older one does not send stays 0. */
static int read_info(int fd, struct tcp_info *info)
{
    socklen_t size = sizeof *info;
    memset(info, 0, sizeof *info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size);
}

/* In SYN_SENT an error is a soft one: an ICMP message that the kernel noted while it goes on trying. */
static void look_for_error(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(flood->fds[i], SOL_SOCKET, SO_ERROR, &error, &size);
    note_error(flood, a, error, a->state == STATE_SYN_SENT);
    if (a->state == STATE_CLOSE)
        a->soft_error = false;
}

/* Without a handshake there is no TCP_INFO: connect() said all of how it began, an error or the end of input says how it ended. */
static enum tcp_state look_at_end(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    char byte;
    if (a->state == STATE_CLOSE || a->state == STATE_NONE)
        return (enum tcp_state)a->state;
    ssize_t got = recv(flood->fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (!got) {
        a->state = STATE_CLOSE_WAIT;
    } else if (got < 0 && errno != EAGAIN && errno != EINTR) {
        a->state = STATE_CLOSE;
        note_error(flood, a, errno, false);
    }
    return (enum tcp_state)a->state;
}

/* What was repeated: SYNs, or data that we sent. With Fast Open data goes with the SYN; what the SYN-ACK does not acknowledge of it is
   sent again at once (tcp_rcv_fastopen_synack). */
static void look_at_repeats(struct attempt *a, const struct tcp_info *info, bool first)
{
    uint32_t all = info->tcpi_total_retrans;
    bool refused = all && !(info->tcpi_options & TCPI_OPT_SYN_DATA);
    if (!a->sent || a->state == STATE_SYN_SENT || (first && a->state == STATE_CLOSE)) {
        a->syn_retransmits = capped8(all);
        return;
    }
    if (first)
        a->syn_retransmits = capped8(all - refused);
    a->data_retransmits = capped8(all - a->syn_retransmits);
    a->acknowledged = a->acknowledged || (info->tcpi_unacked == 0 && info->tcpi_notsent_bytes == 0);
}

void note_reply(const struct flood *flood, struct attempt *a)
{
    a->replied = true;
    if (a->accepted == NSEC_NEVER)
        a->accepted = since_epoch(flood);
}

enum tcp_state look_at_state(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    struct tcp_info info;
    if (flood->fds[i] >= 0 && flood->sources.autobind)
        return look_at_end(flood, i);
    if (flood->fds[i] < 0)
        return STATE_NONE;
    if (read_info(flood->fds[i], &info)) {
        if (a->established == NSEC_NEVER)
            note_error(flood, a, errno, true); /* not that it was unanswered */
        return STATE_NONE;
    }
    a->state = info.tcpi_state;
    bool first = a->established == NSEC_NEVER;
    if (a->state == STATE_CLOSE)
        look_for_error(flood, i);
    else if (a->state != STATE_SYN_SENT && a->established == NSEC_NEVER)
        note_established(flood, a);
    a->segments_in = capped16(info.tcpi_segs_in);
    if (info.tcpi_bytes_received) /* also where a reset came right behind them */
        note_reply(flood, a);
    look_at_repeats(a, &info, first);
    return (enum tcp_state)a->state;
}

void look_at(struct flood *flood, size_t i)
{
    if (look_at_state(flood, i) == STATE_SYN_SENT)
        look_for_error(flood, i);
}

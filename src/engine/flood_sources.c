/* Which source address each connection takes. Ports of one address run short, and the kernel's search for a free one grows
   long before that: so large bursts take many addresses where there are many. */
#include "flood_internal.h"

#include "backlogctl/fd.h"
#include "backlogctl/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

/* Connections that one source address carries before the next one is taken: well below the usual 28 232 ephemeral ports,
   where the kernel's port search stays short. */
#define CONNECTIONS_PER_SOURCE 8000

/* Up to here every connection comes from the destination's own address, as an ordinary client's would. Above, each run
   takes fresh 127/8 addresses, so that the TIME_WAIT of earlier runs does not narrow the ports. */
#define FEW_CONNECTIONS 100

/* 127.1.0.0 to 127.253.255.255: leaves room for thousands of sources behind the first. */
static uint32_t random_loopback(void)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = (uint32_t)clock_now();
    return 0x7f010000u + random % 0x00fd0000u;
}

static uint32_t ephemeral_ports(uint16_t *low)
{
    uint16_t high;
    if (sysctl_port_range(low, &high, NULL) || high < *low) {
        *low = 32768;
        return 28232;
    }
    return (uint32_t)(high - *low) + 1;
}

/* The kernel's search for a free port gets slow when most of an address's ports are taken (some 300 us each at 20 000), and what it
   found must be asked for: so large bursts go through them in order. Reserved ports are the kernel's to leave out: where there are any,
   it searches. */
static void choose_ports(struct sources *sources, size_t count, uint16_t low, uint32_t ports)
{
    char reserved[SYSCTL_VALUE_SIZE];
    if (count <= FEW_CONNECTIONS || !sources->bind_port || sysctl_read("net.ipv4.ip_local_reserved_ports", reserved, NULL) ||
        *reserved)
        return;
    sources->low_port = low;
    sources->ports = ports;
    sources->first_port = random_loopback() % ports; /* NOLINT(clang-analyzer-core.DivideZero): a range has one port at least */
}

static uint64_t given_addresses(const struct flood_settings *settings)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < settings->source_ranges; i++)
        sum += settings->sources[i].count;
    return sum;
}

/* Given addresses must be of the target's family and of this host: found out before anything is opened. */
static int check_given(const struct flood_settings *settings, struct error *err)
{
    char text[ENDPOINT_TEXT_SIZE];
    for (size_t i = 0; i < settings->source_ranges; i++) {
        const struct endpoint *first = &settings->sources[i].first;
        struct sockaddr_storage address;
        socklen_t size = endpoint_to_sockaddr(first, &address);
        endpoint_address_text(first, text);
        if (first->family != settings->destination.family)
            return error_set(err, EAFNOSUPPORT, "--source %s: the target is of the other address family", text);
        SCOPED_FD fd = socket(first->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && bind(fd, (struct sockaddr *)&address, size))
            return error_errno(err, "cannot connect from --source %s", text);
    }
    return 0;
}

int sources_plan(struct sources *sources, const struct flood_settings *settings, size_t count, struct error *err)
{
    const struct endpoint *destination = &settings->destination;
    uint16_t low;
    uint32_t ports = ephemeral_ports(&low);
    uint64_t addresses = given_addresses(settings);
    uint32_t comfortable = ports > CONNECTIONS_PER_SOURCE ? CONNECTIONS_PER_SOURCE : ports > 1 ? ports - 1 : 1;
    bool loopback = settings->local && destination->family == AF_INET && endpoint_is_loopback(destination);
    *sources = (struct sources){.ranges = settings->sources,
                                .range_count = settings->source_ranges,
                                .first = *destination,
                                .bind = settings->local || addresses,
                                .bind_port = settings->local,
                                .per_source = comfortable};
    sources->first.port = 0;
    if (!has_handshake(settings->transport.kind)) {
        *sources = (struct sources){.autobind = true, .used = 1};
        return 0;
    }
    int status = check_given(settings, err);
    if (status)
        return status;
    if (!addresses && loopback) {
        sources->loopback = random_loopback();
        sources->only_loopback = count > FEW_CONNECTIONS;
    } else {
        uint64_t there = addresses ? addresses : 1;
        if ((count + there - 1) / there > ports)
            return error_set(err, EADDRNOTAVAIL,
                             "cannot hold %zu connections: %llu source address%s with %u ports each "
                             "(net.ipv4.ip_local_port_range); widen that range, or give more addresses with --source",
                             count, (unsigned long long)there, there == 1 ? "" : "es", ports);
        sources->per_source = (uint32_t)((count + there - 1) / there);
    }
    choose_ports(sources, count, low, ports);
    sources->used = (uint32_t)((count + sources->per_source - 1) / sources->per_source);
    return 0;
}

static struct endpoint source_address(const struct sources *sources, uint64_t n)
{
    for (size_t r = 0; r < sources->range_count; r++) {
        if (n < sources->ranges[r].count)
            return endpoint_behind(&sources->ranges[r].first, n);
        n -= sources->ranges[r].count;
    }
    if (!sources->loopback || (!n && !sources->only_loopback))
        return sources->first;
    struct endpoint address = sources->first;
    uint32_t bytes = htonl(sources->loopback + (uint32_t)n);
    memcpy(address.bytes, &bytes, sizeof bytes);
    return address;
}

struct endpoint sources_endpoint(const struct sources *sources, size_t i)
{
    struct endpoint source = source_address(sources, i / sources->per_source);
    if (sources->low_port)
        source.port = (uint16_t)(sources->low_port + (sources->first_port + i % sources->per_source) % sources->ports);
    return source;
}

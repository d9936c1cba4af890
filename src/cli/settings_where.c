/* Where the options of a server or a burst point. */
#include "backlogctl/options.h"

struct transport settings_transport(const struct settings *settings)
{
    struct transport transport = settings->transport;
    if (transport.path)
        transport.kind = settings->seqpacket ? KIND_UNIX_SEQPACKET : KIND_UNIX_STREAM;
    else if (settings->mptcp)
        transport.kind = KIND_MPTCP;
    return transport;
}

/* The default one is that of the family that was asked for. */
static const char *settings_host(const struct settings *settings)
{
    return settings->family == AF_INET6 && !settings_given(settings, "host") ? "::1" : settings->host;
}

int settings_resolve(const struct settings *settings, struct endpoint out[ENDPOINTS_MAX], struct error *err)
{
    if (!settings->transport.path)
        return endpoint_resolve(settings_host(settings), settings->port, settings->family, out, ENDPOINTS_MAX, err);
    out[0] = (struct endpoint){.family = AF_UNIX};
    return 1;
}

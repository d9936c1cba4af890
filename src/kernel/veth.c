/* Making a veth pair: rtnetlink for the devices, the older ioctls for what they take one value for. */
#include "backlogctl/veth.h"

#include "backlogctl/fd.h"
#include "backlogctl/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#define NEAR_NAME "wire0"
#define FAR_NAME "wire1"

static void put_pair(union netlink_request *request)
{
    struct nlmsghdr *message = &request->header;
    netlink_request(request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, NEAR_NAME);
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);
    mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, FAR_NAME);
    mnl_attr_nest_end(message, peer);
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
}

static int make_pair(struct error *err)
{
    struct netlink netlink = {0};
    union netlink_request request = {0};
    put_pair(&request);
    int status = netlink_open(&netlink, NETLINK_ROUTE, NULL);
    if (!status)
        status = netlink_ask(&netlink, &request, NULL, NULL, NULL);
    netlink_close(&netlink);
    if (!status)
        return 0;
    return error_set(err, -status, "cannot make a network path with a delay: a veth pair: %s%s", strerror(-status),
                     status == -EOPNOTSUPP ? "; this kernel lacks veth" : "");
}

static int set_flags(int fd, const char *name, short flags)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, SIOCGIFFLAGS, &request))
        return -1;
    request.ifr_flags |= flags;
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

/* What a device cannot do need not be turned off. */
static void turn_off(int fd, const char *name, unsigned command)
{
    struct ethtool_value value = {.cmd = command, .data = 0};
    struct ifreq request = {.ifr_data = (void *)&value};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    ioctl(fd, SIOCETHTOOL, &request);
}

static int add_ipv4(int fd, const struct endpoint *address, unsigned prefix)
{
    struct ifreq request = {.ifr_name = NEAR_NAME};
    struct endpoint mask = {.family = AF_INET};
    struct sockaddr_storage storage;
    for (unsigned bit = 0; bit < prefix; bit++)
        mask.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
    endpoint_to_sockaddr(address, &storage);
    memcpy(&request.ifr_addr, &storage, sizeof request.ifr_addr);
    if (ioctl(fd, SIOCSIFADDR, &request))
        return -1;
    endpoint_to_sockaddr(&mask, &storage);
    memcpy(&request.ifr_netmask, &storage, sizeof request.ifr_netmask);
    return ioctl(fd, SIOCSIFNETMASK, &request);
}

static int add_ipv6(unsigned interface, const struct endpoint *address, unsigned prefix)
{
    struct in6_ifreq request = {.ifr6_prefixlen = prefix, .ifr6_ifindex = (int)interface};
    SCOPED_FD fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(&request.ifr6_addr, address->bytes, sizeof request.ifr6_addr);
    return fd < 0 ? -1 : ioctl(fd, SIOCSIFADDR, &request);
}

int veth_make(struct veth *out, const struct endpoint *addresses, size_t count, unsigned prefix_ipv4, unsigned prefix_ipv6,
              struct error *err)
{
    int status = make_pair(err);
    if (status)
        return status;
    SCOPED_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_errno(err, "cannot make a network path: socket");
    struct ifreq mac = {.ifr_name = NEAR_NAME};
    if (ioctl(fd, SIOCGIFHWADDR, &mac))
        return error_errno(err, "cannot make a network path: SIOCGIFHWADDR");
    *out = (struct veth){.near = if_nametoindex(NEAR_NAME), .far = if_nametoindex(FAR_NAME)};
    memcpy(out->near_mac, mac.ifr_hwaddr.sa_data, sizeof out->near_mac);
    static const unsigned offloads[] = {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_STXCSUM};
    for (size_t i = 0; i < sizeof offloads / sizeof *offloads; i++)
        turn_off(fd, NEAR_NAME, offloads[i]);
    /* Without ARP before it is up: then no duplicate of its IPv6 addresses is looked for, and they count at once. */
    if (set_flags(fd, NEAR_NAME, IFF_NOARP) || set_flags(fd, FAR_NAME, IFF_NOARP | IFF_UP) || set_flags(fd, NEAR_NAME, IFF_UP))
        return error_errno(err, "cannot bring up a network path");
    for (size_t i = 0; i < count; i++)
        if (addresses[i].family == AF_INET ? add_ipv4(fd, &addresses[i], prefix_ipv4)
                                           : add_ipv6(out->near, &addresses[i], prefix_ipv6))
            return error_errno(err, "cannot give a network path its address");
    return 0;
}

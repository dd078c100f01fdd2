/* net/sysctl.h - the kernel's switches of one interface: whether what comes in may be forwarded */
#ifndef NET_SYSCTL_H
#define NET_SYSCTL_H

#include <stdbool.h>

/* net.ipv4.conf.IFACE.forwarding, or ipv6's where v4 is false: 0, 1, or -errno. */
int sysctl_forwarding(bool v4, const char *iface);
/* 0 or -errno. Takes CAP_NET_ADMIN. */
int sysctl_set_forwarding(bool v4, const char *iface, bool on);

#endif

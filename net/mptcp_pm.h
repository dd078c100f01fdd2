/* net/mptcp_pm.h - the kernel's path manager of MPTCP: its endpoints, its limits, its events
 *
 * Generic netlink's family mptcp_pm (Documentation/netlink/specs/mptcp_pm.yaml). Endpoints and
 * limits hold for a whole network namespace. An endpoint of ours makes the kernel open one more
 * subflow of every connection from that address, as soon as the connection has carried data. */
#ifndef NET_MPTCP_PM_H
#define NET_MPTCP_PM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "net/nl.h"

enum { MPTCP_PM_MAX = 8 }; /* the kernel's bound, of endpoints and of further subflows */

struct mptcp_pm {
	struct nl nl;
	uint16_t family;
	uint32_t events; /* multicast group; 0: the kernel tells of none */
};

struct mptcp_limits {
	uint32_t subflows;	    /* further ones of a connection, whoever began it */
	uint32_t add_addr_accepted; /* announced addresses to open subflows to */
};

/* 0, -ENOENT when the kernel has no such path manager, or another -errno. */
int mptcp_pm_open(struct mptcp_pm *pm);
void mptcp_pm_close(struct mptcp_pm *pm);

/* 0 or -errno. The latter take CAP_NET_ADMIN, as the rest does. */
int mptcp_pm_limits(struct mptcp_pm *pm, struct mptcp_limits *l);
int mptcp_pm_set_limits(struct mptcp_pm *pm, const struct mptcp_limits *l);

/* An endpoint for subflows (fullmesh). 0, -EEXIST, -ERANGE when there are as many as the kernel
 * takes, or another -errno. */
int mptcp_pm_add(struct mptcp_pm *pm, const struct addr *a);
/* The endpoint with this address, and all subflows from there. 0 also when there is none. */
int mptcp_pm_remove(struct mptcp_pm *pm, const struct addr *a);
/* How many endpoints there are, or -errno. */
int mptcp_pm_count(struct mptcp_pm *pm);
/* 1 when it has an endpoint with this address, whoever made it; 0 or -errno. */
int mptcp_pm_has(struct mptcp_pm *pm, const struct addr *a);

struct mptcp_event {
	uint8_t type; /* enum mptcp_event_type of linux/mptcp.h */
	uint32_t token; /* of the connection */
	uint32_t error; /* MPTCP_EVENT_SUB_CLOSED: why, an errno; 0: it was wanted */
	struct addr local, remote;
};

/* A socket of its own that hears events, non-blocking; nl->fd can be watched. 0 or -errno. */
int mptcp_pm_listen(const struct mptcp_pm *pm, struct nl *nl);
/* Calls each for what has come. 0, or -errno: -ENOBUFS, some were lost. */
typedef void mptcp_pm_each(const struct mptcp_event *e, void *arg);
int mptcp_pm_hear(const struct nl *nl, mptcp_pm_each *each, void *arg);

/* The decoders; of a message that is whole (mnl_nlmsg_ok). False: it says something else. */
struct mptcp_endpoint {
	struct addr addr;
	uint8_t id;
};
bool mptcp_pm_get_family(struct mptcp_pm *pm, const struct nlmsghdr *nlh);
bool mptcp_pm_get_endpoint(struct mptcp_endpoint *e, const struct nlmsghdr *nlh);
bool mptcp_pm_get_event(struct mptcp_event *e, const struct nlmsghdr *nlh);

#endif

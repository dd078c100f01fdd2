/* test/unit/test_mptcp.c - the kernel's MPTCP: what its messages say, and what it does with ours,
 * the latter in a network namespace of its own, which takes root */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "net/mptcp.h"
#include "net/mptcp_pm.h"
#include "net/sock.h"
#include "test/unit/test.h"

static _Alignas(8) char buf[NL_MSG_BYTES];

static struct nlmsghdr *message(uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof *g);

	g->cmd = cmd;
	return nlh;
}

static struct addr ip(const char *text)
{
	struct addr a;

	MUST(addr_parse(&a, text, 0));
	return a;
}

static void an_event_names_both_ends_and_the_error(void)
{
	struct nlmsghdr *nlh = message(MPTCP_EVENT_SUB_CLOSED);
	struct addr local = ip("198.18.0.2:1000"), remote = ip("192.0.2.9:5201");
	struct mptcp_event e;

	mnl_attr_put_u32(nlh, MPTCP_ATTR_TOKEN, 77);
	mnl_attr_put(nlh, MPTCP_ATTR_SADDR4, 4, local.ip + 12);
	mnl_attr_put(nlh, MPTCP_ATTR_DADDR4, 4, remote.ip + 12);
	mnl_attr_put(nlh, MPTCP_ATTR_SPORT, 2, "\x03\xe8");
	mnl_attr_put(nlh, MPTCP_ATTR_DPORT, 2, "\x14\x51");
	mnl_attr_put_u8(nlh, MPTCP_ATTR_ERROR, ETIMEDOUT);
	CHECK(mptcp_pm_get_event(&e, nlh));
	CHECK_EQ(e.type, MPTCP_EVENT_SUB_CLOSED);
	CHECK_EQ(e.token, 77);
	CHECK_EQ(e.error, ETIMEDOUT);
	CHECK(addr_eq(&e.local, &local));
	CHECK(addr_eq(&e.remote, &remote));
}

static void an_attribute_of_another_size_counts_as_missing(void)
{
	struct nlmsghdr *nlh = message(MPTCP_EVENT_CLOSED);
	struct mptcp_event e;

	mnl_attr_put_u16(nlh, MPTCP_ATTR_TOKEN, 77);
	CHECK(!mptcp_pm_get_event(&e, nlh));
}

static void a_family_has_its_number_and_its_group(void)
{
	struct nlmsghdr *nlh = message(CTRL_CMD_NEWFAMILY);
	struct nlattr *groups, *group;
	struct mptcp_pm pm;

	mnl_attr_put_u16(nlh, CTRL_ATTR_FAMILY_ID, 33);
	groups = mnl_attr_nest_start(nlh, CTRL_ATTR_MCAST_GROUPS);
	for (uint32_t i = 0; i < 2; i++) {
		group = mnl_attr_nest_start(nlh, (uint16_t)(i + 1));
		mnl_attr_put_strz(nlh, CTRL_ATTR_MCAST_GRP_NAME,
				  i ? MPTCP_PM_EV_GRP_NAME : "mptcp_pm_cmds");
		mnl_attr_put_u32(nlh, CTRL_ATTR_MCAST_GRP_ID, 8 + i);
		mnl_attr_nest_end(nlh, group);
	}
	mnl_attr_nest_end(nlh, groups);
	CHECK(mptcp_pm_get_family(&pm, nlh));
	CHECK_EQ(pm.family, 33);
	CHECK_EQ(pm.events, 9);
}

static void limits_and_endpoints_are_set_and_taken_back(void)
{
	struct mptcp_limits had, set = { 7, 1 }, got;
	struct addr a = ip("198.18.0.2");
	struct mptcp_pm pm;

	CHECK_EQ(mptcp_pm_open(&pm), 0);
	CHECK(pm.events);
	CHECK_EQ(mptcp_pm_limits(&pm, &had), 0);
	CHECK_EQ(mptcp_pm_set_limits(&pm, &set), 0);
	CHECK_EQ(mptcp_pm_limits(&pm, &got), 0);
	CHECK(got.subflows == 7 && got.add_addr_accepted == 1);
	CHECK_EQ(mptcp_pm_set_limits(&pm, &had), 0);
	CHECK_EQ(mptcp_pm_add(&pm, &a), 0);
	CHECK_EQ(mptcp_pm_add(&pm, &a), -EEXIST);
	CHECK_EQ(mptcp_pm_count(&pm), 1);
	CHECK_EQ(mptcp_pm_remove(&pm, &a), 0);
	CHECK_EQ(mptcp_pm_remove(&pm, &a), 0);
	CHECK_EQ(mptcp_pm_count(&pm), 0);
	mptcp_pm_close(&pm);
}

/* Waits until fd can be written to or read from. */
static void wait_for(int fd, short what)
{
	struct pollfd p = { .fd = fd, .events = what };

	CHECK_EQ(poll(&p, 1, 2000), 1);
}

struct ends {
	int listener, client, server;
};

static void connect_ends(struct ends *e, bool both)
{
	struct sock_from from = { .mptcp = true };
	struct addr at = ip("127.0.0.1"), peer;

	e->listener = both ? sock_listen_mptcp(&at) : sock_listen(&at);
	CHECK_EQ(sock_name(e->listener, &at), 0);
	e->client = sock_connect_from(&at, &from);
	CHECK(e->client >= 0);
	wait_for(e->listener, POLLIN);
	e->server = sock_accept(e->listener, &peer);
	CHECK(e->server >= 0);
	wait_for(e->client, POLLOUT);
}

static void close_ends(const struct ends *e)
{
	close(e->client);
	close(e->server);
	close(e->listener);
}

static void note(const struct mptcp_event *e, void *arg)
{
	*(uint32_t *)arg |= e->type < 32 ? 1u << e->type : 0;
}

static void a_connection_has_a_subflow_from_every_endpoint(void)
{
	struct addr a = ip("127.0.0.2");
	uint32_t heard = 0;
	struct mptcp_conn c = { .n = 0 };
	struct mptcp_pm pm;
	struct nl events;
	struct ends e;

	CHECK_EQ(mptcp_pm_open(&pm), 0);
	CHECK_EQ(mptcp_pm_listen(&pm, &events), 0);
	CHECK_EQ(mptcp_pm_add(&pm, &a), 0);
	connect_ends(&e, true);
	CHECK_EQ(mptcp_info(e.client, &c), 0);
	CHECK_EQ(c.n, 1);
	CHECK_EQ(sock_write(e.client, "hello", 5), 5);
	for (int i = 0; i < 200 && c.n != 2; i++) {
		poll(NULL, 0, 10);
		CHECK_EQ(mptcp_info(e.client, &c), 0);
	}
	CHECK_EQ(c.n, 2);
	CHECK(addr_same_ip(&c.sub[0].local, &c.sub[0].remote));
	CHECK(addr_same_ip(&c.sub[1].local, &a));
	CHECK_EQ(c.sub[0].sent_bytes, 5);
	CHECK_EQ(mptcp_pm_hear(&events, note, &heard), 0);
	CHECK(heard & 1u << MPTCP_EVENT_CREATED && heard & 1u << MPTCP_EVENT_SUB_ESTABLISHED);
	close_ends(&e);
	mptcp_pm_remove(&pm, &a);
	nl_close(&events);
	mptcp_pm_close(&pm);
}

static void a_peer_without_mptcp_is_noticed(void)
{
	struct mptcp_conn c;
	struct ends e;

	connect_ends(&e, false);
	CHECK_EQ(mptcp_info(e.client, &c), -ENOPROTOOPT);
	CHECK_EQ(mptcp_info(e.server, &c), -ENOPROTOOPT);
	close_ends(&e);
}

static void the_kernel_names_its_schedulers(void)
{
	char all[MPTCP_NAMES_MAX], one[MPTCP_NAMES_MAX];

	mptcp_schedulers(all);
	mptcp_scheduler(one);
	CHECK(one[0] && strstr(all, one));
	CHECK_EQ(mptcp_set_scheduler("nonesuch"), -ENOENT);
	CHECK_EQ(mptcp_set_scheduler(one), 0);
}

/* A namespace whose lo is up; false: not for us, or not in this kernel. */
static bool enter_namespace(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;
	bool up;

	if (unshare(CLONE_NEWNET) || !mptcp_here())
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
	return up;
}

TEST_MAIN_BEGIN
	RUN(an_event_names_both_ends_and_the_error);
	RUN(an_attribute_of_another_size_counts_as_missing);
	RUN(a_family_has_its_number_and_its_group);
	if (enter_namespace()) {
		RUN(limits_and_endpoints_are_set_and_taken_back);
		RUN(a_connection_has_a_subflow_from_every_endpoint);
		RUN(a_peer_without_mptcp_is_noticed);
		RUN(the_kernel_names_its_schedulers);
	} else {
		printf("skip the kernel's MPTCP: it takes root, and Linux 5.16 or later\n");
	}
TEST_MAIN_END

/* test/lab/emu.c - the emulator's process: devices in the sites' namespaces, one loop
 *
 *   emu ports TOPOLOGY                      port, site, device, IPv4, IPv6, AS: one line a port
 *   emu prefixes TOPOLOGY                   the lab's own prefix-to-AS table
 *   emu run TOPOLOGY NAMESPACES SOCKET      make the devices in namespaces NAMESPACES-SITE, go
 *                                           on in the background once they exist
 *   emu ctl SOCKET WORD...                  change a running emulator, see emu_ctl.c
 */
#include "test/lab/emu.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void die(const char *what)
{
	fprintf(stderr, "emu: ");
	perror(what);
	exit(1);
}

static void enter_namespace(const char *name)
{
	char path[PATH_BYTES];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(path);
	close(fd);
}

/* IFF_NO_PI: what is read and written is the IP packet and nothing else. No IFF_VNET_HDR: the
 * kernel cuts large segments and fills checksums in before we see them, as a wire would. */
static int open_device(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		die(name);
	return fd;
}

static void watch(struct emu *e, int fd, uint32_t port)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = port };

	if (epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		die("epoll_ctl");
}

static void open_devices(struct emu *e, const char *namespaces)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	for (unsigned i = 0; i < e->topo.port_count; i++) {
		struct port *p = &e->topo.port[i];
		char name[2 * NAME_BYTES];

		snprintf(name, sizeof(name), "%s-%s", namespaces, p->site);
		enter_namespace(name);
		p->fd = open_device(p->device);
		watch(e, p->fd, i);
	}
	if (home < 0 || setns(home, CLONE_NEWNET) < 0)
		die("own namespace");
	close(home);
}

/* A device is read until it is empty, but only so far that the wheel never waits long. */
static void read_device(struct emu *e, unsigned port)
{
	int64_t now = mono_ns();

	for (unsigned i = 0; i < BURST_PACKETS; i++) {
		struct packet *p = pool_get(e);
		ssize_t n;

		if (!p)
			return;
		n = read(e->topo.port[port].fd, p->data, sizeof(p->data));
		if (n <= 0) {
			pool_put(e, p);
			return;
		}
		p->len = (uint16_t)n;
		path_enter(e, p, port, now);
	}
}

static void run_due(struct emu *e)
{
	int64_t now = mono_ns();

	for (struct packet *p; (p = wheel_take(&e->wheel, now));)
		path_due(e, p, now);
}

/* How long to sleep for something that is due in `left`. A virtual machine's timers come late,
 * the later the longer the sleep was: measured 13 us after 1 us, 50 after 100, 100 after 1000,
 * 210 after 20,000. So a sleep ends early by that, and the rest is slept in the shortest sleeps
 * there are. */
static int64_t nap(int64_t left)
{
	if (left <= 0)
		return 0;
	if (left <= 60000)
		return 1000;
	return left - (left <= 1000000 ? 50000 : 250000);
}

static void loop(struct emu *e)
{
	struct epoll_event ev[PORTS_MAX + 1];

	while (!e->stop) {
		int64_t next = wheel_next(&e->wheel), wait = 0;
		struct timespec ts;
		int n;

		if (next != INT64_MAX)
			wait = nap(next - mono_ns());
		ts.tv_sec = wait / 1000000000;
		ts.tv_nsec = wait % 1000000000;
		n = epoll_pwait2(e->epoll, ev, PORTS_MAX + 1, next == INT64_MAX ? NULL : &ts,
				 NULL);
		run_due(e);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u32 == PORTS_MAX)
				ctl_serve(e);
			else
				read_device(e, ev[i].data.u32);
		}
	}
}

/* Wake up when asked and not 50 us later, and before whatever else runs on this machine: a late
 * emulator is a wrong one. Without the right to that it works less exactly. */
static void be_punctual(void)
{
	const struct sched_param first = { .sched_priority = 1 };

	prctl(PR_SET_TIMERSLACK, 1);
	sched_setscheduler(0, SCHED_FIFO, &first);
}

static int run(struct emu *e, const char *namespaces, const char *socket)
{
	e->epoll = epoll_create1(EPOLL_CLOEXEC);
	e->random = e->topo.seed;
	pool_init(e);
	open_devices(e, namespaces);
	e->control = ctl_listen(socket);
	watch(e, e->control, PORTS_MAX);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (daemon(0, 1) < 0)
		die("daemon");
	dprintf(STDOUT_FILENO, "%d\n", getpid());
	be_punctual();
	e->realtime_offset = clock_ns(CLOCK_REALTIME) - mono_ns();
	e->wheel.tick = mono_ns() >> SLOT_SHIFT;
	loop(e);
	tap_stop_all(e);
	return 0;
}

static void print_ports(const struct topo *t)
{
	for (unsigned i = 0; i < t->port_count; i++) {
		const struct port *p = &t->port[i];
		char a4[INET_ADDRSTRLEN], a6[INET6_ADDRSTRLEN];

		inet_ntop(AF_INET, &p->a4, a4, sizeof(a4));
		inet_ntop(AF_INET6, &p->a6, a6, sizeof(a6));
		printf("%s %s %s %s %s %u\n", p->name, p->site, p->device, a4, a6, p->asn);
	}
}

static void print_prefixes(const struct topo *t)
{
	for (unsigned i = 0; i < t->prefix_count; i++) {
		const struct prefix *x = &t->prefix[i];
		unsigned a = x->net >> 16 & 255, b = x->net >> 8 & 255;

		printf("10.%u.%u.%u/%u\t%u\n", a, b, x->net & 255, x->bits, x->asn);
		if (x->bits == 16)
			printf("2001:db8:%u::/48\t%u\n", a, x->asn);
	}
}

int main(int argc, char **argv)
{
	static struct emu e;

	if (argc >= 4 && !strcmp(argv[1], "ctl"))
		return ctl_ask(argv[2], argc - 3, argv + 3);
	if (argc < 3 || !topo_read(&e.topo, argv[2]))
		return 2;
	if (argc == 3 && !strcmp(argv[1], "ports"))
		print_ports(&e.topo);
	else if (argc == 3 && !strcmp(argv[1], "prefixes"))
		print_prefixes(&e.topo);
	else if (argc == 5 && !strcmp(argv[1], "run"))
		return run(&e, argv[3], argv[4]);
	else
		return 2;
	return 0;
}

/* cmd/bend.c - what a client changes in its kernel so that MPTCP goes over nodes, and back again */
#include "cmd/bend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/undo.h"
#include "core/check.h"
#include "core/log.h"
#include "net/diag.h"
#include "net/nft_paths.h"
#include "net/rtnl.h"
#include "net/sock.h"

enum {
	FILE_BYTES_MAX = 400,
	ROUNDS_MAX = 12, /* for connections that were being made when the others were ended */
	NAP_MS = 20,
};

/* While it is up: all subflows, and none to an address that the device announces. */
static const struct mptcp_limits all = { .subflows = MPTCP_PM_MAX };

static struct addr virtual_addr(uint32_t block, uint32_t i)
{
	struct addr a;

	MUST(addr_parse(&a, "198.18.0.0", 0));
	a.ip[14] = (uint8_t)block;
	a.ip[15] = (uint8_t)i;
	return a;
}

static void fill_locals(struct bend *b)
{
	for (uint32_t i = 1; i <= b->n; i++)
		b->local[i] = virtual_addr(b->block, i);
}

/* --- the file --------------------------------------------------------------------------------- */

static void take_word(char **text, char *out, size_t room)
{
	char *word = strsep(text, " \n");

	snprintf(out, room, "%s", word ? word : "");
}

/* True: it says what was changed here, in this run of the kernel. */
static bool load(struct bend *b)
{
	uint32_t *const number[] = { &b->limits.subflows, &b->limits.add_addr_accepted, &b->block,
				     &b->n };
	char text[FILE_BYTES_MAX], *at = text;
	ssize_t n = pread(b->fd, text, sizeof text - 1, 0);
	size_t head = strlen(b->where);

	text[n > 0 ? n : 0] = 0;
	if (strncmp(text, b->where, head))
		return false;
	at += head;
	for (size_t i = 0; i < ARRAY_LEN(number); i++)
		*number[i] = (uint32_t)strtoul(at, &at, 10);
	at += *at == ' ';
	take_word(&at, b->host, sizeof b->host);
	take_word(&at, b->scheduler, sizeof b->scheduler);
	if (!b->scheduler[0] || b->block > UINT8_MAX || b->n >= PATHS_MAX)
		return false;
	fill_locals(b);
	return true;
}

/* On disk before anything is done. */
static int save(struct bend *b)
{
	char text[FILE_BYTES_MAX];
	int len = snprintf(text, sizeof text, "%s%u %u %u %u %s %s\n", b->where, b->limits.subflows,
			   b->limits.add_addr_accepted, b->block, b->n, b->host, b->scheduler);

	if (!b->on)
		return ftruncate(b->fd, 0) ? -errno : 0;
	return pwrite(b->fd, text, (size_t)len, 0) != len || ftruncate(b->fd, len) ||
			       fdatasync(b->fd) ?
		       -EIO :
		       0;
}

static int lock(struct bend *b, const char *path)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	b->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (b->fd < 0)
		return -errno;
	if (fcntl(b->fd, F_SETLK, &l))
		return errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
	return undo_where(b->where);
}

pid_t bend_holder(const char *path, char host[static BEND_HOST_MAX])
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct bend b = { .fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) };
	int r = b.fd < 0 ? -errno : undo_where(b.where);

	host[0] = 0;
	if (!r && fcntl(b.fd, F_GETLK, &l))
		r = -errno;
	if (!r && load(&b))
		snprintf(host, BEND_HOST_MAX, "%s", b.host);
	if (b.fd >= 0)
		close(b.fd);
	return r == -ENOENT ? 0 : r ? r : l.l_type == F_UNLCK ? 0 : l.l_pid;
}

/* --- the kernel ------------------------------------------------------------------------------- */

const char *bend_why(int err)
{
	switch (err) {
	case -EBUSY:
		return "another process has paths up on this host";
	case -ENOPROTOOPT:
		return "this kernel has no MPTCP, or it is switched off";
	case -ENOENT:
		return "this kernel has no path manager for MPTCP";
	case -EPERM:
		return "it takes CAP_NET_ADMIN";
	case -EEXIST:
		return "a table inet machete-client is there already";
	case -ENOSPC:
		return "the kernel has no room for so many endpoints";
	default:
		return strerror(-err);
	}
}

const char *bend_advice(int err)
{
	switch (err) {
	case -EBUSY:
	case -EEXIST:
		return "end it with `machete down HOST`, with its -C";
	case -ENOSPC:
		return "use fewer paths, or remove endpoints: `ip mptcp endpoint`";
	case -EPERM:
	case -EACCES:
		return "run it as root, or first: setcap cap_net_admin+ep machete";
	default:
		return "use `send` without --transport mptcp, which needs no MPTCP";
	}
}

/* Where nobody has an address or an endpoint yet. */
static int choose_block(struct bend *b)
{
	for (b->block = 0; b->block <= UINT8_MAX; b->block++) {
		bool free = true;

		fill_locals(b);
		for (uint32_t i = 1; i <= b->n && free; i++)
			free = !sock_is_own(&b->local[i]) &&
			       !mptcp_pm_has(&b->pm, &b->local[i]);
		if (free)
			return 0;
	}
	return -EADDRINUSE;
}

static int prepare(struct bend *b, const struct bend_want *w)
{
	int r = mptcp_pm_count(&b->pm);

	b->n = w->n - 1;
	snprintf(b->host, sizeof b->host, "%s", w->host);
	snprintf(b->scheduler, sizeof b->scheduler, "-");
	if (w->scheduler)
		mptcp_scheduler(b->scheduler);
	if (!b->scheduler[0])
		return -EOPNOTSUPP;
	if (r >= 0 && r + (int)b->n > MPTCP_PM_MAX)
		r = -ENOSPC;
	r = r < 0 ? r : mptcp_pm_limits(&b->pm, &b->limits);
	return r ? r : choose_block(b);
}

int bend_begin(struct bend *b, const struct bend_want *w)
{
	bool replace = b->on;
	int r = prepare(b, w);

	if (r)
		return r;
	b->on = true;
	r = save(b);
	r = r ? r : nft_paths_install(&b->nft, replace, w->closed, w->closed_n);
	if (r && !replace) { /* one that was there is not ours to remove */
		b->on = false;
		save(b);
	}
	for (uint32_t i = 1; i <= b->n && !r; i++) {
		r = nft_paths_virtual(&b->nft, &b->local[i]);
		r = r ? r : rtnl_lend(&b->route, &b->local[i], BEND_LIFE_S);
	}
	r = r || !w->scheduler ? r : mptcp_set_scheduler(w->scheduler);
	return r ? r : mptcp_pm_set_limits(&b->pm, &all);
}

int bend_go(struct bend *b)
{
	int r = 0;

	for (uint32_t i = 1; i <= b->n && !r; i++)
		r = mptcp_pm_add(&b->pm, &b->local[i]);
	return r;
}

int bend_keep(struct bend *b)
{
	struct mptcp_limits now;
	int r = mptcp_pm_limits(&b->pm, &now);

	if (r || (now.subflows == all.subflows && !now.add_addr_accepted))
		return r;
	b->limits = now;
	r = save(b);
	return r ? r : mptcp_pm_set_limits(&b->pm, &all);
}

int bend_renew(struct bend *b)
{
	int r = 0;

	for (uint32_t i = 1; i <= b->n && !r; i++)
		r = rtnl_lend(&b->route, &b->local[i], BEND_LIFE_S);
	return r;
}

static bool is_client(const struct bend *b)
{
	return strcmp(b->host, "-"); /* no device is called like that */
}

static void note(int *ret, int r, const char *what)
{
	if (r)
		log_line(LOG_ERR, r, "cannot take back %s", what);
	*ret = *ret ? *ret : r;
}

/* What would go on without being translated. */
static void end_conns(const struct addr *device, void *arg)
{
	int r = diag_destroy(device);
	int *left = arg;

	if (r < 0)
		log_line(LOG_WARN, r, "cannot end the connections that are left: end the programs");
	*left += r > 0;
}

/* No new connections and subflows first, then the end of those that are there: none may go on
 * without being translated. */
static void quiet(struct bend *b, int *ret)
{
	struct timespec nap = { .tv_nsec = NAP_MS * 1000000L };
	int left = 1;

	note(ret, nft_paths_shut(&b->nft), "what leads connections over nodes");
	for (uint32_t i = 1; i <= b->n; i++)
		note(ret, mptcp_pm_remove(&b->pm, &b->local[i]), "an MPTCP endpoint");
	for (int round = 0; left && round < ROUNDS_MAX; round++) {
		left = 0;
		if (round > 1) /* before Linux 6.11, closed ones end by themselves alone */
			nanosleep(&nap, NULL);
		note(ret, nft_paths_closed(&b->nft, end_conns, &left), "the connections");
	}
}

/* Another process, or the user, may have set others since: those stay. */
static int restore_limits(struct bend *b)
{
	struct mptcp_limits now;
	int r = mptcp_pm_limits(&b->pm, &now);
	uint32_t accepted = is_client(b) ? 0 : b->limits.add_addr_accepted;

	if (r)
		return r;
	if (now.subflows != MPTCP_PM_MAX || now.add_addr_accepted != accepted)
		return 0;
	return mptcp_pm_set_limits(&b->pm, &b->limits);
}

/* All but the table: what it closed stays closed. 0, or -errno of what failed first. */
static int take_back(struct bend *b)
{
	int ret = 0, r;

	if (is_client(b))
		quiet(b, &ret);
	for (uint32_t i = 1; i <= b->n; i++)
		note(&ret, rtnl_take_back(&b->route, &b->local[i]), "an address on lo");
	note(&ret, restore_limits(b), "MPTCP's limits");
	r = strcmp(b->scheduler, "-") ? mptcp_set_scheduler(b->scheduler) : 0;
	if (r != -ENOENT) /* one that the kernel does not have any more */
		note(&ret, r, "MPTCP's scheduler");
	return ret;
}

int bend_undo(struct bend *b)
{
	int ret = 0;

	if (!b->on)
		return 0;
	ret = take_back(b);
	if (is_client(b))
		note(&ret, nft_paths_remove(&b->nft), "the table inet machete-client");
	b->on = ret != 0;
	if (!ret)
		ret = save(b);
	return ret;
}

int bend_open(struct bend *b, const char *path)
{
	int r;

	*b = (struct bend){ .opened = true, .fd = -1, .nft = { .fd = -1 }, .route = { .fd = -1 } };
	b->pm.nl.fd = -1;
	r = mptcp_here() ? nl_open(&b->nft, NETLINK_NETFILTER) : -ENOPROTOOPT;
	r = r ? r : nft_paths_here(&b->nft);
	r = r == -ENOENT ? 0 : r;
	r = r ? r : lock(b, path);
	r = r ? r : nl_open(&b->route, NETLINK_ROUTE);
	r = r ? r : mptcp_pm_open(&b->pm);
	if (!r && load(b)) {
		b->on = true;
		log_warn("taking back what a process that died had set up for MPTCP");
		r = is_client(b) ? take_back(b) : bend_undo(b);
	}
	if (r)
		bend_close(b);
	return r;
}

void bend_close(struct bend *b)
{
	if (!b->opened)
		return;
	b->opened = b->on = false;
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	nl_close(&b->nft);
	nl_close(&b->route);
	mptcp_pm_close(&b->pm);
}

void bend_end(struct bend *b)
{
	bend_undo(b);
	bend_close(b);
}

static int accept_more(struct bend *b)
{
	struct mptcp_limits more;
	struct bend_want w = { .host = "-", .n = 1 };
	int r = prepare(b, &w);

	if (r || b->limits.subflows == MPTCP_PM_MAX)
		return r;
	more = b->limits;
	more.subflows = MPTCP_PM_MAX;
	b->on = true;
	r = save(b);
	return r ? r : mptcp_pm_set_limits(&b->pm, &more);
}

void bend_accept(struct bend *b, const struct common *c, bool wanted)
{
	char path[HOME_PATH_MAX];
	int r;

	if (!wanted)
		return;
	r = home_path(c, "mptcp-server", path) ? bend_open(b, path) : -ENOENT;
	r = r ? r : accept_more(b);
	if (r && !b->on)
		bend_close(b);
	if (r)
		log_line(LOG_INFO, r, "MPTCP's limits stay as they are: %s", bend_why(r));
}

/* cmd/kpaths.c - paths for the kernel's MPTCP: forwards at nodes, and a kernel that uses them */
#include "cmd/kpaths.h"

#include <errno.h>
#include <linux/mptcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/party.h"
#include "cmd/pathset_nat.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"
#include "net/nft_paths.h"
#include "net/sock.h"

enum {
	TICK_MS = 1000,
	RENEW_TICKS = BEND_LIFE_S / 3,
	JOIN_MS = 3000, /* for the subflows of a connection: two may be lost once */
};

/* --- the end ---------------------------------------------------------------------------------- */

static void ended(struct kpaths *k)
{
	for (uint32_t i = 0; i < k->sets; i++)
		if (!k->set[i].ps.gone)
			return;
	if (!k->live)
		return;
	k->live = false;
	k->ops->over(k, k->code, k->why);
}

void kpaths_end(struct kpaths *k, int code, const char *fmt, ...)
{
	va_list ap;
	int r;

	if (k->ending)
		return;
	k->ending = true;
	k->code = code;
	va_start(ap, fmt);
	vsnprintf(k->why, sizeof k->why, fmt, ap);
	va_end(ap);
	loop_disarm(k->loop, &k->tick);
	loop_del(k->loop, &k->heard);
	nl_close(&k->events);
	r = bend_undo(&k->bend);
	if (r && !code) {
		k->code = EXIT_FAILED;
		snprintf(k->why, sizeof k->why, "not all could be taken back: %s", strerror(-r));
	}
	for (uint32_t i = 0; i < k->sets; i++)
		pathset_over(&k->set[i].ps, code, k->why);
	ended(k);
}

void kpaths_close(struct kpaths *k)
{
	bend_end(&k->bend);
}

static struct kpaths_set *set_of(struct pathset *ps)
{
	return container_of(ps, struct kpaths_set, ps);
}

static void set_over(struct pathset *ps, int code, const char *why)
{
	struct kpaths *k = set_of(ps)->k;

	if (k->ending)
		ended(k);
	else
		kpaths_end(k, code ? code : EXIT_UNREACHABLE, "%s", why);
}

/* --- where packets go ------------------------------------------------------------------------- */

const char *kpaths_why(struct kpaths *k, const char *why)
{
	struct nft_paths_stopped s;
	bool reset = k->stands && !k->ending && !nft_paths_stopped(&k->bend.nft, &s) && s.reset;

	return reset ? "MPTCP does not get through: the device has none, or its options are "
		       "removed on the way"
		     : why;
}

struct addr kpaths_at(const struct kpaths *k, uint16_t port)
{
	struct addr a = { .port = 0 };

	for (uint32_t i = 0; i < k->device.addrs && !a.port; i++)
		if (addr_is_v4(&k->device.addr[i]))
			a = k->device.addr[i];
	a.port = port ? port : a.port;
	return a;
}

/* The device's addresses as programs may name them; its own port is used by us alone, at one. */
static bool next_at(const struct kpaths *k, uint32_t set, uint32_t *i, struct addr *a)
{
	if (!set) {
		*a = kpaths_at(k, 0);
		return !(*i)++;
	}
	if (*i == k->device.addrs)
		return false;
	*a = k->device.addr[(*i)++];
	a->port = k->set[set].path[0].dest.port;
	return true;
}

/* Our address of path j toward a. 0 or -errno. */
static int local_of(const struct kpaths *k, uint32_t j, const struct addr *a, struct addr *local)
{
	int fd, r;

	*local = k->bend.local[j];
	if (j)
		return 0;
	fd = sock_udp(a);
	if (fd < 0)
		return fd;
	r = sock_name(fd, local);
	close(fd);
	return r;
}

static int bend_path(struct kpaths *k, uint32_t set, uint32_t j)
{
	struct addr node = k->set[set].path[j].to, local, a;
	int r = 0;

	node.port = k->set[set].at[j];
	for (uint32_t i = 0; !r && next_at(k, set, &i, &a);) {
		if (!addr_is_v4(&a))
			continue;
		r = local_of(k, j, &a, &local);
		r = r ? r : nft_paths_way(&k->bend.nft, &local, &a, &node);
	}
	return r;
}

static_assert(NFT_PATHS_CLOSED_MAX == 1 + REG_ADDRS_MAX * DIR_PORTS_MAX, "own port, and exposed");

/* What is closed, of all sets. How many they are. */
static uint32_t list_closed(const struct kpaths *k, struct addr closed[NFT_PATHS_CLOSED_MAX])
{
	uint32_t n = 0;

	for (uint32_t set = 0; set < k->sets; set++)
		for (uint32_t i = 0; next_at(k, set, &i, &closed[n]);)
			n++;
	return n;
}

/* And where it goes. 0 or -errno. */
static int bend_sets(struct kpaths *k)
{
	int r = 0;

	for (uint32_t set = 0; set < k->sets; set++)
		for (uint32_t j = 0; !r && j < k->n; j++)
			r = bend_path(k, set, j);
	return r;
}

static int bend_all(struct kpaths *k)
{
	struct addr closed[NFT_PATHS_CLOSED_MAX];
	struct bend_want w = { k->device.name, k->scheduler, k->n, closed,
			       list_closed(k, closed) };
	int r = bend_begin(&k->bend, &w);

	return r ? r : bend_sets(k);
}

/* --- what the kernel does --------------------------------------------------------------------- */

static struct kpaths_conn *find_conn(struct kpaths *k, uint32_t token, bool fresh)
{
	struct kpaths_conn *free = NULL;

	for (uint32_t i = 0; i < KPATHS_CONNS_MAX; i++) {
		if (k->conn[i].used && k->conn[i].token == token)
			return &k->conn[i];
		if (!k->conn[i].used)
			free = &k->conn[i];
	}
	if (fresh && free)
		*free = (struct kpaths_conn){ .token = token, .used = true };
	return fresh ? free : NULL;
}

static bool is_ours(const struct kpaths *k, const struct addr *remote)
{
	bool ip = false, port = false;

	for (uint32_t i = 0; i < k->device.addrs; i++)
		ip |= addr_same_ip(remote, &k->device.addr[i]);
	for (uint32_t i = 0; i < k->sets; i++)
		port |= remote->port == k->set[i].path[0].dest.port;
	return ip && port;
}

/* The bit of the path that begins at this address of ours; 0: none does. */
static uint32_t path_bit(const struct kpaths *k, const struct kpaths_conn *c,
			 const struct addr *local)
{
	for (uint32_t j = 1; j < k->n; j++)
		if (addr_same_ip(local, &k->bend.local[j]))
			return 1u << j;
	return addr_same_ip(local, &c->local);
}

static void on_event(const struct mptcp_event *e, void *arg)
{
	struct kpaths *k = arg;
	struct kpaths_conn *c = find_conn(k, e->token, false);

	/* One that its program ends at once becomes ESTABLISHED after CLOSED. */
	if (e->type == MPTCP_EVENT_CREATED && is_ours(k, &e->remote))
		c = find_conn(k, e->token, true);
	if (!c)
		return;
	if (e->type == MPTCP_EVENT_CREATED || e->type == MPTCP_EVENT_ESTABLISHED) {
		c->since = mono_now();
		c->port = e->remote.port;
		c->local = e->local;
	}
	if (e->type == MPTCP_EVENT_SUB_ESTABLISHED || e->type == MPTCP_EVENT_ESTABLISHED) {
		c->paths |= path_bit(k, c, &e->local);
		c->told |= __builtin_popcount(c->paths) == (int)k->n; /* all is well */
	} else if (e->type == MPTCP_EVENT_CLOSED)
		c->used = false;
	else if (e->type == MPTCP_EVENT_SUB_CLOSED && c->paths & path_bit(k, c, &e->local)) {
		c->paths &= ~path_bit(k, c, &e->local);
		if (!e->error || !k->watching)
			return;
		report_warning(k->c, k->device.name, "a connection to port %u lost a path: %s",
			       c->port, strerror((int)e->error));
	}
}

static void heard(struct watch *w, uint32_t got)
{
	struct kpaths *k = container_of(w, struct kpaths, heard);
	int r = mptcp_pm_hear(&k->events, on_event, k);

	(void)got;
	if (r) /* some may have ended unnoticed */
		memset(k->conn, 0, sizeof k->conn);
}

static void look_at_conns(struct kpaths *k, mono_t now)
{
	for (uint32_t i = 0; i < KPATHS_CONNS_MAX; i++) {
		struct kpaths_conn *c = &k->conn[i];

		if (!c->used || c->told || !c->paths || /* not established yet */
		    __builtin_popcount(c->paths) >= (int)k->n ||
		    mono_diff_us(now, c->since) < JOIN_MS * 1000LL)
			continue;
		c->told = true;
		report_warning(k->c, k->device.name,
			       "a connection to port %u has %d of %u paths", c->port,
			       __builtin_popcount(c->paths), k->n);
	}
}

/* Once a minute at most. */
static bool is_news(struct kpaths_told *t, uint64_t n, uint32_t tick)
{
	if (n <= t->n || (t->n && tick - t->tick < RENEW_TICKS))
		return false;
	*t = (struct kpaths_told){ n, tick };
	return true;
}

static void look_at_stopped(struct kpaths *k)
{
	struct nft_paths_stopped s;

	if (nft_paths_stopped(&k->bend.nft, &s))
		return;
	if (is_news(&k->reset, s.reset, k->ticks))
		report_warning(k->c, k->device.name,
			       "connections that were not MPTCP, or fell back, were reset");
	if (k->watching && is_news(&k->dropped, s.dropped, k->ticks))
		report_warning(k->c, k->device.name, "packets that would have gone there directly "
			       "were dropped, as all IPv6 is");
}

/* Who loads a firewall anew, before Linux 6.9, removes our table with all others. */
static int keep_table(struct kpaths *k)
{
	struct addr closed[NFT_PATHS_CLOSED_MAX];
	int r = nft_paths_here(&k->bend.nft);

	if (r != -ENOENT)
		return r;
	report_warning(k->c, k->device.name,
		       "somebody removed the table inet machete-client: it is made anew");
	r = nft_paths_install(&k->bend.nft, false, closed, list_closed(k, closed));
	for (uint32_t j = 1; j < k->n && !r; j++)
		r = nft_paths_virtual(&k->bend.nft, &k->bend.local[j]);
	k->reset.n = k->dropped.n = 0;
	return r ? r : bend_sets(k);
}

static void tick(struct timer *t, mono_t now)
{
	struct kpaths *k = container_of(t, struct kpaths, tick);
	int r = keep_table(k);

	r = r ? r : bend_keep(&k->bend);
	r = r || ++k->ticks % RENEW_TICKS ? r : bend_renew(&k->bend);
	if (r)
		log_line(LOG_WARN, r, "cannot keep what leads MPTCP over nodes");
	if (k->watching)
		look_at_conns(k, now);
	look_at_stopped(k);
	loop_arm(k->loop, t, mono_add_ms(now, TICK_MS));
}

/* --- set-up ----------------------------------------------------------------------------------- */

static void stand(struct kpaths *k)
{
	int r = bend_all(k);

	r = r ? r : mptcp_pm_listen(&k->bend.pm, &k->events);
	k->heard = (struct watch){ .fd = k->events.fd, .want = EPOLLIN, .ready = heard };
	r = r ? r : loop_add(k->loop, &k->heard);
	r = r ? r : bend_go(&k->bend);
	if (r) {
		k->advice = bend_advice(r);
		kpaths_end(k, EXIT_UNREACHABLE, "%s", bend_why(r));
		return;
	}
	k->stands = true;
	k->stood = mono_now();
	loop_arm(k->loop, &k->tick, mono_add_ms(k->stood, TICK_MS));
	k->ops->stand(k);
}

/* A node forwards; anew where that follows from its restart. */
static void granted(struct path *p, uint16_t port)
{
	struct kpaths_set *s = set_of(p->set);
	struct kpaths *k = s->k;
	int r;

	s->at[p->i] = port;
	if (k->stands) {
		r = bend_path(k, (uint32_t)(s - k->set), p->i);
		if (r)
			log_line(LOG_WARN, r, "cannot use the new forward of %s", p->node.name);
		return;
	}
	for (uint32_t i = 0; i < k->sets; i++)
		for (uint32_t j = 0; j < k->n; j++)
			if (!k->set[i].at[j])
				return;
	stand(k);
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (; *words; words += strcspn(words, " "), words += strspn(words, " "))
		if (strcspn(words, " ") == len && !strncmp(words, word, len))
			return true;
	return false;
}

static const struct pathset_ops set_ops = { .over = set_over, .granted = granted };

int kpaths_open(struct kpaths *k, const struct kpaths_ops *ops, const struct common *c,
		const struct party *party, struct loop *l, const char *scheduler)
{
	char path[HOME_PATH_MAX], all[MPTCP_NAMES_MAX];
	int r;

	memset(k, 0, sizeof *k);
	k->ops = ops;
	k->c = c;
	k->party = party;
	k->loop = l;
	k->scheduler = scheduler;
	k->tick.fire = tick;
	k->events.fd = k->heard.fd = -1;
	mptcp_schedulers(all);
	if (scheduler && !has_word(all, scheduler))
		return report_error(c, EXIT_USAGE, "leave it out", "--scheduler",
				    "this kernel's MPTCP has no %s, but: %s", scheduler, all);
	if (!home_path(c, "mptcp", path))
		return report_error(c, EXIT_USAGE, "give -C HOME", "mptcp", "HOME is unknown");
	r = bend_open(&k->bend, path);
	if (!r)
		return 0;
	return report_error(c, r == -EPERM || r == -EACCES ? EXIT_USAGE : EXIT_UNREACHABLE,
			    bend_advice(r), "MPTCP", "%s", bend_why(r));
}

static void begin_set(struct kpaths *k, struct kpaths_set *s, const struct path *path,
		      uint16_t port)
{
	s->k = k;
	pathset_init(&s->ps, k->loop, &set_ops, &k->party->id, &k->party->cert);
	for (uint32_t j = 0; j < k->n; j++) {
		s->path[j] = path[j];
		s->path[j].dest.port = port ? port : path[j].dest.port;
	}
}

void kpaths_begin(struct kpaths *k, const struct path *path, uint32_t n,
		  const struct device_entry *device, const uint16_t *port, uint32_t ports)
{
	k->device = *device;
	k->n = n;
	k->from = mono_now();
	k->live = true;
	for (k->sets = 0; k->sets <= ports; k->sets++)
		begin_set(k, &k->set[k->sets], path, k->sets ? port[k->sets - 1] : 0);
	for (uint32_t i = 0; i < k->sets && !k->ending; i++)
		pathset_forwards(&k->set[i].ps, k->set[i].path, n, device);
}

int kpaths_look(const struct kpaths *k, int fd, struct mptcp_conn *c,
		uint32_t order[static PATHS_MAX])
{
	int r = mptcp_info(fd, c);
	uint32_t found = 0;

	for (uint32_t j = 0; !r && j < k->n; j++)
		for (uint32_t i = 0; i < c->n; i++) {
			bool at = j ? addr_same_ip(&c->sub[i].local, &k->bend.local[j]) : !i;

			if (!at)
				continue;
			order[j] = i;
			found++;
			break;
		}
	return r ? r : found == k->n ? 0 : -EAGAIN;
}

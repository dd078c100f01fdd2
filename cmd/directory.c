/* cmd/directory.c - what a party knows of the members, nodes and devices
 *
 * A round reads the three lists page by page into the roster that is not in use, then the two
 * change places. An answer lost in the middle ends the round; the next one begins anew. */
#include "cmd/directory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/quorum_ask.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"

static const char *const tags[] = { "member", "node", "device" };

struct directory {
	const struct party *p;
	struct roster_trust trust;
	struct roster *now, *next;
	/* A round. */
	struct quorum *q;
	struct quorum_call call;
	uint32_t tag;
	directory_fn fn;
	void *owner;
	bool keep_on, told, running;
	bool hinted; /* something changed since the round began */
	mono_t begun;
	int code;
	struct timer timer;
};

struct directory *directory_open(const struct party *p)
{
	struct directory *d = calloc(1, sizeof *d);

	if (d) {
		d->now = calloc(1, sizeof *d->now);
		d->next = calloc(1, sizeof *d->next);
	}
	if (!d || !d->now || !d->next) {
		report_error(p->common, EXIT_FAILED, "free some memory", "directory",
			     "out of memory");
		return NULL;
	}
	d->p = p;
	d->trust.cluster = &p->cluster;
	memcpy(d->trust.cluster_id, p->cluster_id, sizeof d->trust.cluster_id);
	return d;
}

void directory_close(struct directory *d)
{
	if (d->q) {
		quorum_on_directory(d->q, NULL, NULL);
		quorum_cancel(d->q, &d->call);
		loop_disarm(quorum_loop(d->q), &d->timer);
	}
	free(d->now);
	free(d->next);
	free(d);
}

static void ask_page(struct directory *d, uint64_t cursor)
{
	d->call.op = (struct op){ .type = OP_RDALL, .cursor = cursor };
	schema_all(&d->call.op.templ, tags[d->tag]);
	quorum_call(d->q, &d->call);
}

static void begin_round(struct directory *d)
{
	d->running = true;
	d->hinted = false;
	d->begun = loop_now(quorum_loop(d->q));
	d->tag = 0;
	roster_clear(d->next);
	ask_page(d, 0);
}

static void write_cache(struct directory *d)
{
	char path[HOME_PATH_MAX];
	const uint8_t *p;
	size_t len;
	int r = home_path(d->p->common, "cache", path) ? home_make_dir(path) : -1;

	if (r || !home_path(d->p->common, "cache/directory", path))
		return;
	p = roster_save(d->now, d->p->cluster_id, time(NULL), &len);
	r = home_write_file(path, (const char *)p, len, 0600);
	if (r)
		log_line(LOG_INFO, r, "%s is not written", path);
}

static mono_t later(mono_t a, mono_t b)
{
	return mono_before(a, b) ? b : a;
}

/* When the next round of a poll begins. */
static void arm_next(struct directory *d)
{
	struct loop *l = quorum_loop(d->q);
	int64_t pause_ms = DIRECTORY_PAUSE_MS + d->now->members * DIRECTORY_MEMBER_MS;
	mono_t poll = mono_add_ms(loop_now(l), DIRECTORY_POLL_MS);
	mono_t soon = later(mono_add_ms(loop_now(l), DIRECTORY_HINT_MS),
			    mono_add_ms(d->begun, pause_ms));

	loop_arm(l, &d->timer, d->hinted && mono_before(soon, poll) ? soon : poll);
}

static void hint(void *owner)
{
	struct directory *d = owner;

	if (d->hinted)
		return;
	d->hinted = true;
	if (!d->running)
		arm_next(d);
}

static void end_round(struct directory *d, int code)
{
	bool first = !d->told, changed = d->code != 0;
	struct roster *old = d->now;

	d->running = false;
	d->code = code;
	if (!code) {
		roster_seal(d->next);
		changed |= !roster_same(d->now, d->next);
		d->now = d->next;
		d->next = old;
		d->told = true;
		if (d->now->refused)
			log_info("%u tuples of the directory are left out", d->now->refused);
		if (!d->keep_on)
			write_cache(d);
	}
	if (d->keep_on)
		arm_next(d);
	if (d->fn && (code || changed || first))
		d->fn(d->owner, !code);
}

static int refusal(enum result_code r)
{
	if (r == RESULT_DENIED)
		return EXIT_DENIED;
	return r == RESULT_QUOTA || r == RESULT_FULL ? EXIT_QUOTA : EXIT_QUORUM;
}

static void got_page(struct quorum_call *call, int code, const struct result *r)
{
	struct directory *d = container_of(call, struct directory, call);
	struct result page;
	struct tuple t;
	uint64_t id;

	if (code || (r->code != RESULT_OK && r->code != RESULT_NONE)) {
		end_round(d, code ? code : refusal(r->code));
		return;
	}
	page = *r;
	while (r->code == RESULT_OK && result_next(&page, &t, &id))
		roster_add(d->next, &t, &d->trust, d->now);
	if (r->code == RESULT_OK && r->cursor) {
		ask_page(d, r->cursor);
		return;
	}
	if (++d->tag < ARRAY_LEN(tags))
		ask_page(d, 0);
	else
		end_round(d, 0);
}

static void due(struct timer *t, mono_t now)
{
	(void)now;
	begin_round(container_of(t, struct directory, timer));
}

static void begin(struct directory *d, struct quorum *q, directory_fn fn, void *owner, bool keep_on)
{
	MUST(!d->running);
	d->q = q;
	d->fn = fn;
	d->owner = owner;
	d->keep_on = keep_on;
	d->call.done = got_page;
	d->timer.fire = due;
	begin_round(d);
}

void directory_refresh(struct directory *d, struct quorum *q, directory_fn fn, void *owner)
{
	begin(d, q, fn, owner, false);
}

void directory_poll(struct directory *d, struct quorum *q, directory_fn fn, void *owner)
{
	quorum_on_directory(q, hint, d);
	begin(d, q, fn, owner, true);
}

static void loaded(void *owner, bool ok)
{
	struct directory *d = owner;

	(void)ok;
	loop_stop(quorum_loop(d->q));
}

int directory_code(const struct directory *d)
{
	return d->code;
}

bool directory_await(struct directory *d)
{
	struct loop *l = quorum_loop(d->q);

	d->fn = loaded;
	d->owner = d;
	l->stop = false;
	if (d->running)
		loop_run(l);
	return !d->running && !d->code;
}

int directory_load(struct directory *d, struct quorum *q)
{
	d->told = false;
	quorum_loop(q)->now = mono_now();
	if (!d->running)
		begin(d, q, loaded, d, false);
	directory_await(d);
	return d->code ? quorum_report(q, "directory", d->code) : 0;
}

bool directory_load_cached(struct directory *d, int64_t *age_s)
{
	char path[HOME_PATH_MAX];
	int64_t wall_s = 0;
	size_t len = 0;
	ssize_t n = 1;
	int fd = home_path(d->p->common, "cache/directory", path) ?
			 open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;

	if (fd < 0)
		return false;
	while (n > 0 && len < sizeof d->now->cache) {
		n = read(fd, d->now->cache + len, sizeof d->now->cache - len);
		len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (n < 0 || !roster_load(d->now, len, d->p->cluster_id, &wall_s)) {
		log_info("%s cannot be used", path);
		return false;
	}
	*age_s = (int64_t)time(NULL) - wall_s;
	return true;
}

uint32_t directory_roles(const struct directory *d, const struct fp *fp)
{
	uint32_t roles = roster_roles(d->now, fp);

	return cluster_is_admin(&d->p->cluster, fp) ? roles | ROLE_ADMIN | ROLE_CLIENT : roles;
}

const char *directory_name(const struct directory *d, const struct fp *fp)
{
	const struct member_entry *m =
	    roster_member(d->now, fp, ROLE_NODE | ROLE_DEVICE | ROLE_CLIENT);

	return m ? m->name : cluster_is_admin(&d->p->cluster, fp) ? "admin" : NULL;
}

uint32_t directory_members(const struct directory *d)
{
	return d->now->members;
}

const struct member_entry *directory_member_at(const struct directory *d, uint32_t i)
{
	return i < d->now->members ? &d->now->member[i] : NULL;
}

uint32_t directory_nodes(const struct directory *d)
{
	return d->now->nodes;
}

const struct node_entry *directory_node_at(const struct directory *d, uint32_t i)
{
	return i < d->now->nodes ? &d->now->node[i] : NULL;
}

const struct node_entry *directory_node(const struct directory *d, const char *name)
{
	return roster_node(d->now, name);
}

uint32_t directory_devices(const struct directory *d)
{
	return d->now->devices;
}

const struct device_entry *directory_device_at(const struct directory *d, uint32_t i)
{
	return i < d->now->devices ? &d->now->device[i] : NULL;
}

const struct device_entry *directory_device(const struct directory *d, const char *name)
{
	return roster_device(d->now, name);
}

const struct device_entry *directory_device_fp(const struct directory *d, const struct fp *fp)
{
	return roster_device_fp(d->now, fp);
}

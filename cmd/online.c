/* cmd/online.c - origins that the table does not know, asked of Team Cymru in the DNS */
#include "cmd/online.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/secret.h"
#include "net/sock.h"
#include "probe/asn_build.h"
#include "probe/dns.h"

#define ONLINE_FILE "cache/online"

enum {
	AT_ONCE = 32,
	TRIES = 4, /* over the servers in turn */
	WAIT_MS = 1500,
	KEEP_S = 24 * 3600,
	CONF_BYTES_MAX = 8192,	  /* of resolv.conf: what stands further down is not read */
	KEPT_BYTES_MAX = 4 << 20, /* of ONLINE_FILE: 100,000 prefixes */
};

/* One question under way, on a socket, and so a port, of its own. */
struct slot {
	struct online *owner;
	struct watch watch;
	struct timer timer;
	struct addr net; /* asked for */
	char name[DNS_NAME_MAX];
	uint16_t id;
	uint32_t tries;
	bool busy;
};

struct online {
	struct loop loop;
	struct addr server[DNS_SERVERS_MAX];
	uint32_t servers;
	struct addr *ask; /* nets, each once */
	uint32_t n, next, busy;
	uint32_t unanswered;
	enum dns_verdict why; /* of the last of them */
	char *text;	      /* lines of what is known */
	size_t len, lines, room;
	struct slot slot[AT_ONCE];
};

static void fill(struct online *o);

/* Whether it is about the net that was asked for. */
static bool to_the_point(const char *line, size_t len, const struct addr *net)
{
	struct asn_ip ip = asn_ip_from(net);
	struct asn_entry e;

	return asn_line_parse(&e, line, len) == ASN_LINE_ENTRY && !asn_ip_less(ip, e.first) &&
	       !asn_ip_less(e.last, ip);
}

static void add_lines(struct online *o, const struct addr *net, const struct dns_texts *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		char line[DNS_TEXT_MAX];
		size_t n = dns_origin_line(t->text[i], line);

		if (!n || n > o->room - o->len || !to_the_point(line, n - 1, net))
			continue;
		memcpy(o->text + o->len, line, n);
		o->len += n;
		o->lines++;
	}
}

static void hang_up(struct slot *s)
{
	loop_disarm(&s->owner->loop, &s->timer);
	loop_del(&s->owner->loop, &s->watch);
	if (s->watch.fd >= 0)
		close(s->watch.fd);
	s->watch.fd = -1;
}

static void end(struct slot *s, enum dns_verdict v)
{
	struct online *o = s->owner;

	hang_up(s);
	if (v != DNS_OK && v != DNS_NONE) {
		o->unanswered++;
		o->why = v;
	}
	s->busy = false;
	o->busy--;
	fill(o);
}

static void ask(struct slot *s);

/* Another server may know better. */
static void again(struct slot *s, enum dns_verdict v)
{
	hang_up(s);
	if (s->tries < TRIES)
		ask(s);
	else
		end(s, v);
}

static void answered(struct watch *w, uint32_t got)
{
	struct slot *s = container_of(w, struct slot, watch);
	uint8_t p[DNS_BYTES_MAX];
	ssize_t n = sock_read(w->fd, p, sizeof p);
	struct dns_texts t;
	enum dns_verdict v;

	(void)got;
	if (n == -EAGAIN)
		return;
	v = n < 0 ? DNS_REFUSED : dns_answer(p, (size_t)n, s->id, s->name, &t);
	if (v == DNS_NOT_OURS)
		return;
	if (v == DNS_OK)
		add_lines(s->owner, &s->net, &t);
	if (v == DNS_OK || v == DNS_NONE)
		end(s, v);
	else
		again(s, v);
}

static void late(struct timer *t, mono_t now)
{
	(void)now;
	again(container_of(t, struct slot, timer), DNS_NOT_OURS);
}

/* What cannot be sent is as lost as what was sent in vain. */
static void ask(struct slot *s)
{
	struct online *o = s->owner;
	uint8_t p[DNS_BYTES_MAX];
	size_t len;

	secret_bytes(&s->id, sizeof s->id);
	len = dns_question(p, s->id, s->name);
	s->watch = (struct watch){ .want = EPOLLIN, .ready = answered };
	s->watch.fd = sock_udp(&o->server[s->tries++ % o->servers]);
	if (s->watch.fd >= 0 && sock_write(s->watch.fd, p, len) == (ssize_t)len)
		loop_add(&o->loop, &s->watch);
	s->timer.fire = late;
	loop_arm(&o->loop, &s->timer, mono_add_ms(mono_now(), WAIT_MS));
}

static void fill(struct online *o)
{
	for (struct slot *s = o->slot; s < o->slot + AT_ONCE && o->next < o->n; s++) {
		if (s->busy)
			continue;
		s->owner = o;
		s->busy = true;
		s->tries = 0;
		o->busy++;
		s->net = o->ask[o->next++];
		dns_origin_name(&s->net, s->name);
		ask(s);
	}
	if (!o->busy)
		loop_stop(&o->loop);
}

/* --- what to ask ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

/* The nets of those that are public and not known, sorted, each once. */
static void choose(struct online *o, const struct astable *t, const struct addr *v, uint32_t n)
{
	uint32_t all = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct addr *a = &o->ask[all];

		if (addr_scope(&v[i]) != ADDR_GLOBAL || astable_find(t, &v[i]).n)
			continue;
		*a = v[i];
		a->port = 0;
		if (addr_is_v4(a))
			a->ip[15] = 0;
		else
			memset(a->ip + 6, 0, 10);
		all++;
	}
	qsort(o->ask, all, sizeof *o->ask, compare);
	for (uint32_t i = 0; i < all; i++)
		if (!i || !addr_same_ip(&o->ask[i], &o->ask[o->n - 1]))
			o->ask[o->n++] = o->ask[i];
}

/* Up to `max` bytes of a file into text; 0 where there is none. */
static size_t slurp(const char *path, char *text, size_t max, int64_t not_before_s)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) || st.st_mtime < not_before_s)
		n = 0;
	while (n > 0 && len < max) {
		n = read(fd, text + len, max - len);
		len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return len;
}

static int find_servers(const struct common *c, const char *resolver, struct online *o)
{
	char conf[CONF_BYTES_MAX];

	if (resolver && !addr_parse(&o->server[0], resolver, DNS_PORT))
		return report_error(c, EXIT_USAGE, "give ADDR or ADDR:PORT", "--resolver",
				    "\"%s\" is no address", resolver);
	o->servers = resolver ? 1
			      : dns_servers(conf, slurp("/etc/resolv.conf", conf, sizeof conf, 0),
					    o->server);
	if (o->servers)
		return 0;
	return report_error(c, EXIT_USAGE, "name one with --resolver ADDR", "--online",
			    "/etc/resolv.conf has no name server");
}

/* --- what was learned ------------------------------------------------------------------------- */

/* The lines as a table behind t's own. */
static void attach(struct astable *t, const struct online *o)
{
	size_t need = asn_build_bytes(o->len, o->lines), len;
	void *mem = need ? malloc(need) : NULL;
	struct asn_build b;

	free(t->more_mem);
	t->more_mem = NULL;
	t->t.next = NULL;
	if (!mem)
		return;
	asn_build_init(&b, mem, o->len, o->lines, false);
	if (asn_build_text(&b, o->text, o->len) && (len = asn_build_finish(&b)) &&
	    (t->more_mem = malloc(len))) {
		asn_build_write(&b, t->more_mem, (uint64_t)time(NULL));
		if (asn_open(&t->more, t->more_mem, len) == ASN_OK)
			t->t.next = &t->more;
	}
	free(mem);
}

static void recall(const struct common *c, struct astable *t, struct online *o)
{
	char path[HOME_PATH_MAX];

	if (!home_path(c, ONLINE_FILE, path))
		return;
	o->len = slurp(path, o->text, KEPT_BYTES_MAX, time(NULL) - KEEP_S);
	for (size_t i = 0; i < o->len; i++)
		o->lines += o->text[i] == '\n';
	if (o->len)
		attach(t, o);
}

static void keep(const struct common *c, const struct online *o)
{
	char dir[HOME_PATH_MAX], path[HOME_PATH_MAX];
	int r;

	if (!home_path(c, "cache", dir) || !home_path(c, ONLINE_FILE, path))
		return;
	r = home_make_dir(dir);
	if (!r)
		r = home_write_file(path, o->text, o->len, 0600);
	if (r)
		log_line(LOG_INFO, r, "%s is not written", path);
}

static int run(const struct common *c, struct astable *t, struct online *o)
{
	size_t had = o->len;
	int r = loop_init(&o->loop);

	if (r)
		return report_error(c, EXIT_FAILED, NULL, "--online", "%s", strerror(-r));
	fill(o);
	loop_run(&o->loop);
	loop_fini(&o->loop);
	if (o->unanswered)
		report_warning(c, "--online", "%u of %u questions without an answer: %s",
			       o->unanswered, o->n, dns_verdict_str[o->why]);
	if (o->len > had) {
		attach(t, o);
		keep(c, o);
	}
	return 0;
}

int online_learn(const struct common *c, const struct online_options *opts, struct astable *t,
		 const struct addr *v, uint32_t n)
{
	struct online *o = opts->online && n ? calloc(1, sizeof *o) : NULL;
	int r = 0;

	if (!opts->online || !n)
		return 0;
	if (o) {
		o->room = KEPT_BYTES_MAX + (size_t)n * DNS_TEXT_MAX;
		o->text = malloc(o->room);
		o->ask = calloc(n, sizeof *o->ask);
	}
	if (!o || !o->text || !o->ask) {
		r = report_error(c, EXIT_FAILED, "free some memory", "--online", "out of memory");
	} else {
		recall(c, t, o);
		choose(o, t, v, n);
		r = o->n ? find_servers(c, opts->resolver, o) : 0;
		r = r || !o->n ? r : run(c, t, o);
	}
	if (o) {
		free(o->text);
		free(o->ask);
	}
	free(o);
	return r;
}

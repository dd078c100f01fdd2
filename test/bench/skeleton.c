/* test/bench/skeleton.c - what the manager is measured against: its messages, and nothing else
 *
 *	skeleton CLIENTS COUNT [DIR]	COUNT operations: rate, median, 99th percentile
 *
 * Four replicas, a process each, and the clients in a fifth speak the normal case of MANAGER.md B.3
 * over the TCP connections that machete has, in frames of the same size: a turn reads once from
 * each connection that has something, and writes once to each that gets something. No TLS, no
 * digests, no tuples, and nobody doubts anybody. With DIR a replica writes 4 KiB to a file in it
 * and syncs them before it votes (B.5). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
	REPLICAS = 4,
	FAULTS = 1,
	CLIENTS_MAX = 64,
	COUNT_MAX = 20000,
	WARM_OPS = 40, /* a client, before the clock starts */
	OPS_MAX = COUNT_MAX + CLIENTS_MAX * WARM_OPS,
	EVENTS = 64,
	CONN_BYTES = 16 * 1024,
	RECORD_BYTES = 4096,
	LOG_BYTES = 8 << 20, /* written before, and again and again: a sync has only the data */

	/* What rdp and inp have on the wire, TLS and all; out asks with 157, and is told in 116. */
	REQUEST_BYTES = 87,
	REPLY_BYTES = 201,
	VOTE_BYTES = 88,
	PREPREPARE_BYTES = 83,
	ENTRY_BYTES = 101, /* each request in a PREPREPARE */
};

enum type { REQUEST, PREPREPARE, PREPARE, COMMIT, REPLY };

struct head {
	uint32_t bytes, type;
	uint32_t from;   /* replica or client */
	uint32_t number; /* of the client's request, or of the slot */
	uint32_t count;  /* requests in a PREPREPARE: their heads are its end */
};

struct conn {
	int fd;
	bool dirty;
	uint32_t in_len, out_len;
	uint8_t in[CONN_BYTES], out[CONN_BYTES];
};

struct slot {
	uint32_t first, count; /* in replica.request */
	bool accepted, prepared;
	uint32_t prepares, commits; /* a bit for each who sent one */
};

/* Each process uses its ends: mesh[i][j] is i's of the one to j, ask[i][k] client k's of i's. */
static struct conn mesh[REPLICAS][REPLICAS], ask[REPLICAS][CLIENTS_MAX];
static struct conn answer[REPLICAS][CLIENTS_MAX];

static int epfd;
static struct conn *dirty[REPLICAS * (REPLICAS + CLIENTS_MAX)];
static uint32_t dirties;

static struct {
	uint32_t self, executed;
	struct slot slot[OPS_MAX + 2]; /* the first one is 1 */
	struct head request[OPS_MAX];  /* in the order of the slots; the leader's last ones wait */
	uint32_t requests, proposed;
	int log; /* -1: nothing is synced */
	off_t log_at;
} replica;

static struct {
	uint32_t number, replies, left;
	int64_t begun_us;
} client[CLIENTS_MAX];

static uint32_t clients, running, samples, sample_us[COUNT_MAX];

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* --- connections ------------------------------------------------------------------------------ */

static void join(int listener, struct conn *a, struct conn *b)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	int on = 1;

	getsockname(listener, (struct sockaddr *)&at, &len);
	a->fd = socket(AF_INET, SOCK_STREAM, 0);
	must(!connect(a->fd, (struct sockaddr *)&at, len), "connect");
	b->fd = accept(listener, NULL, NULL);
	must(!setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "socket");
	must(!setsockopt(b->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "accept");
}

static void join_all(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(!bind(listener, (struct sockaddr *)&at, sizeof at) && !listen(listener, 1), "listen");
	for (uint32_t i = 0; i < REPLICAS; i++) {
		for (uint32_t j = 0; j < i; j++)
			join(listener, &mesh[i][j], &mesh[j][i]);
		for (uint32_t k = 0; k < clients; k++)
			join(listener, &ask[i][k], &answer[i][k]);
	}
}

static void watch(struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	must(!epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev), "epoll_ctl");
}

static void flush(struct conn *c)
{
	must(send(c->fd, c->out, c->out_len, MSG_NOSIGNAL) == (ssize_t)c->out_len, "send");
	c->out_len = 0;
}

static void flush_all(void)
{
	for (uint32_t i = 0; i < dirties; i++) {
		dirty[i]->dirty = false;
		flush(dirty[i]);
	}
	dirties = 0;
}

/* Queues a frame. */
static void put(struct conn *c, const struct head *h, const struct head *requests)
{
	size_t len = h->count * sizeof *requests;

	if (c->out_len + h->bytes > CONN_BYTES)
		flush(c);
	if (!c->dirty)
		dirty[dirties++] = c;
	c->dirty = true;
	memcpy(c->out + c->out_len, h, sizeof *h);
	c->out_len += h->bytes;
	if (len)
		memcpy(c->out + c->out_len - len, requests, len);
}

static void take_all(struct conn *c, void (*take)(const struct head *h, const uint8_t *end))
{
	ssize_t n = recv(c->fd, c->in + c->in_len, CONN_BYTES - c->in_len, 0);
	uint32_t at = 0;
	struct head h;

	must(n > 0, "recv");
	c->in_len += (uint32_t)n;
	while (c->in_len - at >= sizeof h) {
		memcpy(&h, c->in + at, sizeof h);
		if (c->in_len - at < h.bytes)
			break;
		at += h.bytes;
		take(&h, c->in + at);
	}
	c->in_len -= at;
	memmove(c->in, c->in + at, c->in_len);
}

static void turn(void (*take)(const struct head *h, const uint8_t *end))
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(epfd, ev, EVENTS, -1);

	for (int i = 0; i < n; i++)
		take_all(ev[i].data.ptr, take);
}

/* --- replica ---------------------------------------------------------------------------------- */

static void open_log(const char *dir)
{
	static uint8_t zeros[LOG_BYTES]; /* not const: it would stand in the program */
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/skeleton-%u", dir, replica.self);
	replica.log = open(path, O_RDWR | O_CREAT, 0600);
	must(pwrite(replica.log, zeros, LOG_BYTES, 0) == LOG_BYTES && !fsync(replica.log), path);
	unlink(path);
}

static void persist(void)
{
	static const uint8_t record[RECORD_BYTES];

	if (replica.log < 0)
		return;
	must(pwrite(replica.log, record, RECORD_BYTES, replica.log_at) == RECORD_BYTES &&
		 !fdatasync(replica.log),
	     "log");
	replica.log_at = (replica.log_at + RECORD_BYTES) % LOG_BYTES;
}

static void to_all(enum type type, uint32_t s)
{
	const struct slot *x = &replica.slot[s];
	struct head h = { VOTE_BYTES, type, replica.self, s, 0 };

	if (type == PREPREPARE) {
		h.bytes = PREPREPARE_BYTES + x->count * (uint32_t)ENTRY_BYTES;
		h.count = x->count;
	}
	for (uint32_t i = 0; i < REPLICAS; i++)
		if (i != replica.self)
			put(&mesh[replica.self][i], &h, &replica.request[x->first]);
}

static void vote(uint32_t s)
{
	struct slot *x = &replica.slot[s];

	if (x->count && !x->accepted) {
		x->accepted = true;
		persist();
		if (replica.self)
			x->prepares |= 1u << replica.self;
		to_all(replica.self ? PREPARE : PREPREPARE, s);
	}
	if (x->accepted && !x->prepared && __builtin_popcount(x->prepares) >= 2 * FAULTS) {
		x->prepared = true;
		persist();
		x->commits |= 1u << replica.self;
		to_all(COMMIT, s);
	}
}

static void execute(const struct slot *x)
{
	for (uint32_t i = x->first; i < x->first + x->count; i++) {
		const struct head *r = &replica.request[i];
		struct head h = { REPLY_BYTES, REPLY, r->from, r->number, 0 };

		put(&answer[replica.self][r->from], &h, NULL);
	}
	replica.executed++;
}

/* A slot that others have decided still gets our COMMIT. */
static void advance(uint32_t s)
{
	for (; s <= replica.executed + 1; s++) {
		vote(s);
		if (s > replica.executed && replica.slot[s].accepted &&
		    __builtin_popcount(replica.slot[s].commits) >= 2 * FAULTS + 1)
			execute(&replica.slot[s]);
	}
}

static void replica_take(const struct head *h, const uint8_t *end)
{
	struct slot *x = &replica.slot[h->number];

	if (h->type == REQUEST) {
		if (!replica.self)
			replica.request[replica.requests++] = *h;
		return;
	}
	if (h->type == PREPREPARE) {
		size_t len = h->count * sizeof *h;

		x->first = replica.requests;
		x->count = h->count;
		memcpy(&replica.request[x->first], end - len, len);
		replica.requests += x->count;
	}
	x->prepares |= (uint32_t)(h->type == PREPARE) << h->from;
	x->commits |= (uint32_t)(h->type == COMMIT) << h->from;
	advance(h->number);
}

/* The leader is 0: what waits becomes the next slot, when the one before is done. */
static void propose(void)
{
	struct slot *x = &replica.slot[replica.executed + 1];

	if (replica.self || x->count || replica.proposed == replica.requests)
		return;
	x->first = replica.proposed;
	x->count = replica.requests - replica.proposed;
	replica.proposed = replica.requests;
	advance(replica.executed + 1);
}

static void serve(uint32_t self, const char *dir)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	epfd = epoll_create1(0);
	replica.self = self;
	replica.log = -1;
	if (dir)
		open_log(dir);
	for (uint32_t i = 0; i < REPLICAS; i++)
		if (i != self)
			watch(&mesh[self][i]);
	for (uint32_t k = 0; k < clients; k++)
		watch(&answer[self][k]);
	for (;;) {
		turn(replica_take);
		propose();
		flush_all();
	}
}

/* --- clients ---------------------------------------------------------------------------------- */

static void begin(uint32_t k)
{
	struct head h = { REQUEST_BYTES, REQUEST, k, ++client[k].number, 0 };

	client[k].replies = 0;
	client[k].begun_us = now_us();
	for (uint32_t i = 0; i < REPLICAS; i++)
		put(&ask[i][k], &h, NULL);
}

static void client_take(const struct head *h, const uint8_t *end)
{
	uint32_t k = h->from;

	(void)end;
	if (h->number != client[k].number || ++client[k].replies != FAULTS + 1)
		return;
	sample_us[samples++] = (uint32_t)(now_us() - client[k].begun_us);
	if (--client[k].left)
		begin(k);
	else
		running--;
}

static void phase(uint32_t count)
{
	samples = 0;
	running = clients;
	for (uint32_t k = 0; k < clients; k++) {
		client[k].left = count / clients + (k < count % clients);
		begin(k);
	}
	for (flush_all(); running; flush_all())
		turn(client_take);
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void measure(uint32_t count)
{
	int64_t start;
	double s;

	epfd = epoll_create1(0);
	for (uint32_t i = 0; i < REPLICAS; i++)
		for (uint32_t k = 0; k < clients; k++)
			watch(&ask[i][k]);
	phase(WARM_OPS * clients);
	start = now_us();
	phase(count);
	s = (double)(now_us() - start) / 1e6;
	qsort(sample_us, count, sizeof *sample_us, ascending);
	printf("bare %u %.0f %.3f %.3f\n", clients, count / s, sample_us[count / 2] / 1e3,
	       sample_us[count * 99 / 100] / 1e3);
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	pid_t pid[REPLICAS];

	clients = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	if (!clients || clients > CLIENTS_MAX || count < clients || count > COUNT_MAX) {
		fprintf(stderr, "usage: skeleton CLIENTS COUNT [DIR]\n");
		return 2;
	}
	join_all();
	for (uint32_t i = 0; i < REPLICAS; i++) {
		pid[i] = fork();
		must(pid[i] >= 0, "fork");
		if (!pid[i])
			serve(i, argv[3]);
	}
	measure(count);
	for (uint32_t i = 0; i < REPLICAS; i++)
		kill(pid[i], SIGTERM);
	return 0;
}

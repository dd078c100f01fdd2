/* test/sys/open_ctl.c - `open_ctl KEYFILE NODE:PORT NODEPUB DEVICEFP`: a client that obeys lines on
 * stdin and may lie, each answered by one line: the verdict, and what else was answered
 *
 *	open KIND DEST:PORT LEASE [FROM]	verdict forward port lease
 *	renew FORWARD LEASE			verdict lease
 *	close FORWARD				verdict
 *	forged KIND DEST:PORT LEASE		an OPEN of which one bit of the seal is changed
 *	again					the last request once more, byte for byte
 *	half COUNT FROM ADDRS			connections that say half an OPEN and stay
 *	many COUNT LEASE DEST:PORT FROM ADDRS	COUNT forwards by nat from FROM and the ADDRS - 1
 *						addresses after it: milliseconds, refused
 *	flood SECONDS DEST:PORT FROM ADDRS	forged OPENs from there: their number, answered
 *	latency COUNT DEST:PORT			opens and closes one after the other: the median of
 *						OPEN to its answer, and 99 of 100; microseconds;
 *						refused, why the last one was
 *	pump relay|plain DEST:PORT MB		sends MB and waits for a byte back: milliseconds */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "core/open.h"
#include "core/secret.h"

struct ctl {
	struct ident id;
	struct open_pair pair;
	struct addr node;
	struct fp device;
	uint8_t boot[BOOT_BYTES];
	uint8_t frame[OPEN_FRAME_MAX];
	size_t len;
	struct open_ask ask;
};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static size_t unhex(uint8_t *out, size_t room, const char *hex)
{
	size_t n = 0;
	unsigned v;

	for (; n < room && sscanf(hex, "%2x", &v) == 1; hex += 2)
		out[n++] = (uint8_t)v;
	return n;
}

/* Blocking, with five seconds for everything. */
static int dial(const struct ctl *c, const struct addr *from)
{
	struct timeval five = { .tv_sec = 5 };
	struct sockaddr_storage ss;
	unsigned len = addr_to_sockaddr(&c->node, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &five, sizeof five);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &five, sizeof five);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	if (from) {
		struct sockaddr_storage local;
		unsigned local_len = addr_to_sockaddr(from, &local);

		if (bind(fd, (struct sockaddr *)&local, local_len))
			perror("bind");
	}
	if (!connect(fd, (struct sockaddr *)&ss, len))
		return fd;
	close(fd);
	return -1;
}

static void make(struct ctl *c, enum open_op op, const struct open_terms *t)
{
	c->ask.op = (uint8_t)op;
	memcpy(c->ask.boot, c->boot, BOOT_BYTES);
	secret_bytes(c->ask.nonce, sizeof c->ask.nonce);
	c->len = open_make(c->frame, &c->pair, c->id.pub, &c->ask, t);
}

/* Sends the frame; false: no answer. */
static bool exchange(struct ctl *c, const struct addr *from, struct open_answer *a)
{
	uint8_t in[OPEN_ANSWER_MAX];
	size_t got = 0;
	ssize_t n = -1;
	int need = 0;
	int fd = dial(c, from);

	if (fd >= 0 && send(fd, c->frame, c->len, MSG_NOSIGNAL) == (ssize_t)c->len)
		while ((n = recv(fd, in + got, sizeof in - got, 0)) > 0) {
			got += (size_t)n;
			need = open_frame_len(in, got);
			if (need && (need < 0 || got >= (size_t)need))
				break;
		}
	if (fd >= 0)
		close(fd);
	return n > 0 && need > 0 && open_answer_parse(a, &c->pair, &c->ask, in, (size_t)need);
}

/* With a second try after a boot that was stale. */
static bool ask(struct ctl *c, enum open_op op, const struct open_terms *t, const struct addr *from,
		struct open_answer *a)
{
	bool ok;

	make(c, op, t);
	ok = exchange(c, from, a);
	if (!ok || a->verdict != OPEN_STALE_BOOT)
		return ok;
	memcpy(c->boot, a->boot, BOOT_BYTES);
	make(c, op, t);
	return exchange(c, from, a);
}

static void report(bool ok, const struct open_answer *a)
{
	if (!ok)
		printf("no answer\n");
	else if (a->verdict != OPEN_OK)
		printf("%s\n", open_verdict_str[a->verdict]);
	else
		printf("ok %llu %u %u\n", (unsigned long long)a->forward, a->port, a->lease_s);
}

static bool parse_open(struct ctl *c, const char *args, struct open_terms *t, struct addr *from)
{
	char kind[8], dest[64], source[64];
	int n = sscanf(args, "%7s %63s %u %63s", kind, dest, &t->lease_s, source);

	t->kind = !strcmp(kind, "nat") ? OPEN_NAT : !strcmp(kind, "relay") ? OPEN_RELAY : 9;
	t->device = c->device;
	return n >= 3 && addr_parse(&t->dest, dest, 0) && (n < 4 || addr_parse(from, source, 0));
}

static void do_open(struct ctl *c, const char *args, bool forged)
{
	struct open_terms t = { 0 };
	struct open_answer a = { 0 };
	struct addr from = { 0 }, none = { 0 };
	bool ok;

	if (!parse_open(c, args, &t, &from)) {
		printf("usage\n");
		return;
	}
	if (forged) {
		ask(c, OPEN_CLOSE, &t, NULL, &a); /* for the boot */
		make(c, OPEN_OPEN, &t);
		c->frame[c->len - 1] ^= 1;
		ok = exchange(c, NULL, &a);
	} else {
		ok = ask(c, OPEN_OPEN, &t, addr_same_ip(&from, &none) ? NULL : &from, &a);
	}
	report(ok, &a);
}

static void do_change(struct ctl *c, enum open_op op, const char *args)
{
	struct open_terms t = { 0 };
	struct open_answer a = { 0 };
	unsigned long long forward = 0;

	sscanf(args, "%llu %u", &forward, &t.lease_s);
	t.forward = forward;
	report(ask(c, op, &t, NULL, &a), &a);
}

static void nth(struct addr *a, unsigned n)
{
	unsigned low = (unsigned)(a->ip[14] << 8 | a->ip[15]) + n;

	a->ip[14] = (uint8_t)(low >> 8);
	a->ip[15] = (uint8_t)low;
}

static void do_half(struct ctl *c, const char *args)
{
	struct open_terms t = { .kind = OPEN_NAT };
	unsigned count, addrs, said = 0;
	struct addr from;
	char first[64];

	if (sscanf(args, "%u %63s %u", &count, first, &addrs) != 3 || !addrs)
		return;
	make(c, OPEN_OPEN, &t);
	for (unsigned i = 0; i < count; i++) {
		int fd;

		addr_parse(&from, first, 0);
		nth(&from, i % addrs);
		fd = dial(c, &from);
		said += fd >= 0 && send(fd, c->frame, c->len / 2, MSG_NOSIGNAL) > 0;
	}
	printf("%u\n", said);
}

static void do_many(struct ctl *c, const char *args)
{
	struct open_terms t = { .kind = OPEN_NAT, .device = c->device };
	char dest[64], first[64];
	unsigned count, addrs, refused = 0;
	struct open_answer a;
	struct addr from;
	int64_t begin = now_us();

	if (sscanf(args, "%u %u %63s %63s %u", &count, &t.lease_s, dest, first, &addrs) != 5 ||
	    !addr_parse(&t.dest, dest, 0) || !addrs)
		return;
	for (unsigned i = 0; i < count; i++) {
		addr_parse(&from, first, 0);
		nth(&from, i % addrs);
		refused += !ask(c, OPEN_OPEN, &t, &from, &a) || a.verdict != OPEN_OK;
	}
	printf("%lld %u\n", (long long)(now_us() - begin) / 1000, refused);
}

static void do_flood(struct ctl *c, const char *args)
{
	struct open_terms t = { .kind = OPEN_NAT, .device = c->device, .lease_s = 10 };
	char dest[64], first[64];
	unsigned seconds, addrs, n = 0, answered = 0;
	struct open_answer a;
	struct addr from;
	int64_t end;

	if (sscanf(args, "%u %63s %63s %u", &seconds, dest, first, &addrs) != 4 ||
	    !addr_parse(&t.dest, dest, 0) || !addrs)
		return;
	ask(c, OPEN_CLOSE, &t, NULL, &a); /* for the boot */
	for (end = now_us() + seconds * 1000000LL; now_us() < end; n++) {
		addr_parse(&from, first, 0);
		nth(&from, n % addrs);
		make(c, OPEN_OPEN, &t);
		c->frame[c->len - 1] ^= 1;
		answered += exchange(c, &from, &a);
	}
	printf("%u %u\n", n, answered);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void do_latency(struct ctl *c, const char *args)
{
	struct open_terms t = { .kind = OPEN_NAT, .device = c->device, .lease_s = 60 };
	static int64_t took[10000];
	const char *why = "";
	struct open_answer a;
	unsigned count, refused = 0;
	char dest[64];

	if (sscanf(args, "%u %63s", &count, dest) != 2 || count > 10000 || !count ||
	    !addr_parse(&t.dest, dest, 0))
		return;
	for (unsigned i = 0; i < count; i++) {
		int64_t begin = now_us();

		bool answered = ask(c, OPEN_OPEN, &t, NULL, &a);

		took[i] = now_us() - begin;
		if (!answered || a.verdict != OPEN_OK) {
			refused++;
			why = answered ? open_verdict_str[a.verdict] : "no answer";
		}
		t.forward = a.forward;
		ask(c, OPEN_CLOSE, &t, NULL, &a);
	}
	qsort(took, count, sizeof took[0], by_value);
	printf("%lld %lld %u %s\n", (long long)took[count / 2],
	       (long long)took[(count * 99ull) / 100], refused, why);
}

/* Connected to DEST, by way of a relay or straight; -1: not. */
static int dial_through(struct ctl *c, bool relay, const struct addr *dest)
{
	struct open_terms t = { .kind = OPEN_RELAY, .device = c->device, .dest = *dest };
	const uint8_t *answer = c->frame;
	struct open_answer a;
	struct ctl straight = { .node = *dest };
	int fd, need = 0;
	size_t got = 0;

	if (!relay)
		return dial(&straight, NULL);
	ask(c, OPEN_CLOSE, &t, NULL, &a); /* for the boot */
	t.lease_s = 60;
	make(c, OPEN_OPEN, &t);
	fd = dial(c, NULL);
	if (fd < 0 || send(fd, c->frame, c->len, 0) != (ssize_t)c->len)
		return -1;
	while (!need && recv(fd, c->frame + got++, 1, 0) == 1) /* not one byte more */
		need = open_frame_len(answer, got);
	while (need > 0 && got < (size_t)need && recv(fd, c->frame + got, 1, 0) == 1)
		got++;
	return need > 0 && open_answer_parse(&a, &c->pair, &c->ask, answer, got) ? fd : -1;
}

static void do_pump(struct ctl *c, const char *args)
{
	static char zeros[256 * 1024];
	char how[8], dest[64], word;
	struct addr to;
	uint64_t left;
	int64_t begin;
	unsigned mb;
	int fd;

	if (sscanf(args, "%7s %63s %u", how, dest, &mb) != 3 || !addr_parse(&to, dest, 0))
		return;
	begin = now_us();
	fd = dial_through(c, *how == 'r', &to);
	for (left = mb * 1000000ull; fd >= 0 && left;) {
		ssize_t n = send(fd, zeros, left < sizeof zeros ? left : sizeof zeros, 0);

		if (n <= 0)
			break;
		left -= (uint64_t)n;
	}
	if (fd >= 0 && !left && !shutdown(fd, SHUT_WR) && recv(fd, &word, 1, 0) == 1)
		printf("%lld\n", (long long)(now_us() - begin) / 1000);
	else
		printf("failed\n");
	close(fd);
}

static void obey(struct ctl *c, const char *verb, const char *args)
{
	struct open_answer a = { 0 };

	if (!strcmp(verb, "open") || !strcmp(verb, "forged"))
		do_open(c, args, *verb == 'f');
	else if (!strcmp(verb, "renew"))
		do_change(c, OPEN_RENEW, args);
	else if (!strcmp(verb, "close"))
		do_change(c, OPEN_CLOSE, args);
	else if (!strcmp(verb, "again"))
		report(exchange(c, NULL, &a), &a);
	else if (!strcmp(verb, "half"))
		do_half(c, args);
	else if (!strcmp(verb, "many"))
		do_many(c, args);
	else if (!strcmp(verb, "flood"))
		do_flood(c, args);
	else if (!strcmp(verb, "pump"))
		do_pump(c, args);
	else if (!strcmp(verb, "latency"))
		do_latency(c, args);
	else
		printf("usage\n");
}

static bool set_up(struct ctl *c, char **argv)
{
	uint8_t pub[PUB_BYTES];
	char text[KEY_TEXT_MAX];
	struct fp node;
	FILE *f = fopen(argv[1], "r");
	size_t n = f ? fread(text, 1, sizeof text, f) : 0;

	if (f)
		fclose(f);
	if (!n || !ident_parse(&c->id, text, n) || !addr_parse(&c->node, argv[2], 0) ||
	    unhex(pub, sizeof pub, argv[3]) != PUB_BYTES ||
	    unhex(c->device.b, FP_BYTES, argv[4]) != FP_BYTES)
		return false;
	ident_sha256(pub, PUB_BYTES, node.b);
	return open_pair_init(&c->pair, OPEN_CLIENT, &c->id, pub, &node);
}

int main(int argc, char **argv)
{
	char line[256], verb[16];
	static struct ctl c;
	int used;

	if (argc != 5 || !set_up(&c, argv))
		return 2;
	while (fgets(line, sizeof line, stdin))
		if (sscanf(line, "%15s%n", verb, &used) == 1) {
			obey(&c, verb, line + used);
			fflush(stdout);
		}
	return 0;
}

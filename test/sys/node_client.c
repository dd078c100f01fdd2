/* test/sys/node_client.c - a client that asks a node by hand, honestly or not
 *
 *	node_client KEY NODE_FP NODE_PUB BOOT NODE DEVICE_FP DEST VERB [N]
 *
 * KEY is a key file, NODE and DEST are ADDR:PORT, the rest is hexadecimal. The verbs are in the
 * table below; each prints the verdicts that it was answered, one a line. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "core/open.h"
#include "core/secret.h"
#include "net/sock.h"

enum { WAIT_MS = 15000, MANY_MAX = 2000, REPLY_MAX = 4096 };

struct client {
	struct ident id;
	struct fp node_fp, device_fp;
	uint8_t node_pub[PUB_BYTES], boot[BOOT_BYTES];
	struct addr node, dest;
	struct open_pair pair;
	struct open_ask ask;
	uint8_t frame[OPEN_FRAME_MAX];
	size_t len;
	uint64_t forward; /* of the last OPEN_OK */
	unsigned n;
};

static void unhex(const char *s, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned v = 0;

		MUST(sscanf(s + 2 * i, "%2x", &v) == 1);
		out[i] = (uint8_t)v;
	}
}

static void wait_for(int fd, short what)
{
	struct pollfd p = { .fd = fd, .events = what };

	MUST(poll(&p, 1, WAIT_MS) == 1);
}

static int dial(const struct client *c)
{
	int fd = sock_connect(&c->node, NULL);

	MUST(fd >= 0);
	wait_for(fd, POLLOUT);
	return fd;
}

static void make(struct client *c, enum open_op op)
{
	struct open_terms t = { .kind = OPEN_RELAY,
				.device = c->device_fp,
				.dest = c->dest,
				.forward = c->forward,
				.lease_s = 120 };

	c->ask.op = (uint8_t)op;
	memcpy(c->ask.boot, c->boot, sizeof c->boot);
	secret_bytes(c->ask.nonce, sizeof c->ask.nonce);
	c->len = open_make(c->frame, &c->pair, c->id.pub, &c->ask, &t);
}

/* Prints what the node answers; true when that is OPEN_OK. */
static bool hear(struct client *c, int fd)
{
	uint8_t in[OPEN_FRAME_MAX];
	size_t have = 0;
	struct open_answer a;
	int need;

	while ((need = open_frame_len(in, have)) >= 0 && (!need || (size_t)need > have)) {
		ssize_t n;

		wait_for(fd, POLLIN);
		n = sock_read(fd, in + have, need ? (size_t)need - have : OPEN_HEAD_BYTES - have);
		if (n <= 0) {
			puts("closed");
			return false;
		}
		have += (size_t)n;
	}
	if (need < 0 || !open_answer_parse(&a, &c->pair, &c->ask, in, have)) {
		puts("nonsense");
		return false;
	}
	puts(open_verdict_str[a.verdict]);
	c->forward = a.forward;
	return a.verdict == OPEN_OK;
}

static void say(const struct client *c, int fd)
{
	MUST(sock_write(fd, c->frame, c->len) == (ssize_t)c->len);
}

static void verb_open(struct client *c)
{
	int fd = dial(c);

	make(c, OPEN_OPEN);
	say(c, fd);
	hear(c, fd);
}

static void verb_replay(struct client *c)
{
	make(c, OPEN_OPEN);
	for (int i = 0; i < 2; i++) {
		int fd = dial(c);

		say(c, fd);
		hear(c, fd);
	}
}

static void verb_stale(struct client *c)
{
	secret_bytes(c->boot, sizeof c->boot);
	verb_open(c);
}

/* Byte n of the frame is another one. */
static void verb_spoil(struct client *c)
{
	int fd = dial(c);

	make(c, OPEN_OPEN);
	c->frame[c->n] ^= 1;
	say(c, fd);
	hear(c, fd);
}

static void verb_long(struct client *c)
{
	int fd = dial(c);

	make(c, OPEN_OPEN);
	c->frame[3] = 0xff;
	say(c, fd);
	hear(c, fd);
}

/* The first n bytes of an OPEN, and then nothing until the node hangs up. */
static void verb_silent(struct client *c)
{
	int fd = dial(c);

	make(c, OPEN_OPEN);
	c->len = c->n;
	say(c, fd);
	hear(c, fd);
}

/* A forward that is not used. */
static void verb_mute(struct client *c)
{
	int fd = dial(c);

	make(c, OPEN_OPEN);
	say(c, fd);
	hear(c, fd);
	hear(c, fd);
}

/* n bytes for the device, our end of them, and all that comes back until the device's end. */
static void verb_talk(struct client *c)
{
	int fd = dial(c);
	uint8_t x[REPLY_MAX];
	ssize_t r;

	make(c, OPEN_OPEN);
	say(c, fd);
	if (!hear(c, fd))
		return;
	memset(x, 'x', sizeof x);
	for (unsigned left = c->n; left; left -= (unsigned)r) {
		wait_for(fd, POLLOUT);
		r = sock_write(fd, x, left < sizeof x ? left : sizeof x);
		r = r < 0 ? 0 : r;
	}
	shutdown(fd, SHUT_WR);
	for (;;) {
		wait_for(fd, POLLIN);
		r = sock_read(fd, x, sizeof x);
		if (r <= 0)
			break;
		fwrite(x, 1, (size_t)r, stdout);
	}
	puts(r ? " broken" : " end");
}

/* A forward, and its CLOSE by another connection; the first one ends. */
static void verb_close(struct client *c)
{
	int fd = dial(c), other = dial(c);

	make(c, OPEN_OPEN);
	say(c, fd);
	hear(c, fd);
	make(c, OPEN_CLOSE);
	say(c, other);
	hear(c, other);
	hear(c, fd);
}

static void verb_close_unknown(struct client *c)
{
	int fd = dial(c);

	c->forward = 1ull << 60;
	make(c, OPEN_CLOSE);
	say(c, fd);
	hear(c, fd);
}

/* n forwards at once, held until stdin ends; each has carried a byte. */
static void verb_many(struct client *c)
{
	struct rlimit rl = { MANY_MAX + 100, MANY_MAX + 100 };

	MUST(c->n <= MANY_MAX);
	setrlimit(RLIMIT_NOFILE, &rl);
	for (unsigned i = 0; i < c->n; i++) {
		int fd = dial(c);

		make(c, OPEN_OPEN);
		say(c, fd);
		if (hear(c, fd))
			MUST(sock_write(fd, "x", 1) == 1);
	}
	puts("held");
	fflush(stdout);
	while (getchar() != EOF)
		;
}

static const struct {
	const char *name;
	void (*run)(struct client *c);
} verbs[] = {
	{ "open", verb_open },
	{ "replay", verb_replay },
	{ "stale", verb_stale },
	{ "spoil", verb_spoil },
	{ "long", verb_long },
	{ "silent", verb_silent },
	{ "mute", verb_mute },
	{ "talk", verb_talk },
	{ "close", verb_close },
	{ "close-unknown", verb_close_unknown },
	{ "many", verb_many },
};

static void load_key(struct client *c, const char *path)
{
	char text[KEY_TEXT_MAX] = "";
	FILE *f = fopen(path, "re");
	size_t n;

	MUST(f);
	n = fread(text, 1, sizeof text, f);
	fclose(f);
	MUST(ident_parse(&c->id, text, n));
}

int main(int argc, char **argv)
{
	static struct client c;

	MUST(argc >= 9);
	load_key(&c, argv[1]);
	unhex(argv[2], c.node_fp.b, FP_BYTES);
	unhex(argv[3], c.node_pub, PUB_BYTES);
	unhex(argv[4], c.boot, BOOT_BYTES);
	unhex(argv[6], c.device_fp.b, FP_BYTES);
	MUST(addr_parse(&c.node, argv[5], 0) && addr_parse(&c.dest, argv[7], 0));
	MUST(open_pair_init(&c.pair, OPEN_CLIENT, &c.id, c.node_pub, &c.node_fp));
	c.n = argc > 9 ? (unsigned)strtoul(argv[9], NULL, 10) : 0;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!strcmp(argv[8], verbs[i].name)) {
			verbs[i].run(&c);
			return 0;
		}
	return 2;
}

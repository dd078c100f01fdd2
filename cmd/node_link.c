/* cmd/node_link.c - a client's connection at a node: OPEN, judgement, connection to the device,
 * relay */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/node.h"
#include "core/check.h"
#include "core/log.h"
#include "net/sock.h"

static void link_free(struct link *k)
{
	struct node *n = k->node;

	loop_del(&n->st.loop, &k->near);
	loop_del(&n->st.loop, &k->far);
	if (k->near.fd >= 0)
		close(k->near.fd);
	if (k->far.fd >= 0)
		close(k->far.fd);
	k->near.fd = k->far.fd = -1;
	loop_disarm(&n->st.loop, &k->deadline);
	n->relayed_bytes += k->splice.way[0].bytes + k->splice.way[1].bytes;
	splice_close(&k->splice);
	memset(&k->splice.way, 0, sizeof k->splice.way);
	if (k->state >= LINK_CONNECTING)
		gate_forward_end(n->gate, k->row, OPEN_RELAY);
	k->state = LINK_FREE;
	n->links--;
}

/* The answer is the first thing that the client reads, so its socket has room for it. */
static void answer(struct link *k, enum open_verdict v)
{
	struct open_answer a = {
		.verdict = v, .forward = k->id, .port = k->port, .lease_s = k->lease_s
	};
	uint8_t out[OPEN_ANSWER_MAX];
	size_t len = gate_answer(k->node->gate, k->row, &k->ask, &a, out);

	if (sock_write(k->near.fd, out, len) != (ssize_t)len)
		log_info("the answer to a client was lost");
}

static void drain(struct watch *w, uint32_t got)
{
	uint8_t waste[4096];
	ssize_t n;

	(void)got;
	do
		n = sock_read(w->fd, waste, sizeof waste);
	while (n > 0);
	if (n != -EAGAIN)
		link_free(container_of(w, struct link, near));
}

/* The client's first words for the device are on their way: to close on them would be a reset,
 * which takes the answer from it before it is read. */
static void leave(struct link *k)
{
	struct node *n = k->node;

	shutdown(k->near.fd, SHUT_WR);
	loop_del(&n->st.loop, &k->far);
	if (k->far.fd >= 0)
		close(k->far.fd);
	k->far.fd = -1;
	if (k->state >= LINK_CONNECTING)
		gate_forward_end(n->gate, k->row, OPEN_RELAY);
	k->state = LINK_LEAVING;
	k->near.ready = drain;
	k->near.want = EPOLLIN;
	loop_arm(&n->st.loop, &k->deadline, mono_add_ms(loop_now(&n->st.loop), LEAVING_MS));
	if (!k->near.added && loop_add(&n->st.loop, &k->near))
		link_free(k);
}

static void refuse(struct link *k, enum open_verdict v, const char *detail)
{
	char from[ADDR_STR_MAX];

	log_warn("OPEN of %s refused: %s%s%s", addr_format(&k->peer, from), open_verdict_str[v],
		 detail ? ": " : "", detail ? detail : "");
	answer(k, v);
	leave(k);
}

static void relay_over(struct splice *s, int err)
{
	struct link *k = container_of(s, struct link, splice);

	if (err)
		log_line(LOG_INFO, err, "forward %llu ended", (unsigned long long)k->id);
	link_free(k);
}

static void device_answers(struct watch *w, uint32_t got)
{
	struct link *k = container_of(w, struct link, far);
	int near = k->near.fd, far = k->far.fd;
	int r = sock_error(far);

	(void)got;
	if (r) {
		gate_count(k->node->gate, OPEN_UNREACHABLE);
		refuse(k, OPEN_UNREACHABLE, strerror(-r));
		return;
	}
	gate_count(k->node->gate, OPEN_OK);
	answer(k, OPEN_OK);
	loop_del(&k->node->st.loop, &k->near);
	loop_del(&k->node->st.loop, &k->far);
	loop_disarm(&k->node->st.loop, &k->deadline);
	k->near.fd = k->far.fd = -1;
	r = splice_begin(&k->splice, &k->node->st.loop, near, far, relay_over);
	if (r) {
		log_line(LOG_WARN, r, "forward %llu cannot begin", (unsigned long long)k->id);
		link_free(k);
		return;
	}
	k->state = LINK_RELAYING;
	k->since = k->active_at = loop_now(&k->node->st.loop);
	k->active_bytes = 0;
}

static uint32_t granted_lease(const struct link *k)
{
	uint32_t max = k->node->lease_s_max;

	return k->terms.lease_s < max ? k->terms.lease_s : max;
}

static void connect_device(struct link *k)
{
	struct node *n = k->node;
	int fd = sock_connect(&k->terms.dest, NULL);

	if (fd < 0) {
		gate_count(n->gate, OPEN_UNREACHABLE);
		refuse(k, OPEN_UNREACHABLE, strerror(-fd));
		return;
	}
	gate_forward_begin(n->gate, k->row, OPEN_RELAY);
	k->state = LINK_CONNECTING;
	k->id = ++n->last_id | RELAY_ID;
	k->lease_s = granted_lease(k);
	loop_del(&n->st.loop, &k->near); /* what the client says next is for the device */
	k->far = (struct watch){ .fd = fd, .want = EPOLLOUT, .ready = device_answers };
	loop_arm(&n->st.loop, &k->deadline, mono_add_ms(loop_now(&n->st.loop), CONNECT_MS));
	if (loop_add(&n->st.loop, &k->far))
		link_free(k);
}

enum dest_verdict node_judge(const struct node *n, const struct fp *device, const struct addr *to)
{
	const struct device_entry *dev = directory_device_fp(n->st.d, device);
	struct dest_listed listed;

	if (!dev)
		return DEST_NOT_LISTED;
	listed = (struct dest_listed){ dev->addr, dev->addrs, dev->port, dev->ports };
	return dest_judge(to, &listed, n->loopback);
}

/* The device and address that the client names, against the directory. */
static enum open_verdict judge_terms(const struct link *k, const char **detail)
{
	enum dest_verdict v = node_judge(k->node, &k->terms.device, &k->terms.dest);

	switch (v) {
	case DEST_OK:
		return OPEN_OK;
	case DEST_NO_PORT:
		return OPEN_NO_PORT;
	case DEST_NOT_LISTED:
		return OPEN_NO_DEVICE;
	default:
		*detail = dest_verdict_str[v];
		return OPEN_BAD_DEST;
	}
}

static struct link *find_forward(struct node *n, uint64_t id, uint32_t row)
{
	for (uint32_t i = 0; i < LINKS_MAX; i++) {
		struct link *k = &n->link[i];

		if (k->state == LINK_RELAYING && k->id == id && k->row == row)
			return k;
	}
	return NULL;
}

static bool change_relay(struct link *k)
{
	struct node *n = k->node;
	struct link *f = find_forward(n, k->terms.forward, k->row);

	if (!f)
		return false;
	k->id = f->id;
	if (k->ask.op == OPEN_RENEW) {
		f->lease_s = granted_lease(k);
		f->active_at = loop_now(&n->st.loop);
		k->lease_s = f->lease_s;
	} else {
		link_free(f);
	}
	return true;
}

/* RENEW and CLOSE of a forward, on a connection of their own. */
static void change_forward(struct link *k)
{
	struct node *n = k->node;

	if (!nat_change(k) && !change_relay(k)) {
		gate_count(n->gate, OPEN_NO_FORWARD);
		refuse(k, OPEN_NO_FORWARD, NULL);
		return;
	}
	gate_count(n->gate, OPEN_OK);
	answer(k, OPEN_OK);
	link_free(k);
}

static void whole_frame(struct link *k)
{
	struct node *n = k->node;
	enum open_verdict v =
	    gate_judge(n->gate, k->frame, k->frame_len, &k->ask, &k->terms, &k->row);
	const char *detail = NULL;

	if (v != OPEN_OK) {
		refuse(k, v, NULL);
		return;
	}
	knock_give_back(&n->st.knock, &k->peer);
	if (k->ask.op != OPEN_OPEN) {
		change_forward(k);
		return;
	}
	v = judge_terms(k, &detail);
	if (v == OPEN_OK && k->terms.kind == OPEN_RELAY) {
		connect_device(k);
		return;
	}
	if (v == OPEN_OK)
		v = nat_open(k, &detail);
	gate_count(n->gate, v);
	if (v != OPEN_OK) {
		refuse(k, v, detail);
		return;
	}
	answer(k, OPEN_OK);
	link_free(k);
}

/* Reads the frame and not one byte more: what follows is for the device. */
static void client_speaks(struct watch *w, uint32_t got)
{
	struct link *k = container_of(w, struct link, near);
	int need = open_frame_len(k->frame, k->frame_len);
	size_t want = need > 0 ? (size_t)need : OPEN_HEAD_BYTES;
	ssize_t r;

	(void)got;
	r = sock_read(w->fd, k->frame + k->frame_len, want - k->frame_len);
	if (r == -EAGAIN)
		return;
	if (r <= 0) { /* a bare connection is a probe, half a frame is nothing to answer */
		k->node->probes += k->frame_len == 0;
		link_free(k);
		return;
	}
	k->frame_len += (size_t)r;
	need = open_frame_len(k->frame, k->frame_len);
	if (need < 0 || need > (int)sizeof k->frame) {
		gate_count(k->node->gate, OPEN_BAD_FORM);
		refuse(k, OPEN_BAD_FORM, NULL);
	} else if (need > 0 && (size_t)need == k->frame_len) {
		whole_frame(k);
	}
}

/* The first byte tells a TLS control channel from an OPEN; it is only looked at. */
static void first_byte(struct watch *w, uint32_t got)
{
	struct link *k = container_of(w, struct link, near);
	struct node *n = k->node;
	struct addr peer = k->peer;
	uint8_t byte;
	ssize_t r = recv(w->fd, &byte, 1, MSG_PEEK);
	int fd = w->fd;

	if (r < 0 && errno == EAGAIN)
		return;
	if (r == 1 && byte == 0x16) {
		loop_del(&n->st.loop, w);
		w->fd = -1;
		link_free(k);
		control_begin(n, fd, &peer);
		return;
	}
	w->ready = client_speaks;
	client_speaks(w, got);
}

static void too_late(struct timer *t, mono_t now)
{
	struct link *k = container_of(t, struct link, deadline);
	char from[ADDR_STR_MAX];

	(void)now;
	if (k->state == LINK_CONNECTING) {
		gate_count(k->node->gate, OPEN_UNREACHABLE);
		refuse(k, OPEN_UNREACHABLE, "no answer in time");
		return;
	}
	if (k->state == LINK_READING) {
		log_info("a connection of %s said no OPEN in time",
			 addr_format(&k->peer, from));
		k->node->silent++;
	}
	link_free(k);
}

/* Who has had the longest time to say an OPEN. */
static struct link *slowest_stranger(struct node *n)
{
	struct link *slowest = NULL;

	for (uint32_t i = 0; i < LINKS_MAX; i++) {
		struct link *k = &n->link[i];

		if ((k->state == LINK_READING || k->state == LINK_LEAVING) &&
		    (!slowest || mono_before(k->deadline.at, slowest->deadline.at)))
			slowest = k;
	}
	return slowest;
}

/* When all places for strangers are taken, the slowest makes room: an honest OPEN comes with the
 * first packets of its connection, so that those who say nothing keep nobody out. */
static struct link *take_link(struct node *n)
{
	struct link *slowest;

	if (n->links - n->gate->forwards[OPEN_RELAY] >= STRANGERS_MAX) {
		slowest = slowest_stranger(n);
		if (slowest)
			link_free(slowest);
		return slowest;
	}
	for (uint32_t i = 0; i < LINKS_MAX; i++)
		if (n->link[i].state == LINK_FREE)
			return &n->link[i];
	return NULL;
}

void link_begin(struct node *n, int fd, const struct addr *peer)
{
	struct link *k = take_link(n);

	if (!k) {
		close(fd);
		return;
	}
	n->links++;
	k->node = n;
	k->state = LINK_READING;
	k->peer = *peer;
	k->frame_len = 0;
	k->row = 0;
	k->id = 0;
	k->port = 0;
	k->lease_s = 0;
	memset(&k->ask, 0, sizeof k->ask);
	k->near = (struct watch){ .fd = fd, .want = EPOLLIN, .ready = first_byte };
	k->far = (struct watch){ .fd = -1 };
	k->deadline = (struct timer){ .fire = too_late };
	loop_arm(&n->st.loop, &k->deadline, mono_add_ms(loop_now(&n->st.loop), STRANGER_MS));
	first_byte(&k->near, EPOLLIN); /* mostly the whole OPEN is there: a turn less for each */
	if (k->state == LINK_READING && !k->near.added && loop_add(&n->st.loop, &k->near))
		link_free(k);
}

void links_check(struct node *n)
{
	for (uint32_t i = 0; i < LINKS_MAX; i++) {
		struct link *k = &n->link[i];

		if (k->state < LINK_CONNECTING)
			continue;
		if (gate_admitted(n->gate, k->row) &&
		    directory_device_fp(n->st.d, &k->terms.device))
			continue;
		log_warn("forward %llu ends: client evicted or device gone",
			 (unsigned long long)k->id);
		link_free(k);
	}
	nat_check(n);
}

/* An honest client's first words for the device come with its OPEN. */
static bool outlived(const struct link *k, mono_t now)
{
	if (!k->splice.way[0].bytes)
		return mono_diff_us(now, k->since) > STRANGER_MS * 1000LL;
	return mono_diff_us(now, k->active_at) > k->lease_s * 1000000LL;
}

void links_expire(struct node *n, mono_t now)
{
	for (uint32_t i = 0; i < LINKS_MAX; i++) {
		struct link *k = &n->link[i];
		uint64_t bytes = k->splice.way[0].bytes + k->splice.way[1].bytes;

		if (k->state != LINK_RELAYING)
			continue;
		if (bytes != k->active_bytes) {
			k->active_bytes = bytes;
			k->active_at = now;
		}
		if (outlived(k, now)) {
			log_info("forward %llu was idle too long", (unsigned long long)k->id);
			link_free(k);
		}
	}
}

/* test/lab/emu.h - an emulated Internet in one process: packets, the wheel they wait in, taps */
#ifndef LAB_EMU_H
#define LAB_EMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "test/lab/emu_topo.h"

enum {
	PACKET_BYTES = 1500,	/* the MTU of every TUN device */
	POOL_PACKETS = 65536,	/* 100,000 packets a second for 0.6 s; touched only when used */
	BURST_PACKETS = 64,	/* reads from one device before the wheel is looked at again */
	SLOT_SHIFT = 16,	/* a slot of the wheel is 65.5 us */
	SLOTS = 65536,		/* 4.3 s ahead */
};

/* What becomes of a packet when its time has come. */
enum packet_kind { PACKET_ARRIVE, PACKET_DELIVER, PACKET_TAP };

struct packet {
	struct packet *next;
	struct path *path;	/* the path it is on; NULL for an answer of a router */
	uint16_t len;
	uint8_t kind, port, tap;
	uint8_t data[PACKET_BYTES];
};

struct wheel {
	struct packet *head[SLOTS], *tail[SLOTS];
	uint64_t used[SLOTS / 64], summary[SLOTS / 64 / 64];
	int64_t tick;		/* no packet waits in an earlier slot */
};

struct tap {
	FILE *file;		/* NULL: not in use */
	char what[PATH_BYTES];
	uint64_t packets;
};

struct emu {
	struct topo topo;
	struct wheel wheel;
	struct tap tap[TAPS_MAX];
	struct packet *pool, *free;
	int64_t realtime_offset;	/* CLOCK_REALTIME - CLOCK_MONOTONIC at start */
	uint64_t random, expired, unrouted, pool_empty, too_late, write_failed;
	int epoll, control;
	bool stop;
};

/* emu_wheel.c: packets wait here. wheel_add returns false beyond the horizon. wheel_take returns
 * the next packet due at `now`, or NULL; wheel_next the time at which to look again, or
 * INT64_MAX. */
bool wheel_add(struct wheel *w, struct packet *p, int64_t due);
struct packet *wheel_take(struct wheel *w, int64_t now);
int64_t wheel_next(const struct wheel *w);
void pool_init(struct emu *e);
struct packet *pool_get(struct emu *e);		/* NULL when empty, counted */
void pool_put(struct emu *e, struct packet *p);

/* emu_path.c: a packet has been read from port `from`; a packet's time in the wheel has come.
 * Both take the packet. */
void path_enter(struct emu *e, struct packet *p, unsigned from, int64_t now);
void path_due(struct emu *e, struct packet *p, int64_t now);

/* emu_ip.c: IPv4 and IPv6 headers. */
bool ip_valid(const struct packet *p);
unsigned ip_ttl(const struct packet *p);
void ip_ttl_lower(struct packet *p, unsigned by);
/* Make in `out` what the router `hop`, `hops_back` hops away, says when `p` expires there; false
 * when nothing may be said (an error about an error, a later fragment). */
bool ip_time_exceeded(struct packet *out, const struct packet *p, const struct hop *hop,
		      unsigned hops_back);

/* emu_tap.c: pcap files of what crosses an AS or a path. tap_start and tap_stop return NULL or
 * what is wrong. `what` is words that name paths, joined by commas. */
const char *tap_start(struct emu *e, const char *what, const char *file);
const char *tap_stop(struct emu *e, const char *what);
void tap_write(struct emu *e, const struct packet *p, int64_t now);
void tap_stop_all(struct emu *e);

/* emu_ctl.c: the control socket, and the caller's side of it. */
int ctl_listen(const char *name);
void ctl_serve(struct emu *e);
int ctl_ask(const char *name, int argc, char **argv);

int64_t mono_ns(void);

#endif

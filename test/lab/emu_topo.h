/* test/lab/emu_topo.h - what an emulated Internet is made of: ports, pipes, paths, hops
 *
 * A *port* is a TUN device in a site's namespace. A *pipe* is one direction of something with a
 * rate, a queue and a loss. A packet passes its port's up pipe, the pipe of its path (from port,
 * to port), the path's delay, and the down pipe of the other port. Times are CLOCK_MONOTONIC
 * nanoseconds. */
#ifndef LAB_EMU_TOPO_H
#define LAB_EMU_TOPO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	PORTS_MAX = 32,		/* paper-dual has 10 */
	HOPS_MAX = 16,		/* the longest path in data/ has 12 */
	PREFIXES_MAX = 64,	/* data/ has 14 */
	TAPS_MAX = 16,		/* one bit each in a path's mask */
	NAME_BYTES = 32,
	PATH_BYTES = 256,	/* a file name, a socket name */
};

struct pipe {
	uint64_t rate_bps;	/* 0: no limit */
	uint32_t queue_bytes;	/* 0: 100 ms of the rate, at least 64 KiB */
	uint32_t loss, reorder;	/* probability, of 2^32 */
	int64_t delay_ns;
	int64_t busy_until;
	bool cut;
	uint64_t packets, bytes, lost_queue, lost_random, lost_cut;
};

struct hop {
	struct in_addr a4;
	struct in6_addr a6;
	uint32_t asn;
	int64_t oneway_ns;	/* as configured */
	double at;		/* the same, as a share of the path's delay */
	bool silent;
};

struct port {
	char name[NAME_BYTES], site[NAME_BYTES], device[NAME_BYTES];
	struct in_addr a4;
	struct in6_addr a6;
	uint32_t asn;
	struct pipe up, down;
	int fd;
};

struct path {
	bool exists;
	uint8_t from, to, hop_count;
	struct hop hop[HOPS_MAX];
	struct pipe pipe;
	uint32_t taps;			/* bit i: tap i sees this path, ... */
	uint8_t tap_at[TAPS_MAX];	/* ... at 0 the start, 1.. a hop, hop_count + 1 the end */
};

struct prefix {
	uint32_t net, mask, asn;	/* host byte order */
	uint8_t bits;
};

struct topo {
	struct port port[PORTS_MAX];
	struct path path[PORTS_MAX][PORTS_MAX];
	struct prefix prefix[PREFIXES_MAX];
	unsigned port_count, prefix_count;
	uint64_t seed;
};

/* emu_topo.c: read a topology file; tables it names are looked for in DIR/../data. Prints the
 * line that is wrong and returns false. */
bool topo_read(struct topo *t, const char *file);
/* The port of that name, or NULL. */
struct port *topo_port(struct topo *t, const char *name);
/* The lab's IPv6 twin of 10.A.B.C: 2001:db8:A:B::C, digits as they are. */
struct in6_addr addr6_twin(struct in_addr a4);

/* emu_pipe.c: numbers with units ("70mbit", "48ms" or "48"), the options of a pipe (rate, queue,
 * loss, reorder, delay, cut, heal), and names. A *word* names pipes: a port (both directions),
 * PORT.up, PORT.down, A/B (a path, both directions), A>B, asN (every path that crosses AS N).
 * pipes_set returns how many pipes the word names, -1 for a bad key or value. word_path: whether
 * the word names this path, and from which place on (see tap_at). */
bool unit_rate(const char *s, uint64_t *bps);
bool unit_ms(const char *s, int64_t *ns);
bool pipe_option(struct pipe *q, const char *key, const char *value);
int pipes_set(struct topo *t, const char *word, const char *key, const char *value);
bool word_path(struct topo *t, const char *word, const struct path *path, uint8_t *at);

#endif

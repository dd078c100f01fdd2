/* probe/run.h - runs trace and ping over real sockets on a loop: the one driver of probe/
 *
 * Ways (PATHS.md C.0): with CAP_NET_RAW one 5-tuple for everything; without it connect(2) and the
 * error queue, from neighbouring ports at the same time or, `exact`, from one port one after the
 * other. A run is embedded in its owner, who calls its _stop before it goes; nothing is
 * allocated. */
#ifndef PROBE_RUN_H
#define PROBE_RUN_H

#include "core/loop.h"
#include "net/icmp.h"
#include "probe/ping.h"
#include "probe/wire.h"

enum probe_way {
	PROBE_AUTO = 0, /* PROBE_RAW where allowed, else PROBE_PORTS */
	PROBE_RAW,
	PROBE_PORTS,
	PROBE_EXACT,
	PROBE_WAYS,
};
extern const char *const probe_way_str[PROBE_WAYS];

/* From where to where. */
struct probe_ends {
	struct addr from; /* all zero: the kernel's choice; port 0: any */
	struct addr to;
	char device[ICMP_DEVICE_MAX]; /* "": any */
	enum probe_way way;
};

struct probe_io;

/* One connection attempt of the unprivileged ways. */
struct probe_slot {
	struct watch watch;
	struct probe_io *io;
	uint16_t id;
	bool open;
};

/* The sockets of one run. */
struct probe_io {
	struct loop *loop;
	struct wire_flow flow;
	enum probe_way way; /* never PROBE_AUTO once begun */
	char device[ICMP_DEVICE_MAX];
	struct icmp_raw raw;
	struct watch tcp, icmp;
	struct probe_slot slot[TRACE_TTL_MAX];
	uint32_t ignored; /* packets that answered no probe of ours: other traffic, or forged */
	int error;	  /* the last send that failed, -errno */
	void (*answer)(struct probe_io *io, const struct trace_answer *a, mono_t now);
};

struct trace_run {
	struct probe_io io;
	struct trace trace;
	struct timer timer;
	void (*done)(struct trace_run *r); /* once, from the loop; the run is stopped by then */
};

/* Begins; conf NULL: as fits the way. 0, or -errno: no such local address, no route, -EPERM for
 * PROBE_RAW without CAP_NET_RAW. */
int trace_run_start(struct trace_run *r, struct loop *l, const struct probe_ends *e,
		    const struct trace_conf *conf, void (*done)(struct trace_run *r));
/* Closes what is open; harmless on a run that is over, or was zeroed and never begun. */
void trace_run_stop(struct trace_run *r);

struct ping_run {
	struct probe_io io;
	struct ping ping;
	struct timer timer;
	bool closed; /* some answer was a reset */
	void (*done)(struct ping_run *r);
};

int ping_run_start(struct ping_run *r, struct loop *l, const struct probe_ends *e,
		   const struct ping_conf *conf, void (*done)(struct ping_run *r));
void ping_run_stop(struct ping_run *r);

#endif

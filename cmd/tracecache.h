/* cmd/tracecache.h - traces of the last day, in HOME/cache/traces
 *
 * A line each (probe/record.h). A lost or damaged file costs new traces, nothing else: lines that
 * are none are left out. */
#ifndef CMD_TRACECACHE_H
#define CMD_TRACECACHE_H

#include "cmd/cmd.h"
#include "probe/record.h"

enum {
	TRACECACHE_MAX = 8192,		 /* as many as there may be candidates */
	TRACECACHE_AGE_S = 24 * 3600,	 /* C.6 */
	TRACECACHE_BLANK_S = 60, /* for so long a trace that could not be had is not missed */
	TRACECACHE_BYTES_MAX = 16 << 20, /* of the file */
};

struct tracecache {
	struct record *v; /* allocated as needed, before the loop that moves data */
	uint32_t n, room;
	uint32_t *slot; /* hash: index + 1 */
	bool changed;
};

/* Reads the file. False: no memory. */
bool tracecache_load(struct tracecache *t, const struct common *c);
/* Writes those that are not too old, where something was put; a failure is a log line. */
void tracecache_save(struct tracecache *t, const struct common *c, int64_t now_s);
void tracecache_fini(struct tracecache *t);

/* The trace between these ends that is no older than TRACECACHE_AGE_S, or TRACECACHE_BLANK_S if it
 * is blank; NULL: there is none. */
const struct record *tracecache_find(const struct tracecache *t, const struct addr *from,
				     const char *device, const struct addr *to, int64_t now_s);
/* Adds or replaces; false: no memory, or full. */
bool tracecache_put(struct tracecache *t, const struct record *r);

#endif

/* probe/record.h - a finished trace as one line of text, and as the ASes that it shows
 *
 *	1 SECONDS FROM DEVICE TO REACHED RTT_US HOP...
 *
 * SECONDS since 1970; FROM without and TO with port; DEVICE, or - for any; REACHED 0 or 1; each HOP
 * an address, or - where a router was silent. Fields are separated by one blank. Kept in
 * HOME/cache/traces. */
#ifndef PROBE_RECORD_H
#define PROBE_RECORD_H

#include "core/check.h"
#include "core/segment.h"
#include "probe/asn.h"
#include "probe/trace.h"

enum {
	RECORD_DEVICE_MAX = 16,
	RECORD_TEXT_MAX = 128 + (TRACE_TTL_MAX + 2) * ADDR_STR_MAX,
};
static_assert((int)TRACE_TTL_MAX <= SEGMENT_HOPS_MAX, "every trace fits a segment");

struct record {
	int64_t at_s;
	struct addr from, to;
	char device[RECORD_DEVICE_MAX]; /* "": any */
	bool reached;
	uint32_t rtt_us;		/* to the target; 0: not known */
	struct addr hop[TRACE_TTL_MAX]; /* between the ends; all zero: silent */
	uint32_t hops;
};

/* Of a trace that is over. */
void record_make(struct record *r, const struct trace *t, const struct addr *from,
		 const char *device, int64_t at_s);
/* Length without the NUL; never 0. */
size_t record_format(const struct record *r, char out[static RECORD_TEXT_MAX]);
/* One line without its newline; false: it is none. */
bool record_parse(struct record *r, const char *line, size_t len);

/* The elements on the way. r NULL: the ends alone, and the unknown. t NULL: without a table, where
 * everything is unknown. */
void record_segment(struct segment *s, const struct record *r, const struct asn_table *t,
		    const struct addr *from, const struct addr *to);

#endif

/* probe/record.h - a finished trace as one line of text, and as the ASes that it shows
 *
 *	1 SECONDS FROM DEVICE TO REACHED RTT_US HOP... [+OTHER...] [+] [@SEEN]
 *
 * SECONDS since 1970; FROM without and TO with port; DEVICE, or - for any; REACHED 0 or 1; each HOP
 * an address, or - where a router was silent; each OTHER a router that only other flows between the
 * same ends met, "+" alone when there were more; SEEN what the far end had as TO's address, when a
 * NAT stands between. Fields are separated by one blank. Kept in HOME/cache/traces. */
#ifndef PROBE_RECORD_H
#define PROBE_RECORD_H

#include "core/check.h"
#include "core/segment.h"
#include "probe/asn.h"
#include "probe/trace.h"

enum {
	RECORD_DEVICE_MAX = 16,
	RECORD_OTHERS_MAX = 8, /* a published record must fit a tuple */
	RECORD_TEXT_MAX = 128 + (TRACE_TTL_MAX + RECORD_OTHERS_MAX + 3) * ADDR_STR_MAX,
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
	struct addr other[RECORD_OTHERS_MAX];
	uint32_t others;
	bool crowded;	  /* further routers found no room in other[] */
	struct addr seen; /* all zero: TO itself */
};

/* Of a trace that is over. */
void record_make(struct record *r, const struct trace *t, const struct addr *from,
		 const char *device, int64_t at_s);
/* Adds what another flow between the same ends met: r becomes the fuller of the two, and whatever
 * routers only the other one saw are kept beside it (C.5: the union over several flows). */
void record_unite(struct record *r, const struct record *flow);
/* Length without the NUL; never 0. */
size_t record_format(const struct record *r, char out[static RECORD_TEXT_MAX]);
/* One line without its newline; false: it is none. */
bool record_parse(struct record *r, const char *line, size_t len);

/* Whether a trace that another party tells of may be true, as far as the table knows the origins:
 * between two ASes some router shows, and one of either AS (C.0, what contradicts counts as
 * unknown). */
bool record_credible(const struct record *r, const struct asn_table *t);
/* Whether it says nothing at all: stands for a trace that could not be had. */
bool record_blank(const struct record *r);
/* The elements on the way. r NULL: the ends alone, and the unknown. t NULL: without a table, where
 * everything is unknown. */
void record_segment(struct segment *s, const struct record *r, const struct asn_table *t,
		    const struct addr *from, const struct addr *to);

#endif

/* core/segment.h - from the hops of one trace to the elements of one directed segment (C.5)
 *
 * Rule of thumb throughout: an error that adds an element makes the estimate pessimistic, one that
 * drops an element makes it unsafe. Not done for want of data here: exchanges' member lists, AS
 * relationships (so every gap between different ASes is unknown) and siblings. */
#ifndef CORE_SEGMENT_H
#define CORE_SEGMENT_H

#include "core/element.h"

enum {
	SEGMENT_HOPS_MAX = 32,
	HOP_ORIGINS_MAX = 8,	   /* of one hop; as many as this: the hop is a gap as well */
	SEGMENT_UNKNOWN_PCT = 30,  /* more unknown hops than this: the segment is unknown (C.0) */
	SEGMENT_GAP_PCT = 50,	   /* chance of the unknown element in a gap */
};

enum hop_state {
	HOP_SILENT = 0, /* no answer */
	HOP_PRIVATE,	/* a private address without origin: ours, before the first public hop */
	HOP_UNMAPPED,	/* any other address without origin */
	HOP_MAPPED,
};

struct hop {
	enum hop_state state;
	uint32_t as[HOP_ORIGINS_MAX];
	uint32_t n;
};

struct segment_input {
	const struct hop *hop; /* between the ends, without them */
	uint32_t hops;
	uint32_t from_as, to_as; /* of the ends; 0: not known */
	bool traced;		 /* false: there was no trace at all */
	bool reached;		 /* the other end answered */
};

struct segment {
	struct seen seen;
	uint32_t as_path[SEGMENT_HOPS_MAX + 2]; /* ASes in order, runs made one; first of several */
	uint32_t as_n;
	uint32_t unknown_hops, hops;
	bool gap;	 /* some gap stayed open */
	bool unknown;	 /* the whole segment counts as unknown */
};

void segment_build(struct segment *s, const struct segment_input *in);

#endif

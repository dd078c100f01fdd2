/* probe/asn_build.h - from lines to the flat table of probe/asn.h, in the caller's memory
 *
 * Where ranges overlap, the narrower one wins: that is longest-prefix match for nested prefixes,
 * and a defined answer for the rest (one real data set has such a pair), which are counted. Equal
 * ranges unite their origins. Slots between consecutive end points are given to the narrowest
 * range first; a union-find jumps over slots already taken, so n ranges cost n log n whatever
 * their shape. */
#ifndef PROBE_ASN_BUILD_H
#define PROBE_ASN_BUILD_H

#include "probe/asn_line.h"

struct asn_range {
	struct asn_ip first, last;
	uint32_t set;
};

/* What was read and what became of it. */
struct asn_counts {
	uint32_t lines;
	uint32_t entries;
	uint32_t bogons, too_long, unrouted; /* left out */
	uint32_t bad;			     /* not understood, left out */
	uint32_t first_bad;		     /* line number from 1, 0: none */
	uint32_t crossing;		     /* overlap without nesting */
};

struct asn_build {
	bool keep_bogons;
	uint32_t cap;	   /* ranges; room for as many follows from it */
	uint32_t pool_cap; /* AS numbers and counts */
	uint32_t n, pool_n, hash_n, points_n;
	uint64_t source; /* FNV-1a over the text */
	struct asn_counts counts;
	/* The caller's memory, cut up by asn_build_init. */
	struct asn_range *range;
	struct asn_ip *point; /* 2 * cap: where a slot begins */
	uint32_t *order, *tmp, *owner, *next; /* 2 * cap each */
	uint32_t *hash;	      /* hash_n: pool offset + 1 */
	uint32_t *pool;
};

/* Bytes that a build over `bytes` of text with `lines` newlines needs; 0: too large. */
size_t asn_build_bytes(size_t bytes, size_t lines);
/* Begins; mem is aligned to 8 and asn_build_bytes long, borrowed until the table is written. */
void asn_build_init(struct asn_build *b, void *mem, size_t bytes, size_t lines, bool keep_bogons);
/* Reads the whole text, as announced to asn_build_init. False: a range or set found no room, which
 * means that the text was not the announced one. */
bool asn_build_text(struct asn_build *b, const char *text, size_t len);
/* Makes it flat. Returns the bytes that the file will have. */
size_t asn_build_finish(struct asn_build *b);
/* Writes the file, asn_build_finish bytes, to out (aligned to 8). */
void asn_build_write(const struct asn_build *b, void *out, uint64_t now);

#endif

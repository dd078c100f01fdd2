/* probe/asn.h - which AS announces an address: a compact table that is mapped, not loaded
 *
 * The file (PATHS.md C.7), all numbers in the byte order of the machine that made it:
 *
 *	struct asn_head
 *	IPv6 first addresses, last addresses	16 bytes each, sorted, disjoint
 *	IPv4 first addresses, last addresses	4 bytes each, sorted, disjoint
 *	IPv6 sets, IPv4 sets			4 bytes each: where in the pool
 *	pool					4 bytes each: count, then that many AS numbers
 *
 * Nested prefixes were made flat by probe/asn_build, so one binary search answers. asn_open looks
 * at every entry once; a file that passes cannot make asn_find read outside it. */
#ifndef PROBE_ASN_H
#define PROBE_ASN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

enum {
	ASN_SET_MAX = 64, /* origins of one prefix; a line with more is not understood */
	ASN_OLD_DAYS = 30, /* an older table deserves a warning (C.7) */
	/* 15 times today's table; keeps every count below 2^32 */
	ASN_ENTRIES_MAX = 16 << 20,
};

/* An address as a number; IPv4 in its mapped form. */
struct asn_ip {
	uint64_t hi, lo;
};

struct asn_head {
	char magic[8];
	uint32_t order; /* ASN_ORDER as the maker's machine writes it */
	uint32_t n4, n6, pool;
	uint64_t built;	 /* seconds since 1970 */
	uint64_t source; /* FNV-1a of the text that it was made from */
};

enum asn_verdict {
	ASN_OK = 0,
	ASN_SHORT,	 /* no room for the head */
	ASN_NOT_OURS,	 /* another kind of file or version */
	ASN_OTHER_ORDER, /* made on a machine with another byte order */
	ASN_SIZE,	 /* the counts do not give the file's size */
	ASN_UNSORTED,	 /* entries out of order, overlapping or upside down */
	ASN_POOL,	 /* a set that is not in the pool, empty or too large */
	ASN_VERDICTS,
};
extern const char *const asn_verdict_str[ASN_VERDICTS];

/* Pointers into the memory given to asn_open. */
struct asn_table {
	const struct asn_head *head;
	const struct asn_ip *first6, *last6;
	const uint32_t *first4, *last4, *set6, *set4, *pool;
	const struct asn_table *next; /* asked where this one has no entry; the caller's, or NULL */
};

/* AS numbers, most frequent first where the source said so; lent by the table. */
struct asn_set {
	const uint32_t *as;
	uint32_t n; /* 0: no entry */
};

/* Looks at the whole file and keeps pointers into it: mem is borrowed for the life of t and must
 * be aligned to 8 bytes, as mmap's and malloc's are. */
enum asn_verdict asn_open(struct asn_table *t, const void *mem, size_t len);

/* The origins of an address; none where the table, which may be NULL, has no entry. Private
 * addresses are looked up like all others: an entry wins over the rule that they belong to nobody
 * (C.0). */
struct asn_set asn_find(const struct asn_table *t, const struct addr *a);

/* Bytes of a file with these counts. */
size_t asn_bytes(uint32_t n4, uint32_t n6, uint32_t pool);
/* A fresh head; the counts are the caller's. */
void asn_head_init(struct asn_head *h);

struct asn_ip asn_ip_from(const struct addr *a);
static inline bool asn_ip_less(struct asn_ip a, struct asn_ip b)
{
	return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

/* ::ffff:0:0/96, where IPv4 lives. */
static inline bool asn_ip_is_v4(struct asn_ip a)
{
	return !a.hi && a.lo >> 32 == 0xffff;
}

#endif

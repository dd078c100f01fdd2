/* probe/asn_line.h - one line of a prefix-to-AS data set, whatever its format
 *
 * Every line tells its own format (PATHS.md C.7, FORMATS.md), so that files may be joined:
 *
 *	1.0.0.0/24<TAB>15169			pyasn; ';' begins a comment
 *	1.0.0.0<TAB>24<TAB>13335_1_2,3		CAIDA pfx2as: '_' joins origins, ',' an AS set
 *	1.0.0.0<TAB>1.0.0.255<TAB>13335<TAB>US	iptoasn, also with addresses as decimal numbers
 *	1.0.0.0,1.0.0.255,13335,"Some, Inc."	range CSV
 *	1.0.0.0/24,13335,SOME			GeoLite2-ASN CSV */
#ifndef PROBE_ASN_LINE_H
#define PROBE_ASN_LINE_H

#include "probe/asn.h"

struct asn_entry {
	struct asn_ip first, last;
	bool prefix; /* written as one; a range is not too long, it is as long as it is */
	uint32_t as[ASN_SET_MAX];
	uint32_t n; /* 0: said not to be routed */
};

/* What a line is. */
enum asn_line {
	ASN_LINE_ENTRY = 0,
	ASN_LINE_SKIP, /* empty or a comment */
	ASN_LINE_BAD,
	ASN_LINES,
};

/* Parses len bytes without the newline. The entry is whole only on ASN_LINE_ENTRY. */
enum asn_line asn_line_parse(struct asn_entry *e, const char *line, size_t len);

/* Addresses that nobody may announce: special-purpose nets and what begins in ::/64. */
bool asn_entry_is_bogon(const struct asn_entry *e);
/* A prefix longer than /24 or /48: such leak, or are hijacks like 1.1.1.1/32 in 2015. */
bool asn_entry_is_long(const struct asn_entry *e);

#endif

/* probe/dns.h - the part of the DNS that asks for TXT records (RFC 1035), and what Team Cymru has
 *
 * Team Cymru tells the origin of an address in the DNS: 4.3.2.1.origin.asn.cymru.com (IPv6: 32
 * nibbles and origin6) has a TXT record "23028 23029 | 216.90.108.0/24 | US | arin | 1998-09-25".
 * Pure; the sockets are cmd/online's. An answer counts only with the id and the very question that
 * was asked, and only records of that name. */
#ifndef PROBE_DNS_H
#define PROBE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

enum {
	DNS_BYTES_MAX = 512, /* over UDP, without extensions; such answers have about 120 */
	DNS_NAME_MAX = 254,  /* with dots and NUL */
	DNS_TEXT_MAX = 256,  /* of one string, with NUL */
	DNS_TEXTS_MAX = 4,   /* one record an address; where there are several, the first */
	DNS_SERVERS_MAX = 3, /* as resolv.conf(5) */
	DNS_PORT = 53,
};

enum dns_verdict {
	DNS_OK = 0,	/* there are texts */
	DNS_NONE,	/* no such name, or no texts */
	DNS_NOT_OURS,	/* another id or question, or no answer at all: wait on */
	DNS_BAD,	/* malformed */
	DNS_TRUNCATED,
	DNS_REFUSED,	/* the server cannot or will not */
	DNS_VERDICTS,
};
extern const char *const dns_verdict_str[DNS_VERDICTS];

struct dns_texts {
	uint32_t n;
	char text[DNS_TEXTS_MAX][DNS_TEXT_MAX]; /* printable; other bytes are '?' */
};

/* Writes the question for the TXT records of `name`; returns its bytes, 0: it is no name. */
size_t dns_question(uint8_t out[static DNS_BYTES_MAX], uint16_t id, const char *name);
/* Reads what came back. *t is filled on DNS_OK. */
enum dns_verdict dns_answer(const uint8_t *p, size_t len, uint16_t id, const char *name,
			    struct dns_texts *t);

/* The servers of a resolv.conf, at most DNS_SERVERS_MAX; returns how many. */
uint32_t dns_servers(const char *conf, size_t len, struct addr out[static DNS_SERVERS_MAX]);

/* The name that has an address's origin. */
void dns_origin_name(const struct addr *a, char out[static DNS_NAME_MAX]);
/* Such a text as a line of the data sets that probe/asn_line reads, "PREFIX<TAB>LEN<TAB>AS_AS",
 * with its newline; its bytes, 0: the text is none of these. */
size_t dns_origin_line(const char *text, char out[static DNS_TEXT_MAX]);

#endif

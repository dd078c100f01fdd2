/* test/fuzz/fuzz_dns.c - answers of a name server, its texts, and the list of name servers */
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "probe/asn_line.h"
#include "probe/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char name[] = "1.0.0.10.origin.asn.cymru.com";

/* The whole of it as an answer (its id is always right), then as text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint16_t id = size >= 2 ? (uint16_t)(data[0] << 8 | data[1]) : 0;
	struct addr servers[DNS_SERVERS_MAX];
	char text[DNS_TEXT_MAX], line[DNS_TEXT_MAX];
	struct dns_texts t;
	size_t n = size < sizeof text ? size : sizeof text - 1;

	if (dns_answer(data, size, id, name, &t) == DNS_OK)
		for (uint32_t i = 0; i < t.n; i++)
			MUST(strlen(t.text[i]) < DNS_TEXT_MAX);
	memcpy(text, data, n);
	text[n] = 0;
	n = dns_origin_line(text, line);
	MUST(n < sizeof line);
	if (n) {
		struct asn_entry e;

		MUST(line[n - 1] == '\n');
		asn_line_parse(&e, line, n - 1);
	}
	MUST(dns_servers((const char *)data, size, servers) <= DNS_SERVERS_MAX);
	return 0;
}

/* test/fuzz/fuzz_addr.c - any text as an address: what is taken comes out and in again the same */
#include <string.h>
#include <sys/socket.h>

#include "core/addr.h"
#include "core/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[100], out[ADDR_STR_MAX];
	struct sockaddr_storage ss;
	struct addr a, b;

	if (size >= sizeof text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (!addr_parse(&a, text, 7200))
		return 0;
	MUST(strlen(text) == size || memchr(data, 0, size));
	MUST(addr_parse(&b, addr_format(&a, out), 0));
	MUST(addr_eq(&a, &b));
	MUST(addr_scope(&a) < ADDR_SCOPES);
	addr_to_sockaddr(&a, &ss);
	MUST(addr_from_sockaddr(&b, (struct sockaddr *)&ss));
	MUST(addr_eq(&a, &b));
	return 0;
}

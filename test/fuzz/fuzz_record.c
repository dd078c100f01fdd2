/* test/fuzz/fuzz_record.c - lines of the trace cache: what is taken must come out again the same */
#include <string.h>

#include "core/check.h"
#include "probe/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[RECORD_TEXT_MAX];
	struct record r, again;
	struct segment s;

	if (!record_parse(&r, (const char *)data, size))
		return 0;
	MUST(record_parse(&again, text, record_format(&r, text)));
	MUST(!memcmp(&r, &again, sizeof r));
	record_segment(&s, &r, NULL, &r.from, &r.to);
	MUST(s.unknown);
	return 0;
}

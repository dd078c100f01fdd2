/* core/status.h - what a node or device tells about itself over TLS: names with numbers
 *
 *	question:  "status?"
 *	answer:    "status!", count u16, then name lv and value u64, each
 *
 * An admin is told everything, a client its own part, nobody else anything. Pure. */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STATUS_ITEMS_MAX = 48,
	STATUS_NAME_MAX = 47,
	STATUS_BYTES_MAX = 9 + STATUS_ITEMS_MAX * (2 + STATUS_NAME_MAX + 8),
};

struct status {
	uint32_t n;
	struct {
		char name[STATUS_NAME_MAX + 1];
		uint64_t value;
	} item[STATUS_ITEMS_MAX];
};

/* One more number; the name is cut to STATUS_NAME_MAX. Left out when there are too many. */
void status_add(struct status *s, const char *name, uint64_t value);

bool status_is_question(const void *p, size_t len);
/* Bytes written. */
size_t status_question(uint8_t out[static STATUS_BYTES_MAX]);
size_t status_encode(const struct status *s, uint8_t out[static STATUS_BYTES_MAX]);
bool status_decode(struct status *s, const uint8_t *p, size_t len);

#endif

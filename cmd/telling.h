/* cmd/telling.h - how a node or device answers the question how it is, on a connection of its own
 *
 * The lines are queued on the flow in which the question came, and its goodbye after the last. A
 * queue is bounded: sessions and forwards that find no room are counted in the last line. */
#ifndef CMD_TELLING_H
#define CMD_TELLING_H

#include "net/flow.h"

struct telling {
	struct flow *f;
	uint32_t left_out;
};

void telling_begin(struct telling *t, struct flow *f);
void telling_count(struct telling *t, const char *what, uint64_t value);
/* A session or forward. */
void telling_line(struct telling *t, const struct msg_told *line);
/* The last line, and the end of the connection. */
void telling_end(struct telling *t);

#endif

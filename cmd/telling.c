/* cmd/telling.c - how a node or device answers the question how it is, on a connection of its own
 */
#include "cmd/telling.h"

#include <stdio.h>


enum { LAST_LINE_BYTES = 64 }; /* TOLD_END, which must always fit */

void telling_begin(struct telling *t, struct flow *f)
{
	*t = (struct telling){ .f = f };
}

void telling_line(struct telling *t, const struct msg_told *line)
{
	struct flowmsg m = { .type = FLOWMSG_TOLD, .told = *line };
	uint8_t enc[FLOWMSG_BYTES_MAX];

	if (flowmsg_encode(&m, enc) + LAST_LINE_BYTES > sizeof t->f->msg - t->f->msg_len ||
	    !flow_send(t->f, &m))
		t->left_out++;
}

void telling_count(struct telling *t, const char *what, uint64_t value)
{
	struct msg_told m = { .kind = TOLD_COUNT, .value = value };

	snprintf(m.id, sizeof m.id, "%s", what);
	telling_line(t, &m);
}

void telling_end(struct telling *t)
{
	struct flowmsg m = { .type = FLOWMSG_TOLD,
			     .told = { .kind = TOLD_END, .value = t->left_out } };

	flow_send(t->f, &m);
	flow_end(t->f);
}

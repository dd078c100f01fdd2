/* cmd/hops.h - a finished trace for people, like lft's, and for programs, with scamper's names */
#ifndef CMD_HOPS_H
#define CMD_HOPS_H

#include <time.h>

#include "cmd/astable.h"
#include "core/json.h"
#include "probe/run.h"

/* Prints the table. */
void hops_print(const struct astable *t, const struct trace_run *r);
/* The members of the event trace. */
void hops_json(struct json *j, const struct astable *t, const struct trace_run *r,
	       struct timespec start);

#endif

/* cmd/online.h - origins that the table does not know, asked of Team Cymru in the DNS
 *
 * Only with --online, because it tells a third party, and whoever sees the question, which networks
 * our traces cross (PATHS.md C.0). Asked for is the /24 or /48 of public addresses, once each; what
 * is learned is kept for a day in HOME/cache/online. */
#ifndef CMD_ONLINE_H
#define CMD_ONLINE_H

#include "cmd/astable.h"

struct online_options {
	bool online;
	const char *resolver;
};

/* Option rows for them, for a struct `type` that has them in `field`. */
#define ONLINE_ROWS(type, field)                                                              \
	{ OPT_FLAG, 0, "online", NULL,                                                        \
	  "ask Team Cymru's DNS for ASes that the table does not know",                       \
	  offsetof(struct type, field.online), 0, 0 },                                        \
	{ OPT_STR, 0, "resolver", "ADDR[:PORT]",                                              \
	  "--online: ask this name server (that of /etc/resolv.conf)",                        \
	  offsetof(struct type, field.resolver), 0, 0 }

/* Without --online nothing. Asks for those of v that t has no entry for, and adds what is learned
 * to t, which must not move from now on. What cannot be had is a warning. Runs a loop of its own:
 * for commands. 0, or the exit code of the error that was reported. */
int online_learn(const struct common *c, const struct online_options *o, struct astable *t,
		 const struct addr *v, uint32_t n);

#endif

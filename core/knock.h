/* core/knock.h - how often one place on the network may knock: a limit on strangers' handshakes
 *
 * A handshake costs a role 2 ms of public-key work before it knows who asks. So each source (an
 * IPv4 address, an IPv6 /64) may begin a burst of them and then some a second; whoever turns out to
 * be admitted gets his knock back. Sources share a fixed table by a secret hash, in two places
 * each, and are refused only when both are exhausted, so that a flood rarely shuts out a bystander.
 * The rate is GCRA (ITU-T I.371): a slot keeps the time at which its bucket is full again. Pure. */
#ifndef CORE_KNOCK_H
#define CORE_KNOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/mono.h"

enum {
	KNOCK_SLOTS = 2048, /* 16 KiB; 100 flooding sources spoil 1 in 100 of the others' pairs */
	KNOCK_BURST = 128,  /* a site behind one address that starts all at once */
	KNOCK_MS = 100,	    /* one a time from then on: 2 % of a core for one source */
};

struct knock {
	uint64_t salt;
	mono_t full[KNOCK_SLOTS];
};

/* `salt` comes from secret_bytes(). */
void knock_init(struct knock *k, uint64_t salt);
/* Whether `from` may begin a handshake now; counts it when it may. */
bool knock_take(struct knock *k, const struct addr *from, mono_t now);
/* It was somebody we know. */
void knock_give_back(struct knock *k, const struct addr *from);

#endif

/* core/knock.c - how often one place on the network may knock */
#include "core/knock.h"

#include <string.h>

/* One step of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t hash(const struct knock *k, const struct addr *from)
{
	uint64_t net, host;

	memcpy(&net, from->ip, sizeof net);
	memcpy(&host, from->ip + 8, sizeof host);
	if (!addr_is_v4(from))
		host = 0;
	return mix(mix(k->salt ^ net) ^ host);
}

struct places {
	mono_t *a, *b;
};

static struct places find(struct knock *k, const struct addr *from)
{
	uint64_t h = hash(k, from);

	return (struct places){ &k->full[h % KNOCK_SLOTS], &k->full[(h >> 32) % KNOCK_SLOTS] };
}

void knock_init(struct knock *k, uint64_t salt)
{
	memset(k, 0, sizeof *k);
	k->salt = salt;
}

static bool exhausted(mono_t full, mono_t now)
{
	return mono_diff_us(full, now) > (int64_t)(KNOCK_BURST - 1) * KNOCK_MS * 1000;
}

static void count(mono_t *full, mono_t now)
{
	*full = mono_add_ms(mono_before(*full, now) ? now : *full, KNOCK_MS);
}

bool knock_take(struct knock *k, const struct addr *from, mono_t now)
{
	struct places p = find(k, from);

	if (exhausted(*p.a, now) && exhausted(*p.b, now))
		return false;
	count(p.a, now);
	count(p.b, now);
	return true;
}

void knock_give_back(struct knock *k, const struct addr *from)
{
	struct places p = find(k, from);

	*p.a = mono_add_ms(*p.a, -KNOCK_MS);
	*p.b = mono_add_ms(*p.b, -KNOCK_MS);
}

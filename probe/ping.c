/* probe/ping.c - round trips of one flow: a series of SYNs, and what their answers say */
#include "probe/ping.h"

#include <string.h>

const struct ping_conf ping_conf_default = {
	.count = PING_COUNT,
	.interval_us = 100000,
	.wait_us = 1000000,
};

void ping_init(struct ping *p, const struct ping_conf *conf)
{
	*p = (struct ping){ .conf = *conf };
	if (!p->conf.count)
		p->conf.count = 1;
	if (p->conf.count > PING_COUNT_MAX)
		p->conf.count = PING_COUNT_MAX;
}

bool ping_next(struct ping *p, mono_t now, uint16_t *id)
{
	if (p->waiting && !mono_before(now, mono_add_us(p->last_sent, p->conf.wait_us)))
		p->waiting = false;
	if (p->waiting || p->over)
		return false;
	if (p->sent == p->conf.count) {
		p->over = true;
		return false;
	}
	if (p->sent && mono_before(now, mono_add_us(p->last_sent, p->conf.interval_us)))
		return false;
	*id = p->sent++;
	p->last_sent = now;
	p->waiting = true;
	return true;
}

mono_t ping_wake(const struct ping *p)
{
	if (!p->waiting && p->sent == p->conf.count)
		return p->last_sent;
	return mono_add_us(p->last_sent, p->waiting ? p->conf.wait_us : p->conf.interval_us);
}

bool ping_take(struct ping *p, uint16_t id, mono_t now)
{
	if (!p->waiting || id + 1 != p->sent)
		return false;
	p->waiting = false;
	p->rtt_us[p->answered++] = mono_diff_us(now, p->last_sent);
	return true;
}

/* Insertion sort: at most PING_COUNT_MAX numbers. */
static void sort(int64_t *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		int64_t x = v[i];
		size_t k = i;

		for (; k && v[k - 1] > x; k--)
			v[k] = v[k - 1];
		v[k] = x;
	}
}

static int64_t middle(const int64_t *v, size_t n)
{
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void ping_stats(const struct ping *p, struct ping_stats *s)
{
	int64_t v[PING_COUNT_MAX];
	size_t n = p->answered;

	*s = (struct ping_stats){ .sent = p->sent, .lost = (uint8_t)(p->sent - p->answered) };
	if (!n)
		return;
	memcpy(v, p->rtt_us, n * sizeof *v);
	sort(v, n);
	s->min_us = v[0];
	s->max_us = v[n - 1];
	s->median_us = middle(v, n);
	s->p90_us = v[(n * 9 + 9) / 10 - 1];
	for (size_t i = 0; i < n; i++)
		v[i] = v[i] > s->median_us ? v[i] - s->median_us : s->median_us - v[i];
	sort(v, n);
	s->spread_us = middle(v, n);
}

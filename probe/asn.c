/* probe/asn.c - which AS announces an address: check the file once, then binary search */
#include "probe/asn.h"

#include <string.h>

#include "core/check.h"

static const char magic[8] = { 'm', 'a', 'c', 'h', 'A', 'S', 'N', '1' };
enum { ASN_ORDER = 0x01020304 };

const char *const asn_verdict_str[ASN_VERDICTS] = {
	[ASN_OK] = "ok",
	[ASN_SHORT] = "shorter than its head",
	[ASN_NOT_OURS] = "not a table of this version",
	[ASN_OTHER_ORDER] = "made on a machine with another byte order",
	[ASN_SIZE] = "cut short or with something behind it",
	[ASN_UNSORTED] = "entries out of order",
	[ASN_POOL] = "an entry points outside the AS numbers",
};
static_assert(ARRAY_LEN(asn_verdict_str) == ASN_VERDICTS, "a text for every verdict");
static_assert(sizeof(struct asn_head) == 40, "the file begins with it, without holes");
static_assert(sizeof(struct asn_ip) == 16, "an array of them is a part of the file");

size_t asn_bytes(uint32_t n4, uint32_t n6, uint32_t pool)
{
	return sizeof(struct asn_head) + (size_t)n6 * (2 * sizeof(struct asn_ip) + 4) +
	       (size_t)n4 * 12 + (size_t)pool * 4;
}

void asn_head_init(struct asn_head *h)
{
	*h = (struct asn_head){ .order = ASN_ORDER };
	memcpy(h->magic, magic, sizeof magic);
}

static uint64_t get_be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

struct asn_ip asn_ip_from(const struct addr *a)
{
	return (struct asn_ip){ get_be64(a->ip), get_be64(a->ip + 8) };
}

/* Sets the pointers; the counts are known to fit. */
static void lay_out(struct asn_table *t)
{
	const struct asn_head *h = t->head;

	t->first6 = (const struct asn_ip *)(const void *)(h + 1);
	t->last6 = t->first6 + h->n6;
	t->first4 = (const uint32_t *)(const void *)(t->last6 + h->n6);
	t->last4 = t->first4 + h->n4;
	t->set6 = t->last4 + h->n4;
	t->set4 = t->set6 + h->n6;
	t->pool = t->set4 + h->n4;
}

static bool sorted(const struct asn_table *t)
{
	for (uint32_t i = 0; i < t->head->n4; i++)
		if (t->first4[i] > t->last4[i] || (i && t->last4[i - 1] >= t->first4[i]))
			return false;
	for (uint32_t i = 0; i < t->head->n6; i++)
		if (asn_ip_less(t->last6[i], t->first6[i]) ||
		    (i && !asn_ip_less(t->last6[i - 1], t->first6[i])))
			return false;
	return true;
}

static bool sets_in_pool(const struct asn_table *t, const uint32_t *set, uint32_t n)
{
	uint32_t pool = t->head->pool;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t count = set[i] < pool ? t->pool[set[i]] : 0;

		if (!count || count > ASN_SET_MAX || count > pool - set[i] - 1)
			return false;
	}
	return true;
}

enum asn_verdict asn_open(struct asn_table *t, const void *mem, size_t len)
{
	const struct asn_head *h = mem;

	*t = (struct asn_table){ 0 };
	MUST((uintptr_t)mem % 8 == 0);
	if (len < sizeof *h)
		return ASN_SHORT;
	if (memcmp(h->magic, magic, sizeof magic))
		return ASN_NOT_OURS;
	if (h->order != ASN_ORDER)
		return ASN_OTHER_ORDER;
	if (h->n4 > ASN_ENTRIES_MAX || h->n6 > ASN_ENTRIES_MAX || h->pool > 4 * ASN_ENTRIES_MAX)
		return ASN_SIZE;
	if (len != asn_bytes(h->n4, h->n6, h->pool))
		return ASN_SIZE;
	t->head = h;
	lay_out(t);
	if (!sorted(t))
		return ASN_UNSORTED;
	if (!sets_in_pool(t, t->set4, h->n4) || !sets_in_pool(t, t->set6, h->n6))
		return ASN_POOL;
	return ASN_OK;
}

static struct asn_set set_at(const struct asn_table *t, uint32_t at)
{
	return (struct asn_set){ t->pool + at + 1, t->pool[at] };
}

static struct asn_set find4(const struct asn_table *t, uint32_t ip)
{
	uint32_t lo = 0, hi = t->head->n4; /* first4[lo - 1] <= ip < first4[hi] */

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (t->first4[mid] <= ip)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || t->last4[lo - 1] < ip)
		return (struct asn_set){ 0 };
	return set_at(t, t->set4[lo - 1]);
}

static struct asn_set find6(const struct asn_table *t, struct asn_ip ip)
{
	uint32_t lo = 0, hi = t->head->n6;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (!asn_ip_less(ip, t->first6[mid]))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || asn_ip_less(t->last6[lo - 1], ip))
		return (struct asn_set){ 0 };
	return set_at(t, t->set6[lo - 1]);
}

struct asn_set asn_find(const struct asn_table *t, const struct addr *a)
{
	struct asn_ip ip = asn_ip_from(a);
	struct asn_set s = { 0 };

	for (; t && !s.n; t = t->next)
		if (t->head)
			s = asn_ip_is_v4(ip) ? find4(t, (uint32_t)ip.lo) : find6(t, ip);
	return s;
}

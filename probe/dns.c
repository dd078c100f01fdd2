/* probe/dns.c - the part of the DNS that asks for TXT records, and Team Cymru's use of it */
#include "probe/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/check.h"

const char *const dns_verdict_str[DNS_VERDICTS] = {
	[DNS_OK] = "ok",
	[DNS_NONE] = "no such record",
	[DNS_NOT_OURS] = "no answer",
	[DNS_BAD] = "malformed answer",
	[DNS_TRUNCATED] = "answer cut short",
	[DNS_REFUSED] = "the name server refuses",
};
static_assert(ARRAY_LEN(dns_verdict_str) == DNS_VERDICTS, "a text for every verdict");

enum {
	TYPE_TXT = 16,
	CLASS_IN = 1,
	LABEL_MAX = 63,
	HEAD_BYTES = 12,
	JUMPS_MAX = 16, /* pointers in one name; each goes back, so this bounds only the work */
	FLAG_ANSWER = 0x8000,
	FLAG_TRUNCATED = 0x0200,
	FLAG_RECURSE = 0x0100,
	RCODE = 0x000f,
	RCODE_NO_NAME = 3,
};

static bool put_name(struct buf *b, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		if (!n || n > LABEL_MAX)
			return false;
		buf_put_u8(b, (uint8_t)n);
		buf_put_bytes(b, name, n);
		name += n + (name[n] == '.');
	}
	buf_put_u8(b, 0);
	return true;
}

size_t dns_question(uint8_t out[static DNS_BYTES_MAX], uint16_t id, const char *name)
{
	struct buf b;

	buf_init(&b, out, DNS_BYTES_MAX);
	buf_put_u16(&b, id);
	buf_put_u16(&b, FLAG_RECURSE);
	buf_put_u16(&b, 1); /* one question, nothing else */
	buf_put_u16(&b, 0);
	buf_put_u32(&b, 0);
	if (!*name || strlen(name) >= DNS_NAME_MAX || !put_name(&b, name))
		return 0;
	buf_put_u16(&b, TYPE_TXT);
	buf_put_u16(&b, CLASS_IN);
	return buf_ok(&b) ? b.len : 0;
}

/* A name at *at, with its pointers followed; *at moves behind it. False: malformed. */
static bool get_name(const uint8_t *p, size_t len, size_t *at, char out[static DNS_NAME_MAX])
{
	size_t from = *at, n = 0;
	bool jumped = false;

	for (int jumps = 0; from < len && jumps < JUMPS_MAX;) {
		uint8_t c = p[from++];

		if (c >= 0xc0) { /* a pointer, backwards only */
			size_t to = from < len ? (size_t)(c & 0x3f) << 8 | p[from++] : len;

			if (!jumped)
				*at = from;
			jumped = true;
			if (to + 2 >= from)
				return false;
			from = to;
			jumps++;
			continue;
		}
		if (!c) {
			out[n ? n - 1 : 0] = 0; /* over the last dot */
			if (!jumped)
				*at = from;
			return true;
		}
		if (c > LABEL_MAX || c > len - from || n + c + 2 > DNS_NAME_MAX)
			return false;
		memcpy(out + n, p + from, c);
		from += c;
		n += c;
		out[n++] = '.';
	}
	return false;
}

static bool same_name(const char *a, const char *b)
{
	return !strcasecmp(a, b);
}

/* The strings of one TXT record, one after the other. */
static void take_text(struct dns_texts *t, const uint8_t *p, size_t len)
{
	char *out = t->text[t->n];
	size_t n = 0;

	for (size_t at = 0; at < len && p[at] < len - at; at += 1 + (size_t)p[at])
		for (size_t k = 1; k <= p[at] && n < DNS_TEXT_MAX - 1; k++)
			out[n++] = p[at + k] < ' ' || p[at + k] > '~' ? '?' : (char)p[at + k];
	out[n] = 0;
	t->n++;
}

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* name, type, class, ttl, length, data */
static bool take_record(const uint8_t *p, size_t len, size_t *at, const char *name,
			struct dns_texts *t)
{
	char owner[DNS_NAME_MAX];
	size_t n;

	if (!get_name(p, len, at, owner) || len - *at < 10)
		return false;
	n = get_u16(p + *at + 8);
	if (n > len - *at - 10)
		return false;
	if (get_u16(p + *at) == TYPE_TXT && get_u16(p + *at + 2) == CLASS_IN &&
	    same_name(owner, name) && t->n < DNS_TEXTS_MAX)
		take_text(t, p + *at + 10, n);
	*at += 10 + n;
	return true;
}

enum dns_verdict dns_answer(const uint8_t *p, size_t len, uint16_t id, const char *name,
			    struct dns_texts *t)
{
	char asked[DNS_NAME_MAX];
	size_t at = HEAD_BYTES;
	uint16_t flags;

	t->n = 0;
	if (len < HEAD_BYTES || get_u16(p) != id)
		return DNS_NOT_OURS;
	flags = get_u16(p + 2);
	if (!(flags & FLAG_ANSWER) || get_u16(p + 4) != 1 || !get_name(p, len, &at, asked) ||
	    !same_name(asked, name) || len - at < 4 || get_u16(p + at) != TYPE_TXT ||
	    get_u16(p + at + 2) != CLASS_IN)
		return DNS_NOT_OURS;
	at += 4;
	if ((flags & RCODE) == RCODE_NO_NAME)
		return DNS_NONE;
	if (flags & RCODE)
		return DNS_REFUSED;
	if (flags & FLAG_TRUNCATED)
		return DNS_TRUNCATED;
	for (uint16_t left = get_u16(p + 6); left; left--)
		if (!take_record(p, len, &at, name, t))
			return DNS_BAD;
	return t->n ? DNS_OK : DNS_NONE;
}

/* "nameserver ADDR" at the start of a line; what has a zone is left out. */
static bool server_of(const char *line, size_t len, struct addr *a)
{
	static const char word[] = "nameserver";
	char text[ADDR_STR_MAX];
	size_t n = 0, at = sizeof word - 1;

	if (len <= at || memcmp(line, word, at) || (line[at] != ' ' && line[at] != '\t'))
		return false;
	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	while (at < len && n < sizeof text - 1 && line[at] > ' ')
		text[n++] = line[at++];
	text[n] = 0;
	return addr_parse(a, text, DNS_PORT);
}

uint32_t dns_servers(const char *conf, size_t len, struct addr out[static DNS_SERVERS_MAX])
{
	uint32_t n = 0;

	for (size_t at = 0; at < len && n < DNS_SERVERS_MAX;) {
		const char *end = memchr(conf + at, '\n', len - at);
		size_t line = (end ? (size_t)(end - conf) : len) - at;

		n += server_of(conf + at, line, &out[n]);
		at += line + 1;
	}
	return n;
}

void dns_origin_name(const struct addr *a, char out[static DNS_NAME_MAX])
{
	int len = 0;

	if (addr_is_v4(a)) {
		snprintf(out, DNS_NAME_MAX, "%u.%u.%u.%u.origin.asn.cymru.com", a->ip[15],
			 a->ip[14], a->ip[13], a->ip[12]);
		return;
	}
	for (int i = 15; i >= 0; i--)
		len += snprintf(out + len, DNS_NAME_MAX - (size_t)len, "%x.%x.", a->ip[i] & 15,
				a->ip[i] >> 4);
	snprintf(out + len, DNS_NAME_MAX - (size_t)len, "origin6.asn.cymru.com");
}

/* "23028 23029 " becomes "23028_23029"; false: other characters, or nothing. */
static bool origins(const char *text, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			out[n++] = text[i];
		else if (text[i] != ' ')
			return false;
		else if (n && out[n - 1] != '_')
			out[n++] = '_';
	}
	n -= n && out[n - 1] == '_';
	out[n] = 0;
	return n;
}

size_t dns_origin_line(const char *text, char out[static DNS_TEXT_MAX])
{
	char as[DNS_TEXT_MAX], prefix[DNS_TEXT_MAX], *slash, *end;
	const char *bar = strchr(text, '|');
	struct addr a;
	size_t n;

	if (!bar || strlen(text) >= DNS_TEXT_MAX || !origins(text, (size_t)(bar - text), as))
		return 0;
	bar += strspn(bar, "| ");
	n = strcspn(bar, " |");
	memcpy(prefix, bar, n);
	prefix[n] = 0;
	slash = strchr(prefix, '/');
	if (!slash || slash[1] < '0' || slash[1] > '9')
		return 0;
	*slash = 0;
	if (!addr_parse(&a, prefix, 0) || strtoul(slash + 1, &end, 10) > 128 || *end)
		return 0;
	n = (size_t)snprintf(out, DNS_TEXT_MAX, "%s\t%s\t%s\n", prefix, slash + 1, as);
	return n < DNS_TEXT_MAX ? n : 0;
}

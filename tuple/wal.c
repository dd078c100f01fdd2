/* tuple/wal.c - the records of a replica's log */
#include "tuple/wal.h"

#include <string.h>

#include "core/buf.h"
#include "core/check.h"

enum { MAGIC = 0x4d434c31, CRC_AT = 8, CRC_FROM = 12 }; /* the crc covers all behind itself */

/* CRC-32C (Castagnoli, RFC 3720 B.4), four bits a step: the table is 64 bytes. */
uint32_t crc32c(uint32_t crc, const void *p, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const uint8_t *b = p;

	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= b[i];
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return ~crc;
}

static size_t padded(size_t len)
{
	return (len + WAL_PAD - 1) / WAL_PAD * WAL_PAD;
}

static uint32_t record_crc(const uint8_t *p, size_t payload)
{
	return crc32c(crc32c(0, p + 4, 4), p + CRC_FROM, WAL_HEAD_BYTES - CRC_FROM + payload);
}

static void put_u32_at(uint8_t *p, uint32_t v)
{
	struct buf b;

	buf_init(&b, p, 4);
	buf_put_u32(&b, v);
}

size_t wal_put(uint8_t *out, size_t room, const struct wal_record *rec, struct wal_chain *chain)
{
	size_t total = padded(WAL_HEAD_BYTES + rec->len);
	struct buf b;

	if (rec->len > WAL_PAYLOAD_MAX || total > room)
		return 0;
	buf_init(&b, out, total);
	buf_put_u32(&b, MAGIC);
	buf_put_u32(&b, (uint32_t)rec->len);
	buf_put_u32(&b, 0);
	buf_put_u32(&b, chain->crc);
	buf_put_u32(&b, chain->back);
	buf_put_u8(&b, (uint8_t)rec->type);
	buf_put_u32(&b, rec->config);
	buf_put_u64(&b, rec->view);
	buf_put_u64(&b, rec->slot);
	buf_put_u64(&b, rec->executed);
	buf_put_bytes(&b, rec->digest, sizeof rec->digest);
	MUST(b.len == WAL_HEAD_BYTES);
	buf_put_bytes(&b, rec->payload, rec->len);
	MUST(buf_ok(&b));
	memset(out + b.len, 0, total - b.len);
	chain->crc = record_crc(out, rec->len);
	chain->back += (uint32_t)total;
	put_u32_at(out + CRC_AT, chain->crc);
	return total;
}

/* A sound record at p, whatever came before it. */
struct found {
	struct wal_record rec;
	uint32_t crc, before, back;
};

static bool parse(const uint8_t *p, size_t len, struct found *f)
{
	uint32_t magic, bytes;
	struct buf b;

	buf_over(&b, p, len);
	magic = buf_get_u32(&b);
	bytes = buf_get_u32(&b);
	f->crc = buf_get_u32(&b);
	f->before = buf_get_u32(&b);
	f->back = buf_get_u32(&b);
	f->rec.type = buf_get_u8(&b);
	f->rec.config = buf_get_u32(&b);
	f->rec.view = buf_get_u64(&b);
	f->rec.slot = buf_get_u64(&b);
	f->rec.executed = buf_get_u64(&b);
	buf_get_copy(&b, f->rec.digest, sizeof f->rec.digest);
	if (!buf_ok(&b) || magic != MAGIC || bytes > WAL_PAYLOAD_MAX || bytes > buf_left(&b))
		return false;
	f->rec.len = bytes;
	f->rec.payload = buf_get_bytes(&b, bytes);
	return f->rec.type > 0 && f->rec.type < WAL_TYPES && record_crc(p, bytes) == f->crc;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	while (len && !*p) {
		p++;
		len--;
	}
	return !len;
}

/* The record at pos is damaged, or was never written. Sound records behind it are harmless only if
 * their group, written after the last sync, reaches back to pos. */
static enum wal_verdict judge(const uint8_t *log, size_t len, size_t pos)
{
	struct found f;

	if (all_zero(log + pos, len - pos))
		return WAL_END;
	for (size_t at = padded(pos + 1); at + WAL_HEAD_BYTES <= len; at += WAL_PAD)
		if (parse(log + at, len - at, &f) && (f.back > at || at - f.back > pos))
			return WAL_CORRUPT;
	return WAL_TORN;
}

enum wal_verdict wal_next(const uint8_t *log, size_t len, size_t *pos, struct wal_chain *chain,
			  struct wal_record *rec)
{
	struct found f;

	if (*pos >= len)
		return WAL_END;
	if (!parse(log + *pos, len - *pos, &f))
		return judge(log, len, *pos);
	if (f.before != chain->crc)
		return WAL_CORRUPT;
	*rec = f.rec;
	chain->crc = f.crc;
	chain->back = 0;
	*pos += padded(WAL_HEAD_BYTES + rec->len);
	return WAL_RECORD;
}

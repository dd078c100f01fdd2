/* core/session.c - all flows between one client and one device that carry one conversation */
#include "core/session.h"

#include <string.h>

#include "core/check.h"
#include "core/secret.h"

const char *const session_verdict_str[SESSION_VERDICTS] = {
	[SESSION_OK] = "ok",
	[SESSION_COMPLETE] = "complete",
	[SESSION_BAD_LIST] = "path list differs between flows",
	[SESSION_BAD_PATH] = "path joined twice or not in the list",
	[SESSION_BAD_SID] = "another session's JOIN",
	[SESSION_BAD_CIPHER] = "cipher not available",
};
static_assert(ARRAY_LEN(session_verdict_str) == SESSION_VERDICTS, "a name for every verdict");

static void begin(struct session *s, const struct session_setup *set, const struct path_id *path,
		  uint32_t n, uint8_t aead, const struct fp *client, const struct fp *device)
{
	MUST(n && n <= PATHS_MAX);
	memset(s, 0, sizeof *s);
	s->set = *set;
	s->n = n;
	memcpy(s->path, path, n * sizeof *path);
	kdf_pathset(s->pathset, path, n);
	s->aead = aead;
	s->client_fp = *client;
	s->device_fp = *device;
	s->peer_window = WINDOW_MIN;
}

void session_client(struct session *s, const struct session_setup *set, const struct path_id *path,
		    uint32_t n, uint8_t aead, const struct fp *client, const struct fp *device,
		    const uint8_t *random)
{
	begin(s, set, path, n, aead, client, device);
	s->client = true;
	memcpy(s->sid, random, SID_BYTES);
	memcpy(s->share, random + SID_BYTES, n * sizeof s->share[0]);
}

void session_device(struct session *s, const struct session_setup *set, const struct msg_join *m,
		    const struct fp *client, const struct fp *device, const uint8_t *random)
{
	begin(s, set, m->path, m->n, m->aead, client, device);
	memcpy(s->sid, m->sid, SID_BYTES);
	memcpy(s->share, random, m->n * sizeof s->share[0]);
}

void session_wipe(struct session *s)
{
	tx_wipe(&s->tx);
	rx_wipe(&s->rx);
	wipe(s->f, sizeof s->f);
	wipe(s->share, sizeof s->share);
	wipe(s->peer_r, sizeof s->peer_r);
}

int session_index(const struct session *s, uint32_t j)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->path[i].number == j)
			return (int)i;
	return -1;
}

void session_export_ctx(const struct session *s, uint32_t i, uint8_t out[static KDF_EXPORT_BYTES])
{
	kdf_export_ctx(out, s->sid, s->n, s->path[i].number, &s->client_fp, &s->device_fp);
}

static uint32_t all(const struct session *s)
{
	return (1u << s->n) - 1;
}

static struct kdf_ctx first_ctx(const struct session *s, bool sending)
{
	struct kdf_ctx c = { .aead = s->aead };

	c.dir = s->client == sending ? DIR_TO_DEVICE : DIR_TO_CLIENT;
	memcpy(c.sid, s->sid, sizeof c.sid);
	memcpy(c.pathset, s->pathset, sizeof c.pathset);
	return c;
}

static void start_tx(struct session *s, mono_t now)
{
	struct kdf_ctx ctx = first_ctx(s, true);
	uint8_t r[32] = { 0 };

	for (uint32_t i = 0; i < s->n; i++)
		kdf_xor(r, s->share[i]);
	tx_start(&s->tx, &s->set.tx, &ctx, s->path, s->n, r, s->f, s->peer_window, now);
	wipe(r, sizeof r);
	s->tx_on = true;
}

void session_secret(struct session *s, uint32_t i, const uint8_t f[static 32], mono_t now)
{
	memcpy(s->f[i], f, sizeof s->f[i]);
	s->secrets |= 1u << i;
	if (s->client && s->secrets == all(s) && !s->tx_on)
		start_tx(s, now);
}

void session_join(const struct session *s, uint32_t i, struct msg_join *m)
{
	*m = (struct msg_join){ .n = s->n,
				.j = s->path[i].number,
				.aead = s->aead,
				.window = s->set.rx_slots };
	memcpy(m->sid, s->sid, sizeof m->sid);
	memcpy(m->share, s->share[i], sizeof m->share);
	memcpy(m->path, s->path, s->n * sizeof *m->path);
}

void session_joins_sent(struct session *s)
{
	MUST(s->tx_on);
	wipe(s->share, sizeof s->share);
}

static bool aead_known(uint8_t aead)
{
	return (aead == SEAL_AES256_GCM && seal_has_aes()) || aead == SEAL_CHACHA20_POLY1305;
}

static enum session_verdict judge(const struct session *s, uint32_t i, const struct msg_join *m)
{
	uint8_t pathset[32];

	kdf_pathset(pathset, m->path, m->n);
	if (memcmp(m->sid, s->sid, sizeof m->sid))
		return SESSION_BAD_SID;
	if (m->n != s->n || m->aead != s->aead || memcmp(pathset, s->pathset, sizeof pathset))
		return SESSION_BAD_LIST;
	if (m->j != s->path[i].number || s->joined >> i & 1)
		return SESSION_BAD_PATH;
	return aead_known(m->aead) ? SESSION_OK : SESSION_BAD_CIPHER;
}

static void complete(struct session *s, mono_t now, struct msg_share_ack *ack)
{
	struct kdf_ctx ctx = first_ctx(s, false);

	if (!s->tx_on)
		start_tx(s, now);
	else if (s->tx.limit < s->peer_window)
		s->tx.limit = s->peer_window;
	rx_start(&s->rx, s->set.rx_mem, s->set.rx_slot, s->set.rx_slots, &ctx, s->path, s->n,
		 s->peer_r, s->f, ack);
	s->rx_on = true;
	wipe(s->f, sizeof s->f);
	wipe(s->peer_r, sizeof s->peer_r);
}

enum session_verdict session_on_join(struct session *s, uint32_t i, const struct msg_join *m,
				     mono_t now, struct msg_share_ack *ack)
{
	enum session_verdict v = judge(s, i, m);

	if (v != SESSION_OK)
		return v;
	MUST(s->secrets >> i & 1);
	s->joined |= 1u << i;
	kdf_xor(s->peer_r, m->share);
	s->peer_window = m->window;
	if (s->joined != all(s))
		return SESSION_OK;
	complete(s, now, ack);
	return SESSION_COMPLETE;
}

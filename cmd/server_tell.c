/* cmd/server_tell.c - a device tells admitted parties how it is, and of its sessions */
#include <stdio.h>

#include "cmd/server.h"
#include "cmd/telling.h"

static void tell_session(const struct server *sv, const struct receive *r, struct telling *t)
{
	struct msg_told m = { .kind = TOLD_SESSION, .paths = (uint8_t)r->ps.session.n };
	const char *client = directory_name(sv->st.d, &r->ps.session.client_fp);

	for (size_t i = 0; i < SID_BYTES; i++)
		snprintf(m.id + 2 * i, 3, "%02x", r->ps.session.sid[i]);
	snprintf(m.client, sizeof m.client, "%s", client ? client : "?");
	snprintf(m.device, sizeof m.device, "%s", sv->st.name);
	m.seconds = (uint32_t)(mono_diff_us(loop_now(&sv->st.loop), r->since) / 1000000);
	m.value = r->bytes;
	telling_line(t, &m);
}

void server_tell(const struct server *sv, struct flow *f)
{
	const struct fp *fp = tls_peer(&f->tls);
	bool admin = directory_roles(sv->st.d, fp) & ROLE_ADMIN;
	struct telling t;

	telling_begin(&t, f);
	if (admin) {
		telling_count(&t, "refused connections", sv->refused);
		telling_count(&t, "files received", sv->files);
		telling_count(&t, "bytes of ended sessions", sv->bytes);
	}
	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		const struct receive *r = &sv->session[i];

		if (r->used && (admin || fp_eq(&r->ps.session.client_fp, fp)))
			tell_session(sv, r, &t);
	}
	telling_end(&t);
}

/* cmd/receive.c - one session at a device: sealed records in, files in the inbox, a verdict back */
#include "cmd/receive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"

static_assert((int)INBOX_FDS_MAX <= (int)SYNC_FDS_MAX, "one question for one batch");

static struct receive *receive_of(struct pathset *ps)
{
	return container_of(ps, struct receive, ps);
}

static void conclude(struct receive *r, int code, const char *text)
{
	if (r->ended)
		return;
	r->ended = true;
	r->result = (struct content_note){
		.kind = KIND_RESULT, .code = (uint8_t)code, .files = r->files, .bytes = r->bytes
	};
	snprintf(r->result.text, sizeof r->result.text, "%s", text);
	r->store_due = false;
	if (code)
		inbox_drop(&r->inbox);
	pathset_kick(&r->ps);
}

static void conclude_errno(struct receive *r, const char *what, int err)
{
	char text[CONTENT_TEXT_MAX];
	int n = snprintf(text, sizeof text, "%s: %s", what,
			 err == -ENOSPC ? "the device's disk is full" : strerror(-err));

	if (r->files)
		snprintf(text + n, sizeof text - (size_t)n, "; the first %u of %u files are stored",
			 r->files, r->reader.head.files);
	log_err("%s", text);
	conclude(r, EXIT_FAILED, text);
}

static void filed(void *owner, const struct inbox_file *f)
{
	struct receive *r = owner;
	uint32_t at = (r->rename_first + r->rename_n) % RENAMES_MAX;

	r->files++;
	log_notice("received %s from %s, %llu bytes", f->name, r->client,
		   (unsigned long long)f->written);
	if (!f->renamed)
		return;
	if (r->rename_n == RENAMES_MAX) {
		r->rename_lost++;
		return;
	}
	r->rename[at].index = f->index;
	memcpy(r->rename[at].name, f->name, sizeof f->name);
	r->rename_n++;
}

/* False: not before the files that came are stored; each holds a descriptor until then. */
static bool file_begins(struct receive *r)
{
	int err = -EMFILE;

	if (!inbox_full(&r->inbox))
		err = inbox_begin(&r->inbox, &r->reader.file, r->reader.index - 1);
	if ((err == -EMFILE || err == -ENFILE) && r->inbox.n)
		return false;
	if (err)
		conclude_errno(r, "cannot write to the inbox", err);
	return true;
}

static void file_bytes(struct receive *r)
{
	int err = inbox_write(&r->inbox, r->reader.span, r->reader.span_len);

	r->bytes += r->reader.span_len;
	if (err)
		conclude_errno(r, "cannot write to the inbox", err);
}

static void store(struct receive *r);

static void take_data(struct receive *r, const uint8_t *p, size_t len)
{
	while (!r->ended) {
		switch (content_read(&r->reader, &p, &len)) {
		case CONTENT_MORE:
			return;
		case CONTENT_FILE:
			if (!file_begins(r)) {
				memmove(r->rest, p, len);
				r->rest_len = len;
				store(r);
				return;
			}
			break;
		case CONTENT_BYTES:
			file_bytes(r);
			break;
		case CONTENT_BAD:
			conclude(r, EXIT_INTEGRITY, "the stream is malformed");
			break;
		case CONTENT_HEAD:
		case CONTENT_CLOSE:
		case CONTENT_END:
			break;
		}
	}
}

/* The disk is behind; what arrives meanwhile waits in the receive window. */
static bool waiting(const struct receive *r)
{
	return r->sync.waiting || r->store_due || inbox_stuck(&r->inbox);
}

static void go_on(struct receive *r)
{
	if (!waiting(r))
		pathset_release(&r->ps);
}

static void cannot_store(struct receive *r, int err)
{
	inbox_finish(&r->inbox, filed, r);
	conclude_errno(r, "cannot store what was received", err);
}

/* The batch is on the disk, and its names. */
static void named(struct sync_call *call, int err)
{
	struct receive *r = container_of(call, struct receive, sync);

	if (err == -ECHILD)
		err = fsync(r->inbox.dirfd) ? -errno : 0;
	if (err && !r->ended)
		cannot_store(r, err);
	if (!r->ended) {
		inbox_finish(&r->inbox, filed, r);
		if (r->end_had)
			conclude(r, EXIT_OK, "");
		else if (file_begins(r))
			take_data(r, r->rest, r->rest_len);
	}
	go_on(r);
}

/* Asks for a sync of the directory. */
static void store_names(struct receive *r)
{
	int fd = r->inbox.n && !r->inbox.discard ? inbox_directory(&r->inbox) : -1;
	bool asked;

	r->sync.done = named;
	asked = fd >= 0 && syncer_ask(r->inbox.syncer, &r->sync, &fd, 1, false);
	if (fd >= 0)
		close(fd);
	if (!asked)
		named(&r->sync, r->inbox.n && !r->inbox.discard ? -ECHILD : 0);
}

/* What the child could not sync we sync ourselves, and the other sessions wait. */
static void synced(struct sync_call *call, int err)
{
	struct receive *r = container_of(call, struct receive, sync);

	if (!r->ended && (err == -ECHILD || (!err && r->inbox.late)))
		err = inbox_sync(&r->inbox);
	if (!r->ended && !err)
		err = inbox_rename(&r->inbox);
	if (!r->ended && !err) {
		store_names(r);
		return;
	}
	if (!r->ended)
		cannot_store(r, err);
	go_on(r);
}

/* Asks for a sync of the batch. The child does it after all that it has to write. */
static void store(struct receive *r)
{
	int fd[INBOX_FDS_MAX];
	bool whole;
	int n;

	r->store_due = inbox_end_ahead(&r->inbox);
	if (r->store_due)
		return;
	n = inbox_settle(&r->inbox, fd, &whole);
	r->sync.done = synced;
	if (n > 0 && syncer_ask(r->inbox.syncer, &r->sync, fd, (uint32_t)n, whole))
		return;
	if (n > 0 && inbox_busy(&r->inbox))
		r->store_due = true; /* `wrote` asks again */
	else
		synced(&r->sync, n > 0 ? -ECHILD : n);
}

static void wrote(struct inbox *ib, int err)
{
	struct receive *r = container_of(ib, struct receive, inbox);

	if (err && !r->ended)
		conclude_errno(r, "cannot write to the inbox", err);
	else if (r->store_due)
		store(r);
	go_on(r);
}

static void take_end(struct receive *r, const struct content_note *n)
{
	if (r->ended)
		return;
	if (n->records != r->records || n->bytes != r->payload || !content_complete(&r->reader))
		conclude(r, EXIT_INTEGRITY, "the stream ended early");
	else {
		r->end_had = true;
		store(r);
	}
}

static bool data(struct pathset *ps, const uint8_t *p, size_t len)
{
	struct receive *r = receive_of(ps);
	struct content_note n;

	if (r->end_had) {
		pathset_fail(ps, EXIT_INTEGRITY, "the client goes on after its end");
		return false;
	}
	if (content_get_data(&p, &len)) {
		r->records++;
		r->payload += len;
		take_data(r, p, len);
		if (waiting(r))
			pathset_hold(ps);
		return true;
	}
	if (!content_get_note(&n, p, len) || n.kind != KIND_END) {
		pathset_fail(ps, EXIT_INTEGRITY, "the client sent a record without meaning");
		return false;
	}
	take_end(r, &n);
	return true;
}

/* New names first, the result last. */
static size_t fill(struct pathset *ps, uint8_t *p)
{
	struct receive *r = receive_of(ps);
	struct content_note n = { .kind = KIND_NAMED };

	if (r->rename_n) {
		n.index = r->rename[r->rename_first].index;
		memcpy(n.text, r->rename[r->rename_first].name, sizeof r->rename[0].name);
		r->rename_first = (r->rename_first + 1) % RENAMES_MAX;
		r->rename_n--;
		return content_put_note(p, &n);
	}
	if (!r->ended || r->result_sent)
		return 0;
	if (r->rename_lost && !r->result.code)
		snprintf(r->result.text, sizeof r->result.text,
			 "%u more files got other names, since theirs existed", r->rename_lost);
	r->result_sent = true;
	return content_put_note(p, &r->result);
}

static void had(struct pathset *ps)
{
	if (receive_of(ps)->result_sent)
		pathset_finished(ps);
}

static void ready(struct pathset *ps)
{
	log_info("session of %s over %u paths stands", receive_of(ps)->client, ps->session.n);
}

static void over(struct pathset *ps, int code, const char *why)
{
	struct receive *r = receive_of(ps);

	if (code && !r->result_sent) /* the client hangs up when it has the result */
		log_warn("session of %s ended: %s", r->client, why);
	syncer_cancel(r->inbox.syncer, &r->sync);
	inbox_drop(&r->inbox);
	r->used = false;
	r->gone(r);
}

static const struct pathset_ops receive_ops = {
	.ready = ready,
	.fill = fill,
	.data = data,
	.had = had,
	.over = over,
};

void receive_begin(struct receive *r, struct loop *l, const struct ident *self,
		   const struct tls_cert *cert, const struct session_setup *setup,
		   const struct inbox *inbox, struct syncer *syncer, const struct msg_join *m,
		   const struct fp *client, void (*gone)(struct receive *r))
{
	pathset_init(&r->ps, l, &receive_ops, self, cert);
	inbox_share(&r->inbox, inbox);
	r->inbox.syncer = syncer;
	r->inbox.wrote = wrote;
	r->sync = (struct sync_call){ 0 };
	content_reader_init(&r->reader);
	r->used = true;
	r->since = mono_now();
	r->records = r->payload = r->bytes = 0;
	r->files = r->rename_first = r->rename_n = r->rename_lost = 0;
	r->end_had = r->ended = r->result_sent = r->store_due = false;
	r->gone = gone;
	pathset_accept(&r->ps, setup, m, client);
}

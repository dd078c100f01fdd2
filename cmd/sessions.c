/* cmd/sessions.c - sessions with the manager that outlive a process */
#include "cmd/sessions.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "cmd/home.h"
#include "core/buf.h"
#include "core/check.h"
#include "core/secret.h"

enum {
	FILES_MAX = 16, /* processes at once; more have sessions of their own */
	MAGIC = 0x6d736573, /* "mses" */
	RECORD_BYTES = 4 + 32 + SESSION_BYTES + 8 + 1 + 32,
};

static int lock_one(const struct party *p)
{
	char name[40], path[HOME_PATH_MAX];

	if (!home_path(p->common, "cache", path) || home_make_dir(path))
		return -1;
	for (int i = 0; i < FILES_MAX; i++) {
		int fd;

		snprintf(name, sizeof name, "cache/session-%d", i);
		if (!home_path(p->common, name, path))
			return -1;
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -1;
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return fd;
		close(fd);
	}
	return -1;
}

static bool parse(const struct session_file *f, const uint8_t rec[static RECORD_BYTES],
		  uint8_t session[static SESSION_BYTES], uint64_t *no)
{
	uint8_t digest[32];
	const uint8_t *id;
	uint32_t magic;
	bool under_way;
	struct buf b;

	buf_over(&b, rec, RECORD_BYTES);
	magic = buf_get_u32(&b);
	id = buf_get_bytes(&b, 32);
	buf_get_copy(&b, session, SESSION_BYTES);
	*no = buf_get_u64(&b);
	under_way = buf_get_u8(&b);
	ident_sha256(rec, RECORD_BYTES - sizeof digest, digest);
	return magic == MAGIC && !memcmp(id, f->cluster_id, 32) && !under_way &&
	       !memcmp(digest, rec + RECORD_BYTES - sizeof digest, sizeof digest);
}

void session_take(struct session_file *f, const struct party *p,
		  uint8_t session[static SESSION_BYTES], uint64_t *no)
{
	uint8_t rec[RECORD_BYTES];

	memcpy(f->cluster_id, p->cluster_id, sizeof f->cluster_id);
	f->fd = lock_one(p);
	if (f->fd >= 0 && pread(f->fd, rec, sizeof rec, 0) == sizeof rec &&
	    parse(f, rec, session, no))
		return;
	secret_bytes(session, SESSION_BYTES);
	*no = 0;
}

void session_note(struct session_file *f, const uint8_t session[static SESSION_BYTES], uint64_t no,
		  bool under_way)
{
	uint8_t rec[RECORD_BYTES], digest[32];
	struct buf b;

	if (f->fd < 0)
		return;
	buf_init(&b, rec, sizeof rec);
	buf_put_u32(&b, MAGIC);
	buf_put_bytes(&b, f->cluster_id, sizeof f->cluster_id);
	buf_put_bytes(&b, session, SESSION_BYTES);
	buf_put_u64(&b, no);
	buf_put_u8(&b, under_way);
	ident_sha256(rec, b.len, digest);
	buf_put_bytes(&b, digest, sizeof digest);
	MUST(b.len == RECORD_BYTES);
	if (pwrite(f->fd, rec, sizeof rec, 0) == sizeof rec)
		return;
	/* A full disk: whatever stands there now must not be taken up by the next process. */
	if (ftruncate(f->fd, 0) == 0)
		session_leave(f);
}

void session_leave(struct session_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int64_t session_slept_us(void)
{
	struct timespec awake, all;

	clock_gettime(CLOCK_MONOTONIC, &awake);
	clock_gettime(CLOCK_BOOTTIME, &all);
	return (all.tv_sec - awake.tv_sec) * 1000000LL + (all.tv_nsec - awake.tv_nsec) / 1000;
}

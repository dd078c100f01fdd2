/* cmd/inbox.c - a directory that receives files, and nothing outside of it */
#include "cmd/inbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"
#include "core/secret.h"
#include "core/text.h"

#define TEMP_PREFIX ".machete-"
#define TEMP_SUFFIX ".part"

static_assert(INBOX_GATHER % SYNC_WRITE_BYTES == 0, "the child writes no other pieces");

static bool is_temp(const char *name)
{
	size_t n = strlen(name);

	return n == INBOX_TEMP_MAX - 1 && !strncmp(name, TEMP_PREFIX, sizeof TEMP_PREFIX - 1) &&
	       !strcmp(name + n - (sizeof TEMP_SUFFIX - 1), TEMP_SUFFIX);
}

static void remove_leftovers(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (is_temp(e->d_name) && !unlinkat(dirfd, e->d_name, 0))
			log_info("removed %s, left by a crash", e->d_name);
	closedir(d);
}

int inbox_open(struct inbox *ib, const char *path)
{
	memset(ib, 0, sizeof *ib);
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	ib->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ib->dirfd < 0)
		return -errno;
	if (faccessat(ib->dirfd, ".", W_OK | X_OK, AT_EACCESS))
		return -errno;
	if (flock(ib->dirfd, LOCK_EX | LOCK_NB))
		return -errno;
	remove_leftovers(ib->dirfd);
	return 0;
}

static uint8_t *buffer(const struct inbox *ib, uint32_t i)
{
	return ib->gather + (size_t)i * INBOX_GATHER;
}

static int write_at(int fd, const uint8_t *p, size_t n, uint64_t offset)
{
	while (n) {
		ssize_t w = pwrite(fd, p, n, (off_t)offset);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
		offset += (uint64_t)w;
	}
	return 0;
}

/* An error that this sync met is told to nobody else. Without a child there was no sync. */
static void synced_ahead(struct sync_call *call, int err)
{
	struct inbox *ib = container_of(call, struct inbox, ahead);

	ib->wrote(ib, err == -ECHILD ? 0 : err);
}

/* The first `bytes` of a file are written. */
static void sync_ahead(struct inbox *ib, struct inbox_file *f, uint64_t bytes)
{
	struct syncer *s = &ib->syncer[SYNCER_AHEAD];

	if (bytes < f->ahead + INBOX_AHEAD_BYTES || ib->ahead.waiting || ib->ends)
		return;
	f->ahead = bytes;
	if (s->watch.fd < 0) /* asked the next time, if it lives then */
		syncer_start(s, ib->syncer->loop);
	else
		syncer_ask(s, &ib->ahead, &f->fd, 1, false);
}

/* What the child could not write we write ourselves. */
static void part_written(struct sync_call *call, int err)
{
	struct inbox_part *p = container_of(call, struct inbox_part, call);
	struct inbox *ib = p->of;
	struct inbox_file *f = &ib->file[p->file];

	ib->late |= err == -ECHILD;
	if (err == -ECHILD)
		err = write_at(f->fd, buffer(ib, (uint32_t)(p - ib->part)), INBOX_GATHER,
			       p->offset);
	if (!err)
		sync_ahead(ib, f, p->offset + INBOX_GATHER);
	ib->wrote(ib, err);
}

void inbox_share(struct inbox *ib, const struct inbox *from)
{
	ib->dirfd = from->dirfd;
	ib->discard = from->discard;
	ib->n = ib->at = 0;
	ib->gathered = 0;
	ib->ahead = (struct sync_call){ .done = synced_ahead };
	for (int i = 0; i < INBOX_BUFFERS; i++)
		ib->part[i] = (struct inbox_part){ .call.done = part_written, .of = ib };
}

void inbox_name(const char *name, char out[static CONTENT_NAME_MAX + 1])
{
	size_t at = 0;

	while (*name && at < CONTENT_NAME_MAX) {
		bool slash = *name == '/' || *name == '\\';
		size_t n = slash ? 0 : text_visible(name);

		if (n > CONTENT_NAME_MAX - at)
			break;
		if (n)
			memcpy(out + at, name, n);
		else
			out[at] = '_';
		at += n ? n : 1;
		name += n ? n : 1;
	}
	if (!at)
		out[at++] = '_';
	if (out[0] == '.' || out[0] == '-' || out[0] == ' ')
		out[0] = '_';
	if (out[at - 1] == ' ' || out[at - 1] == '.')
		out[at - 1] = '_';
	out[at] = 0;
}

static int enough_space(int dirfd, uint64_t size)
{
	struct statvfs v;

	if (size == CONTENT_UNKNOWN || fstatvfs(dirfd, &v))
		return 0;
	return size / v.f_frsize >= v.f_bavail && size ? -ENOSPC : 0;
}

/* Once so many bytes wait for the disk. */
static void start_writeback(struct inbox_file *f, uint64_t bytes)
{
	if (f->written - f->flushed < bytes)
		return;
	sync_file_range(f->fd, (off64_t)f->flushed, (off64_t)(f->written - f->flushed),
			SYNC_FILE_RANGE_WRITE);
	f->flushed = f->written;
}

static int write_gathered(struct inbox *ib)
{
	size_t n = ib->gathered;
	struct inbox_file *f;
	int r;

	ib->gathered = 0;
	if (!n)
		return 0;
	f = &ib->file[ib->n - 1];
	r = write_at(f->fd, buffer(ib, ib->at), n, f->written);
	if (r)
		return r;
	f->written += n;
	start_writeback(f, SYNC_EARLY_BYTES);
	return 0;
}

static uint32_t next_buffer(const struct inbox *ib)
{
	return (ib->at + 1) % INBOX_BUFFERS;
}

/* A full buffer goes to the child, and the next is filled; when the child is behind or gone we
 * write ourselves. */
static int hand_over(struct inbox *ib)
{
	struct inbox_part *p = &ib->part[ib->at];
	struct inbox_file *f = &ib->file[ib->n - 1];

	if (ib->part[next_buffer(ib)].call.waiting ||
	    !syncer_write(ib->syncer, &p->call, f->fd, buffer(ib, ib->at), INBOX_GATHER,
			  f->written))
		return write_gathered(ib);
	p->file = ib->n - 1;
	p->offset = f->written;
	f->written += INBOX_GATHER;
	f->flushed = f->written - f->written % SYNC_EARLY_BYTES; /* the child has */
	ib->gathered = 0;
	ib->at = next_buffer(ib);
	return 0;
}

bool inbox_stuck(const struct inbox *ib)
{
	return ib->part[next_buffer(ib)].call.waiting &&
	       INBOX_GATHER - ib->gathered < RECORD_PLAIN_MAX;
}

bool inbox_busy(const struct inbox *ib)
{
	for (int i = 0; i < INBOX_BUFFERS; i++)
		if (ib->part[i].call.waiting)
			return true;
	return false;
}

int inbox_begin(struct inbox *ib, const struct content_file *f, uint32_t index)
{
	struct inbox_file *x = &ib->file[ib->n];
	uint64_t random;
	int r = write_gathered(ib);

	MUST(!inbox_full(ib));
	if (r)
		return r;
	if (ib->n && !ib->discard)
		start_writeback(&ib->file[ib->n - 1], INBOX_END_BYTES);
	secret_bytes(&random, sizeof random);
	memset(x, 0, sizeof *x);
	x->index = index;
	inbox_name(f->name, x->name);
	x->renamed = strcmp(x->name, f->name) != 0;
	snprintf(x->temp, sizeof x->temp, TEMP_PREFIX "%016llx" TEMP_SUFFIX,
		 (unsigned long long)random);
	x->fd = -1;
	if (ib->discard) {
		ib->n++;
		return 0;
	}
	r = enough_space(ib->dirfd, f->size);
	if (r)
		return r;
	x->fd = openat(ib->dirfd, x->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       f->mode & 0777);
	if (x->fd < 0)
		return -errno;
	ib->ends = false;
	ib->n++;
	return 0;
}

int inbox_write(struct inbox *ib, const uint8_t *p, size_t n)
{
	if (ib->discard)
		return 0;
	while (n) {
		size_t part = INBOX_GATHER - ib->gathered;
		int r = 0;

		part = part < n ? part : n;
		memcpy(buffer(ib, ib->at) + ib->gathered, p, part);
		ib->gathered += part;
		p += part;
		n -= part;
		if (ib->gathered == INBOX_GATHER)
			r = hand_over(ib);
		if (r)
			return r;
	}
	return 0;
}

/* rename(2) that never replaces: renameat2 (Linux 3.15), else link and unlink. */
static int rename_new(int dirfd, const char *from, const char *to)
{
	if (!syscall(SYS_renameat2, dirfd, from, dirfd, to, 1 /* RENAME_NOREPLACE */))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (linkat(dirfd, from, dirfd, to, 0))
		return -errno;
	unlinkat(dirfd, from, 0);
	return 0;
}

static int give_name(int dirfd, struct inbox_file *f)
{
	char name[sizeof f->name];
	int r = rename_new(dirfd, f->temp, f->name);

	for (int i = 1; r == -EEXIST && i <= INBOX_SUFFIX_MAX; i++) {
		snprintf(name, sizeof name, "%.*s.%d", CONTENT_NAME_MAX - 5, f->name, i);
		r = rename_new(dirfd, f->temp, name);
		if (!r) {
			memcpy(f->name, name, sizeof f->name);
			f->renamed = true;
		}
	}
	return r;
}

int inbox_settle(struct inbox *ib, int fd[static INBOX_FDS_MAX], bool *whole)
{
	int r = write_gathered(ib);

	ib->late = false;
	*whole = ib->n > INBOX_FDS_MAX;
	for (uint32_t i = 0; i < ib->n && i < INBOX_FDS_MAX; i++)
		fd[i] = ib->file[i].fd; /* ib->dirfd holds the lock, and others' errors */
	if (r || ib->discard)
		return r;
	return *whole ? 1 : (int)ib->n;
}

int inbox_sync(struct inbox *ib)
{
	int fd[INBOX_FDS_MAX];
	bool whole;
	int n = inbox_settle(ib, fd, &whole);

	for (int i = 0; i < n; i++)
		if (whole ? syncfs(fd[i]) : fsync(fd[i]))
			return -errno;
	return n < 0 ? n : 0;
}

int inbox_rename(struct inbox *ib)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < ib->n && !ib->discard; i++) {
		r = give_name(ib->dirfd, &ib->file[i]);
		if (r)
			break;
		close(ib->file[i].fd);
		ib->file[i].fd = -1;
	}
	return r;
}

int inbox_directory(const struct inbox *ib)
{
	int fd = openat(ib->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void inbox_finish(struct inbox *ib, void (*done)(void *owner, const struct inbox_file *f),
		  void *owner)
{
	uint32_t named = 0;

	while (named < ib->n && ib->file[named].fd < 0)
		done(owner, &ib->file[named++]);
	if (named == ib->n)
		ib->n = 0;
}

void inbox_drop(struct inbox *ib)
{
	for (int i = 0; i < INBOX_BUFFERS; i++)
		syncer_cancel(ib->syncer, &ib->part[i].call);
	syncer_cancel(&ib->syncer[SYNCER_AHEAD], &ib->ahead);
	for (uint32_t i = 0; i < ib->n; i++) {
		if (ib->file[i].fd < 0)
			continue;
		close(ib->file[i].fd);
		unlinkat(ib->dirfd, ib->file[i].temp, 0);
	}
	ib->n = 0;
	ib->gathered = 0;
}

/* cmd/source.c - files, or stdin, as one padded stream of records (core/content) */
#include "cmd/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/check.h"
#include "core/pad.h"

enum { CHUNK_HEAD = 4 };

const char *source_called(const struct source *s, uint32_t i)
{
	const char *slash = strrchr(s->path[i], '/');

	return s->called ? s->called : slash ? slash + 1 : s->path[i];
}

static bool fail(struct source *s, const char *path, const char *why)
{
	snprintf(s->why, sizeof s->why, "%.300s: %s", path, why);
	s->todo = "see that it is there and can be read";
	return false;
}

static bool no_file(struct source *s, const char *path, const char *why, const char *todo)
{
	fail(s, path, why);
	s->todo = todo;
	return false;
}

static bool look(struct source *s, const char *path)
{
	struct stat st;

	if (!strcmp(path, "-"))
		return no_file(s, "stdin", "it goes alone", "say `machete send - HOST:NAME`");
	if (stat(path, &st))
		return fail(s, path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return no_file(s, path, "is a directory",
			       "send it as `tar c DIR | machete send - HOST:NAME`");
	if (!S_ISREG(st.st_mode))
		return no_file(s, path, "is no regular file",
			       "pipe it: `machete send - HOST:NAME`");
	if (access(path, R_OK))
		return fail(s, path, strerror(errno));
	s->total += (uint64_t)st.st_size;
	return true;
}

static void queue_head(struct source *s, const struct buf *b)
{
	s->head_len = b->len;
	s->head_at = 0;
}

bool source_open(struct source *s, char **path, uint32_t files, bool from_stdin)
{
	struct content_head h = { .files = files };
	uint64_t *sizes = s->sizes;
	const char *called = s->called;
	struct buf b;

	memset(s, 0, sizeof *s);
	s->sizes = sizes;
	s->called = called;
	s->path = path;
	s->files = files;
	s->from_stdin = from_stdin;
	s->fd = -1;
	for (uint32_t i = 0; !from_stdin && i < files; i++)
		if (!look(s, path[i]))
			return false;
	if (from_stdin)
		s->total = CONTENT_UNKNOWN;
	h.bytes = s->total;
	buf_init(&b, s->head, sizeof s->head);
	content_put_head(&b, &h);
	queue_head(s, &b);
	return true;
}

void source_close(struct source *s)
{
	if (s->fd > 0)
		close(s->fd);
	s->fd = -1;
}

/* /proc says that a file is empty, /sys that it is a page long: what is there shows by reading. */
static bool hides_size(struct source *s, const struct stat *st)
{
	return !s->left || (!st->st_blocks && s->left <= SOURCE_AHEAD &&
			    pread(s->fd, s->ahead, s->left, 0) < (ssize_t)s->left);
}

static bool open_next(struct source *s)
{
	const char *path = s->from_stdin ? "stdin" : s->path[s->next];
	struct content_file f = { .size = CONTENT_UNKNOWN, .mode = 0644 };
	struct stat st;
	struct buf b;

	snprintf(f.name, sizeof f.name, "%s", source_called(s, s->next));
	s->sizes[s->next++] = 0;
	s->in_file = true;
	s->ended = false;
	s->fd = s->from_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (s->fd < 0 || (!s->from_stdin && fstat(s->fd, &st)))
		return fail(s, path, strerror(errno));
	if (!s->from_stdin) {
		posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		s->left = (uint64_t)st.st_size;
		f.mode = st.st_mode & 0777;
	}
	s->chunked = hides_size(s, &st);
	if (!s->chunked)
		f.size = s->left;
	buf_init(&b, s->head, sizeof s->head);
	content_put_file(&b, &f);
	queue_head(s, &b);
	return true;
}

/* All files are in the stream. */
static void close_stream(struct source *s)
{
	struct buf b;

	buf_init(&b, s->head, sizeof s->head);
	buf_put_u8(&b, 'Z');
	queue_head(s, &b);
	s->closed = true;
}

static size_t give_head(struct source *s, uint8_t *p, size_t room)
{
	size_t n = s->head_len - s->head_at;

	n = n < room ? n : room;
	memcpy(p, s->head + s->head_at, n);
	s->head_at += n;
	return n;
}

static ssize_t read_some(struct source *s, uint8_t *p, size_t room)
{
	ssize_t n;

	do
		n = read(s->fd, p, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		fail(s, s->from_stdin ? "stdin" : s->path[s->next - 1], strerror(errno));
	return n;
}

/* Something is in s->ahead. */
static bool read_ahead(struct source *s)
{
	ssize_t n;

	if (s->ahead_at < s->ahead_len)
		return true;
	n = read_some(s, s->ahead, s->left < SOURCE_AHEAD ? (size_t)s->left : SOURCE_AHEAD);
	if (!n)
		no_file(s, s->path[s->next - 1], "became shorter while it was sent",
			"send it when nothing writes to it");
	s->ahead_at = 0;
	s->ahead_len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void count(struct source *s, size_t n)
{
	s->file_bytes += n;
	s->sizes[s->next - 1] += n;
}

/* Content of a file whose size was announced. -1: error. */
static ssize_t give_sized(struct source *s, uint8_t *p, size_t room)
{
	size_t n;

	if (!read_ahead(s))
		return -1;
	n = s->ahead_len - s->ahead_at;
	n = n < room ? n : room;
	memcpy(p, s->ahead + s->ahead_at, n);
	s->ahead_at += n;
	s->left -= n;
	count(s, n);
	return (ssize_t)n;
}

/* One chunk, or the empty one that ends it; 0 when there is nothing now. */
static ssize_t give_chunk(struct source *s, uint8_t *p, size_t room)
{
	struct buf b;
	ssize_t n;

	s->starved = s->from_stdin &&
		     poll(&(struct pollfd){ .fd = s->fd, .events = POLLIN }, 1, 0) == 0;
	if (room <= CHUNK_HEAD || s->starved)
		return 0;
	n = read_some(s, p + CHUNK_HEAD, room - CHUNK_HEAD);
	if (n < 0)
		return n;
	s->ended = n == 0;
	count(s, (size_t)n);
	buf_init(&b, p, CHUNK_HEAD);
	buf_put_u32(&b, (uint32_t)n);
	return CHUNK_HEAD + n;
}

static void end_file(struct source *s)
{
	struct stat st;

	if (!s->chunked && !fstat(s->fd, &st) && (uint64_t)st.st_size > s->sizes[s->next - 1])
		s->grew = s->path[s->next - 1];
	source_close(s);
	s->in_file = false;
}

/* The stream's next bytes; 0: nothing now, or the end. */
static ssize_t give(struct source *s, uint8_t *p, size_t room)
{
	bool file_over = s->chunked ? s->ended : !s->left;

	if (s->head_at < s->head_len)
		return (ssize_t)give_head(s, p, room);
	if (s->closed)
		return 0;
	if (s->in_file && !file_over)
		return s->chunked ? give_chunk(s, p, room) : give_sized(s, p, room);
	if (s->in_file)
		end_file(s);
	if (s->next == s->files)
		close_stream(s);
	else if (!open_next(s))
		return -1;
	return give(s, p, room);
}

static int put_end(struct source *s, uint8_t *p)
{
	struct content_note n = { .kind = KIND_END, .records = s->records, .bytes = s->payload };

	s->end_sent = true;
	return (int)content_put_note(p, &n);
}

/* Length of the record that has `at` bytes now. */
static size_t padded(struct source *s, size_t at, size_t room)
{
	uint64_t len = pad_length(at);

	if (s->closed && !s->goal)
		s->goal = pad_length(s->sent + len);
	if (s->closed)
		len = pad_length(s->goal - s->sent);
	return len < room ? (size_t)len : room;
}

int source_fill(struct source *s, uint8_t *p, size_t room)
{
	size_t at = CONTENT_DATA_HEAD, len;
	ssize_t n = 1;

	MUST(room >= CONTENT_NOTE_MAX);
	if (s->end_sent)
		return 0;
	while (at < room && n > 0) {
		n = give(s, p + at, room - at);
		if (n > 0)
			at += (size_t)n;
	}
	if (n < 0)
		return -1;
	if (at == CONTENT_DATA_HEAD && !s->closed)
		return 0;
	if (at == CONTENT_DATA_HEAD && s->sent >= s->goal)
		return put_end(s, p);
	content_put_data(p, at - CONTENT_DATA_HEAD);
	len = padded(s, at, room);
	memset(p + at, 0, len - at);
	s->records++;
	s->payload += at - CONTENT_DATA_HEAD;
	s->sent += len;
	return (int)len;
}

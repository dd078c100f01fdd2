/* cmd/tracecache.c - traces of the last day, in HOME/cache/traces */
#include "cmd/tracecache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/home.h"
#include "core/log.h"

#define TRACES_FILE "cache/traces"

enum { SLOTS = 4 * TRACECACHE_MAX }; /* a power of 2 */

static uint32_t hash_of(const struct addr *from, const char *device, const struct addr *to)
{
	uint32_t h = 2166136261u ^ to->port;

	for (size_t i = 0; i < sizeof from->ip; i++)
		h = (h ^ from->ip[i] ^ (uint32_t)to->ip[i] << 8) * 16777619u;
	for (; *device; device++)
		h = (h ^ (uint8_t)*device) * 16777619u;
	return (h ^ h >> 15) & (SLOTS - 1);
}

static bool same_ends(const struct record *r, const struct addr *from, const char *device,
		      const struct addr *to)
{
	return addr_same_ip(&r->from, from) && addr_eq(&r->to, to) && !strcmp(r->device, device);
}

/* The slot where these ends are, or would be. */
static uint32_t slot_of(const struct tracecache *t, const struct addr *from, const char *device,
			const struct addr *to)
{
	uint32_t i = hash_of(from, device, to);

	while (t->slot[i] && !same_ends(&t->v[t->slot[i] - 1], from, device, to))
		i = (i + 1) & (SLOTS - 1);
	return i;
}

static bool current(const struct record *r, int64_t now_s)
{
	int64_t age_s = now_s - r->at_s;

	return age_s >= 0 && age_s < (record_blank(r) ? TRACECACHE_BLANK_S : TRACECACHE_AGE_S);
}

const struct record *tracecache_find(const struct tracecache *t, const struct addr *from,
				     const char *device, const struct addr *to, int64_t now_s)
{
	uint32_t at = t->slot[slot_of(t, from, device, to)];
	const struct record *r = at ? &t->v[at - 1] : NULL;

	return r && current(r, now_s) ? r : NULL;
}

bool tracecache_put(struct tracecache *t, const struct record *r)
{
	uint32_t slot = slot_of(t, &r->from, r->device, &r->to);

	t->changed = true;
	if (t->slot[slot]) {
		t->v[t->slot[slot] - 1] = *r;
		return true;
	}
	if (t->n == TRACECACHE_MAX)
		return false;
	if (t->n == t->room) {
		uint32_t room = t->room ? 2 * t->room : 64;
		struct record *more = realloc(t->v, room * sizeof *more);

		if (!more)
			return false;
		t->v = more;
		t->room = room;
	}
	t->v[t->n] = *r;
	t->slot[slot] = ++t->n;
	return true;
}

/* The file's text in memory of its own; NULL: none, or not readable. */
static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *text = NULL;
	struct stat st;
	ssize_t n = 1;

	*len = 0;
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= TRACECACHE_BYTES_MAX)
		text = malloc((size_t)st.st_size);
	while (text && *len < (size_t)st.st_size && n > 0) {
		n = read(fd, text + *len, (size_t)st.st_size - *len);
		*len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

bool tracecache_load(struct tracecache *t, const struct common *c)
{
	char path[HOME_PATH_MAX];
	size_t len = 0, at = 0;
	char *text;

	*t = (struct tracecache){ .slot = calloc(SLOTS, sizeof *t->slot) };
	if (!t->slot)
		return false;
	text = home_path(c, TRACES_FILE, path) ? read_file(path, &len) : NULL;
	while (text && at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = (end ? (size_t)(end - text) : len) - at;
		struct record r;

		if (record_parse(&r, text + at, n))
			tracecache_put(t, &r);
		at += n + 1;
	}
	free(text);
	t->changed = false;
	return true;
}

void tracecache_save(struct tracecache *t, const struct common *c, int64_t now_s)
{
	char path[HOME_PATH_MAX], dir[HOME_PATH_MAX];
	char *text;
	size_t len = 0;
	int r;

	if (!t->changed || !home_path(c, "cache", dir) || !home_path(c, TRACES_FILE, path))
		return;
	text = malloc((size_t)t->n * RECORD_TEXT_MAX + 1);
	if (!text)
		return;
	for (uint32_t i = 0; i < t->n; i++) {
		if (now_s - t->v[i].at_s >= TRACECACHE_AGE_S)
			continue;
		len += record_format(&t->v[i], text + len);
		text[len++] = '\n';
	}
	r = home_make_dir(dir);
	if (!r)
		r = home_write_file(path, text, len, 0600);
	if (r)
		log_line(LOG_INFO, r, "%s is not written", path);
	free(text);
	t->changed = false;
}

void tracecache_fini(struct tracecache *t)
{
	free(t->v);
	free(t->slot);
	*t = (struct tracecache){ .n = 0 };
}

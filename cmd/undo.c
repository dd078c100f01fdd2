/* cmd/undo.c - forwarding that was switched on for an interface is switched off again */
#include "cmd/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "net/sysctl.h"

enum {
	FILE_BYTES_MAX = 80 + UNDO_MAX * (11 + IF_NAMESIZE) + UNDO_OTHERS_MAX,
	BOOT_CHARS = 37, /* of the first line: the kernel's run, and a space */
};

/* Elsewhere the entries mean nothing. */
int undo_where(char out[static UNDO_WHERE_MAX])
{
	char boot[37] = "";
	struct stat net;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (read(fd, boot, sizeof boot - 1) != sizeof boot - 1 || stat("/proc/self/ns/net", &net)) {
		close(fd);
		return -ENODATA;
	}
	close(fd);
	snprintf(out, UNDO_WHERE_MAX, "%s %llu\n", boot, (unsigned long long)net.st_ino);
	return 0;
}

static bool parse_entry(struct undo_entry *e, const char *line, const char *end)
{
	char *name;
	size_t len;

	e->ifindex = (uint32_t)strtoul(line, &name, 10);
	len = *name == ' ' ? (size_t)(end - ++name) : 0;
	if (!len || len >= sizeof e->iface)
		return false;
	memcpy(e->iface, name, len);
	e->iface[len] = 0;
	return true;
}

static bool keep(struct undo *u, const char *line, size_t len)
{
	if (u->others_len + len > sizeof u->others) {
		log_warn("HOME/undo is full: what is longest ago in another network namespace "
			 "stays switched on there");
		return false;
	}
	memcpy(u->others + u->others_len, line, len);
	u->others_len += (uint32_t)len;
	return true;
}

/* Whole lines; one that is cut short at the end was never acted upon. What another run of the
 * kernel left means nothing any more. */
static void parse(struct undo *u, const char *text)
{
	size_t head = strlen(u->where);
	bool ours = false, others = false, room = true;
	const char *end;

	for (; (end = strchr(text, '\n')); text = end + 1) {
		struct undo_entry e;

		if (!parse_entry(&e, text, end)) {
			ours = !strncmp(text, u->where, head);
			others = !ours && !strncmp(text, u->where, BOOT_CHARS);
		} else if (ours && u->n < UNDO_MAX) {
			u->entry[u->n++] = e;
		}
		if (others && room)
			room = keep(u, text, (size_t)(end + 1 - text));
	}
}

static int load(struct undo *u)
{
	char text[FILE_BYTES_MAX + 1];
	ssize_t n = pread(u->fd, text, sizeof text - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = 0;
	parse(u, text);
	return 0;
}

/* On disk before anything is done. A write that is torn is one of another run of the kernel. */
static int save(struct undo *u)
{
	char text[FILE_BYTES_MAX];
	int len = u->n ? snprintf(text, sizeof text, "%s", u->where) : 0;

	for (uint32_t i = 0; i < u->n; i++)
		len += snprintf(text + len, sizeof text - (size_t)len, "%u %s\n",
				u->entry[i].ifindex, u->entry[i].iface);
	memcpy(text + len, u->others, u->others_len);
	len += (int)u->others_len;
	if (pwrite(u->fd, text, (size_t)len, 0) != len)
		return errno ? -errno : -EIO;
	return ftruncate(u->fd, len) || fdatasync(u->fd) ? -errno : 0;
}

int undo_open(struct undo *u, const char *path)
{
	int r;

	u->n = u->others_len = 0;
	u->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (u->fd < 0)
		return -errno;
	r = flock(u->fd, LOCK_EX | LOCK_NB) ? -EBUSY : undo_where(u->where);
	r = r ? r : load(u);
	r = r ? r : undo_all(u);
	if (r)
		undo_close(u);
	return r;
}

/* An interface that is gone took its switch along. */
static bool is_here(const struct undo_entry *e)
{
	char name[IF_NAMESIZE];

	return if_indextoname(e->ifindex, name) && !strcmp(name, e->iface);
}

static bool is_noted(const struct undo *u, const struct undo_entry *e)
{
	for (uint32_t i = 0; i < u->n; i++)
		if (u->entry[i].ifindex == e->ifindex && !strcmp(u->entry[i].iface, e->iface))
			return true;
	return false;
}

static void drop_gone(struct undo *u)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < u->n; i++)
		if (is_here(&u->entry[i]))
			u->entry[left++] = u->entry[i];
	u->n = left;
}

/* Once for each interface, however often it is switched on. 0 or -errno. */
static int note(struct undo *u, const struct undo_entry *e)
{
	int r;

	if (is_noted(u, e))
		return 0;
	if (u->n == UNDO_MAX)
		drop_gone(u);
	if (u->n == UNDO_MAX)
		return -ENOSPC;
	u->entry[u->n++] = *e;
	r = save(u);
	if (r)
		u->n--;
	return r;
}

int undo_switch_on(struct undo *u, uint32_t ifindex, const char *iface)
{
	struct undo_entry e = { .ifindex = ifindex };
	int r;

	if (u->fd < 0)
		return -EROFS;
	snprintf(e.iface, sizeof e.iface, "%s", iface);
	r = note(u, &e);
	if (!r)
		r = sysctl_set_forwarding(true, iface, true);
	if (!r)
		log_warn("IPv4 forwarding switched on for %s, until we stop", iface);
	return r;
}

int undo_all(struct undo *u)
{
	uint32_t left = 0;
	int ret = 0, r;

	for (uint32_t i = 0; i < u->n; i++) {
		struct undo_entry e = u->entry[i];

		r = is_here(&e) ? sysctl_set_forwarding(true, e.iface, false) : 0;
		if (!r)
			continue;
		log_line(LOG_ERR, r, "cannot switch forwarding off for %s again", e.iface);
		u->entry[left++] = e;
		ret = r;
	}
	u->n = left;
	r = u->fd < 0 ? 0 : save(u);
	return ret ? ret : r;
}

void undo_close(struct undo *u)
{
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
}

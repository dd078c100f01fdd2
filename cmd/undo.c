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

enum { FILE_BYTES_MAX = 80 + UNDO_MAX * (11 + IF_NAMESIZE) };

/* The kernel's run and our network namespace: elsewhere the entries mean nothing. */
static int find_where(struct undo *u)
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
	snprintf(u->where, sizeof u->where, "%s %llu\n", boot, (unsigned long long)net.st_ino);
	return 0;
}

/* Whole lines "INDEX NAME"; one that is cut short at the end was never acted upon. */
static void parse(struct undo *u, const char *text)
{
	const char *end;

	for (; u->n < UNDO_MAX && (end = strchr(text, '\n')); text = end + 1) {
		struct undo_entry *e = &u->entry[u->n];
		char *name;
		size_t len;

		e->ifindex = (uint32_t)strtoul(text, &name, 10);
		len = *name == ' ' ? (size_t)(end - ++name) : 0;
		if (!len || len >= sizeof e->iface)
			continue;
		memcpy(e->iface, name, len);
		e->iface[len] = 0;
		u->n++;
	}
}

static int load(struct undo *u)
{
	char text[FILE_BYTES_MAX + 1];
	ssize_t n = pread(u->fd, text, sizeof text - 1, 0);
	size_t head = strlen(u->where);

	if (n < 0)
		return -errno;
	text[n] = 0;
	if (!strncmp(text, u->where, head))
		parse(u, text + head);
	return 0;
}

/* On disk before anything is done. */
static int save(struct undo *u)
{
	char text[FILE_BYTES_MAX];
	int len = u->n ? snprintf(text, sizeof text, "%s", u->where) : 0;

	for (uint32_t i = 0; i < u->n; i++)
		len += snprintf(text + len, sizeof text - (size_t)len, "%u %s\n",
				u->entry[i].ifindex, u->entry[i].iface);
	if (pwrite(u->fd, text, (size_t)len, 0) != len)
		return errno ? -errno : -EIO;
	return ftruncate(u->fd, len) || fdatasync(u->fd) ? -errno : 0;
}

int undo_open(struct undo *u, const char *path)
{
	int r;

	u->n = 0;
	u->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (u->fd < 0)
		return -errno;
	r = flock(u->fd, LOCK_EX | LOCK_NB) ? -EBUSY : find_where(u);
	r = r ? r : load(u);
	r = r ? r : undo_all(u);
	if (r)
		undo_close(u);
	return r;
}

int undo_switch_on(struct undo *u, uint32_t ifindex, const char *iface)
{
	struct undo_entry *e = &u->entry[u->n];
	int r;

	if (u->fd < 0)
		return -EROFS;
	if (u->n == UNDO_MAX)
		return -ENOSPC;
	e->ifindex = ifindex;
	snprintf(e->iface, sizeof e->iface, "%s", iface);
	u->n++;
	r = save(u);
	if (r)
		u->n--;
	if (!r)
		r = sysctl_set_forwarding(true, iface, true);
	if (!r)
		log_warn("IPv4 forwarding switched on for %s, until we stop", iface);
	return r;
}

/* An interface that is gone took its switch along. */
static bool is_here(const struct undo_entry *e)
{
	char name[IF_NAMESIZE];

	return if_indextoname(e->ifindex, name) && !strcmp(name, e->iface);
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

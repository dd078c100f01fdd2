/* cmd/home.c - the directory that holds a party's key, cluster file and caches */
#include "cmd/home.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/report.h"
#include "core/secret.h"

enum {
	TODO_BYTES_MAX = HOME_PATH_MAX + 100,
	LOCK_MS = 3000, /* the one before may still be on its way out */
	LOCK_STEP_MS = 50,
};

static bool fits(int n)
{
	return n > 0 && n < HOME_PATH_MAX;
}

bool home_dir(const struct common *c, char *out)
{
	const char *given = c->home ? c->home : getenv("MACHETE_HOME");
	const char *xdg = getenv("XDG_CONFIG_HOME");
	const char *user = getenv("HOME");

	if (given && *given)
		return fits(snprintf(out, HOME_PATH_MAX, "%s", given));
	if (!geteuid())
		return fits(snprintf(out, HOME_PATH_MAX, "/etc/machete"));
	if (xdg && *xdg)
		return fits(snprintf(out, HOME_PATH_MAX, "%s/machete", xdg));
	return user && *user && fits(snprintf(out, HOME_PATH_MAX, "%s/.config/machete", user));
}

bool home_path(const struct common *c, const char *name, char *out)
{
	char dir[HOME_PATH_MAX];

	return home_dir(c, dir) && fits(snprintf(out, HOME_PATH_MAX, "%s/%s", dir, name));
}

/* A whole small file: its length, or -errno; -EFBIG when it does not fit. The mode where wanted. */
static ssize_t read_open(int fd, char *out, size_t bytes, mode_t *mode)
{
	size_t at = 0;
	struct stat st;
	ssize_t n = 0;

	n = fstat(fd, &st) ? -errno : S_ISREG(st.st_mode) ? 1 : -EINVAL;
	while (n > 0 && at < bytes) {
		n = pread(fd, out + at, bytes - at, (off_t)at);
		n = n < 0 ? -errno : n;
		at += n > 0 ? (size_t)n : 0;
	}
	if (mode)
		*mode = st.st_mode;
	return n < 0 ? n : at == bytes ? -EFBIG : (ssize_t)at;
}

static ssize_t read_file(const char *path, char *out, size_t bytes, mode_t *mode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = fd < 0 ? -errno : read_open(fd, out, bytes, mode);

	if (fd >= 0)
		close(fd);
	return n;
}

/* "machete -C DIR COMMAND" as the user has to type it. */
static const char *retype(const struct common *c, const char *command, char *out, size_t bytes)
{
	snprintf(out, bytes, "machete%s%s %s", c->home ? " -C " : "", c->home ? c->home : "",
		 command);
	return out;
}

static int no_home(const struct common *c)
{
	return report_error(c, EXIT_USAGE, "give it with -C HOME", "home directory",
			    "neither HOME nor MACHETE_HOME is set, or it is too long");
}

static int key_unreadable(const struct common *c, const char *path, int err)
{
	char command[HOME_PATH_MAX + 40], todo[TODO_BYTES_MAX];

	snprintf(todo, sizeof todo, "make one with `%s`",
		 retype(c, "key new", command, sizeof command));
	if (err == -ENOENT || err == -ENOTDIR)
		return report_error(c, EXIT_USAGE, todo, path, "there is no key");
	return report_error(c, EXIT_USAGE, "make it readable for this user alone", path, "%s",
			    strerror(-err));
}

int home_load_key(const struct common *c, struct ident *id)
{
	char path[HOME_PATH_MAX], todo[TODO_BYTES_MAX], text[KEY_TEXT_MAX];
	mode_t mode = 0;
	ssize_t n;
	bool ok;

	if (!home_path(c, "key", path))
		return no_home(c);
	n = read_file(path, text, sizeof text, &mode);
	if (n < 0 && n != -EFBIG)
		return key_unreadable(c, path, (int)n);
	ok = n > 0 && ident_parse(id, text, (size_t)n);
	wipe(text, sizeof text);
	snprintf(todo, sizeof todo, "chmod 600 %s", path);
	if (mode & 077) {
		ident_wipe(id);
		return report_error(c, EXIT_USAGE, todo, path,
				    "others can read the key (mode %04o)", (unsigned)mode & 07777);
	}
	if (!ok)
		return report_error(c, EXIT_USAGE,
				    "restore it, or replace it with `machete key new --force`",
				    path, "this is no key of machete");
	return 0;
}

int home_open_cluster(const struct common *c)
{
	char path[HOME_PATH_MAX];

	return home_path(c, "cluster", path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* By its path, or where that may not be read any more by the descriptor that was kept. */
static ssize_t read_cluster(const char *path, int kept, char *out, size_t bytes)
{
	ssize_t n = read_file(path, out, bytes, NULL);
	struct stat st;

	if (n != -EACCES || kept < 0 || fstat(kept, &st) || !st.st_nlink)
		return n;
	return read_open(kept, out, bytes, NULL);
}

int home_load_cluster(const struct common *c, int kept, struct cluster *cl)
{
	char path[HOME_PATH_MAX], todo[TODO_BYTES_MAX], text[CLUSTER_TEXT_MAX + 1], why[240];
	ssize_t n;

	if (!home_path(c, "cluster", path))
		return no_home(c);
	n = read_cluster(path, kept, text, sizeof text);
	snprintf(todo, sizeof todo, "get it with `machete -C ADMIN cluster show` and put it at %s",
		 path);
	if (n == -ENOENT || n == -ENOTDIR)
		return report_error(c, EXIT_USAGE, todo, path, "there is no cluster file");
	if (n < 0)
		return report_error(c, EXIT_USAGE, todo, path, "%s", strerror((int)-n));
	if (!cluster_parse(cl, text, (size_t)n, why, sizeof why))
		return report_error(c, EXIT_USAGE, todo, path, "%s", why);
	return 0;
}

bool home_lock(int fd)
{
	for (int ms = 0; flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK; ms += LOCK_STEP_MS) {
		if (ms >= LOCK_MS)
			return false;
		poll(NULL, 0, LOCK_STEP_MS);
	}
	return true;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* A rename is on disk once the directory is. */
static int sync_dir_of(const char *path)
{
	char dir[HOME_PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd, r;

	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) && errno != EINVAL ? -errno : 0;
	close(fd);
	return r;
}

int home_write_file(const char *path, const char *text, size_t len, unsigned mode)
{
	char tmp[HOME_PATH_MAX];
	int fd, r;

	if (!fits(snprintf(tmp, sizeof tmp, "%s.XXXXXX", path)))
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, mode) ? -errno : write_all(fd, text, len);
	if (!r && fsync(fd))
		r = -errno;
	if (close(fd) && !r)
		r = -errno;
	if (!r && rename(tmp, path))
		r = -errno;
	if (r)
		unlink(tmp);
	return r ? r : sync_dir_of(path);
}

int home_make_dir(const char *path)
{
	char at[HOME_PATH_MAX];
	struct stat st;
	size_t len = strlen(path);

	if (!len || len >= sizeof at)
		return len ? -ENAMETOOLONG : -EINVAL;
	memcpy(at, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (at[i] != '/' && at[i])
			continue;
		at[i] = 0;
		if (mkdir(at, 0700) && errno != EEXIST)
			return -errno;
		at[i] = path[i];
	}
	if (stat(path, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

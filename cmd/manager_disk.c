/* cmd/manager_disk.c - the files of a replica: its log, its snapshots, and whether it may vote
 *
 *	HOME/data/log              records of tuple/wal; log.new while another takes its place
 *	HOME/data/snapshot-SLOT    the state after a slot
 *	HOME/voted                 this key may have voted, and its log once began at this slot
 *	HOME/observer              its log was lost or damaged: it never votes again
 *	                           (MANAGER.md B.5)
 *
 * The two marks stand outside of data/, so that who wipes data/ does not make a replica forget in
 * silence what it promised. After start every error ends the process: what a failed write or fsync
 * left on the disk cannot be known (Rebello and others, "Can applications recover from fsync
 * failures?", ATC'20). */
#include "cmd/manager_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"

enum {
	SAVE_PART_BYTES = 1 << 20, /* of a snapshot a turn: 1 ms of copying */
	FILE_BYTES_MAX = 256 << 20, /* nothing of ours is larger */
	LOG_PART_BYTES = 256 * 1024, /* of the log, made ready at a time: 32 slots */
	SNAPSHOT_NAME_MAX = 40,
	VOTED_SLOT_BYTES = 20, /* decimal, with zeros in front */
};

static const char snapshot_prefix[] = "snapshot-";

static int complain(const struct common *c, const char *what, int err)
{
	const char *todo = "see that the disk works and HOME is writable for this user";

	if (err == -ENOSPC || err == -EDQUOT)
		todo = "free some space and start it again: nothing that was promised is lost";
	return report_error(c, EXIT_FAILED, todo, what, "%s", strerror(-err));
}

/* The disk failed under a running replica. */
static _Noreturn void give_up(const struct disk *d, const char *what, int err)
{
	exit(complain(d->c, what, err));
}

static int write_all(int fd, const uint8_t *p, size_t len, off_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A whole file in fresh memory; NULL and *len 0 when there is none, *err set on failure. */
static uint8_t *read_all(int dir, const char *name, size_t *len, int *err)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *mem = NULL;
	ssize_t n = 1;

	*len = 0;
	*err = fd < 0 && errno != ENOENT ? -errno : 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || st.st_size > FILE_BYTES_MAX)
		*err = -EFBIG;
	else
		mem = malloc((size_t)st.st_size + 1);
	if (!*err && !mem)
		*err = -ENOMEM;
	while (mem && n > 0 && *len < (size_t)st.st_size) {
		n = read(fd, mem + *len, (size_t)st.st_size - *len);
		*err = n < 0 ? -errno : 0;
		*len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (!*err)
		return mem;
	free(mem);
	return NULL;
}

static bool mark_exists(const struct manager *m, const char *name)
{
	char path[HOME_PATH_MAX];

	return home_path(m->c, name, path) && !access(path, F_OK);
}

static int mark(const struct manager *m, const char *name, const char *text)
{
	char path[HOME_PATH_MAX];
	int r =
	    home_path(m->c, name, path) ? home_write_file(path, text, strlen(text), 0600) : -ENOENT;

	return r ? complain(m->c, path, r) : 0;
}

/* The newest snapshots come first; there are never more than a few. */
static void note_snapshot(struct disk *d, uint64_t slot)
{
	uint32_t i;

	if (d->snapshots == SNAPSHOTS_MAX)
		d->snapshots--;
	for (i = d->snapshots; i > 0 && d->snapshot[i - 1] < slot; i--)
		d->snapshot[i] = d->snapshot[i - 1];
	d->snapshot[i] = slot;
	d->snapshots++;
}

static const char *snapshot_name(uint64_t slot, char out[static SNAPSHOT_NAME_MAX])
{
	snprintf(out, SNAPSHOT_NAME_MAX, "%s%llu", snapshot_prefix, (unsigned long long)slot);
	return out;
}

static void find_snapshots(struct disk *d)
{
	DIR *dir = fdopendir(openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t skip = sizeof snapshot_prefix - 1;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		const char *digits = e->d_name + skip;
		char *end;
		unsigned long long slot;

		if (strncmp(e->d_name, snapshot_prefix, skip) || *digits < '0' || *digits > '9')
			continue;
		slot = strtoull(digits, &end, 10);
		if (!*end)
			note_snapshot(d, slot);
	}
	if (dir)
		closedir(dir);
}

/* Fresh pages from the kernel are zero already, and cost nothing before they are used. */
static int begin_replica(struct manager *m, const struct replica_setup *setup)
{
	free(m->replica_mem);
	m->replica_mem = calloc(1, replica_bytes());
	if (!m->replica_mem)
		return complain(m->c, "manager", -ENOMEM);
	m->replica = replica_init(m->replica_mem, setup);
	return 0;
}

/* The snapshot that the log continues; slot 0 is none. */
static bool load_snapshot(struct manager *m, uint64_t slot)
{
	char name[SNAPSHOT_NAME_MAX];
	uint8_t *mem;
	size_t len;
	bool ok;
	int err;

	if (!slot)
		return true;
	mem = read_all(m->disk.dir, snapshot_name(slot, name), &len, &err);
	ok = mem && replica_load(m->replica, mem, len);
	free(mem);
	if (!ok)
		log_err("HOME/data/%s is %s", name, mem ? "damaged" : "missing");
	return ok;
}

/* Where the newest log of this key began that HOME/voted knows of. 0: nothing is known. */
static uint64_t voted_slot(const struct manager *m)
{
	char path[HOME_PATH_MAX], text[VOTED_SLOT_BYTES + 1] = "";
	int fd = home_path(m->c, "voted", path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return 0;
	if (read(fd, text, VOTED_SLOT_BYTES) < 0)
		text[0] = 0;
	close(fd);
	return strtoull(text, NULL, 10);
}

/* The log's records into the replica. False: in doubt. An empty log promises nothing yet. */
static bool replay(struct manager *m, const uint8_t *log, size_t len)
{
	struct wal_chain chain = { 0 };
	struct wal_record rec;
	enum wal_verdict v;
	size_t pos = 0;
	bool ok = true, first = true;

	while (ok && (v = wal_next(log, len, &pos, &chain, &rec)) == WAL_RECORD) {
		if (first)
			ok = load_snapshot(m, rec.slot);
		if (first && m->party.cluster.n > 1 && rec.slot < voted_slot(m)) {
			log_err("the log is older than HOME/voted");
			return false;
		}
		first = false;
		ok = ok && replica_replay(m->replica, &rec);
	}
	/* Its first record was synced before there was a mark. */
	if (first && m->party.cluster.n > 1 && !m->observer && mark_exists(m, "voted"))
		return false;
	return ok && v != WAL_CORRUPT;
}

/* Never again a vote of this key: says so, and puts the log aside. */
static int doubt(struct manager *m, struct replica_setup *setup, const char *why)
{
	struct disk *d = &m->disk;

	if (m->party.cluster.n == 1)
		return report_error(m->c, EXIT_FAILED,
				    "restore HOME/data from a copy, or remove it and "
				    "HOME/voted to begin with an empty directory",
				    "manager", "%s, and no other replica has it", why);
	setup->observer = m->observer = true;
	setup->fresh = false;
	report_warning(m->c, "manager", "%s; this replica only observes until `machete cluster "
		       "replace %u FINGERPRINT` puts another key in its place, made in an empty "
		       "HOME", why, m->self);
	if (renameat(d->dir, "log", d->dir, "log.doubted") && errno != ENOENT)
		return complain(m->c, "HOME/data/log", -errno);
	if (!mark_exists(m, "observer") && mark(m, "observer", "this key must not vote\n"))
		return EXIT_FAILED;
	return begin_replica(m, setup);
}

static int load(struct manager *m)
{
	struct replica_setup setup = { .cluster = m->party.cluster };
	uint8_t *log;
	size_t len;
	int err, r = 0;

	signer_ident(&setup.signer, &m->party.id);
	find_snapshots(&m->disk);
	log = read_all(m->disk.dir, "log", &len, &err);
	if (err)
		return complain(m->c, "HOME/data/log", err);
	setup.observer = m->observer = mark_exists(m, "observer");
	setup.fresh = !log && !m->observer && !mark_exists(m, "voted");
	r = begin_replica(m, &setup);
	if (!r && !log && !setup.fresh && !m->observer)
		r = doubt(m, &setup, "the log in HOME/data is lost");
	else if (!r && log && !replay(m, log, len))
		r = doubt(m, &setup, "the log in HOME/data is damaged");
	free(log);
	return r;
}

static int open_dir(struct manager *m, char path[static HOME_PATH_MAX])
{
	struct disk *d = &m->disk;
	int r = home_path(m->c, "data", path) ? home_make_dir(path) : -ENOENT;

	d->dir = r ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir < 0)
		return complain(m->c, path, r ? r : -errno);
	if (home_lock(d->dir))
		return 0;
	return report_error(m->c, EXIT_FAILED, "stop the other one first", path,
			    "another manager uses it");
}

int disk_open(struct manager *m, bool sync)
{
	struct disk *d = &m->disk;
	char path[HOME_PATH_MAX];
	int r;

	d->c = m->c;
	d->sync = sync;
	d->save = d->log = d->voted = -1;
	r = open_dir(m, path);
	return r ? r : load(m);
}

/* So that a sync has only the record to write, neither a new size nor new blocks. Zeros are
 * written: blocks that were only reserved are a change to the file system when they are used. */
static int make_ready(struct disk *d, int fd, off_t upto)
{
	static uint8_t zeros[LOG_PART_BYTES]; /* not const: it would stand in the program */
	int r = 0;

	for (; !r && d->zeroed < upto; d->zeroed += LOG_PART_BYTES)
		r = write_all(fd, zeros, sizeof zeros, d->zeroed);
	return r;
}

void disk_append(struct disk *d, const uint8_t *p, size_t len)
{
	int r;

	MUST(d->log >= 0);
	r = make_ready(d, d->log, d->end + (off_t)len);
	r = r ? r : write_all(d->log, p, len, d->end);
	if (r)
		give_up(d, "HOME/data/log", r);
	d->end += (off_t)len;
	d->dirty = true;
}

void disk_sync(struct disk *d)
{
	if (!d->dirty)
		return;
	d->dirty = false;
	if (d->sync && fdatasync(d->log))
		give_up(d, "HOME/data/log", -errno);
}

static void sync_dir(const struct disk *d)
{
	if (d->sync && fsync(d->dir))
		give_up(d, "HOME/data", -errno);
}

void disk_save(struct disk *d, uint64_t slot, const uint8_t *p, size_t len)
{
	MUST(d->save < 0);
	d->save = openat(d->dir, "snapshot.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (d->save < 0)
		give_up(d, "HOME/data/snapshot.new", -errno);
	d->slot = slot;
	d->bytes = p;
	d->len = len;
	d->at = 0;
}

/* The last step: it counts once its name is on the disk. */
static void save_done(struct disk *d)
{
	char name[SNAPSHOT_NAME_MAX];

	if (d->sync && fsync(d->save))
		give_up(d, "HOME/data/snapshot.new", -errno);
	close(d->save);
	d->save = -1;
	if (renameat(d->dir, "snapshot.new", d->dir, snapshot_name(d->slot, name)))
		give_up(d, "HOME/data/snapshot.new", -errno);
	sync_dir(d);
	note_snapshot(d, d->slot);
}

bool disk_save_on(struct disk *d)
{
	size_t part = d->len - d->at < SAVE_PART_BYTES ? d->len - d->at : SAVE_PART_BYTES;
	int r = write_all(d->save, d->bytes + d->at, part, (off_t)d->at);

	if (r)
		give_up(d, "HOME/data/snapshot.new", r);
	/* Let the disk begin now, so that the fsync at the end finds little to do. */
	if (d->sync)
		sync_file_range(d->save, (off_t)d->at, (off_t)part, SYNC_FILE_RANGE_WRITE);
	d->at += part;
	if (d->at < d->len)
		return false;
	save_done(d);
	return true;
}

/* Once there is a log that remembers its votes, and before the first: a start that fails earlier
 * has promised nothing. The slot, later on, is for a restored copy of data/ (MANAGER.md B.5): it is
 * not synced, so it may be behind the log, never ahead. */
static void may_vote(struct manager *m, uint64_t slot)
{
	static const char text[] = "%0*llu\nthis key may have voted; its memory is in data/\n";
	char line[VOTED_SLOT_BYTES + sizeof text], path[HOME_PATH_MAX];
	struct disk *d = &m->disk;

	snprintf(line, sizeof line, text, VOTED_SLOT_BYTES, (unsigned long long)slot);
	if (!mark_exists(m, "voted") && mark(m, "voted", line))
		exit(EXIT_FAILED);
	if (d->voted < 0 && home_path(m->c, "voted", path))
		d->voted = open(path, O_WRONLY | O_CLOEXEC);
	if (d->voted < 0 || write_all(d->voted, (uint8_t *)line, VOTED_SLOT_BYTES, 0))
		log_warn("HOME/voted cannot be written: an older copy of data/ would go unnoticed");
}

void disk_switch(struct manager *m, uint64_t slot)
{
	struct replica *r = m->replica;
	struct disk *d = &m->disk;
	int fd = openat(d->dir, "log.new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const uint8_t *p;
	uint64_t cursor = 0;
	char name[SNAPSHOT_NAME_MAX];
	size_t len;
	int err = fd < 0 ? -errno : 0;

	for (d->end = 0; !err && (p = replica_dump(r, &cursor, &len)); d->end += (off_t)len)
		err = write_all(fd, p, len, d->end);
	d->zeroed = d->end;
	err = err ? err : make_ready(d, fd, d->end + 1);
	if (err || (d->sync && fsync(fd)) || renameat(d->dir, "log.new", d->dir, "log"))
		give_up(d, "HOME/data/log.new", err ? err : -errno);
	if (d->log >= 0)
		close(d->log);
	d->log = fd;
	d->dirty = false;
	sync_dir(d);
	may_vote(m, slot);
	while (d->snapshots && d->snapshot[d->snapshots - 1] < slot)
		unlinkat(d->dir, snapshot_name(d->snapshot[--d->snapshots], name), 0);
}

void disk_close(struct disk *d)
{
	disk_sync(d);
	if (d->log >= 0)
		close(d->log);
	close(d->voted);
	close(d->dir);
}

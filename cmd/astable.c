/* cmd/astable.c - the imported prefix-to-AS table of this HOME, mapped */
#include "cmd/astable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/report.h"

#define IMPORT_HINT "import one with `machete asn import FILE`"

/* 0 or -errno; an empty file is left unmapped. The import replaces the file by rename, so the
 * mapping stays whole. */
static int map_file(struct astable *t, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (st.st_size > 0)
		t->mem = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (t->mem == MAP_FAILED) {
		ret = -errno;
		t->mem = NULL;
	}
	t->len = t->mem ? (size_t)st.st_size : 0;
	close(fd);
	return ret;
}

static void map(const struct common *c, struct astable *t, bool may_be_missing)
{
	char path[HOME_PATH_MAX];
	enum asn_verdict v;
	int r;

	*t = (struct astable){ 0 };
	if (!home_path(c, ASTABLE_FILE, path))
		return;
	r = map_file(t, path);
	if (r == -ENOENT && may_be_missing)
		return;
	if (r == -ENOENT)
		report_warning(c, "AS numbers", "no prefix-to-AS table; " IMPORT_HINT);
	else if (r)
		report_warning(c, path, "%s; " IMPORT_HINT, strerror(-r));
	if (r)
		return;
	v = asn_open(&t->t, t->mem, t->len);
	if (v != ASN_OK) {
		report_warning(c, path, "%s; " IMPORT_HINT, asn_verdict_str[v]);
		astable_unmap(t);
	} else if (astable_age_days(t) > ASN_OLD_DAYS) {
		report_warning(c, path, "the table is %d days old; " IMPORT_HINT,
			       astable_age_days(t));
	}
}

void astable_map(const struct common *c, struct astable *t)
{
	map(c, t, false);
}

void astable_map_if_any(const struct common *c, struct astable *t)
{
	map(c, t, true);
}

void astable_unmap(struct astable *t)
{
	if (t->mem)
		munmap(t->mem, t->len);
	free(t->more_mem);
	*t = (struct astable){ 0 };
}

const struct asn_table *astable_table(const struct astable *t)
{
	return t->mem || t->more_mem ? &t->t : NULL;
}

struct asn_set astable_find(const struct astable *t, const struct addr *a)
{
	return asn_find(astable_table(t), a);
}

int astable_age_days(const struct astable *t)
{
	int64_t age;

	if (!t->mem)
		return -1;
	age = (int64_t)time(NULL) - (int64_t)t->t.head->built;
	return age < 0 ? 0 : (int)(age / 86400);
}

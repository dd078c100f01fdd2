/* cmd/asn.c - import a prefix-to-AS data set, and look addresses up in it */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/astable.h"
#include "cmd/home.h"
#include "cmd/online.h"
#include "cmd/report.h"
#include "probe/asn_build.h"

struct options {
	bool keep_bogons;
	struct online_options online;
};

static const struct opt rows[] = {
	{ OPT_FLAG, 0, "keep-bogons", NULL,
	  "import private nets and prefixes longer than /24 and /48 too",
	  offsetof(struct options, keep_bogons), 0, 0 },
	ONLINE_ROWS(options, online),
	{ 0 },
};

/* A whole file, or stdin for "-", in memory of its own. */
struct text {
	char *p;
	size_t len, room;
	size_t lines;
};

enum { TEXT_BYTES_MAX = 1 << 30, TEXT_STEP = 4 << 20 };

static int read_all(struct text *t, int fd)
{
	for (;;) {
		ssize_t n;

		if (t->room - t->len < TEXT_STEP) {
			char *more = t->room > TEXT_BYTES_MAX
					     ? NULL
					     : realloc(t->p, 2 * t->room + TEXT_STEP);

			if (!more)
				return -EFBIG;
			t->p = more;
			t->room = 2 * t->room + TEXT_STEP;
		}
		n = read(fd, t->p + t->len, TEXT_STEP);
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		t->len += (size_t)n;
	}
}

static int read_file(struct text *t, const char *name)
{
	bool from_stdin = !strcmp(name, "-");
	int fd = from_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = read_all(t, fd);
	if (!from_stdin)
		close(fd);
	for (size_t i = 0; !r && i < t->len; i++)
		t->lines += t->p[i] == '\n';
	return r;
}

/* What else a file may be whose name ends in .gz, .bz2 or .mmdb. */
static const char *not_text(const struct text *t)
{
	static const struct {
		const char *magic, *todo;
		size_t len;
	} kind[] = {
		{ "\x1f\x8b", "it is compressed: `zcat FILE | machete asn import -`", 2 },
		{ "BZh", "it is compressed: `bzcat FILE | machete asn import -`", 3 },
		{ "\xfd" "7zXZ", "it is compressed: `xzcat FILE | machete asn import -`", 5 },
	};

	for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++)
		if (t->len > kind[i].len && !memcmp(t->p, kind[i].magic, kind[i].len))
			return kind[i].todo;
	return NULL;
}

static void say_import(const struct common *c, const struct asn_head *h, const struct asn_counts *n,
		       const char *path)
{
	struct json *j = c->json ? report_begin("import") : NULL;

	if (!j) {
		printf("%u entries in %u IPv4 and %u IPv6 ranges -> %s\n", n->entries, h->n4, h->n6,
		       path);
		printf("left out: %u bogons, %u too long, %u not routed, %u not understood; "
		       "%u overlaps, the narrower won\n",
		       n->bogons, n->too_long, n->unrouted, n->bad, n->crossing);
		return;
	}
	json_str(j, "file", path);
	json_u64(j, "lines", n->lines);
	json_u64(j, "entries", n->entries);
	json_u64(j, "ipv4_ranges", h->n4);
	json_u64(j, "ipv6_ranges", h->n6);
	json_u64(j, "bogons", n->bogons);
	json_u64(j, "too_long", n->too_long);
	json_u64(j, "unrouted", n->unrouted);
	json_u64(j, "bad", n->bad);
	json_u64(j, "overlaps", n->crossing);
	report_end(j);
}

static int write_table(const struct common *c, const void *file, size_t len, char *path)
{
	char dir[HOME_PATH_MAX];
	int r;

	if (!home_path(c, "cache", dir) || !home_path(c, ASTABLE_FILE, path))
		return report_error(c, EXIT_USAGE, "say where with -C HOME", "asn",
				    "no home directory");
	r = home_make_dir(dir);
	if (!r)
		r = home_write_file(path, file, len, 0644);
	if (r)
		return report_error(c, EXIT_FAILED, "choose another HOME with -C", path, "%s",
				    strerror(-r));
	return EXIT_OK;
}

/* Flattens what was read and writes it; mem belongs to the build. */
static int finish(const struct common *c, struct asn_build *b, const char *name)
{
	char path[HOME_PATH_MAX];
	size_t len = asn_build_finish(b);
	void *file;
	int ret;

	if (!b->counts.entries)
		return report_error(c, EXIT_FAILED, "see `machete help asn` for the formats", name,
				    "no usable entry in %u lines (%u bogons, %u too long)",
				    b->counts.lines, b->counts.bogons, b->counts.too_long);
	if (b->counts.bad)
		report_warning(c, name, "%u of %u lines not understood, the first is line %u",
			       b->counts.bad, b->counts.lines, b->counts.first_bad);
	file = malloc(len);
	if (!file)
		return report_error(c, EXIT_FAILED, "free some memory", name, "out of memory");
	asn_build_write(b, file, (uint64_t)time(NULL));
	ret = write_table(c, file, len, path);
	if (ret == EXIT_OK)
		say_import(c, file, &b->counts, path);
	free(file);
	return ret;
}

static int import_text(const struct common *c, const struct options *o, const struct text *t,
		       const char *name)
{
	size_t need = asn_build_bytes(t->len, t->lines);
	const char *todo = not_text(t);
	struct asn_build b;
	void *mem;
	int ret;

	if (todo)
		return report_error(c, EXIT_USAGE, todo, name, "not text");
	mem = need ? malloc(need) : NULL;
	if (!mem)
		return report_error(c, EXIT_FAILED, "import fewer entries", name,
				    "%zu lines are too many for this machine", t->lines);
	asn_build_init(&b, mem, t->len, t->lines, o->keep_bogons);
	if (asn_build_text(&b, t->p, t->len))
		ret = finish(c, &b, name);
	else
		ret = report_error(c, EXIT_FAILED, NULL, name, "changed while it was read");
	free(mem);
	return ret;
}

static int import_file(const struct common *c, const struct options *o, const char *name)
{
	struct text t = { 0 };
	int r = read_file(&t, name);
	int ret;

	if (r)
		ret = report_error(c, EXIT_FAILED, "check the file's name", name, "%s",
				   strerror(-r));
	else
		ret = import_text(c, o, &t, name);
	free(t.p);
	return ret;
}

static void say_origins(const struct common *c, const char *ip, struct asn_set s)
{
	struct json *j = c->json ? report_begin("asn") : NULL;

	if (j) {
		json_str(j, "addr", ip);
		json_open(j, "asn", '[');
		for (uint32_t i = 0; i < s.n; i++)
			json_u64(j, NULL, s.as[i]);
		json_close(j, ']');
		report_end(j);
		return;
	}
	printf("%s", ip);
	for (uint32_t i = 0; i < s.n; i++)
		printf("\tAS%u", s.as[i]);
	puts(s.n ? "" : "\t-");
}

static int look_up(const struct common *c, const struct options *o, const struct addr *v,
		   uint32_t n)
{
	struct astable t;
	int ret;

	if (o->online.online)
		astable_map_if_any(c, &t);
	else
		astable_map(c, &t);
	ret = online_learn(c, &o->online, &t, v, n);
	for (uint32_t i = 0; i < n && ret != EXIT_USAGE; i++) {
		struct asn_set s = astable_find(&t, &v[i]);
		char ip[ADDR_STR_MAX];

		say_origins(c, addr_format_ip(&v[i], ip), s);
		if (!s.n)
			ret = EXIT_FAILED;
	}
	astable_unmap(&t);
	return ret;
}

static int look_up_all(const struct common *c, const struct options *o, int argc, char **argv)
{
	struct addr *v = calloc((size_t)argc, sizeof *v);
	int ret = EXIT_OK;

	if (!v)
		return report_error(c, EXIT_FAILED, "free some memory", "asn", "out of memory");
	for (int i = 0; i < argc && !ret; i++)
		if (!addr_parse(&v[i], argv[i], 0))
			ret = report_error(c, EXIT_USAGE, "give addresses, not names", argv[i],
					   "not an IP address");
	ret = ret ? ret : look_up(c, o, v, (uint32_t)argc);
	free(v);
	return ret;
}

static int asn_main(const struct common *c, const void *opts, int argc, char **argv)
{
	bool import = !strcmp(argv[0], "import");

	if (import && argc != 2)
		return report_error(c, EXIT_USAGE, "usage: machete asn import [--keep-bogons] FILE",
				    "asn import", "takes one FILE, or - for stdin");
	return import ? import_file(c, opts, argv[1]) : look_up_all(c, opts, argc, argv);
}

const struct cmd cmd_asn = {
	.name = "asn",
	.main = asn_main,
	.args = "ADDR... | import FILE",
	.summary = "say which AS announces an address, from a table imported before",
	.rows = rows,
	.opts_bytes = sizeof(struct options),
	.words_min = 1,
	.words_max = -1,
	.more = "FILE is a pyasn table, CAIDA pfx2as, iptoasn TSV, a range CSV (start,end,asn) or\n"
		"GeoLite2-ASN CSV; `-` is stdin, for `zcat FILE | machete asn import -`. It is\n"
		"kept in HOME/cache. Exit status 1: an address has no entry.\n"
		"--online tells Team Cymru, and the name server, which networks you ask about.\n",
};

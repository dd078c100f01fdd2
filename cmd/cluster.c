/* cmd/cluster.c - make the homes of a cluster's replicas and its admin, show the cluster file */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cluster_replace.h"
#include "cmd/home.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/secret.h"
#include "net/sock.h"

enum { MANAGER_PORT = 7100 }; /* ARCHITECTURE section 3 */

struct cluster_opts {
	uint32_t faults; /* 1 + F */
	const char *out;
};

static const struct opt rows[] = {
	{ OPT_CHOICE, 0, "faults", "0|1|2|3|4",
	  "new: replicas that may lie or die; takes 3F+1 addresses",
	  offsetof(struct cluster_opts, faults), 0, 0 },
	{ OPT_STR, 0, "out", "DIR", "new: where the homes go", offsetof(struct cluster_opts, out),
	  0, 0 },
	{ 0 },
};

/* What `cluster new` makes: replicas first, the admin last. */
struct fresh {
	struct cluster cluster;
	struct ident id[REPLICAS_MAX + 1];
	const char *word[REPLICAS_MAX]; /* the addresses as they were given */
};

static void add_replicas(struct json *j, const struct cluster *cl)
{
	char addr[ADDR_STR_MAX], fp[FP_STR_MAX];

	json_open(j, "replicas", '[');
	for (uint32_t i = 0; i < cl->n; i++) {
		fp_format(&cl->replica[i].fp, fp);
		json_open(j, NULL, '{');
		json_u64(j, "number", i);
		json_str(j, "address", addr_format(&cl->replica[i].addr, addr));
		json_str(j, "fingerprint", fp);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void print_json(const struct cluster *cl, const char *out)
{
	struct json *j = report_begin("cluster");
	char fp[FP_STR_MAX];

	json_u64(j, "faults", cl->faults);
	add_replicas(j, cl);
	json_open(j, "admins", '[');
	for (uint32_t i = 0; i < cl->admins; i++) {
		fp_format(&cl->admin[i], fp);
		json_str(j, NULL, fp);
	}
	json_close(j, ']');
	if (out)
		json_str(j, "out", out);
	report_end(j);
}

static int show(const struct common *c, const struct cluster_opts *o, int argc, char **argv)
{
	char text[CLUSTER_TEXT_MAX];
	struct cluster cl;
	int r = home_load_cluster(c, -1, &cl);

	(void)o;
	(void)argc;
	(void)argv;
	if (r)
		return r;
	MUST(cluster_format(&cl, text, sizeof text) > 0);
	if (c->json)
		print_json(&cl, NULL);
	else if (fputs(text, stdout) < 0 || fflush(stdout))
		return report_error(c, EXIT_FAILED, "free some space", "stdout", "%s",
				    strerror(errno));
	return EXIT_OK;
}

static int resolve(const struct common *c, const char *word, struct addr *a)
{
	int n = sock_resolve(word, MANAGER_PORT, a, 1);

	if (n < 0)
		return report_error(c, EXIT_USAGE, sock_advice(n), word, "%s",
				    n == -EINVAL ? "this is no ADDR:PORT"
				    : n == -ENOENT ? "there is no such name"
						   : strerror(-n));
	if (!a->port)
		return report_error(c, EXIT_USAGE, "write ADDR:PORT", word, "0 is no port");
	return 0;
}

/* Debian has a machine's own name in /etc/hosts as 127.0.1.1, which no other machine can reach. */
static int check_loopback(const struct common *c, const struct fresh *f)
{
	char addr[ADDR_STR_MAX];
	uint32_t n = 0, last = 0;

	for (uint32_t i = 0; i < f->cluster.n; i++)
		if (addr_scope(&f->cluster.replica[i].addr) == ADDR_LOOPBACK) {
			last = i;
			n++;
		}
	if (!n || n == f->cluster.n)
		return 0;
	return report_error(c, EXIT_USAGE, "write the address instead of the name (see /etc/hosts)",
			    f->word[last], "here this is %s, which the other replicas cannot reach",
			    addr_format(&f->cluster.replica[last].addr, addr));
}

static int plan(const struct common *c, struct fresh *f, uint32_t faults, char **words)
{
	char text[CLUSTER_TEXT_MAX], why[240];
	struct cluster *cl = &f->cluster;
	int r = 0;

	*cl = (struct cluster){ .faults = faults, .n = 3 * faults + 1, .admins = 1 };
	for (uint32_t i = 0; i < cl->n && !r; i++) {
		f->word[i] = words[i];
		r = resolve(c, words[i], &cl->replica[i].addr);
		ident_new(&f->id[i]);
		cl->replica[i].fp = f->id[i].fp;
	}
	ident_new(&f->id[cl->n]);
	cl->admin[0] = f->id[cl->n].fp;
	if (!r)
		r = check_loopback(c, f);
	if (r)
		return r;
	/* The parser knows what else is wrong with addresses: doubles, unspecified ones. */
	MUST(cluster_format(cl, text, sizeof text) > 0);
	if (!cluster_parse(cl, text, strlen(text), why, sizeof why))
		return report_error(c, EXIT_USAGE, "give every replica an address of its own",
				    "addresses", "%s", why);
	return 0;
}

static int write_home(const struct common *c, const char *dir, const struct ident *id,
		      const char *cluster)
{
	char path[HOME_PATH_MAX + 16], key[KEY_TEXT_MAX];
	int r = home_make_dir(dir);

	ident_format(id, key);
	snprintf(path, sizeof path, "%s/key", dir);
	if (!r)
		r = home_write_file(path, key, strlen(key), 0600);
	wipe(key, sizeof key);
	snprintf(path, sizeof path, "%s/cluster", dir);
	if (!r)
		r = home_write_file(path, cluster, strlen(cluster), 0644);
	if (r)
		return report_error(c, EXIT_FAILED, "remove what was written, and try again", dir,
				    "%s", strerror(-r));
	return 0;
}

static int write_homes(const struct common *c, const struct fresh *f, const char *out)
{
	char dir[HOME_PATH_MAX], text[CLUSTER_TEXT_MAX];
	int r = 0;

	MUST(cluster_format(&f->cluster, text, sizeof text) > 0);
	for (uint32_t i = 0; i <= f->cluster.n && !r; i++) {
		int n = i < f->cluster.n ? snprintf(dir, sizeof dir, "%s/replica-%u", out, i)
					 : snprintf(dir, sizeof dir, "%s/admin", out);

		if (n >= (int)sizeof dir)
			return report_error(c, EXIT_USAGE, "choose a shorter one", "--out",
					    "the path is too long");
		r = write_home(c, dir, &f->id[i], text);
	}
	return r;
}

/* Nothing that is there is touched. */
static int check_out(const struct common *c, const char *out)
{
	DIR *d = opendir(out);
	struct dirent *e;
	int n = 0;

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return report_error(c, EXIT_FAILED, "choose another directory", out, "%s",
				    strerror(errno));
	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	if (n)
		return report_error(c, EXIT_FAILED, "choose another directory, or remove it", out,
				    "it is there already, and not empty");
	return 0;
}

static void print_next(const struct common *c, const struct fresh *f, const char *out)
{
	char addr[ADDR_STR_MAX];

	if (c->json) {
		print_json(&f->cluster, out);
		return;
	}
	for (uint32_t i = 0; i < f->cluster.n; i++)
		printf("%s/replica-%u  for %s: copy it there, `machete -C replica-%u manager`\n",
		       out, i, addr_format(&f->cluster.replica[i].addr, addr), i);
	printf("%s/admin  keep it safe: `machete -C %s/admin admit` lets others in\n", out, out);
}

static int make(const struct common *c, const struct cluster_opts *o, int argc, char **argv)
{
	static struct fresh f;
	uint32_t want;
	int r;

	if (!o->faults || !o->out)
		return report_error(c, EXIT_USAGE,
				    "usage: machete cluster new --faults F --out DIR ADDR:PORT...",
				    "cluster new", "%s is missing",
				    o->faults ? "--out" : "--faults");
	want = 3 * (o->faults - 1) + 1;
	if ((uint32_t)argc != want)
		return report_error(c, EXIT_USAGE, "give as many, or another --faults",
				    "cluster new", "--faults %u takes %u addresses, not %d",
				    o->faults - 1, want, argc);
	r = check_out(c, o->out);
	if (!r)
		r = plan(c, &f, o->faults - 1, argv);
	if (!r)
		r = write_homes(c, &f, o->out);
	if (!r)
		print_next(c, &f, o->out);
	wipe(f.id, sizeof f.id);
	return r;
}

static int replace(const struct common *c, const struct cluster_opts *o, int argc, char **argv)
{
	(void)o;
	return cluster_replace(c, argc, argv);
}

static const struct {
	const char *name;
	int words_min, words_max; /* after the name */
	bool takes_opts;
	int (*run)(const struct common *c, const struct cluster_opts *o, int argc, char **argv);
} verbs[] = {
	{ "new", 1, REPLICAS_MAX, true, make },
	{ "show", 0, 0, false, show },
	{ "replace", 2, 3, false, replace },
};

static int cluster_main(const struct common *c, const void *opts, int argc, char **argv)
{
	const struct cluster_opts *o = opts;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, argv[0]))
			continue;
		if (argc - 1 < verbs[i].words_min || argc - 1 > verbs[i].words_max)
			return report_error(c, EXIT_USAGE, "see `machete help cluster`", argv[0],
					    "too %s arguments",
					    argc - 1 < verbs[i].words_min ? "few" : "many");
		if (!verbs[i].takes_opts && (o->faults || o->out))
			return report_error(c, EXIT_USAGE, "leave them out", argv[0],
					    "--faults and --out are for `cluster new`");
		return verbs[i].run(c, o, argc - 1, argv + 1);
	}
	return report_error(c, EXIT_USAGE, "see `machete help cluster`", "cluster",
			    "%s is not understood", argv[0]);
}

const struct cmd cmd_cluster = {
	.name = "cluster",
	.main = cluster_main,
	.args = "new ADDR:PORT... | show | replace I FINGERPRINT [ADDR:PORT]",
	.summary = "make the homes of a new cluster, print the cluster file, swap a replica",
	.rows = rows,
	.opts_bytes = sizeof(struct cluster_opts),
	.words_min = 1,
	.words_max = -1,
	.more = "  machete cluster new --faults 1 --out DIR H1:7100 H2:7100 H3:7100 H4:7100\n"
		"makes DIR/replica-0 to -3 and DIR/admin, each with its key and the cluster file.\n"
		"Names are resolved once, IPv6 addresses stand in brackets.\n"
		"  machete cluster show\n"
		"prints HOME/cluster: all that a new machine needs beside the binary and a key.\n"
		"  machete cluster replace I FINGERPRINT [ADDR:PORT]\n"
		"gives the place of replica I (from 0) to a key made in an empty HOME, with an\n"
		"admin's HOME.\n",
};

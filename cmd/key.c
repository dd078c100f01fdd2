/* cmd/key.c - make a party's key, show its fingerprint */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/report.h"
#include "core/secret.h"

struct key_opts {
	bool force;
};

static const struct opt rows[] = {
	{ OPT_FLAG, 0, "force", NULL, "new: replace the key that is there",
	  offsetof(struct key_opts, force), 0, 0 },
	{ 0 },
};

static void print(const struct common *c, const struct ident *id, const char *path)
{
	char fp[FP_STR_MAX];
	struct json *j;

	fp_format(&id->fp, fp);
	if (!c->json) {
		puts(fp);
		return;
	}
	j = report_begin("key");
	json_str(j, "fingerprint", fp);
	json_str(j, "path", path);
	report_end(j);
}

static int show(const struct common *c, const char *path)
{
	struct ident id;
	int r = home_load_key(c, &id);

	if (r)
		return r;
	print(c, &id, path);
	ident_wipe(&id);
	return EXIT_OK;
}

static int write_key(const struct common *c, const struct ident *id, const char *path)
{
	char dir[HOME_PATH_MAX], text[KEY_TEXT_MAX];
	int r = home_dir(c, dir) ? home_make_dir(dir) : 0;

	if (r)
		return report_error(c, EXIT_FAILED,
				    "make the directory, or choose another with -C HOME", dir, "%s",
				    strerror(-r));
	ident_format(id, text);
	r = home_write_file(path, text, strlen(text), 0600);
	wipe(text, sizeof text);
	if (r)
		return report_error(c, EXIT_FAILED, "make the directory writable for this user",
				    path, "%s", strerror(-r));
	return EXIT_OK;
}

static int make(const struct common *c, const char *path, bool force)
{
	char voted[HOME_PATH_MAX];
	struct ident id;
	int r;

	if (!force && !access(path, F_OK))
		return report_error(c, EXIT_FAILED,
				    "keep it (`machete key show`), or replace it with --force",
				    path, "there is a key already");
	if (home_path(c, "voted", voted) && !access(voted, F_OK))
		return report_error(c, EXIT_FAILED, "make the new key in an empty HOME (-C)", voted,
				    "this is a replica's, and of no use to another key");
	ident_new(&id);
	r = write_key(c, &id, path);
	if (!r)
		print(c, &id, path);
	ident_wipe(&id);
	return r;
}

static int key_main(const struct common *c, const void *opts, int argc, char **argv)
{
	const struct key_opts *o = opts;
	char path[HOME_PATH_MAX];

	(void)argc;
	if (!home_path(c, "key", path))
		return report_error(c, EXIT_USAGE, "give it with -C HOME", "home directory",
				    "neither HOME nor MACHETE_HOME is set, or it is too long");
	if (!strcmp(argv[0], "new"))
		return make(c, path, o->force);
	if (!strcmp(argv[0], "show") && !o->force)
		return show(c, path);
	return report_error(c, EXIT_USAGE, "usage: machete key new [--force], or machete key show",
			    "key", "%s is not understood",
			    o->force ? "--force without new" : argv[0]);
}

const struct cmd cmd_key = {
	.name = "key",
	.main = key_main,
	.args = "new|show",
	.summary = "make a key, or show its fingerprint",
	.rows = rows,
	.opts_bytes = sizeof(struct key_opts),
	.words_min = 1,
	.words_max = 1,
	.more = "The key is HOME/key, readable for its owner alone. An admin admits it by name:\n"
		"  machete -C ADMIN admit node NAME \"$(machete key show)\"\n",
};

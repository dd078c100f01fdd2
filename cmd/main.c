/* cmd/main.c - the command table, dispatch by argv[0] or argv[1], and help from the same table */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

/* In the order of help; one line each. */
static const struct cmd *const commands[] = {
	&cmd_key,   &cmd_cluster, &cmd_admit, &cmd_evict, &cmd_members, &cmd_manager,
	&cmd_node,  &cmd_server,  &cmd_send,  &cmd_paths, &cmd_status,  &cmd_tuple,
	&cmd_trace, &cmd_ping,    &cmd_asn,   &cmd_dev,     &cmd_up,    &cmd_down,
};

/* Role words that stand before a verb: `machete client send` is `machete send`. */
static const struct {
	const char *role, *verbs;
} groups[] = {
	{ "client", " send paths up down " },
	{ "probe", " trace ping asn " },
};

static const struct opt common_rows[] = {
	{ OPT_STR, 'C', "home", "HOME", "key, cluster file and caches",
	  offsetof(struct common, home), 0, 0 },
	{ OPT_COUNT, 'v', "verbose", NULL, "say more on stderr; repeat for still more",
	  offsetof(struct common, verbose), 0, 0 },
	{ OPT_FLAG, 'q', "quiet", NULL, "say only errors", offsetof(struct common, quiet), 0, 0 },
	{ OPT_FLAG, 0, "json", NULL, "one JSON object a line on stdout",
	  offsetof(struct common, json), 0, 0 },
	{ OPT_FLAG, 'h', "help", NULL, "this text", offsetof(struct common, help), 0, 0 },
	{ 0 },
};

struct top {
	bool list, version;
	const char *install;
};

static const struct opt top_rows[] = {
	{ OPT_FLAG, 0, "list", NULL, "list the commands", offsetof(struct top, list), 0, 0 },
	{ OPT_STR, 0, "install", "DIR", "make links machete-COMMAND in DIR to this file",
	  offsetof(struct top, install), 0, 0 },
	{ OPT_FLAG, 0, "version", NULL, "print the version", offsetof(struct top, version), 0, 0 },
	{ 0 },
};

static const struct cmd *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static const char *group_verbs(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (!strcmp(groups[i].role, name))
			return groups[i].verbs;
	return NULL;
}

static bool word_in(const char *words, const char *w)
{
	char key[40];

	return snprintf(key, sizeof key, " %s ", w) < (int)sizeof key && strstr(words, key);
}

static void print_usage(FILE *f, const struct cmd *cmd)
{
	fprintf(f, "usage: machete %s%s %s\n", cmd->name, cmd->rows ? " [options]" : "", cmd->args);
}

static void print_rows(const struct opt *rows)
{
	char text[8192];

	opt_help(rows, text, sizeof text);
	fputs(text, stdout);
}

static int help_command(const struct cmd *cmd)
{
	print_usage(stdout, cmd);
	printf("\n%s\n", cmd->summary);
	if (cmd->rows) {
		printf("\nOptions:\n");
		print_rows(cmd->rows);
	}
	printf("\nOptions of every command:\n");
	print_rows(common_rows);
	if (cmd->more)
		printf("\n%s", cmd->more);
	return EXIT_OK;
}

static int help_all(FILE *f)
{
	fprintf(f, "usage: machete [options] COMMAND [options] [args]\n"
		   "       machete --list | --install DIR | --version | help COMMAND\n\n"
		   "Sends data over several Internet paths at once, so that who taps some\n"
		   "learns nothing.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(f, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(f, "\n`machete help COMMAND` tells more of each.\n");
	return EXIT_OK;
}

static int usage_error(const struct common *c, const struct cmd *cmd, const char *why)
{
	char todo[300];

	snprintf(todo, sizeof todo, cmd ? "usage: machete %s%s %s" : "see `machete help`",
		 cmd ? cmd->name : "", cmd && cmd->rows ? " [options]" : "", cmd ? cmd->args : "");
	return report_error(c, EXIT_USAGE, todo, cmd ? cmd->name : "command line", "%s", why);
}

/* Before the command there are the options of every command alone. */
static int bad_option(const struct common *c, const char *why)
{
	return report_error(c, EXIT_USAGE,
			    "a command's own options stand after it, see `machete help`",
			    "command line", "%s", why);
}

static int unknown_command(const struct common *c, const char *word)
{
	char why[120];

	snprintf(why, sizeof why, "no such command: %.60s", word);
	return usage_error(c, NULL, why);
}

static int list(const struct common *c)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		struct json *j = c->json ? report_begin("command") : NULL;

		if (!j) {
			puts(commands[i]->name);
			continue;
		}
		json_str(j, "name", commands[i]->name);
		json_str(j, "summary", commands[i]->summary);
		report_end(j);
	}
	return EXIT_OK;
}

/* A link of our own from before stays; any other file of that name is left alone. */
static int install_link(const struct common *c, const char *dir, const char *self, const char *name)
{
	char path[4096], old[4096];
	ssize_t n;

	if (snprintf(path, sizeof path, "%s/machete-%s", dir, name) >= (int)sizeof path)
		return report_error(c, EXIT_USAGE, "choose a shorter DIR", "install",
				    "path too long");
	n = readlink(path, old, sizeof old - 1);
	if (n > 0) {
		old[n] = 0;
		if (!strcmp(old, self))
			return EXIT_OK;
	}
	if (symlink(self, path))
		return report_error(c, EXIT_FAILED,
				    errno == EEXIST   ? "remove it, or choose another DIR"
				    : errno == ENOENT ? "make DIR, it is not there"
						      : "choose a DIR that you may write to",
				    path, "%s", strerror(errno));
	return EXIT_OK;
}

static int install(const struct common *c, const char *dir)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n < 0)
		return report_error(c, EXIT_FAILED, "mount /proc", "install", "%s",
				    strerror(errno));
	self[n] = 0;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		int r = install_link(c, dir, self, commands[i]->name);

		if (r)
			return r;
	}
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		int r = install_link(c, dir, self, groups[i].role);

		if (r)
			return r;
	}
	return EXIT_OK;
}

static enum log_level log_wanted(const struct common *c)
{
	static const enum log_level by_verbose[] = { LOG_NOTICE, LOG_INFO, LOG_DEBUG };

	return c->quiet ? LOG_ERR : by_verbose[c->verbose > 2 ? 2 : c->verbose];
}

static int run(struct common *c, const struct cmd *cmd, int argc, char **argv)
{
	static _Alignas(16) char opts[CMD_OPTS_MAX];
	struct opt_table tables[] = { { common_rows, c }, { cmd->rows, opts } };
	struct opt_mode mode = { .keep_dashes = cmd->keep_dashes };
	struct opt_args args = { 0 };
	char err[200];

	MUST(cmd->opts_bytes <= sizeof opts);
	memset(opts, 0, sizeof opts); /* cmd_line may be called again, by dev's children */
	args.v = calloc((size_t)argc + 1, sizeof *args.v);
	if (!args.v)
		return report_error(c, EXIT_FAILED, "free some memory", cmd->name, "out of memory");
	if (opt_parse(tables, 2, mode, argc, argv, &args, err, sizeof err) < 0)
		return usage_error(c, cmd, err);
	if (c->help)
		return help_command(cmd);
	if (args.n < cmd->words_min)
		return usage_error(c, cmd, "too few arguments");
	if (cmd->words_max >= 0 && args.n > cmd->words_max)
		return usage_error(c, cmd, "too many arguments");
	log_setup(cmd->name, log_wanted(c));
	return cmd->main(c, opts, args.n, args.v);
}

static int run_help(struct common *c, int argc, char **argv)
{
	const struct cmd *cmd = argc ? find(argv[0]) : NULL;

	if (argc > 1 && group_verbs(argv[0]))
		return run_help(c, argc - 1, argv + 1);
	if (cmd)
		return help_command(cmd);
	if (argc && !group_verbs(argv[0]))
		return unknown_command(c, argv[0]);
	return help_all(stdout);
}

/* argv[0] is a role's name; options of every command may stand before the verb too. */
static int dispatch_verb(struct common *c, const char *verbs, int argc, char **argv)
{
	struct opt_table tables[] = { { common_rows, c } };
	struct opt_args none = { 0 };
	char err[200];
	int used = opt_parse(tables, 1, (struct opt_mode){ .stop_early = true }, argc - 1,
			     argv + 1, &none, err, sizeof err);

	if (used < 0)
		return bad_option(c, err);
	argc -= used + 1;
	argv += used + 1;
	if (!argc && c->help)
		return help_all(stdout);
	if (argc && word_in(verbs, argv[0]))
		return run(c, find(argv[0]), argc - 1, argv + 1);
	snprintf(err, sizeof err, "%s is followed by one of:%.*s", argv[-used - 1],
		 (int)strlen(verbs) - 1, verbs);
	return usage_error(c, NULL, err);
}

/* argv[0] is the command's name. */
static int dispatch(struct common *c, int argc, char **argv)
{
	const char *verbs = group_verbs(argv[0]);
	const struct cmd *cmd;

	if (!strcmp(argv[0], "help"))
		return run_help(c, argc - 1, argv + 1);
	if (verbs)
		return dispatch_verb(c, verbs, argc, argv);
	cmd = find(argv[0]);
	return cmd ? run(c, cmd, argc - 1, argv + 1) : unknown_command(c, argv[0]);
}

int cmd_line(int argc, char **argv)
{
	const char *base = argc ? strrchr(argv[0], '/') : NULL;
	struct common c = { 0 };
	struct top top = { 0 };
	struct opt_table tables[] = { { common_rows, &c }, { top_rows, &top } };
	struct opt_args none = { 0 };
	char err[200];
	int used;

	base = base ? base + 1 : argc ? argv[0] : "machete";
	if (argc && !strncmp(base, "machete-", 8)) {
		argv[0] += base + 8 - argv[0];
		return dispatch(&c, argc, argv);
	}
	used = opt_parse(tables, 2, (struct opt_mode){ .stop_early = true }, argc - 1, argv + 1,
			 &none, err, sizeof err);
	if (used < 0)
		return bad_option(&c, err);
	if (top.version) {
		puts("machete " VERSION);
		return EXIT_OK;
	}
	if (top.list)
		return list(&c);
	if (top.install)
		return install(&c, top.install);
	argc -= used + 1;
	argv += used + 1;
	if (argc && !strcmp(argv[0], "--")) {
		argc--;
		argv++;
	}
	if (!argc)
		return c.help ? help_all(stdout) : usage_error(&c, NULL, "no command given");
	return dispatch(&c, argc, argv);
}

/* What the caller has closed is taken by something that can be neither read nor written: the next
 * socket or file would get its number, and our words with it. */
static void hold_standard(void)
{
	int fd;

	do
		fd = open("/", O_PATH);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}

/* A result that nobody can read is no success. */
int main(int argc, char **argv)
{
	int r;

	hold_standard();
	r = cmd_line(argc, argv);
	if ((!fflush(stdout) && !ferror(stdout)) || r)
		return r;
	fprintf(stderr, "machete: stdout: %s; the result could not be written\n", strerror(errno));
	return EXIT_FAILED;
}

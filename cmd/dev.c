/* cmd/dev.c - a whole overlay on loopback in one command
 *
 * A script of ordinary command lines, each run in a child (cmd/child): make the cluster and keys,
 * start the replicas, admit everybody, start nodes and device. What it does a user can do by hand.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/child.h"
#include "cmd/home.h"
#include "cmd/report.h"
#include "core/loop.h"
#include "net/sock.h"

enum {
	DEV_NODES_MAX = 32,
	DEV_NODES = 4,
	DEV_CHILDREN_MAX = REPLICAS_MAX + DEV_NODES_MAX + 1,
	READY_MS = 30000, /* for each role to say ready */
	STOP_MS = 5000,   /* for all of them to stop */
	VERBOSE_MAX = 2,  /* more than info and debug is not said */
};

struct opts {
	const char *dir;
	uint32_t nodes, faults;
};

static const struct opt rows[] = {
	{ OPT_STR, 0, "dir", "DIR", "where homes and inbox go (a fresh directory under $TMPDIR)",
	  offsetof(struct opts, dir), 0, 0 },
	{ OPT_U32, 0, "nodes", "N", "relaying nodes (4)", offsetof(struct opts, nodes), 1,
	  DEV_NODES_MAX },
	{ OPT_CHOICE, 0, "faults", "0|1|2|3|4", "of 3F+1 replicas F may fail (1)",
	  offsetof(struct opts, faults), 0, 0 },
	{ 0 },
};

struct dev {
	const struct common *c;
	char dir[HOME_PATH_MAX - 64]; /* names of ours fit behind it */
	struct child child[DEV_CHILDREN_MAX];
	const char *what[DEV_CHILDREN_MAX];
	uint32_t children, replicas; /* the replicas come first */
};

static int failed(const struct dev *d, const char *what, const char *why)
{
	return report_error(d->c, EXIT_FAILED, "run `machete dev -v` to see more", what, "%s", why);
}

/* A command that ends: its first line of output, if `line` is given. Returns its exit code. */
static int run_line(const struct dev *d, char *line, char *const words[])
{
	struct child c;
	char text[CHILD_LINE_MAX] = "";
	int r = child_start(&c, words);

	if (r)
		return failed(d, words[3], strerror(-r));
	child_line(&c, text, READY_MS);
	if (line)
		memcpy(line, text, sizeof text);
	while (child_line(&c, text, READY_MS))
		;
	return child_wait(&c);
}

/* A role, as verbose as we are; not awaited yet. */
static int start_role(struct dev *d, const char *what, char *const words[])
{
	char *all[CHILD_WORDS_MAX + 1] = { 0 };
	size_t n = 0;
	int r;

	for (; words[n] && n + VERBOSE_MAX < CHILD_WORDS_MAX; n++)
		all[n] = words[n];
	for (uint32_t i = 0; i < d->c->verbose && i < VERBOSE_MAX; i++)
		all[n++] = "-v";
	r = child_start(&d->child[d->children], all);
	if (r)
		return failed(d, what, strerror(-r));
	d->what[d->children++] = what;
	return 0;
}

static int await_roles(struct dev *d, uint32_t from)
{
	char line[CHILD_LINE_MAX];

	for (uint32_t i = from; i < d->children; i++) {
		do
			if (!child_line(&d->child[i], line, READY_MS))
				return failed(d, d->what[i], "it does not get ready");
		while (strncmp(line, "ready ", 6));
	}
	return 0;
}

/* Ports that were free a moment ago; held together, so that they differ. */
static int free_ports(const struct dev *d, uint32_t n, uint16_t *port)
{
	int fd[REPLICAS_MAX];
	uint32_t i;
	int r = 0;

	for (i = 0; i < n; i++) {
		struct addr at;

		addr_parse(&at, "127.0.0.1", 0);
		fd[i] = sock_listen(&at);
		if (fd[i] < 0 || sock_name(fd[i], &at)) {
			r = failed(d, "loopback", "cannot listen on 127.0.0.1");
			break;
		}
		port[i] = at.port;
	}
	while (i--)
		close(fd[i]);
	return r;
}

static int make_cluster(const struct dev *d, uint32_t faults)
{
	char out[HOME_PATH_MAX], number[16], at[REPLICAS_MAX][32];
	char *words[CHILD_WORDS_MAX + 1] = { "machete",  "-q",   "cluster", "new",
					     "--faults", number, "--out",   out };
	uint16_t port[REPLICAS_MAX];
	uint32_t n = 3 * faults + 1;
	int r = free_ports(d, n, port);

	snprintf(out, sizeof out, "%s", d->dir);
	snprintf(number, sizeof number, "%u", faults);
	for (uint32_t i = 0; i < n; i++) {
		snprintf(at[i], sizeof at[i], "127.0.0.1:%u", port[i]);
		words[8 + i] = at[i];
	}
	return r ? r : run_line(d, NULL, words);
}

static int copy_cluster(const struct dev *d, const char *home)
{
	char from[HOME_PATH_MAX], to[HOME_PATH_MAX], text[CLUSTER_TEXT_MAX];
	FILE *f;
	size_t n;

	snprintf(from, sizeof from, "%s/admin/cluster", d->dir);
	snprintf(to, sizeof to, "%s/cluster", home);
	f = fopen(from, "re");
	n = f ? fread(text, 1, sizeof text, f) : 0;
	if (f)
		fclose(f);
	if (!n || home_write_file(to, text, n, 0644))
		return failed(d, to, "cannot copy the cluster file there");
	return 0;
}

/* A home with a key that is admitted. */
static int enrol(const struct dev *d, char *role, char *name, char *home)
{
	char admin[HOME_PATH_MAX], fp[CHILD_LINE_MAX];
	char *key[] = { "machete", "-C", home, "key", "new", NULL };
	char *admit[] = { "machete", "-C", admin, "admit", role, name, fp, NULL };
	int r = run_line(d, fp, key);

	snprintf(admin, sizeof admin, "%s/admin", d->dir);
	r = r ? r : copy_cluster(d, home);
	return r ? r : run_line(d, NULL, admit);
}

static void home_of(const struct dev *d, char *home, const char *name, int number)
{
	if (number < 0)
		snprintf(home, HOME_PATH_MAX, "%s/%s", d->dir, name);
	else
		snprintf(home, HOME_PATH_MAX, "%s/%s%d", d->dir, name, number);
}

static int start_replicas(struct dev *d, uint32_t n)
{
	char home[HOME_PATH_MAX];
	char *words[] = { "machete", "-C", home, "manager", NULL };
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++) {
		home_of(d, home, "replica-", (int)i);
		r = start_role(d, "manager", words);
	}
	return r ? r : await_roles(d, 0);
}

static int start_nodes(struct dev *d, uint32_t n)
{
	char home[HOME_PATH_MAX], name[16], at[32], ip[32];
	char *words[] = { "machete", "-C",       home, "node",        "--name", name, "--forward",
			  "relay",   "--listen", at,   "--advertise", ip,       NULL };
	int r = 0;

	for (uint32_t i = 1; !r && i <= n; i++) {
		home_of(d, home, "node-", (int)i);
		snprintf(name, sizeof name, "n%u", i);
		snprintf(ip, sizeof ip, "127.0.0.%u", 10 + i);
		snprintf(at, sizeof at, "%.20s:0", ip);
		r = enrol(d, "node", name, home);
		r = r ? r : start_role(d, "node", words);
	}
	return r;
}

static int start_device(struct dev *d)
{
	char home[HOME_PATH_MAX], inbox[HOME_PATH_MAX];
	char *words[] = { "machete",     "-C",        home,  "server",   "--name",
			  "dev",         "--inbox",   inbox, "--listen", "127.0.0.2:0",
			  "--advertise", "127.0.0.2", NULL };
	int r;

	home_of(d, home, "device", -1);
	home_of(d, inbox, "inbox", -1);
	r = enrol(d, "device", "dev", home);
	return r ? r : start_role(d, "device", words);
}

static int make_dir(struct dev *d, const struct opts *o)
{
	const char *tmp = getenv("TMPDIR");
	int n = o->dir ? snprintf(d->dir, sizeof d->dir, "%s", o->dir)
		       : snprintf(d->dir, sizeof d->dir, "%s/machete-dev-XXXXXX",
				  tmp && *tmp ? tmp : "/tmp");

	if (n >= (int)sizeof d->dir)
		return report_error(d->c, EXIT_USAGE, "choose a shorter one", "--dir",
				    "path too long");
	if (!o->dir && !mkdtemp(d->dir))
		return report_error(d->c, EXIT_FAILED, "give --dir DIR", d->dir, "%s",
				    strerror(errno));
	return 0;
}

static int start_all(struct dev *d, const struct opts *o)
{
	uint32_t faults = o->faults ? o->faults - 1 : 1; /* 1 + the choice */
	char home[HOME_PATH_MAX];
	int r = make_cluster(d, faults);

	d->replicas = 3 * faults + 1;
	r = r ? r : start_replicas(d, d->replicas);
	home_of(d, home, "client", -1);
	r = r ? r : enrol(d, "client", "client", home);
	r = r ? r : start_device(d); /* first, so that the nodes hear of it when they start */
	r = r ? r : await_roles(d, d->replicas);
	r = r ? r : start_nodes(d, o->nodes ? o->nodes : DEV_NODES);
	return r ? r : await_roles(d, d->replicas + 1);
}

/* Children from number `from` on; false when some are still there after ms milliseconds. */
static bool stop_from(struct dev *d, uint32_t from, int ms, int signo)
{
	mono_t until = mono_add_ms(mono_now(), ms);
	uint32_t left;

	for (uint32_t i = from; i < d->children; i++)
		if (d->child[i].pid)
			kill(d->child[i].pid, signo);
	for (;;) {
		left = 0;
		for (uint32_t i = from; i < d->children; i++) {
			struct child *c = &d->child[i];

			if (c->pid && waitpid(c->pid, NULL, WNOHANG) == c->pid)
				c->pid = 0;
			left += c->pid != 0;
		}
		if (!left || !mono_before(mono_now(), until))
			return !left;
		poll(NULL, 0, 10);
	}
}

/* Nodes and device withdraw while there are replicas. */
static void stop_all(struct dev *d)
{
	stop_from(d, d->replicas, STOP_MS, SIGTERM);
	if (!stop_from(d, 0, STOP_MS, SIGTERM))
		stop_from(d, 0, STOP_MS, SIGKILL);
}

/* Until a signal comes; tells of children that die meanwhile. */
static void serve(struct dev *d, const sigset_t *set)
{
	for (;;) {
		int signo = sigwaitinfo(set, NULL);
		pid_t pid;

		if (signo < 0)
			continue;
		if (signo != SIGCHLD)
			return;
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			for (uint32_t i = 0; i < d->children; i++)
				if (d->child[i].pid == pid) {
					report_warning(d->c, d->what[i], "process %d ended",
						       (int)pid);
					d->child[i].pid = 0;
				}
	}
}

/* As a shell takes it for one word, or the beginning of one. */
static void print_word(const char *s)
{
	bool plain = !strpbrk(s, " \t\n\"'`$\\&|;<>()*?[]{}~#!");

	fputs(plain ? "" : "'", stdout);
	for (; *s; s++)
		if (*s == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*s);
	fputs(plain ? "" : "'", stdout);
}

/* A line to paste: this program, wherever it stands, with a home of ours. */
static void print_line(const struct dev *d, const char *what, const char *rest)
{
	char self[HOME_PATH_MAX] = "machete";
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	self[n > 0 ? (size_t)n : sizeof self - 1] = 0;
	printf("%-17s", what);
	print_word(self);
	printf(" -C ");
	print_word(d->dir);
	printf("/%s\n", rest);
}

static void announce(const struct dev *d)
{
	report_ready(d->c, "overlay in %s", d->dir);
	if (!d->c->json && !d->c->quiet) {
		print_line(d, "send something:", "client send FILE dev");
		printf("it arrives in:   %s/inbox\n", d->dir);
		print_line(d, "the admin is:", "admin status");
		printf("Ctrl-C takes everything down.\n");
	}
	fflush(stdout);
}

static int dev_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct dev d;
	sigset_t set;
	int r;

	(void)argc;
	(void)argv;
	d.c = c;
	r = make_dir(&d, opts);
	if (r)
		return r;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	r = start_all(&d, opts);
	if (!r) {
		sigaddset(&set, SIGCHLD);
		sigprocmask(SIG_BLOCK, &set, NULL);
		announce(&d);
		serve(&d, &set);
	}
	stop_all(&d);
	return r;
}

const struct cmd cmd_dev = {
	.name = "dev",
	.main = dev_main,
	.args = "",
	.summary = "a whole overlay on this machine's loopback, to try and to develop",
	.rows = rows,
	.opts_bytes = sizeof(struct opts),
	.more = "Needs no privilege. 3F+1 replicas, N nodes, a device named `dev`, an admitted "
		"client.\n"
		"The homes stay in DIR when it ends.\n",
};

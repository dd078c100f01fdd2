/* cmd/up.c - `up` and `down`: any MPTCP program's connections to a device go over several nodes
 *
 * Before `ready` a connection of our own to the device's own port, its key checked, must have a
 * subflow through every node, and every port must answer with MPTCP. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/choose.h"
#include "cmd/home.h"
#include "cmd/kpaths.h"
#include "cmd/oneshot.h"
#include "cmd/report.h"
#include "core/check.h"
#include "net/sock.h"

enum {
	LOOK_MS = 20,
	TRIAL_MS = 6000, /* of each part: a SYN may be lost twice */
	DOWN_MS = 5000,	 /* nodes are told within CLOSE_MS */
};

struct opts {
	struct survey_options choose;
	const char *scheduler;
	bool detach;
};

static const struct opt rows[] = {
	SURVEY_ROWS(opts, choose),
	{ OPT_STR, 0, "scheduler", "NAME", "a scheduler of the kernel's MPTCP (the one in use)",
	  offsetof(struct opts, scheduler), 0, 0 },
	{ OPT_FLAG, 0, "detach", NULL, "go on in the background once all paths are up",
	  offsetof(struct opts, detach), 0, 0 },
	{ 0 },
};

struct up {
	const struct common *c;
	const struct opts *o;
	struct oneshot one;
	struct directory *d;
	const struct device_entry *device;
	char host[BEND_HOST_MAX];
	uint16_t port[DIR_PORTS_MAX];
	uint32_t ports, tried;
	struct path path[PATHS_MAX];
	uint32_t n;
	struct choice choice;
	struct kpaths k;
	struct flow flow; /* the trial */
	struct watch port_watch;
	struct timer look, late;
	bool interrupted;
	bool ready, deaf; /* to SIGHUP: nohup, and --detach */
	int parent; /* a pipe to it: the end of --detach; -1 */
};

/* --- the trial -------------------------------------------------------------------------------- */

static void fail(struct up *u, const char *why)
{
	u->k.advice = bend_advice(0);
	kpaths_end(&u->k, EXIT_UNREACHABLE, "%s", kpaths_why(&u->k, why));
}

/* The parent may end: from now on there is no terminal, and a log in its place. */
static void let_go(struct up *u)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
	char path[HOME_PATH_MAX];
	int null, log;

	if (u->parent < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	log = home_path(u->c, "mptcp.log", path) ? open(path, flags, 0600) : -1;
	dup2(null, STDIN_FILENO);
	dup2(log < 0 ? null : log, STDOUT_FILENO);
	dup2(log < 0 ? null : log, STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if (write(u->parent, "", 1) != 1)
		kpaths_end(&u->k, EXIT_INTERRUPTED, "interrupted by the user");
	close(u->parent);
	u->parent = -1;
}

static void all_up(struct up *u)
{
	struct addr at = kpaths_at(&u->k, u->port[0]);
	char nodes[PATHS_MAX * (NAME_STR_MAX + 2)] = "", ports[DIR_PORTS_MAX * 7] = "";
	char text[ADDR_STR_MAX];
	size_t len = 0;

	for (uint32_t i = 0; i < u->n; i++)
		len += (size_t)snprintf(nodes + len, sizeof nodes - len, "%s%s", i ? ", " : "",
					u->path[i].node.name);
	len = 0;
	for (uint32_t i = 0; i < u->ports; i++)
		len += (size_t)snprintf(ports + len, sizeof ports - len, "%s%u", i ? ", " : "",
					u->port[i]);
	loop_disarm(&u->one.loop, &u->late);
	u->ready = u->k.watching = true;
	report_ready(u->c, "MPTCP to %s at %s, port %s, goes over %s", u->host,
		     addr_format_ip(&at, text), ports, nodes);
	let_go(u);
}

static void try_port(struct up *u)
{
	struct sock_from from = { .mptcp = true };
	struct addr at = kpaths_at(&u->k, u->port[u->tried]);
	int r;

	u->port_watch.fd = sock_connect_from(&at, &from);
	u->port_watch.want = EPOLLOUT;
	r = u->port_watch.fd < 0 ? u->port_watch.fd : loop_add(&u->one.loop, &u->port_watch);
	if (r)
		fail(u, strerror(-r));
	loop_arm(&u->one.loop, &u->late, mono_add_ms(mono_now(), TRIAL_MS));
}

static void end_port(struct up *u)
{
	loop_del(&u->one.loop, &u->port_watch);
	if (u->port_watch.fd >= 0)
		close(u->port_watch.fd);
	u->port_watch.fd = -1;
}

static void port_answers(struct watch *w, uint32_t got)
{
	struct up *u = container_of(w, struct up, port_watch);
	struct mptcp_conn c;
	int err = sock_error(w->fd);
	int r = err ? err : mptcp_info(w->fd, &c);
	char why[80];

	(void)got;
	end_port(u);
	if (u->k.ending)
		return;
	snprintf(why, sizeof why, "port %u there: %s", u->port[u->tried],
		 err ? strerror(-err) : "what listens does not speak MPTCP");
	if (r && r != -EAGAIN) {
		u->k.advice = err ? "start what is to listen there, and let it in"
				  : "start it there with `mptcpize run`";
		kpaths_end(&u->k, EXIT_UNREACHABLE, "%s", why);
	} else if (++u->tried < u->ports) {
		try_port(u);
	} else {
		all_up(u);
	}
}

static void look(struct timer *t, mono_t now)
{
	struct up *u = container_of(t, struct up, look);
	uint32_t order[PATHS_MAX];
	struct mptcp_conn c;
	int r = kpaths_look(&u->k, u->flow.watch.fd, &c, order);

	if (u->k.ending)
		return;
	if (r == -EAGAIN) {
		loop_arm(&u->one.loop, t, mono_add_ms(now, LOOK_MS));
		return;
	}
	flow_close(&u->flow);
	if (r)
		fail(u, "MPTCP fell back to one path: the device has none, or its options are "
			"removed on the way");
	else
		try_port(u);
}

static void too_late(struct timer *t, mono_t now)
{
	struct up *u = container_of(t, struct up, late);
	uint32_t order[PATHS_MAX];
	struct mptcp_conn c = { .n = 0 };
	char why[80] = "the device does not answer";

	(void)now;
	if (u->flow.live && u->flow.open && kpaths_look(&u->k, u->flow.watch.fd, &c, order))
		snprintf(why, sizeof why, "a connection there has %u of %u paths", c.n, u->n);
	fail(u, why);
}

static void opened(struct flow *f)
{
	struct up *u = container_of(f, struct up, flow);

	look(&u->look, mono_now());
}

static void ignore(struct flow *f, const struct flowmsg *m)
{
	(void)f;
	(void)m;
}

static void closed(struct flow *f, const char *why, int err)
{
	char text[WHY_MAX];

	snprintf(text, sizeof text, "the trial connection: %s%s%s", why, err ? ": " : "",
		 err ? strerror(-err) : "");
	fail(container_of(f, struct up, flow), text);
}

static const struct flow_ops trial = { .opened = opened, .message = ignore, .closed = closed };

static void stand(struct kpaths *k)
{
	struct up *u = container_of(k, struct up, k);
	struct sock_from from = { .mptcp = true };
	struct addr at = kpaths_at(k, 0);
	int r = flow_connect(&u->flow, &u->one.loop, &trial, u->flow.in, &at, &from,
			     &u->one.party.cert, &u->device->fp, NULL, 0, false);

	if (r)
		fail(u, strerror(-r));
	else
		loop_arm(&u->one.loop, &u->late, mono_add_ms(mono_now(), TRIAL_MS));
}

static void over(struct kpaths *k, int code, const char *why)
{
	struct up *u = container_of(k, struct up, k);

	(void)code;
	(void)why;
	loop_stop(&u->one.loop);
}

static const struct kpaths_ops up_ops = { .stand = stand, .over = over };

static void on_signal(struct loop *l, int signo)
{
	struct up *u = l->owner;

	if (signo == SIGHUP && u->deaf)
		return;
	u->interrupted = true;
	if (u->k.live)
		kpaths_end(&u->k, u->ready ? 0 : EXIT_INTERRUPTED, "interrupted by the user");
	else
		loop_stop(l);
}

/* --- set-up ----------------------------------------------------------------------------------- */

/* HOST, HOST:PORT, further :PORT or HOST:PORT. */
static int parse_targets(struct up *u, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const char *colon = strchr(argv[i], ':');
		size_t len = colon ? (size_t)(colon - argv[i]) : strlen(argv[i]);
		uint16_t port = 0;

		if (!i && len < sizeof u->host)
			memcpy(u->host, argv[i], len);
		if (!u->host[0] || (len && (strncmp(u->host, argv[i], len) || u->host[len])))
			return report_error(u->c, EXIT_USAGE, "one HOST at a time", argv[i],
					    "another host");
		if (colon && (!addr_parse_port(&port, colon + 1) || !port ||
			      u->ports == DIR_PORTS_MAX))
			return report_error(u->c, EXIT_USAGE, "give 1 to 65535, 16 at most",
					    argv[i], "no port");
		if (colon)
			u->port[u->ports++] = port;
	}
	return 0;
}

/* Those that were asked for are exposed; all of them where none was. */
static int choose_ports(struct up *u)
{
	const struct device_entry *d = u->device;

	for (uint32_t i = 0; i < u->ports; i++) {
		bool exposed = false;

		for (uint32_t j = 0; j < d->ports; j++)
			exposed |= d->port[j] == u->port[i];
		if (!exposed)
			return report_error(u->c, EXIT_USAGE, "expose it there: server --expose",
					    u->host, "port %u is not exposed", u->port[i]);
	}
	if (!u->ports) {
		u->ports = d->ports;
		memcpy(u->port, d->port, sizeof u->port);
	}
	if (!u->ports)
		return report_error(u->c, EXIT_USAGE, "expose some there: server --expose PORT",
				    u->host, "it exposes no port");
	return 0;
}

static int prepare(struct up *u)
{
	struct survey_options o = u->o->choose;
	int r = kpaths_open(&u->k, &up_ops, u->c, &u->one.party, &u->one.loop,
			    u->o->scheduler);

	o.kernel = true;
	if (r)
		return r;
	if (o.direct)
		return report_error(u->c, EXIT_USAGE, NULL, "--direct",
				    "MPTCP goes by nodes alone");
	r = directory_load(u->d, u->one.q);
	if (r || u->interrupted)
		return r;
	u->device = directory_device(u->d, u->host);
	if (!u->device)
		return report_error(u->c, EXIT_UNREACHABLE, "see `machete status`", u->host,
				    "no such device is registered");
	r = choose_ports(u);
	return r ? r : choose_paths(u->one.q, &o, u->d, u->device, u->path, &u->n, &u->choice);
}

static int run(struct up *u)
{
	int r = prepare(u);

	if (u->interrupted)
		return report_error(u->c, EXIT_INTERRUPTED, NULL, "up", "interrupted by the user");
	if (r)
		return r;
	kpaths_begin(&u->k, u->path, u->n, u->device, u->port, u->ports);
	if (u->k.live && loop_run(&u->one.loop))
		return EXIT_FAILED;
	flow_close(&u->flow);
	if (!u->k.code)
		return EXIT_OK;
	return report_error(u->c, (enum exit_code)u->k.code, u->k.advice, "up", "%s", u->k.why);
}

/* The parent ends when the paths are up, or as the child does. */
static bool detach(struct up *u, int *code)
{
	int p[2], status;
	pid_t pid;
	char c;

	if (pipe2(p, O_CLOEXEC)) {
		*code = EXIT_FAILED;
		return true;
	}
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0); /* Ctrl-C while it waits */
		setsid();
		u->parent = p[1];
		return false;
	}
	close(p[1]);
	*code = EXIT_FAILED;
	if (pid > 0 && read(p[0], &c, 1) == 1)
		*code = EXIT_OK;
	else if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		*code = WEXITSTATUS(status);
	return true;
}

static int up_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct up u;
	int r;

	u.c = c;
	u.o = opts;
	u.parent = -1;
	u.deaf = u.o->detach || oneshot_deaf();
	u.look.fire = look;
	u.late.fire = too_late;
	u.port_watch = (struct watch){ .fd = -1, .ready = port_answers };
	u.flow.in = malloc(FLOW_IN_BYTES);
	r = u.flow.in ? parse_targets(&u, argc, argv) : EXIT_FAILED;
	if (r || (u.o->detach && detach(&u, &r)))
		return r;
	r = oneshot_open(&u.one, c);
	if (!r && loop_signals(&u.one.loop, on_signal, &u))
		r = EXIT_FAILED;
	u.d = r ? NULL : directory_open(&u.one.party);
	r = r ? r : u.d ? run(&u) : EXIT_FAILED;
	kpaths_close(&u.k);
	if (u.d)
		directory_close(u.d);
	oneshot_close(&u.one);
	return r;
}

const struct cmd cmd_up = {
	.name = "up",
	.main = up_main,
	.args = "HOST[:PORT]...",
	.summary = "MPTCP of any program to a device goes over several nodes",
	.rows = rows,
	.opts_bytes = sizeof(struct opts),
	.words_min = 1,
	.words_max = -1,
	.more =
	    "All ports that the device exposes, by default, and its own. What goes there is MPTCP\n"
	    "over all nodes, or does not leave: other connections are reset, IPv6 and what comes\n"
	    "from another address is dropped. The kernel decides which path carries what; one may\n"
	    "carry all. Takes CAP_NET_ADMIN; ends with Ctrl-C or `machete down HOST`. Warnings of\n"
	    "--detach go to HOME/mptcp.log, which is begun anew each time.\n",
};

/* --- down ------------------------------------------------------------------------------------- */

/* Its process has ended, within reason. */
static bool wait_end(const char *path)
{
	char host[BEND_HOST_MAX];
	struct timespec nap = { .tv_nsec = LOOK_MS * 1000000L };

	for (int i = 0; i < DOWN_MS / LOOK_MS; i++) {
		if (bend_holder(path, host) <= 0)
			return true;
		nanosleep(&nap, NULL);
	}
	return false;
}

/* Nobody has it up; what a crash left is taken back. */
static int undo(const struct common *c, const char *path, const char *host, bool left)
{
	static struct bend b;
	int r = left ? bend_open(&b, path) : 0;

	if (!left)
		return report_error(c, EXIT_FAILED, "is it another -C?", host, "it is not up");
	r = r ? r : bend_undo(&b);
	bend_close(&b);
	return !r ? EXIT_OK :
		    report_error(c, EXIT_FAILED, bend_advice(r), host, "%s", bend_why(r));
}

static int down_main(const struct common *c, const void *opts, int argc, char **argv)
{
	char path[HOME_PATH_MAX], host[BEND_HOST_MAX];
	pid_t pid;

	(void)opts;
	(void)argc;
	if (!home_path(c, "mptcp", path))
		return report_error(c, EXIT_USAGE, "give -C HOME", "down", "HOME is unknown");
	pid = bend_holder(path, host);
	if (pid == -EACCES)
		return report_error(c, EXIT_DENIED, "say it as the user who said `up`", argv[0],
				    "%s is another user's", path);
	if (pid <= 0)
		return undo(c, path, argv[0], host[0] && !strcmp(host, argv[0]));
	if (strcmp(host, argv[0]))
		return report_error(c, EXIT_FAILED, "name that one", argv[0], "%s is up, not this",
				    host[0] ? host : "something else");
	if (kill(pid, SIGTERM))
		return report_error(c, EXIT_DENIED, "say it as the user who said `up`", argv[0],
				    "process %d: %s", (int)pid, strerror(errno));
	if (!wait_end(path))
		return report_error(c, EXIT_FAILED, "end that process by hand", argv[0],
				    "process %d does not end", (int)pid);
	return EXIT_OK;
}

const struct cmd cmd_down = {
	.name = "down",
	.main = down_main,
	.args = "HOST",
	.summary = "end what `up` has set up, or what it left when it was killed",
	.words_min = 1,
	.words_max = 1,
};

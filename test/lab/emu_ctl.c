/* test/lab/emu_ctl.c - change a running lab: one datagram a command, one datagram back
 *
 * The answer begins with "ok" or "error". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/lab/emu.h"

enum { ANSWER_BYTES = 65536, WORDS_MAX = 4 };

struct command {
	const char *name;
	int words;		/* after the name */
	const char *(*run)(struct emu *e, char **w);
};

static const char *run_set(struct emu *e, char **w)
{
	int count = pipes_set(&e->topo, w[1], w[0], w[2] ? w[2] : "");

	if (count == 0)
		return "no port, path or AS has that name";
	return count < 0 ? "bad value" : NULL;
}

static const char *run_pcap(struct emu *e, char **w)
{
	return strcmp(w[2], "stop") ? tap_start(e, w[1], w[2]) : tap_stop(e, w[1]);
}

static const char *run_stop(struct emu *e, char **w)
{
	(void)w;
	e->stop = true;
	return NULL;
}

static const char *run_stats(struct emu *e, char **w)
{
	(void)e;
	(void)w;
	return NULL;
}

static const struct command commands[] = {
	{ "cut", 1, run_set },
	{ "heal", 1, run_set },
	{ "rate", 2, run_set },
	{ "queue", 2, run_set },
	{ "loss", 2, run_set },
	{ "reorder", 2, run_set },
	{ "delay", 2, run_set },
	{ "pcap", 2, run_pcap },
	{ "stats", 0, run_stats },
	{ "stop", 0, run_stop },
};

static void print_pipe(FILE *f, const char *name, const char *to, const struct pipe *q)
{
	if (!q->packets && !q->lost_queue && !q->lost_random && !q->lost_cut)
		return;
	fprintf(f, "%s%s packets %llu bytes %llu lost_queue %llu lost_random %llu lost_cut %llu\n",
		name, to, (unsigned long long)q->packets, (unsigned long long)q->bytes,
		(unsigned long long)q->lost_queue, (unsigned long long)q->lost_random,
		(unsigned long long)q->lost_cut);
}

static void print_stats(FILE *f, const struct emu *e)
{
	const struct topo *t = &e->topo;

	fprintf(f, "emulator expired %llu unrouted %llu pool_empty %llu too_late %llu "
		"write_failed %llu\n",
		(unsigned long long)e->expired, (unsigned long long)e->unrouted,
		(unsigned long long)e->pool_empty, (unsigned long long)e->too_late,
		(unsigned long long)e->write_failed);
	for (unsigned i = 0; i < t->port_count; i++) {
		print_pipe(f, t->port[i].name, ".up", &t->port[i].up);
		print_pipe(f, t->port[i].name, ".down", &t->port[i].down);
	}
	for (unsigned i = 0; i < PORTS_MAX * PORTS_MAX; i++) {
		const struct path *x = &t->path[i / PORTS_MAX][i % PORTS_MAX];
		char to[NAME_BYTES + 2];

		snprintf(to, sizeof(to), ">%s", t->port[x->to].name);
		print_pipe(f, t->port[x->from].name, to, &x->pipe);
	}
}

static const char *run(struct emu *e, char *line)
{
	char *w[WORDS_MAX] = { NULL }, *save = NULL;
	int n = 0;

	for (char *s = strtok_r(line, "\n", &save); s && n < WORDS_MAX;
	     s = strtok_r(NULL, "\n", &save))
		w[n++] = s;
	for (size_t i = 0; n && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(w[0], commands[i].name))
			return n == commands[i].words + 1 ? commands[i].run(e, w)
							  : "wrong number of words";
	return "no such command";
}

int ctl_listen(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	unlink(name);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	perror("emu: control socket");
	exit(1);
}

void ctl_serve(struct emu *e)
{
	char line[1024], answer[ANSWER_BYTES];
	struct sockaddr_un from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(e->control, line, sizeof(line) - 1, 0, (struct sockaddr *)&from,
			     &from_len);
	const char *error;
	FILE *f;

	if (n <= 0)
		return;
	line[n] = 0;
	f = fmemopen(answer, sizeof(answer), "w");
	if (!f)
		return;
	error = run(e, line);
	fprintf(f, error ? "error: %s\n" : "ok\n", error);
	if (!error && !strcmp(line, "stats"))
		print_stats(f, e);
	n = ftell(f);
	fclose(f);
	sendto(e->control, answer, (size_t)n, 0, (struct sockaddr *)&from, from_len);
}

/* The caller's side: 0, or 1 when the emulator says no or does not answer. */
int ctl_ask(const char *name, int argc, char **argv)
{
	char answer[ANSWER_BYTES];
	struct sockaddr_un sun = { .sun_family = AF_UNIX }, own = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char line[1024] = "";
	size_t len = 0;
	ssize_t n;

	for (int i = 0; i < argc && len < sizeof(line); i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%s\n", argv[i]);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own.sun_family)) < 0 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ||
	    send(fd, line, strlen(line), 0) < 0 || (n = recv(fd, answer, sizeof(answer), 0)) < 0) {
		fprintf(stderr, "emu: %s: %s\n", name, strerror(errno));
		return 1;
	}
	if (n >= 3 && !memcmp(answer, "ok\n", 3))
		return fwrite(answer + 3, 1, (size_t)n - 3, stdout) != (size_t)n - 3;
	fprintf(stderr, "lab: %.*s", (int)n, answer);
	return 1;
}

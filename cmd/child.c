/* cmd/child.c - command lines of machete run in children: fork, no exec */
#include "cmd/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "core/mono.h"
#include "core/loop.h"

/* Where the kernel keeps our arguments and environment (proc(5), stat fields 48 to 51). */
static bool argument_area(uintptr_t *from, uintptr_t *to)
{
	char text[2048];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	char *at;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	at = strrchr(text, ')'); /* the end of field 2, which may hold anything */
	for (int field = 2; at && field < 51; field++) {
		at = strchr(at + 1, ' ');
		if (at && field + 1 == 48)
			*from = strtoul(at, NULL, 10);
	}
	if (!at)
		return false;
	*to = strtoul(at, NULL, 10);
	return *from && *from < *to;
}

/* Overwrites the arguments, and the environment behind them, which has been copied out: with no NUL
 * at the old end of the arguments the kernel reads on (proc(5), cmdline). */
static void show_words(char *const words[])
{
	uintptr_t from = 0, to = 0;
	size_t at = 0, room;
	char *area;

	if (!argument_area(&from, &to))
		return;
	area = (char *)from;
	room = to - from - 1;
	memset(area, 0, room + 1);
	for (int i = 0; words[i] && at < room; i++) {
		int n = snprintf(area + at, room - at, i ? " %s" : "%s", words[i]);

		at += n > 0 ? (size_t)n : 0;
	}
	prctl(PR_SET_NAME, words[0]);
}

static char **keep_environment(void)
{
	size_t n = 0;
	char **copy;

	while (environ[n])
		n++;
	copy = calloc(n + 1, sizeof *copy);
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = strdup(environ[i]);
	return copy;
}

static _Noreturn void be_child(char *const words[], int out, pid_t parent)
{
	char *argv[CHILD_WORDS_MAX + 1] = { 0 };
	char **env = keep_environment();
	sigset_t none;
	int argc = 0;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it died before the line above */
		_exit(EXIT_FAILED);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(out, STDOUT_FILENO);
	close(out);
	for (; words[argc] && argc < CHILD_WORDS_MAX; argc++)
		argv[argc] = strdup(words[argc]);
	if (env)
		environ = env;
	show_words(argv);
	exit(cmd_line(argc, argv));
}

int child_start(struct child *c, char *const words[])
{
	pid_t self = getpid();
	int pipe_fd[2];

	if (pipe2(pipe_fd, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	c->pid = fork();
	if (c->pid < 0) {
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		return -errno;
	}
	if (!c->pid) {
		close(pipe_fd[0]);
		be_child(words, pipe_fd[1], self);
	}
	close(pipe_fd[1]);
	c->out = pipe_fd[0];
	return 0;
}

bool child_line(const struct child *c, char line[static CHILD_LINE_MAX], int ms)
{
	mono_t until = mono_add_ms(mono_now(), ms);
	size_t n = 0;

	while (n + 1 < CHILD_LINE_MAX) {
		int64_t left = mono_diff_us(until, mono_now()) / 1000;
		struct pollfd p = { .fd = c->out, .events = POLLIN };
		char ch;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0 || read(c->out, &ch, 1) != 1)
			return false;
		if (ch == '\n')
			break;
		line[n++] = ch;
	}
	line[n] = 0;
	return true;
}

int child_wait(struct child *c)
{
	int status = 0;
	pid_t r;

	do
		r = waitpid(c->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	if (c->out >= 0)
		close(c->out);
	c->out = -1;
	c->pid = 0;
	if (r < 0)
		return EXIT_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

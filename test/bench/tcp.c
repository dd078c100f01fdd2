/* test/bench/tcp.c - what machete is measured against: a file over one plain TCP connection
 *
 *	tcp recv ADDR PORT [FILE]     take files one after the other, fsync each; no FILE: discard
 *	tcp send FILE ADDR PORT       send one, wait until the receiver has it safe
 *	tcp relay ADDR PORT TO PORT   splice connections to TO, one after the other
 *	tcp time COMMAND...           run it; prints seconds, CPU seconds of it and its children
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 * 1024 }; /* as much as machete reads at once */

static int fail(const char *what)
{
	fprintf(stderr, "tcp: %s: %s\n", what, strerror(errno));
	return 1;
}

static bool put_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0)
			return false;
		p += w;
		n -= (size_t)w;
	}
	return true;
}

static bool copy(int from, int to)
{
	static char chunk[CHUNK_BYTES];
	ssize_t n;

	while ((n = read(from, chunk, sizeof chunk)) > 0)
		if (to >= 0 && !put_all(to, chunk, (size_t)n))
			return false;
	return n == 0;
}

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET };

	inet_pton(AF_INET, ip, &at.sin_addr);
	at.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	return at;
}

static bool take_one(int conn, const char *path)
{
	int to = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	bool ok = (!path || to >= 0) && copy(conn, to) && (!path || !fsync(to));

	if (to >= 0)
		close(to);
	return ok && write(conn, "k", 1) == 1;
}

static int dial(const char *ip, const char *port)
{
	struct sockaddr_in at = address(ip, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return connect(fd, (struct sockaddr *)&at, sizeof at) ? -1 : fd;
}

/* As a node does it, but for one connection and with nothing to watch for. */
static bool relay_one(int from, char **to)
{
	int fd = dial(to[0], to[1]), pipes[2];
	ssize_t n = -1;
	bool ok;

	if (fd < 0 || pipe(pipes))
		return false;
	fcntl(pipes[1], F_SETPIPE_SZ, CHUNK_BYTES);
	while ((n = splice(from, NULL, pipes[1], NULL, CHUNK_BYTES, SPLICE_F_MOVE)) > 0)
		while (n > 0) {
			ssize_t moved = splice(pipes[0], NULL, fd, NULL, (size_t)n, SPLICE_F_MOVE);

			if (moved <= 0)
				break;
			n -= moved;
		}
	ok = n == 0 && !shutdown(fd, SHUT_WR) && copy(fd, from);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
	return ok;
}

/* Serves connections one after the other: `path` a file, or NULL; or on to `to`. */
static int serve(const char *ip, const char *port, const char *path, char **to)
{
	struct sockaddr_in at = address(ip, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1))
		return fail("listen");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int conn = accept(fd, NULL, NULL);

		if (conn < 0)
			return fail("accept");
		if (!(to ? relay_one(conn, to) : take_one(conn, path)))
			fail("receive"); /* whoever sent it sees that, or was a probe */
		close(conn);
	}
}

static int transmit(const char *path, const char *ip, const char *port)
{
	int from = open(path, O_RDONLY), fd = dial(ip, port);
	char word;

	if (from < 0)
		return fail(path);
	if (fd < 0)
		return fail("connect");
	if (!copy(from, fd) || shutdown(fd, SHUT_WR) || read(fd, &word, 1) != 1)
		return fail("send");
	return 0;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static int time_it(char **argv)
{
	struct timespec from, to;
	struct rusage used;
	int status;
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &from);
	pid = fork();
	if (!pid) {
		execvp(argv[0], argv);
		_exit(fail(argv[0]));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return fail("fork");
	clock_gettime(CLOCK_MONOTONIC, &to);
	getrusage(RUSAGE_CHILDREN, &used);
	printf("%.4f %.4f\n",
	       (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
	       seconds(used.ru_utime) + seconds(used.ru_stime));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "recv"))
		return serve(argv[2], argv[3], argv[4], NULL);
	if (argc == 6 && !strcmp(argv[1], "relay"))
		return serve(argv[2], argv[3], NULL, argv + 4);
	if (argc == 5 && !strcmp(argv[1], "send"))
		return transmit(argv[2], argv[3], argv[4]);
	if (argc >= 3 && !strcmp(argv[1], "time"))
		return time_it(argv + 2);
	fprintf(stderr, "usage: tcp recv|send|relay|time ...\n");
	return 2;
}

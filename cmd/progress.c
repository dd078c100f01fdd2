/* cmd/progress.c - how far a transfer is: a bar and a line a path on a terminal, events with --json
 */
#include "cmd/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/receipt.h"
#include "cmd/report.h"
#include "core/check.h"

enum {
	BAR_CELLS = 30,
	BESIDE_BAR = 42, /* columns of the summary without it */
	LINE_MAX_BYTES = 160,
};

/* A line of no more than the terminal's columns: what it broke could not be wiped again. */
__attribute__((format(printf, 2, 3)))
static void put_line(const struct progress *p, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%.*s\n", p->columns - 1, line);
}

static int columns(bool tty)
{
	struct winsize w;

	return tty && !ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col ? w.ws_col : LINE_MAX_BYTES;
}

/* Bytes that the device has: what was read less what is still on its way. */
static uint64_t had_bytes(const struct progress *p)
{
	const struct tx *t = &p->ps->session.tx;

	return p->source->file_bytes > t->open_bytes ? p->source->file_bytes - t->open_bytes : 0;
}

static void show_json(const struct progress *p, uint64_t done)
{
	struct json *j = report_begin("progress");

	json_u64(j, "bytes", done);
	if (p->source->total != CONTENT_UNKNOWN)
		json_u64(j, "total", p->source->total);
	json_open(j, "paths", '[');
	for (uint32_t i = 0; i < p->ps->session.n; i++) {
		const struct path *path = p->ps->path[i];

		json_open(j, NULL, '{');
		json_str(j, "node", path->node.name[0] ? path->node.name : "direct");
		json_u64(j, "bytes", pathset_sent(p->ps, i));
		json_dbl(j, "rtt_ms", path->rtt_us / 1000.0, 3);
		json_close(j, '}');
	}
	json_close(j, ']');
	report_end(j);
}

static void show_summary(const struct progress *p, uint64_t done, mono_t now)
{
	double s = (double)mono_diff_us(now, p->from) / 1e6;
	double rate = s > 0 ? (double)done / s : 0;
	uint64_t total = p->source->total;
	char a[24], b[24], bar[BAR_CELLS + 1] = "";
	uint64_t room = p->columns > BESIDE_BAR ? (uint64_t)(p->columns - BESIDE_BAR) : 0;
	uint64_t width = room < BAR_CELLS ? room : BAR_CELLS;
	uint64_t cells = total && total != CONTENT_UNKNOWN ? done * width / total : 0;

	memset(bar, '-', width);
	memset(bar, '#', cells > width ? width : cells);
	if (total == CONTENT_UNKNOWN)
		put_line(p, "%s  %s/s", receipt_bytes(done, a), receipt_bytes((uint64_t)rate, b));
	else
		put_line(p, "[%s] %s  %s/s  %.0f s left", bar, receipt_bytes(done, a),
			 receipt_bytes((uint64_t)rate, b),
			 rate > 0 && total > done ? (double)(total - done) / rate : 0);
}

static void show_tty(struct progress *p, uint64_t done, mono_t now)
{
	uint64_t all = p->ps->session.tx.all_bytes;

	if (p->drawn)
		fprintf(stderr, "\033[%uA\033[J", p->ps->session.n + 1);
	show_summary(p, done, now);
	for (uint32_t i = 0; i < p->ps->session.n; i++) {
		const struct path *path = p->ps->path[i];
		uint64_t sent = pathset_sent(p->ps, i);
		char a[24];

		put_line(p, "  %-20.20s %10s %5.1f%% %8.1f ms",
			 path->node.name[0] ? path->node.name : "direct", receipt_bytes(sent, a),
			 all ? 100.0 * (double)sent / (double)all : 0.0, path->rtt_us / 1000.0);
	}
	p->drawn = true;
}

static void due(struct timer *t, mono_t now)
{
	struct progress *p = container_of(t, struct progress, timer);
	uint64_t done = had_bytes(p);

	p->columns = columns(p->tty);
	if (p->c->json)
		show_json(p, done);
	else if (p->tty)
		show_tty(p, done, now);
	else
		show_summary(p, done, now);
	loop_arm(p->ps->loop, t, mono_add_ms(now, p->every_ms));
}

void progress_begin(struct progress *p, const struct common *c, struct pathset *ps,
		    const struct source *source)
{
	*p = (struct progress){ .c = c, .ps = ps, .source = source, .from = mono_now() };
	p->timer.fire = due;
	p->tty = isatty(STDERR_FILENO);
	p->every_ms = c->json ? PROGRESS_JSON_MS : p->tty ? PROGRESS_TTY_MS : PROGRESS_LINE_MS;
	if (c->quiet && !c->json)
		return;
	loop_arm(ps->loop, &p->timer, mono_add_ms(p->from, p->every_ms));
}

void progress_end(struct progress *p)
{
	if (!p->ps)
		return;
	loop_disarm(p->ps->loop, &p->timer);
	if (p->drawn)
		fprintf(stderr, "\033[%uA\033[J", p->ps->session.n + 1);
	p->ps = NULL;
}

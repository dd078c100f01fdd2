/* core/log.c - one line a message on stderr, with the time (UTC), role and level */
#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/text.h"

enum { LINE_MAX_BYTES = 1024 }; /* a longer message is cut; one write a line */

static const char *log_role = "machete";
static enum log_level log_max = LOG_WARN;

void log_setup(const char *role, enum log_level level)
{
	log_role = role;
	log_max = level;
}

void log_line(enum log_level level, int err, const char *fmt, ...)
{
	static const char *const name[] = { "error", "warning", "notice", "info", "debug" };
	char text[LINE_MAX_BYTES];
	struct timespec ts;
	struct tm t = { .tm_mday = 1 };
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	text_escape(text);
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &t);
	fprintf(stderr, "%d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s: %s%s%s\n", t.tm_year + 1900,
		t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, ts.tv_nsec / 1000000,
		log_role, name[level], text, err ? ": " : "",
		err ? strerror(err < 0 ? -err : err) : "");
}

/* cmd/report.c - how a command speaks: errors, warnings and events, for people or as JSON lines */
#include "cmd/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/log.h"
#include "core/text.h"

enum {
	EVENT_BYTES_MAX =
	    2 << 20, /* a receipt names RECEIPT_FILES_MAX files, each escaped six times */
	WHY_BYTES_MAX = 512,
};

static char event_text[EVENT_BYTES_MAX];
static struct json event_json;

struct json *report_begin(const char *event)
{
	json_init(&event_json, event_text, sizeof event_text);
	json_open(&event_json, NULL, '{');
	json_u64(&event_json, "v", 1);
	json_str(&event_json, "event", event);
	return &event_json;
}

void report_end(struct json *j)
{
	const char *text;

	json_close(j, '}');
	text = json_text(j);
	MUST(text);
	puts(text);
	fflush(stdout);
}

const char *report_safe(const char *text, char *out, size_t bytes)
{
	snprintf(out, bytes, "%s", text);
	text_escape(out);
	return out;
}

int report_error(const struct common *c, enum exit_code code, const char *todo, const char *what,
		 const char *why_fmt, ...)
{
	char why[WHY_BYTES_MAX], safe[WHY_BYTES_MAX];
	struct json *j;
	va_list ap;

	va_start(ap, why_fmt);
	vsnprintf(why, sizeof why, why_fmt, ap);
	va_end(ap);
	if (c->mute) {
		log_info("%s: %s", what, why);
		return code;
	}
	if (!c->json) {
		fprintf(stderr, "machete: %s: %s%s%s\n", what, report_safe(why, safe, sizeof safe),
			todo ? "; " : "", todo ? todo : "");
		return code;
	}
	j = report_begin("error");
	json_u64(j, "code", code);
	json_str(j, "what", what);
	json_str(j, "why", why);
	json_str(j, "do", todo ? todo : "");
	report_end(j);
	return code;
}

void report_warning(const struct common *c, const char *what, const char *why_fmt, ...)
{
	char why[WHY_BYTES_MAX], safe[WHY_BYTES_MAX];
	struct json *j;
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, why_fmt);
	vsnprintf(why, sizeof why, why_fmt, ap);
	va_end(ap);
	if (!c->json) {
		fprintf(stderr, "machete: warning: %s: %s\n", what,
			report_safe(why, safe, sizeof safe));
		return;
	}
	j = report_begin("warning");
	json_str(j, "what", what);
	json_str(j, "why", why);
	report_end(j);
}

void report_ready(const struct common *c, const char *fmt, ...)
{
	char text[WHY_BYTES_MAX];
	struct json *j;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (c->json) {
		j = report_begin("ready");
		json_str(j, "what", text);
		report_end(j);
		return;
	}
	printf("ready %s\n", text);
	fflush(stdout);
}

/* cmd/report.h - how a command speaks: errors, warnings and events, for people or as JSON lines */
#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include "cmd/cmd.h"
#include "core/json.h"

/* "Every error is one line: what failed, why, and what to do": prints it to stderr, or with --json
 * the event error {code, what, why, do} to stdout, and returns `code`. `todo` may be NULL where
 * nothing can be done. */
int report_error(const struct common *c, enum exit_code code, const char *todo, const char *what,
		 const char *why_fmt, ...) __attribute__((format(printf, 5, 6)));

/* The same for something that goes on: stderr, or the event warning. Silent under -q. */
void report_warning(const struct common *c, const char *what, const char *why_fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Begins {"v":1,"event":NAME in a static buffer; report_end closes and prints it as one line. */
struct json *report_begin(const char *event);
void report_end(struct json *j);

/* Peer text made safe for a terminal: text_escape. Returns out. */
const char *report_safe(const char *text, char *out, size_t bytes);

/* The role's one line on stdout: "ready " and what follows; flushed. */
void report_ready(const struct common *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif

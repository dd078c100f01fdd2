/* core/log.h - one line a message on stderr, with the time (UTC), role and level */
#ifndef CORE_LOG_H
#define CORE_LOG_H

enum log_level { LOG_ERR = 0, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* The process's role, shown in every line, and the highest level that is printed. `role` is
 * borrowed for ever. */
void log_setup(const char *role, enum log_level level);

/* One line; control characters in it (a peer's text) are escaped. err is -errno or 0: its text is
 * appended where given. Never log a secret. */
void log_line(enum log_level level, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_err(...) log_line(LOG_ERR, 0, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, 0, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, 0, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, 0, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, 0, __VA_ARGS__)

#endif

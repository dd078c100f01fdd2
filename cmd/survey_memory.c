/* cmd/survey_memory.c - the set that was used last time, so that it is not given up without need
 *
 * HOME/cache/chosen-DEVICE: "1 KAPPA", then a line "NODE FROM ENTRY DEST" a path; "-" is the direct
 * path. What cannot be read is forgotten: that costs a new choice, nothing else. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/survey.h"

enum { LINE_MAX_BYTES = 300, TEXT_MAX = 16 + PLAN_PATHS_MAX * LINE_MAX_BYTES };

static bool file_name(const struct survey *s, char *path)
{
	char name[NAME_STR_MAX + 32];

	snprintf(name, sizeof name, "cache/chosen-%s", s->device->name);
	return home_path(s->c, name, path);
}

static size_t format(const struct survey *s, uint32_t i, char *out)
{
	char from[ADDR_STR_MAX], entry[ADDR_STR_MAX], dest[ADDR_STR_MAX];
	const struct survey_path *p = &s->path[i];

	return (size_t)snprintf(out, LINE_MAX_BYTES, "%s %s %s %s\n", p->node ? p->node->name : "-",
				addr_format(&p->from, from), addr_format(&p->entry, entry),
				addr_format(&p->dest, dest));
}

void survey_remember(const struct survey *s)
{
	char text[TEXT_MAX], path[HOME_PATH_MAX];
	size_t len = (size_t)snprintf(text, sizeof text, "1 %u\n", s->plan.choice.kappa);

	for (uint32_t i = 0; i < s->plan.n; i++)
		len += format(s, s->plan.pick[i], text + len);
	if (file_name(s, path))
		home_write_file(path, text, len, 0600);
}

void survey_recall(struct survey *s)
{
	char text[TEXT_MAX], path[HOME_PATH_MAX], line[LINE_MAX_BYTES];
	int fd = file_name(s, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 4)
		return;
	text[n] = 0;
	if (strncmp(text, "1 ", 2) || text[2] < '0' || text[2] > '9')
		return;
	s->conf.kappa_before = (uint32_t)strtoul(text + 2, NULL, 10);
	for (uint32_t i = 0; i < s->n; i++) {
		const char *at;

		format(s, i, line);
		at = strstr(text, line);
		s->cand[i].chosen_before = at && at[-1] == '\n';
	}
}

/* test/unit/test_log.c - what stands on stderr: one line a message, and nothing that steers a
 * terminal */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/check.h"
#include "core/log.h"
#include "test/unit/test.h"

static char text[8192];

/* Between begin and what: stderr is a pipe; its lines without their stamps are in `text`. */
static int saved, ends[2];

static void begin(void)
{
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	MUST(saved >= 0 && !pipe(ends));
	dup2(ends[1], STDERR_FILENO);
}

static const char *said(void)
{
	ssize_t n;
	char *at;

	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	n = read(ends[0], text, sizeof text - 1);
	close(ends[0]);
	text[n > 0 ? n : 0] = 0;
	at = strchr(text, ' ');
	return at ? at + 1 : text;
}

static void a_line_names_role_and_level(void)
{
	log_setup("node", LOG_WARN);
	begin();
	log_warn("%d things", 3);
	CHECK_STR(said(), "node warning: 3 things\n");
	begin();
	log_line(LOG_ERR, -ENOENT, "no file");
	CHECK_STR(said(), "node error: no file: No such file or directory\n");
}

static void what_is_too_much_is_not_said(void)
{
	log_setup("node", LOG_WARN);
	begin();
	log_info("chatter");
	CHECK_STR(said(), "");
	log_setup("node", LOG_DEBUG);
	begin();
	log_debug("chatter");
	CHECK_STR(said(), "node debug: chatter\n");
}

static void control_characters_of_a_peer_are_shown_as_such(void)
{
	log_setup("node", LOG_WARN);
	begin();
	log_warn("name %s", "a\033[2J\nb\x7f\r");
	CHECK_STR(said(), "node warning: name a?[2J?b??\n");
	/* C1: U+009B is CSI; and what is no UTF-8, a cut character too */
	begin();
	log_warn("\302\2333m \303\251\342\202\254 \233 \303");
	CHECK_STR(said(), "node warning: ??3m \303\251\342\202\254 ? ?\n");
}

static void a_long_message_is_cut_and_stays_one_line(void)
{
	char much[3000];
	const char *line;

	memset(much, 'x', sizeof much - 1);
	much[sizeof much - 1] = 0;
	begin();
	log_warn("%s", much);
	line = said();
	CHECK(strlen(line) < 1100);
	CHECK_EQ(line[strlen(line) - 1], '\n');
	CHECK(!memchr(line, '\n', strlen(line) - 1));
}

TEST_MAIN_BEGIN
	RUN(a_line_names_role_and_level);
	RUN(what_is_too_much_is_not_said);
	RUN(control_characters_of_a_peer_are_shown_as_such);
	RUN(a_long_message_is_cut_and_stays_one_line);
TEST_MAIN_END

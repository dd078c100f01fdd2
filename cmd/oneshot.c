/* cmd/oneshot.c - what a command needs to ask the manager */
#include "cmd/oneshot.h"

#include <signal.h>
#include <string.h>

#include "cmd/report.h"

int oneshot_open(struct oneshot *o, const struct common *c)
{
	int r;

	memset(o, 0, sizeof *o);
	r = party_load(&o->party, c);
	if (r)
		return r;
	r = loop_init(&o->loop);
	if (r)
		return report_error(c, EXIT_FAILED, "raise the limit on open files", "manager",
				    "%s", strerror(-r));
	o->q = quorum_open(&o->party, &o->loop, QUORUM_COMMAND);
	return o->q ? 0 : EXIT_FAILED;
}

void oneshot_close(struct oneshot *o)
{
	if (o->q) {
		quorum_close(o->q);
		loop_fini(&o->loop);
	}
	party_fini(&o->party);
}

bool oneshot_deaf(void)
{
	struct sigaction now;

	return !sigaction(SIGHUP, NULL, &now) && now.sa_handler == SIG_IGN;
}

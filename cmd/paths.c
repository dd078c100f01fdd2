/* cmd/paths.c - the candidate paths to a device, with ASes and round trips, and the choice; nothing
 * is sent */
#include <stdio.h>

#include "cmd/choose.h"
#include "cmd/oneshot.h"
#include "cmd/report.h"

struct options {
	struct survey_options o;
};

static const struct opt rows[] = {
	SURVEY_ROWS(options, o),
	{ 0 },
};

static int tell(const struct common *c, const struct options *o, const struct directory *d,
		struct quorum *q, const char *name)
{
	const struct device_entry *device = directory_device(d, name);
	struct survey_options ask = o->o;

	if (!device)
		return report_error(c, EXIT_UNREACHABLE, "see `machete status`", name,
				    "no such device is registered");
	ask.ask = true;
	return choose_show(q, &ask, d, device);
}

static int paths_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct oneshot o;
	struct directory *d = NULL;
	int r = oneshot_open(&o, c);

	(void)argc;
	if (!r)
		d = directory_open(&o.party);
	if (!r)
		r = d ? directory_load(d, o.q) : EXIT_FAILED;
	if (!r)
		r = tell(c, opts, d, o.q, argv[0]);
	if (d)
		directory_close(d);
	oneshot_close(&o);
	return r;
}

const struct cmd cmd_paths = {
	.name = "paths",
	.main = paths_main,
	.args = "HOST",
	.summary = "candidate paths to a device, what they share, and the choice",
	.rows = rows,
	.opts_bytes = sizeof(struct options),
	.words_min = 1,
	.words_max = 1,
	.more = "Nothing is sent but probes: legs not traced in the last day are traced now, and\n"
		"the nodes trace back to this host and tell nobody else. --online tells Team\n"
		"Cymru, and the name server, which networks the traces cross.\n"
		"* marks what `send` would take. ?: some router did not answer; ??: a whole\n"
		"segment is not traced. Exit status 3: too few paths; 5: --max-exposure is not\n"
		"met.\n",
};

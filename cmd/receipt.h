/* cmd/receipt.h - what a transfer was: the last object of `send --json`, and a table for people */
#ifndef CMD_RECEIPT_H
#define CMD_RECEIPT_H

#include "cmd/choose.h"
#include "cmd/kflow.h"
#include "cmd/source.h"

enum { RECEIPT_FILES_MAX = 1000 }; /* named one by one; the rest is counted in files_more */

struct receipt {
	const struct source *source;
	char **final_name;     /* of each file; NULL entries: as it was */
	const char *scheduler;
	const struct choice *choice;
	bool kernel; /* MPTCP's: it chose the split */
	double seconds; /* from the first record to the device's word that all is safe */
	double setup_ms, teardown_ms;
	uint64_t bytes; /* of contents */
	uint8_t sid[SID_BYTES];
	uint32_t n;
	struct {
		const struct path *path;
		uint64_t bytes; /* of sealed records; kernel: of the subflow, all in all */
		struct addr local;
	} path[PATHS_MAX];
};

/* Transport mptcp: paths and their bytes, as the connection says now. */
void receipt_kernel(struct receipt *r, struct kflow *f);

/* To stdout: JSON or the table, of which -q leaves but names that changed, on stderr. */
void receipt_print(const struct common *c, const struct receipt *r);

/* Bytes as "12.3 MiB"; returns out. */
const char *receipt_bytes(uint64_t n, char out[static 24]);

#endif

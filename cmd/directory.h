/* cmd/directory.h - what a party knows of the members, nodes and devices, kept fresh from the
 * manager
 *
 * Reads `member`, `node` and `device` tuples through cmd/quorum (f+1 equal answers) into a roster
 * (tuple/roster.h, which has the entries' types). A role polls every few seconds, and at once when
 * a replica hints at a change, so that whoever was evicted is forgotten within 10 s even when hints
 * are lost (ARCHITECTURE section 4); a command loads once, or takes
 * HOME/cache and refreshes it meanwhile. What look-ups return lends until the next load or
 * on_change. */
#ifndef CMD_DIRECTORY_H
#define CMD_DIRECTORY_H

#include "cmd/quorum.h"
#include "tuple/roster.h"

enum {
	DIRECTORY_POLL_MS = 3000,
	DIRECTORY_HINT_MS = 20,	  /* after a hint: admissions often come in twos */
	DIRECTORY_PAUSE_MS = 300, /* between two rounds, whatever the hints, and */
	DIRECTORY_MEMBER_MS = 2,  /* a member longer: many parties that read much, less often */
};

struct directory;

/* Allocates (30 MiB, of which little is touched): before loop_run. `p` is borrowed. NULL: no memory
 * (reported). */
struct directory *directory_open(const struct party *p);
/* Cancels what is under way. */
void directory_close(struct directory *d);

/* Commands. Load from the manager, running its loop, and write the cache: 0, or the exit code of
 * the error that was reported. */
int directory_load(struct directory *d, struct quorum *q);
/* Take HOME/cache instead: no waiting. False: there is none that is sound and of this cluster.
 * *age_s is how old it is by the wall clock, which may be wrong. */
bool directory_load_cached(struct directory *d, int64_t *age_s);

/* On the loop: load once in the background and write the cache, or load again and again from now on
 * (the cache is not written). fn is called when what look-ups return has changed, after the first
 * load, and after one that failed and the next that did not; on failure (`ok` false) all stays as
 * it was, and a poll goes on. */
typedef void (*directory_fn)(void *owner, bool ok);
void directory_refresh(struct directory *d, struct quorum *q, directory_fn fn, void *owner);
void directory_poll(struct directory *d, struct quorum *q, directory_fn fn, void *owner);
/* How the last round ended: 0, or an exit code (EXIT_DENIED: this party is no member). */
int directory_code(const struct directory *d);

/* Runs the loop until a refresh that is under way has ended, and calls no fn for it. False: it, or
 * the last one, failed, or the loop was stopped. */
bool directory_await(struct directory *d);

/* Look-ups in what is loaded now; NULL or 0 when there is none. Roles are bits of enum role, and
 * include ROLE_ADMIN for the cluster file's admins, who may also do what a client may. */
uint32_t directory_roles(const struct directory *d, const struct fp *fp);
const char *directory_name(const struct directory *d, const struct fp *fp);
uint32_t directory_members(const struct directory *d);
const struct member_entry *directory_member_at(const struct directory *d, uint32_t i);
uint32_t directory_nodes(const struct directory *d);
const struct node_entry *directory_node_at(const struct directory *d, uint32_t i);
const struct node_entry *directory_node(const struct directory *d, const char *name);
uint32_t directory_devices(const struct directory *d);
const struct device_entry *directory_device_at(const struct directory *d, uint32_t i);
const struct device_entry *directory_device(const struct directory *d, const char *name);
const struct device_entry *directory_device_fp(const struct directory *d, const struct fp *fp);

#endif

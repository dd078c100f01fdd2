/* cmd/send_try.c - sessions until one succeeds, or none can: from the cached directory at once, and
 * from fresh ones while that may cure what went wrong */
#include "cmd/send_try.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/report.h"
#include "core/log.h"
#include "core/secret.h"

enum {
	RETRIES = 5,    /* with a fresh directory at once, then after LOOK_MS each */
	LOOK_MS = 2000, /* four of them are longer than two rounds of DIRECTORY_POLL_MS */
	FRESH_S = 10,   /* whoever was evicted this long ago is evicted everywhere */
	OLD_S = 86400,  /* without a word of the manager, an older directory is good for nothing */
	CROWD_MS = 8,   /* where many wait for room, up to 255 times this longer */
};

/* Whose name is gone from the directory, or is not what it was when the paths were chosen; NULL. */
static const char *lost(const struct send *s)
{
	if (!(directory_roles(s->d, &s->ps.device.fp) & ROLE_DEVICE))
		return "the device";
	for (uint32_t i = 0; i < s->n; i++) {
		const struct path *p = &s->path[i];
		const struct node_entry *now = directory_node(s->d, p->node.name);

		if (p->node.name[0] && (!now || !fp_eq(&now->fp, &p->node.fp)))
			return p->node.name;
	}
	return NULL;
}

void send_confirm(struct send *s)
{
	bool denied = s->refresh == EXIT_DENIED;
	const char *who = NULL, *what = "is not registered any more";

	if (!s->confirmed || !s->ps.live || !s->ps.complete)
		return;
	if (denied) {
		who = "this key";
		what = "is not admitted any more";
	} else if (s->refresh && (s->age_s < 0 || s->age_s > OLD_S)) {
		who = "the manager";
		what = "said nothing, and the directory is of another day";
	} else {
		who = lost(s);
	}
	s->gone = who != NULL;
	s->cleared = !who;
	if (who)
		pathset_fail(&s->ps, denied ? EXIT_DENIED : EXIT_UNREACHABLE, "%s %s", who, what);
	else
		pathset_kick(&s->ps);
}

static void refreshed(void *owner, bool ok)
{
	struct send *s = owner;
	int code = directory_code(s->d);

	s->refresh = ok ? 0 : code ? code : EXIT_QUORUM;
	if (s->refresh && s->refresh != EXIT_DENIED && !s->confirmed)
		report_warning(s->c, "directory", "the manager %s, this is %lld s old",
			       s->refresh == EXIT_QUOTA ? "has no room" : "does not answer",
			       (long long)s->age_s);
	s->confirmed = true;
	send_confirm(s);
}

static int fetch(struct send *s)
{
	s->cached = false;
	s->confirmed = true;
	s->refresh = 0;
	return s->interrupted ? 0 : directory_load(s->d, s->one.q);
}

static int find_device(struct send *s, const char *host, const struct device_entry **dev)
{
	*dev = directory_device(s->d, host);
	if (*dev)
		return 0;
	return report_error(s->c, EXIT_UNREACHABLE,
			    "see `machete status`, or start `machete server` there",
			    *host ? host : "''",
			    "no such device is registered");
}

/* While the paths were looked for: then there is no session that could tell. */
static bool interrupted(struct send *s)
{
	if (s->interrupted) {
		s->code = EXIT_INTERRUPTED;
		snprintf(s->why, sizeof s->why, "interrupted by the user");
	}
	return s->interrupted;
}

/* One session from the directory as it is now. */
static int attempt(struct send *s, const char *host)
{
	struct survey_options o = s->o->choose;
	const struct device_entry *dev;
	int r;

	if (interrupted(s))
		return 0;
	r = find_device(s, host, &dev);
	o.kernel = s->o->transport == 2;
	o.fresh = s->again;
	o.shun = &s->shun;
	o.tentative = s->cached;
	if (!r && s->o->dry_run)
		r = choose_show(s->one.q, &o, s->d, dev);
	if (s->o->dry_run)
		return interrupted(s) ? 0 : r;
	for (uint32_t i = 0; i < PATHS_MAX; i++) {
		uint8_t *in = s->path[i].flow.in;

		memset(&s->path[i], 0, sizeof s->path[i]);
		s->path[i].flow.in = in;
	}
	if (!r && o.kernel)
		r = kflow_open(&s->kernel, s->c, &s->one.party, &s->one.loop, s->o->scheduler);
	if (r)
		return r;
	r = choose_paths(s->one.q, &o, s->d, dev, s->path, &s->n, &s->choice);
	s->unplanned = r != 0;
	if (interrupted(s))
		return 0;
	if (r)
		return r;
	if (s->o->max_share && s->o->max_share * s->n < 100)
		return report_error(s->c, EXIT_USAGE, "allow more, or use more paths",
				    "--max-share", "%u paths of %u %% cannot carry everything",
				    s->n, s->o->max_share);
	s->cleared = s->gone = false;
	s->code = EXIT_FAILED; /* until `over` says better */
	snprintf(s->why, sizeof s->why, "the session did not come to its end");
	pathset_init(&s->ps, &s->one.loop, &send_ops, &s->one.party.id, &s->one.party.cert);
	if (o.kernel)
		kflow_begin(&s->kernel, &s->ps, &s->setup, s->path[0].flow.in, s->path, s->n, dev);
	else
		pathset_connect(&s->ps, &s->setup, s->path, s->n, dev);
	if (!s->ps.gone && loop_run(&s->one.loop))
		return report_error(s->c, EXIT_FAILED, NULL, "send", "%s", strerror(errno));
	if (s->ps.complete && !o.kernel)
		choose_learn(s->c, &s->choice, s->path, s->n);
	return 0;
}

static void waited(struct timer *t, mono_t now)
{
	(void)now;
	loop_stop(&container_of(t, struct send, wait)->one.loop);
}

/* Nodes and devices hear of a newcomer with their next look at the directory, and whoever has as
 * many sessions as he may have gets room when some end. */
static void wait_a_little(struct send *s)
{
	uint8_t jitter = 0;

	if (s->code == EXIT_QUOTA)
		secret_bytes(&jitter, sizeof jitter);
	s->wait.fire = waited;
	loop_arm(&s->one.loop, &s->wait, mono_add_ms(mono_now(), LOOK_MS + jitter * CROWD_MS));
	loop_run(&s->one.loop);
	loop_disarm(&s->one.loop, &s->wait);
}

static bool refused(const struct send *s)
{
	return s->code == EXIT_DENIED || s->code == EXIT_QUOTA;
}

/* Whether what went wrong may be cured by a newer directory, ours or theirs. */
static bool worth_retrying(const struct send *s)
{
	if (s->interrupted || s->o->dry_run || (s->ps.hung && s->hung))
		return false;
	if (s->ps.complete) /* our side stood; did the device refuse us? stdin is not read twice */
		return s->gone ? !s->source.sent
			       : refused(s) && !(s->source.from_stdin && s->source.sent);
	return s->code == EXIT_UNREACHABLE || refused(s);
}

/* What was read for a device that did not take it. */
static int rewind_source(struct send *s)
{
	struct source *from = &s->source;

	if (!from->sent)
		return 0;
	source_close(from);
	if (source_open(from, from->path, from->files, false))
		return 0;
	return report_error(s->c, EXIT_FAILED, from->todo, "cannot send", "%s", from->why);
}

static bool in_directory(const struct send *s, const char *host)
{
	bool all = directory_device(s->d, host);

	for (uint32_t i = 0; i < s->o->choose.via.n; i++)
		all &= directory_node(s->d, s->o->choose.via.v[i]) != NULL;
	return all;
}

int send_try(struct send *s, const char *host)
{
	int r = 0;

	s->cached = !s->o->dry_run && directory_load_cached(s->d, &s->age_s) &&
		    in_directory(s, host);
	s->confirmed = s->cached && s->age_s >= 0 && s->age_s < FRESH_S;
	if (s->cached)
		directory_refresh(s->d, s->one.q, refreshed, s);
	else
		r = fetch(s);
	r = r ? r : attempt(s, host);
	if (s->cached && s->unplanned && !s->interrupted) {
		refreshed(s, directory_await(s->d) || s->interrupted);
		s->cached = false;
		r = attempt(s, host);
	}
	for (int i = 0; !r && i < RETRIES && worth_retrying(s); i++) {
		bool waits = refused(s);
		bool shunned = choose_shun(&s->shun, s->ps.culprit);

		for (uint32_t k = 0; k < s->n; k++)
			waits |= s->path[k].refused != 0;
		if (!waits && !shunned && i)
			break; /* a fresh directory was tried */
		log_info("trying again with a fresh directory: %s", s->why);
		if (waits && i == 1)
			report_warning(s->c, "send", "%s; trying for some seconds more", s->why);
		if (waits && (i || (s->code == EXIT_QUOTA && !shunned)))
			wait_a_little(s);
		s->again = true;
		s->hung = s->ps.hung;
		r = rewind_source(s);
		r = r ? r : fetch(s);
		r = r ? r : attempt(s, host);
	}
	return r;
}

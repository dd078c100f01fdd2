/* test/lab/emu_tap.c - the eavesdropper: a pcap file of all that crosses some ASes or paths
 *
 * A packet is written when it passes the first hop of a watched AS, at that time, with the TTL it
 * has there, once a tap. Classic pcap with nanoseconds, raw IP: tcpdump and tshark read it. */
#include <stdlib.h>
#include <string.h>

#include "test/lab/emu.h"

enum { PCAP_MAGIC_NS = 0xa1b23c4d, LINKTYPE_RAW = 101 };

/* Whether any of the words names the path; the nearest place wins. */
static bool words_path(struct topo *t, const char *what, const struct path *path, uint8_t *at)
{
	char copy[PATH_BYTES], *rest = copy;
	bool found = false;

	snprintf(copy, sizeof(copy), "%s", what);
	for (char *w; (w = strsep(&rest, ","));) {
		uint8_t here;

		if (!word_path(t, w, path, &here))
			continue;
		if (!found || here < *at)
			*at = here;
		found = true;
	}
	return found;
}

static unsigned paths_watch(struct emu *e, unsigned tap)
{
	struct topo *t = &e->topo;
	unsigned count = 0;

	for (unsigned i = 0; i < PORTS_MAX * PORTS_MAX; i++) {
		struct path *path = &t->path[i / PORTS_MAX][i % PORTS_MAX];

		if (!path->exists ||
		    !words_path(t, e->tap[tap].what, path, &path->tap_at[tap]))
			continue;
		path->taps |= 1u << tap;
		count++;
	}
	return count;
}

/* Whether everything has reached the file. */
static bool tap_free(struct emu *e, unsigned tap)
{
	FILE *f = e->tap[tap].file;
	bool bad = f && ferror(f);

	for (unsigned i = 0; i < PORTS_MAX * PORTS_MAX; i++)
		e->topo.path[i / PORTS_MAX][i % PORTS_MAX].taps &= ~(1u << tap);
	e->tap[tap].file = NULL;
	return (!f || fclose(f) == 0) && !bad;
}

static bool file_begin(FILE *f)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, digits, snaplen, linktype;
	} head = { PCAP_MAGIC_NS, 2, 4, 0, 0, PACKET_BYTES, LINKTYPE_RAW };

	return fwrite(&head, sizeof(head), 1, f) == 1 && fflush(f) == 0;
}

const char *tap_start(struct emu *e, const char *what, const char *file)
{
	unsigned tap = 0;

	for (unsigned i = 0; i < TAPS_MAX; i++)
		if (e->tap[i].file && !strcmp(e->tap[i].what, what))
			return "already captured; stop it first";
	while (tap < TAPS_MAX && e->tap[tap].file)
		tap++;
	if (tap == TAPS_MAX)
		return "16 captures are running; stop one first";
	snprintf(e->tap[tap].what, sizeof(e->tap[tap].what), "%s", what);
	e->tap[tap].packets = 0;
	if (!paths_watch(e, tap))
		return "names no path";
	e->tap[tap].file = fopen(file, "we");
	if (e->tap[tap].file && file_begin(e->tap[tap].file))
		return NULL;
	tap_free(e, tap);
	return "the file cannot be written";
}

const char *tap_stop(struct emu *e, const char *what)
{
	for (unsigned i = 0; i < TAPS_MAX; i++)
		if (e->tap[i].file && !strcmp(e->tap[i].what, what))
			return tap_free(e, i) ? NULL : "the file is not complete";
	return "not being captured";
}

void tap_write(struct emu *e, const struct packet *p, int64_t now)
{
	struct tap *tap = &e->tap[p->tap];
	int64_t t = now + e->realtime_offset;
	const uint32_t head[] = {
		(uint32_t)(t / 1000000000), (uint32_t)(t % 1000000000), p->len, p->len
	};

	if (!tap->file)
		return;		/* stopped while this packet was under way */
	fwrite(head, sizeof(head), 1, tap->file);
	fwrite(p->data, p->len, 1, tap->file);
	tap->packets++;
}

void tap_stop_all(struct emu *e)
{
	for (unsigned i = 0; i < TAPS_MAX; i++)
		tap_free(e, i);
}

/* net/splice.h - two sockets tied together in the kernel: splice(2) through a pipe each way
 *
 * No byte is copied to user space. The end of one side's data is passed on as a half-close, a full
 * target stops the reading of its source, and a broken side ends both. Nothing is allocated. */
#ifndef NET_SPLICE_H
#define NET_SPLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/loop.h"

enum {
	/* As quick as 1 MiB, for four times as many relays of an ordinary user (pipe(7)). */
	SPLICE_PIPE_BYTES = 256 << 10,
	SPLICE_PIPE_MIN = 16 << 10,  /* below that, as the kernel gives it */
	SPLICE_TURNS = 8,            /* then the other forwards have their turn */
	SPLICE_SILENCE_MS = 60000,   /* a host that vanished, or has no room for as long, is gone */
};

struct splice;

struct splice_way {
	int pipe[2];
	uint32_t in_pipe; /* bytes */
	bool ended;       /* the source has no more */
	bool shut;        /* and the target was told */
	uint64_t bytes;
};

struct splice_end {
	struct watch watch;
	struct splice *of;
};

struct splice {
	struct loop *loop;
	struct splice_end end[2];
	struct splice_way way[2]; /* way[i] carries what end[i] says */
	/* Both directions have ended (err 0), or a side broke (-errno). All is closed. */
	void (*over)(struct splice *s, int err);
	bool live;
};

/* Takes two connected, non-blocking sockets. 0, or -errno and both are closed; `over` comes later,
 * from the loop. */
int splice_begin(struct splice *s, struct loop *l, int fd0, int fd1,
		 void (*over)(struct splice *s, int err));
/* Ends it now, without `over`. Harmless when not live. */
void splice_close(struct splice *s);

#endif

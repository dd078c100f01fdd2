/* cmd/door.c - where connections come in: a listening socket that rests when descriptors run out */
#include "cmd/door.h"

#include <errno.h>

#include "core/check.h"
#include "core/log.h"
#include "net/sock.h"

enum { PAUSE_MS = 100 };

static void pause_over(struct timer *t, mono_t now)
{
	struct door *d = container_of(t, struct door, pause);

	(void)now;
	loop_want(d->loop, &d->watch, EPOLLIN);
}

int door_open(struct door *d, struct loop *l, int fd, void (*ready)(struct watch *w, uint32_t got))
{
	*d = (struct door){ .loop = l };
	d->watch = (struct watch){ .fd = fd, .want = EPOLLIN, .ready = ready };
	d->pause.fire = pause_over;
	return loop_add(l, &d->watch);
}

int door_accept(struct door *d, struct addr *from)
{
	int fd = sock_accept(d->watch.fd, from);

	if (fd >= 0)
		return fd;
	if (fd == -EAGAIN) {
		d->told = false;
		return -1;
	}
	if (!d->told)
		log_line(LOG_WARN, fd, "no connection can be taken for now");
	d->told = true;
	loop_want(d->loop, &d->watch, 0);
	loop_arm(d->loop, &d->pause, mono_add_ms(loop_now(d->loop), PAUSE_MS));
	return -1;
}

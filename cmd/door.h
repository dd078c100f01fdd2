/* cmd/door.h - where connections come in: a listening socket that rests when descriptors run out
 *
 * epoll goes on telling of a connection that cannot be accepted, so a role without a descriptor to
 * spare would do nothing else. */
#ifndef CMD_DOOR_H
#define CMD_DOOR_H

#include "core/addr.h"
#include "core/loop.h"

struct door {
	struct loop *loop;
	struct watch watch; /* its descriptor is the owner's to close */
	struct timer pause;
	bool told; /* since it last had descriptors enough */
};

/* `ready` is called for d->watch, and then takes some with door_accept. 0 or -errno. */
int door_open(struct door *d, struct loop *l, int fd, void (*ready)(struct watch *w, uint32_t got));
/* The next connection, its other end in *from; -1: none now. */
int door_accept(struct door *d, struct addr *from);

#endif

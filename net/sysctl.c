/* net/sysctl.c - the kernel's switches of one interface: whether what comes in may be forwarded */
#include "net/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_switch(bool v4, const char *iface, int flags)
{
	char path[80];
	int fd;

	/* No interface is named like this; a path must not be. */
	if (!*iface || strchr(iface, '/') || !strcmp(iface, ".") || !strcmp(iface, "..") ||
	    snprintf(path, sizeof path, "/proc/sys/net/ipv%c/conf/%s/forwarding", v4 ? '4' : '6',
		     iface) >= (int)sizeof path)
		return -EINVAL;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysctl_forwarding(bool v4, const char *iface)
{
	int fd = open_switch(v4, iface, O_RDONLY);
	char c = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, &c, 1);
	close(fd);
	return n == 1 ? c != '0' : -EIO;
}

int sysctl_set_forwarding(bool v4, const char *iface, bool on)
{
	int fd = open_switch(v4, iface, O_WRONLY);
	int err = 0;

	if (fd < 0)
		return fd;
	if (write(fd, on ? "1" : "0", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

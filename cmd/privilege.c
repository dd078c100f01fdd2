/* cmd/privilege.c - give up what is not needed any more, for good */
#include "cmd/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/log.h"

/* libc has no such call. CAP_NET_ADMIN is in the first of two words. */
static int keep(uint32_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[2], want[2];

	memset(want, 0, sizeof want);
	if (syscall(SYS_capget, &head, have))
		return -errno;
	want[0].permitted = want[0].effective = caps & have[0].permitted;
	return syscall(SYS_capset, &head, want) ? -errno : 0;
}

/* Root that was started without CAP_SETUID cannot, and is only root over its files. */
static int become_nobody(void)
{
	if (geteuid() && getuid())
		return 0;
	if (!prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) && !setgroups(0, NULL) &&
	    !setresgid(NOBODY, NOBODY, NOBODY) && !setresuid(NOBODY, NOBODY, NOBODY))
		return 0;
	if (errno != EPERM && errno != EINVAL) /* EINVAL: no such user in this namespace */
		return -errno;
	log_warn("stays root, without its capabilities: CAP_SETUID or CAP_SETGID is missing");
	return 0;
}

int privilege_drop(bool net_admin)
{
	int r;

	/* Nothing that we may become or start later gets anything back. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* old kernels have none */
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* only who has CAP_SETPCAP can, and need */
	r = become_nobody();
	return r ? r : keep(net_admin ? 1u << CAP_NET_ADMIN : 0);
}

void privilege_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

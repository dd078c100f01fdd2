/* cmd/privilege.h - give up what is not needed any more, for good */
#ifndef CMD_PRIVILEGE_H
#define CMD_PRIVILEGE_H

#include <stdbool.h>

enum { NOBODY = 65534 }; /* the kernel's overflow uid: owns nothing */

/* Keeps CAP_NET_ADMIN, where `net_admin` and we have it, and no other capability; root becomes
 * NOBODY. Whatever needs more is done before. 0 or -errno: do not go on. */
int privilege_drop(bool net_admin);

/* As many open files as this process may have: the soft limit is made for programs that select. */
void privilege_files(void);

#endif

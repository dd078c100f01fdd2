/* net/diag.h - TCP connections of this host that must not go on (sock_diag(7)) */
#ifndef NET_DIAG_H
#define NET_DIAG_H

#include "core/addr.h"

/* Ends every TCP connection, and subflow of MPTCP, from this host to this address and port, also
 * such as wait for their end: peer and program see a reset. Takes CAP_NET_ADMIN, and a kernel with
 * CONFIG_INET_DIAG_DESTROY. How many they were, or -errno. */
int diag_destroy(const struct addr *remote);

#endif

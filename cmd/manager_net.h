/* cmd/manager_net.h - the channels of a replica: clients and other replicas, on one port */
#ifndef CMD_MANAGER_NET_H
#define CMD_MANAGER_NET_H

#include "cmd/manager.h"

/* Allocates and listens: 0 or the exit code of an error that was reported. */
int net_start(struct manager *m, const struct addr *at);
void net_stop(struct manager *m);
void net_to_replica(struct manager *m, uint32_t i, const uint8_t *p, size_t len);
void net_to_client(struct manager *m, uint64_t chan, const uint8_t *p, size_t len);
/* Close the channels of those who are members no more. */
void net_expel(struct manager *m);
/* Tell all clients that the directory changed. */
void net_tell_changed(struct manager *m);
/* The other replicas' keys or addresses changed. */
void net_reconfigure(struct manager *m);

#endif

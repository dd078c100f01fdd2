/* cmd/manager_disk.h - the files of a replica: its log, its snapshots, and whether it may vote */
#ifndef CMD_MANAGER_DISK_H
#define CMD_MANAGER_DISK_H

#include "cmd/manager.h"

/* Makes HOME/data if need be, loads what is there into m->replica and tells
 * whether this replica may vote: 0 or the exit code of an error that was reported. Afterwards every
 * error ends the process: what was promised to be on the disk may not be. */
int disk_open(struct manager *m, bool sync);
void disk_append(struct disk *d, const uint8_t *p, size_t len);
void disk_sync(struct disk *d);
/* Begin to save a snapshot; it goes on with disk_save_on, which tells when it is durable. */
void disk_save(struct disk *d, uint64_t slot, const uint8_t *p, size_t len);
bool disk_save_on(struct disk *d);
/* A new log from replica_dump; snapshots before `slot` go. From the first on the replica may vote,
 * and HOME/voted says so. */
void disk_switch(struct manager *m, uint64_t slot);
void disk_close(struct disk *d);

#endif

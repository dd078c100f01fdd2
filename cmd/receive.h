/* cmd/receive.h - one session at a device: sealed records in, files in the inbox, a verdict back */
#ifndef CMD_RECEIVE_H
#define CMD_RECEIVE_H

#include "cmd/inbox.h"
#include "cmd/pathset.h"
#include "cmd/syncer.h"
#include "core/content.h"

enum {
	RENAMES_MAX = 1024, /* files with another name that the client was not yet told of */
};

struct rename_note {
	uint32_t index;
	char name[CONTENT_NAME_MAX + 1];
};

struct receive {
	struct pathset ps;
	bool used;
	mono_t since;
	struct inbox inbox; /* its gather buffer is the device's */
	struct content_reader reader;
	uint64_t records, payload, bytes; /* had: all records, DATA bytes, file bytes */
	uint32_t files;
	struct rename_note rename[RENAMES_MAX];
	uint32_t rename_first, rename_n, rename_lost;
	uint8_t rest[RECORD_PLAIN_MAX]; /* of a record, until the batch before is stored */
	size_t rest_len;
	bool end_had;   /* END came */
	bool ended;     /* the result is due */
	bool result_sent;
	struct sync_call sync; /* of a batch of files */
	bool store_due;        /* it could not be asked for while the child had to write */
	struct content_note result;
	/* The owner's: the client's name, for the log, and who is told that the session is over. */
	char client[NAME_STR_MAX];
	void (*gone)(struct receive *r);
};

/* A new session from its first JOIN. `setup`, `inbox` and `syncer` are borrowed. */
void receive_begin(struct receive *r, struct loop *l, const struct ident *self,
		   const struct tls_cert *cert, const struct session_setup *setup,
		   const struct inbox *inbox, struct syncer *syncer, const struct msg_join *m,
		   const struct fp *client, void (*gone)(struct receive *r));

#endif

/* test/sim/manager/model.h - the model's insides, for model.c and operate.c alone */
#ifndef TEST_SIM_MANAGER_MODEL_H
#define TEST_SIM_MANAGER_MODEL_H

#include "test/sim/manager/sim.h"

enum { ITEMS_MAX = 4096, NOBODY = -1 };

struct item {
	uint64_t id;
	struct fp owner;
	int64_t expires_us;
	struct tuple t;
	size_t len;
	uint8_t bytes[TUPLE_BYTES_MAX];
};

struct visit {
	bool used, waiting, closed;
	struct fp who;
	uint8_t id[SESSION_BYTES];
	uint64_t last;
	int64_t used_us;
};

struct wait {
	uint32_t visit;
	bool remove;
	int64_t deadline_us;
	struct tuple templ;
	uint8_t bytes[TUPLE_BYTES_MAX];
};

/* A tag's number: its place in `tags`, FREE for all others. */
enum { MEMBER, NODE, DEVICE, TRACE, FREE };
struct tag {
	const char *name;
	uint32_t roles, quota; /* who may write them, and how many a key */
};
extern const struct tag model_tags[FREE];

struct model {
	struct item *item[ITEMS_MAX];
	uint32_t items, waits, cursor; /* cursor: in the oracle's outcomes */
	uint64_t next_id;
	int64_t now_us, sweep_us;
	struct visit visit[SESSIONS_MAX];
	struct wait wait[WAITERS_MAX];
	struct cluster cluster;
	uint32_t config;
	bool swapping, members; /* members: of these something changed */
	struct sim *s;
};
extern struct model model;

/* model.c */
void visit_remove(struct visit *v);
void wait_remove(uint32_t i);
/* The oracle's next outcome is this one. */
const struct outcome *next_outcome(const struct fp *who, const uint8_t *id, uint64_t no);
void expect(struct visit *v, const struct result *r);
void expect_code(struct visit *v, enum result_code code, uint64_t id);

/* operate.c */
int tag_of(const struct tuple *t);
/* In which roles this key is a member, under this name (NULL: whatever name). */
uint32_t roles_as(const struct fp *who, const struct field *name);
uint32_t roles_of(const struct fp *who);
void item_remove(uint32_t i);
void operate(struct visit *v, const struct request *q);

#endif

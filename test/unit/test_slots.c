/* test/unit/test_slots.c - the promises of a slot that view after view leaves open (MANAGER.md B.3)
 *
 * For each digest that it pre-prepared a replica keeps the last view, and the batch; a new leader
 * may need both. There is room for the newest and OLD_MAX more, of batches as large as can be. */
#include <stdlib.h>

#include "core/check.h"
#include "test/unit/test.h"
#include "tuple/pbft.h"

static struct ident id;
static uint8_t batch[BATCH_BYTES_MAX];

static struct replica *fresh(void)
{
	struct replica_setup setup = { .cluster = { .faults = 1, .n = 4, .admins = 1 } };

	signer_ident(&setup.signer, &id);
	setup.cluster.replica[0].fp = id.fp;
	return replica_init(calloc(1, replica_bytes()), &setup);
}

static const uint8_t *digest(uint64_t view)
{
	static uint8_t d[DIGEST_BYTES];

	memset(d, (int)view + 1, sizeof d);
	return d;
}

/* Another batch in each view, and none is prepared. */
static void promise(struct replica *r, uint64_t s, uint64_t views)
{
	for (uint64_t v = 0; v < views; v++) {
		slots_new_view(r);
		CHECK(body_add(r, slot_at(r, s), digest(v), batch, sizeof batch));
		slot_propose(r, s, digest(v));
		slot_promise(r, s, digest(v), v);
	}
	slots_new_view(r);
}

static void the_open_slot_keeps_64_digests_and_loses_the_oldest_view(void)
{
	struct replica *r = fresh();

	promise(r, 1, OLD_MAX + 1);
	CHECK_EQ(OLD_MAX + 1, 64);
	for (uint64_t v = 0; v <= OLD_MAX; v++) {
		CHECK(q_supports(r, 1, digest(v)));
		CHECK(body_find(r, slot_at(r, 1), digest(v)));
	}
	promise(r, 1, OLD_MAX + 2);
	CHECK(!q_supports(r, 1, digest(0)));
	CHECK(!body_find(r, slot_at(r, 1), digest(0)));
	for (uint64_t v = 1; v <= OLD_MAX + 1; v++) {
		CHECK(q_supports(r, 1, digest(v)));
		CHECK(body_find(r, slot_at(r, 1), digest(v)));
	}
	free(r);
}

static void a_view_change_with_all_of_them_fits_a_frame(void)
{
	static uint8_t frame[REPLICA_FRAME_MAX];
	struct replica *r = fresh();
	struct buf b;

	for (uint64_t s = 1; s <= WINDOW; s++)
		slot_at(r, s)->has_q = slot_at(r, s)->has_p = true;
	promise(r, WINDOW, OLD_MAX + 1);
	buf_init(&b, frame, sizeof frame - MSG_HEAD_BYTES - CERT_BYTES_MAX - PUB_BYTES - 2 -
				    SIG_BYTES_MAX);
	CHECK_EQ(entries_put(r, &b, 1, WINDOW), WINDOW + OLD_MAX);
	free(r);
}

TEST_MAIN_BEGIN
	ident_new(&id);
	RUN(the_open_slot_keeps_64_digests_and_loses_the_oldest_view);
	RUN(a_view_change_with_all_of_them_fits_a_frame);
TEST_MAIN_END

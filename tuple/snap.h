/* tuple/snap.h - the state as bytes, and the root that names them (MANAGER.md B.3)
 *
 * Equal states give equal bytes. The bytes are cut into chunks; the manifest lists their digests,
 * and the root, which a CHECKPOINT signs, is the digest of the manifest: whoever knows the root can
 * check the manifest, and then every chunk by itself, from whomever it came. Pure. */
#ifndef TUPLE_SNAP_H
#define TUPLE_SNAP_H

#include "tuple/state.h"

enum {
	/* Tuples and answers with 50 and 117 bytes of their own each, and the head. */
	SNAP_BYTES_MAX = 10 * 1024 * 1024,
	SNAP_CHUNK_BYTES = 32 * 1024,
	SNAP_CHUNKS_MAX = SNAP_BYTES_MAX / SNAP_CHUNK_BYTES,
	MANIFEST_BYTES_MAX = 8 + SNAP_CHUNKS_MAX * DIGEST_BYTES,
};

/* Writes the state to out (SNAP_BYTES_MAX); returns the length. */
size_t snap_write(const struct state *st, uint8_t *out);
/* Into a freshly zeroed state. False: damaged, or of another cluster; the state is then useless. */
bool snap_read(struct state *st, const struct cluster *cluster, const uint8_t *p, size_t len);

/* {u64 length, digests of the chunks}; returns its length. */
size_t snap_manifest(const uint8_t *p, size_t len, uint8_t out[static MANIFEST_BYTES_MAX]);
void snap_root(const uint8_t *manifest, size_t len, uint8_t root[static DIGEST_BYTES]);
/* Length of the snapshot that a manifest describes; 0: not a manifest. */
size_t manifest_length(const uint8_t *manifest, size_t len);
/* Does chunk number i look like this? */
bool manifest_check(const uint8_t *manifest, size_t len, uint32_t i, const uint8_t *p, size_t n);

/* Cluster and configuration within a snapshot or a log record. */
void cluster_put(struct buf *b, const struct cluster *c);
bool cluster_get(struct buf *b, struct cluster *c);

#endif

/* core/secret.h - randomness for keys and shares, constant-time comparison, wiping
 *
 * HMAC_DRBG (NIST SP 800-90A) over SHA-256, seeded by getrandom(2) and reseeded every second or
 * MiB (SECRECY.md section 7). The only source of keys, shares, nonces and session ids. */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n random bytes (any n). Aborts the process when the kernel gives no randomness: nothing may go
 * on without it. Safe after fork: a child reseeds. */
void secret_bytes(void *p, size_t n);

/* Overwrites n bytes so that the compiler cannot leave it out. */
void wipe(void *p, size_t n);

/* Equality in time that depends on n alone. */
bool ct_eq(const void *a, const void *b, size_t n);

#endif

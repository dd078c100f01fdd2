/* core/pad.h - padded lengths (SECRECY.md section 5) */
#ifndef CORE_PAD_H
#define CORE_PAD_H

#include <stdint.h>

/* P(L) = 256 for L <= 256, else Padmé: at most 12 % more, and only O(log log L) bits of the length
 * remain visible (Nikitin et al., PETS 2019). Lengths of 2^62 and more are returned as they are. */
uint64_t pad_length(uint64_t len);

#endif

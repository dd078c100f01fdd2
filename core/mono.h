/* core/mono.h - a type for monotonic time, so that it cannot be mixed up with a number */
#ifndef CORE_MONO_H
#define CORE_MONO_H

#include <stdbool.h>
#include <stdint.h>

/* Microseconds on CLOCK_MONOTONIC (or on a simulator's clock); 0 is "never set". */
typedef struct {
	int64_t us;
} mono_t;

static inline mono_t mono_us(int64_t us)
{
	return (mono_t){ us };
}

static inline mono_t mono_add_ms(mono_t t, int64_t ms)
{
	return (mono_t){ t.us + ms * 1000 };
}

static inline mono_t mono_add_us(mono_t t, int64_t us)
{
	return (mono_t){ t.us + us };
}

/* a - b in microseconds. */
static inline int64_t mono_diff_us(mono_t a, mono_t b)
{
	return a.us - b.us;
}

static inline bool mono_before(mono_t a, mono_t b)
{
	return a.us < b.us;
}

#endif

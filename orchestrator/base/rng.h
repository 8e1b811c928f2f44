/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rng - the random numbers of a run: same seed, same sequence, on every host.
 *
 * xoshiro256** seeded through splitmix64 (Blackman and Vigna, "Scrambled linear
 * pseudorandom number generators", ACM TOMS 47(4), 2021).  Each use draws from
 * a stream of its own (rng_stream), so that one more draw in one part does not
 * shift the numbers of another.
 */
#ifndef LENTO_RNG_H
#define LENTO_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *rng, uint64_t seed);

/* A stream derived from @seed and a name, for example ("start", peer index). */
void rng_stream(struct rng *rng, uint64_t seed, const char *name, uint64_t index);

uint64_t rng_u64(struct rng *rng);

/* Uniform in [0, 1), 53 bits. */
double rng_unit(struct rng *rng);

/* Uniform in [0, n), without bias; n > 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);

/* Exponential with the given mean, same unit as @mean. */
double rng_exponential(struct rng *rng, double mean);

/* Normal with mean 0 and standard deviation 1 (Box and Muller); two draws each. */
double rng_normal(struct rng *rng);

/* Pareto with minimum 1 and the given shape: P(X > x) = x^-shape. */
double rng_pareto(struct rng *rng, double shape);

#endif

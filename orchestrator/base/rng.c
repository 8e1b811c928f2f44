// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/rng.h"

#include <math.h>

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

static uint64_t splitmix64(uint64_t *x)
{
	uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		rng->s[i] = splitmix64(&seed);
	}
}

void rng_stream(struct rng *rng, uint64_t seed, const char *name, uint64_t index)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a, 64 bits */

	for (; *name; name++) {
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	}
	h ^= seed;
	h = splitmix64(&h) ^ index;
	rng_seed(rng, splitmix64(&h));
}

uint64_t rng_u64(struct rng *rng)
{
	uint64_t *s = rng->s, r = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return r;
}

double rng_unit(struct rng *rng)
{
	return (double)(rng_u64(rng) >> 11) * 0x1.0p-53;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
	uint64_t floor = -n % n, x;

	do {
		x = rng_u64(rng);
	} while (x < floor);
	return x % n;
}

double rng_exponential(struct rng *rng, double mean)
{
	return -mean * log1p(-rng_unit(rng));
}

double rng_normal(struct rng *rng)
{
	double radius = sqrt(-2 * log1p(-rng_unit(rng)));

	return radius * cos(2 * M_PI * rng_unit(rng));
}

double rng_pareto(struct rng *rng, double shape)
{
	return pow(1 - rng_unit(rng), -1 / shape);
}

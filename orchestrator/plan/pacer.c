// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan/pacer.h"

#include <math.h>

#define STEPS 4           /* of the grid, to the octave */
#define LATE_STEP 1.5     /* up, when packets are late though the CPUs seem free */
#define DOWN_AT_ONCE 0.5  /* at most so far down in one go */
#define SLACK 1e-9        /* a factor of the grid is itself, not the next one */

struct tdf pacer_grid(double factor)
{
	int octave = (int)floor(log2(factor) + SLACK);
	double base = ldexp(1, octave);
	uint32_t step = (uint32_t)ceil((factor / base - 1) * STEPS - SLACK * STEPS);
	uint32_t num = STEPS + step, den = STEPS;

	if (octave >= 0) {
		num <<= octave;
	} else {
		den <<= -octave;
	}
	while (num % 2 == 0 && den % 2 == 0) {
		num /= 2;
		den /= 2;
	}
	return (struct tdf){ num, den };
}

static struct tdf within(const struct pacer *p, struct tdf tdf)
{
	if (tdf_double(tdf) < tdf_double(p->min)) {
		return p->min;
	}
	return tdf_double(tdf) > tdf_double(p->max) ? p->max : tdf;
}

void pacer_init(struct pacer *p, struct tdf min, struct tdf max, struct tdf start)
{
	*p = (struct pacer){ .min = min, .max = max };
	p->now = within(p, start);
}

static bool change(struct pacer *p, double factor)
{
	struct tdf next = within(p, pacer_grid(factor));

	if (next.num == p->now.num && next.den == p->now.den) {
		return false;
	}
	p->now = next;
	p->fed = 0;
	return true;
}

static bool are_late(const struct pacer_sample *s)
{
	return s->late >= PACER_LATE_LEAST && s->late > PACER_LATE_HIGH * s->packets;
}

bool pacer_feed(struct pacer *p, const struct pacer_sample *sample)
{
	double now = tdf_double(p->now), borne = now * sample->busy / PACER_BUSY_AIM, most = 0;

	if (are_late(sample)) {
		p->floor = fmax(p->floor, now * LATE_STEP);
		p->quiet = 0;
		return change(p, fmax(borne, p->floor));
	}
	if (++p->quiet % PACER_FLOOR_HOLD == 0) {
		p->floor /= 2;
	}
	if (sample->busy > PACER_BUSY_HIGH) {
		return change(p, borne);
	}
	p->borne[p->fed++ % PACER_HOLD] = borne;
	if (p->fed < PACER_HOLD) {
		return false;
	}
	for (unsigned i = 0; i < PACER_HOLD; i++) {
		most = fmax(most, p->borne[i]);
	}
	most = fmax(most, p->floor);
	return most < PACER_DOWN * now && change(p, fmax(most, now * DOWN_AT_ONCE));
}

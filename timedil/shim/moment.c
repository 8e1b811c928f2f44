// SPDX-License-Identifier: LGPL-2.1-or-later
/* The clock at one instant, and the conversions on its line. */
#include "shim.h"

/* If we were held up between the two reads, they do not belong together. */
int64_t wall_offset_ns(clockid_t id)
{
	int64_t before = 0, other = 0;

	for (int i = 0; i < 10; i++) {
		before = wall_ns(CLOCK_MONOTONIC);
		other = wall_ns(id);
		if (wall_ns(CLOCK_MONOTONIC) - before < 10 * NS_PER_US) {
			break;
		}
	}
	return other - before;
}

void moment_take(const struct timedil_page *page, struct moment *m)
{
	uint32_t seq;

	do {
		seq = vseq_begin(page);
		m->wall_ns = wall_ns(CLOCK_MONOTONIC);
		m->wall0_ns = VPAGE_GET(page, wall0_ns);
		m->virt0_ns = VPAGE_GET(page, virt0_ns);
		m->mult = VPAGE_GET(page, mult);
		m->shift = VPAGE_GET(page, shift);
		m->state = VPAGE_GET(page, state);
		m->generation = VPAGE_GET(page, generation);
	} while (vseq_retry(page, seq));
	m->virt_ns = moment_to_virt(m, m->wall_ns);
}

int64_t moment_to_wall(const struct moment *m, int64_t virt_ns)
{
	int64_t delta = vmath_sub_sat(virt_ns, m->virt0_ns);

	if (m->state == TIMEDIL_PAUSED) {
		return delta > 0 ? INT64_MAX : m->wall0_ns;
	}
	return vmath_add_sat(m->wall0_ns, vmath_unscale(delta, m->mult, m->shift));
}

int64_t moment_to_virt(const struct moment *m, int64_t wall)
{
	if (m->state == TIMEDIL_PAUSED) {
		return m->virt0_ns;
	}
	return m->virt0_ns + vmath_scale(wall - m->wall0_ns, m->mult, m->shift);
}

int64_t moment_dur_to_wall(const struct moment *m, int64_t dur_vns)
{
	if (m->state == TIMEDIL_PAUSED) {
		return dur_vns > 0 ? INT64_MAX : 0;
	}
	return vmath_unscale(dur_vns, m->mult, m->shift);
}

int64_t moment_dur_to_virt(const struct moment *m, int64_t dur_wns)
{
	return m->state == TIMEDIL_PAUSED ? 0 : vmath_scale(dur_wns, m->mult, m->shift);
}

int64_t virt_now_ns(const struct timedil_page *page)
{
	struct moment m;

	moment_take(page, &m);
	return m.virt_ns;
}

bool clock_offset(const struct timedil_page *page, clockid_t id, int64_t *off_ns)
{
	switch (id) {
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
		*off_ns = 0;
		return true;
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
		*off_ns = VPAGE_GET(page, realtime_off_ns);
		return true;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*off_ns = VPAGE_GET(page, boottime_off_ns);
		return true;
	case CLOCK_TAI:
		*off_ns = VPAGE_GET(page, tai_off_ns);
		return true;
	default:
		return false;
	}
}

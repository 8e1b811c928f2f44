// SPDX-License-Identifier: LGPL-2.1-or-later
#include "past.h"

/* Line @k of @total, the last of which is the page's present one. */
static struct timedil_line get_line(const struct timedil_page *page, uint64_t k, uint64_t total)
{
	const struct timedil_line *line;

	if (k == total) {
		return (struct timedil_line){ VPAGE_GET(page, wall0_ns), VPAGE_GET(page, virt0_ns),
					      VPAGE_GET(page, mult), VPAGE_GET(page, shift),
					      VPAGE_GET(page, state) };
	}
	line = &vpage_past(page)->line[k % TIMEDIL_PAST_LINES];
	return (struct timedil_line){ VPAGE_GET(line, wall0_ns), VPAGE_GET(line, virt0_ns),
				      VPAGE_GET(line, mult), VPAGE_GET(line, shift),
				      VPAGE_GET(line, state) };
}

/* The line that @ns, a wall or a virtual instant, lies on: the last that does not
 * begin behind it, else the first one known.  *before says that it lies before that. */
static struct timedil_line find_line(const struct timedil_page *page, int64_t ns, bool is_wall,
				     bool *before)
{
	struct timedil_line line;
	uint64_t total, first, k;
	uint32_t seq;

	do {
		seq = vseq_begin(page);
		total = VPAGE_GET(vpage_past(page), total);
		first = total > TIMEDIL_PAST_LINES ? total - TIMEDIL_PAST_LINES : 0;
		k = total;
		line = get_line(page, k, total);
		while (k > first && ns < (is_wall ? line.wall0_ns : line.virt0_ns)) {
			line = get_line(page, --k, total);
		}
	} while (vseq_retry(page, seq));
	*before = ns < (is_wall ? line.wall0_ns : line.virt0_ns);
	return line;
}

int64_t past_to_virt(const struct timedil_page *page, int64_t wall)
{
	bool before;
	struct timedil_line line = find_line(page, wall, true, &before);
	int64_t delta = vmath_sub_sat(wall, line.wall0_ns);

	if (!before && line.state == TIMEDIL_PAUSED) {
		return line.virt0_ns;
	}
	return vmath_add_sat(line.virt0_ns,
			     before ? delta : vmath_scale(delta, line.mult, line.shift));
}

int64_t past_to_wall(const struct timedil_page *page, int64_t virt)
{
	bool before;
	struct timedil_line line = find_line(page, virt, false, &before);
	int64_t delta = vmath_sub_sat(virt, line.virt0_ns);

	/* While paused there is no other instant; what lies ahead of it must come later. */
	return vmath_add_sat(line.wall0_ns,
			     before || line.state == TIMEDIL_PAUSED ?
				     delta :
				     vmath_unscale(delta, line.mult, line.shift));
}

static struct timespec to_date(int64_t ns)
{
	int64_t sec = ns / NS_PER_S, rest = ns % NS_PER_S;

	return rest < 0 ? (struct timespec){ sec - 1, rest + NS_PER_S } :
			  (struct timespec){ sec, rest };
}

/* Dates beyond what nanoseconds in 64 bits hold (292 years) stay as they are. */
static bool representable(struct timespec date)
{
	return date.tv_sec > INT64_MIN / NS_PER_S / 2 && date.tv_sec < INT64_MAX / NS_PER_S / 2;
}

/* The host's offset when the page was made, and the virtual one, which --date moves. */
struct offsets {
	int64_t wall_ns, virt_ns;
};

static struct offsets offsets(const struct timedil_page *page)
{
	return (struct offsets){ VPAGE_GET(vpage_past(page), wall_realtime_off_ns),
				 VPAGE_GET(page, realtime_off_ns) };
}

static int64_t to_ns(struct timespec date)
{
	return date.tv_sec * NS_PER_S + date.tv_nsec;
}

struct timespec past_date_to_virt(const struct timedil_page *page, struct timespec wall)
{
	struct offsets off = offsets(page);

	if (!representable(wall)) {
		return wall;
	}
	return to_date(past_to_virt(page, to_ns(wall) - off.wall_ns) + off.virt_ns);
}

struct timespec past_date_to_wall(const struct timedil_page *page, struct timespec virt)
{
	struct offsets off = offsets(page);

	if (!representable(virt)) {
		return virt;
	}
	return to_date(past_to_wall(page, to_ns(virt) - off.virt_ns) + off.wall_ns);
}

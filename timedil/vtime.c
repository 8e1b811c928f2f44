// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * vtime - readers and the writer of the clock page.
 *
 * Why virtual time cannot step back when the factor changes: the writer makes
 * the counter odd, and only then, behind a full fence, takes the instant w0 at
 * which the new rate begins, with (w0, v0) on the line of the old rate.  A
 * reader whose section succeeded under the old rate read its wall clock before
 * the counter became odd, hence before w0; one that reads later gets the new
 * line, which starts at v0.  The time stamp counter may be read a little before
 * or after the loads around it, so the writer lets SETTLE_NS pass in between,
 * longer than a core can reorder.
 */
#include "vtime.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "timedil.h"
#include "vtime_math.h"

#define SETTLE_NS 1000

/* A writer killed between odd and even would hold its readers for ever: after
 * about a second of the same odd value they take what is there. */
#define SPINS_BEFORE_YIELD 1000
#define YIELDS_BEFORE_GIVING_UP 1000000

/* --- factors -------------------------------------------------------------- */

#define TDF_PART_MAX 1000000

static uint64_t gcd_u64(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

/* Digits of @text as a number; *end behind them.  UINT64_MAX when there are
 * none or too many. */
static uint64_t parse_digits(const char *text, const char **end, unsigned *count)
{
	uint64_t n = 0;

	for (*count = 0; *text >= '0' && *text <= '9'; text++, (*count)++) {
		if (*count >= 12) {
			return UINT64_MAX;
		}
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*end = text;
	return n;
}

int tdf_parse(const char *text, struct tdf *tdf)
{
	uint64_t num, den = 1, part, g;
	unsigned digits, more;

	num = parse_digits(text, &text, &digits);
	if (num == UINT64_MAX || digits == 0) {
		return -1;
	}
	if (*text == '.') {
		part = parse_digits(text + 1, &text, &more);
		if (part == UINT64_MAX || more == 0 || digits + more > 15) {
			return -1;
		}
		while (more--) {
			num *= 10;
			den *= 10;
		}
		num += part;
	} else if (*text == '/') {
		den = parse_digits(text + 1, &text, &more);
		if (den == UINT64_MAX || more == 0) {
			return -1;
		}
	}
	if (*text != '\0' || num == 0 || den == 0) {
		return -1;
	}
	g = gcd_u64(num, den);
	num /= g;
	den /= g;
	if (num > TDF_PART_MAX || den > TDF_PART_MAX || num > 1000 * den || den > 1000 * num) {
		return -1;
	}
	tdf->num = (uint32_t)num;
	tdf->den = (uint32_t)den;
	return 0;
}

static char *put_number(char *p, uint64_t n, unsigned width)
{
	char digits[24];
	unsigned len = 0;

	while (n || len < width || len == 0) {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	}
	while (len) {
		*p++ = digits[--len];
	}
	return p;
}

const char *tdf_format(struct tdf tdf, char *buf, unsigned long len)
{
	char text[40], *p = text;
	uint64_t scale = 1;
	unsigned digits = 0;
	size_t n;

	while (digits < 9 && tdf.den && tdf.num * scale % tdf.den != 0) {
		scale *= 10;
		digits++;
	}
	if (!tdf.den || tdf.num * scale % tdf.den != 0) {
		p = put_number(p, tdf.num, 1);
		*p++ = '/';
		p = put_number(p, tdf.den, 1);
	} else {
		uint64_t scaled = tdf.num * scale / tdf.den;

		p = put_number(p, scaled / scale, 1);
		if (digits) {
			*p++ = '.';
			p = put_number(p, scaled % scale, digits);
		}
	}
	n = (size_t)(p - text);
	if (len == 0) {
		return "";
	}
	if (n >= len) {
		n = len - 1;
	}
	memcpy(buf, text, n);
	buf[n] = '\0';
	return buf;
}

double tdf_double(struct tdf tdf)
{
	return (double)tdf.num / tdf.den;
}

/* Rounded up, so that truncation gives the exact instant wherever that is a
 * whole number: ten wall seconds at TDF 10 are one second, not a nanosecond less. */
static void rate_of(struct tdf tdf, uint64_t *mult, uint32_t *shift)
{
	unsigned __int128 m;
	uint32_t s = 63;

	do {
		m = (((unsigned __int128)tdf.den << s) + tdf.num - 1) / tdf.num;
	} while (m > (unsigned __int128)INT64_MAX && s-- > 0);
	*mult = (uint64_t)m;
	*shift = s;
}

/* --- readers -------------------------------------------------------------- */

static bool page_valid(const struct timedil_page *page)
{
	return page->magic == TIMEDIL_PAGE_MAGIC && page->version == TIMEDIL_PAGE_VERSION &&
	       page->bytes == sizeof(*page);
}

static void *map_page(const char *path, bool writable)
{
	struct timedil_page *page;
	struct stat st;
	int fd;

	fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		return NULL;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < TIMEDIL_PAGE_BYTES) {
		close(fd);
		errno = EPROTO;
		return NULL;
	}
	page = mmap(NULL, TIMEDIL_PAGE_BYTES, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED,
		    fd, 0);
	close(fd);
	if (page == MAP_FAILED) {
		return NULL;
	}
	if (!page_valid(page)) {
		munmap(page, TIMEDIL_PAGE_BYTES);
		errno = EPROTO;
		return NULL;
	}
	return page;
}

const struct timedil_page *vtime_map(const char *path)
{
	return map_page(path, false);
}

void vtime_unmap(const struct timedil_page *page)
{
	if (page) {
		munmap((void *)(uintptr_t)page, TIMEDIL_PAGE_BYTES);
	}
}

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

uint32_t vseq_wait(const struct timedil_page *page)
{
	uint32_t seq = 0, first = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < YIELDS_BEFORE_GIVING_UP; i++) {
		seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);
		if (!(seq & 1)) {
			return seq;
		}
		if (seq != first) {
			first = seq;
			i = 0;
		}
		if (i < SPINS_BEFORE_YIELD) {
			cpu_relax();
		} else {
			syscall(SYS_sched_yield);
		}
	}
	return seq;
}

static void load_fields(const struct timedil_page *page, struct vclock *clk)
{
	clk->wall0_ns = VPAGE_GET(page, wall0_ns);
	clk->virt0_ns = VPAGE_GET(page, virt0_ns);
	clk->mult = VPAGE_GET(page, mult);
	clk->shift = VPAGE_GET(page, shift);
	clk->state = VPAGE_GET(page, state);
	clk->generation = VPAGE_GET(page, generation);
	clk->realtime_off_ns = VPAGE_GET(page, realtime_off_ns);
	clk->boottime_off_ns = VPAGE_GET(page, boottime_off_ns);
	clk->tai_off_ns = VPAGE_GET(page, tai_off_ns);
	clk->origin_virt_ns = VPAGE_GET(page, origin_virt_ns);
	clk->tdf.num = VPAGE_GET(page, tdf_num);
	clk->tdf.den = VPAGE_GET(page, tdf_den);
}

void vtime_load(const struct timedil_page *page, struct vclock *clk)
{
	uint32_t seq;

	do {
		seq = vseq_begin(page);
		load_fields(page, clk);
	} while (vseq_retry(page, seq));
}

virt_t vtime_to_virt(const struct vclock *clk, wall_t w)
{
	int64_t delta;

	if (clk->state == TIMEDIL_PAUSED) {
		return (virt_t){ clk->virt0_ns };
	}
	delta = vmath_scale(vmath_sub_sat(w.ns, clk->wall0_ns), clk->mult, clk->shift);
	return (virt_t){ vmath_add_sat(clk->virt0_ns, delta) };
}

wall_t vtime_to_wall(const struct vclock *clk, virt_t v)
{
	int64_t delta_vns = vmath_sub_sat(v.ns, clk->virt0_ns);

	if (clk->state == TIMEDIL_PAUSED) {
		return (wall_t){ delta_vns > 0 ? INT64_MAX : clk->wall0_ns };
	}
	delta_vns = vmath_unscale(delta_vns, clk->mult, clk->shift);
	return (wall_t){ vmath_add_sat(clk->wall0_ns, delta_vns) };
}

int64_t vtime_dur_to_wall(const struct vclock *clk, int64_t dur_vns)
{
	if (clk->state == TIMEDIL_PAUSED) {
		return dur_vns > 0 ? INT64_MAX : 0;
	}
	return vmath_unscale(dur_vns, clk->mult, clk->shift);
}

int64_t vtime_dur_to_virt(const struct vclock *clk, int64_t dur_wns)
{
	if (clk->state == TIMEDIL_PAUSED) {
		return 0;
	}
	return vmath_scale(dur_wns, clk->mult, clk->shift);
}

/* Wall time also in a program that is itself dilated. */
static int64_t clock_ns(clockid_t id)
{
	struct timespec ts = { 0, 0 };

	if (timedil_wall_gettime) {
		timedil_wall_gettime(id, &ts);
	} else {
		clock_gettime(id, &ts);
	}
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

wall_t wall_now(void)
{
	return (wall_t){ clock_ns(CLOCK_MONOTONIC) };
}

virt_t vtime_now(const struct timedil_page *page)
{
	struct vclock clk;
	uint32_t seq;
	wall_t now;

	do {
		seq = vseq_begin(page);
		now = wall_now();
		load_fields(page, &clk);
	} while (vseq_retry(page, seq));
	return vtime_to_virt(&clk, now);
}

/* --- the one writer ------------------------------------------------------- */

#define VPAGE_SET(page, field, value) \
	__atomic_store_n(&(page)->field, (value), __ATOMIC_RELAXED)

static void write_begin(struct timedil_page *page)
{
	uint32_t seq = VPAGE_GET(page, seq);

	VPAGE_SET(page, seq, seq + 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void write_end(struct timedil_page *page)
{
	__atomic_store_n(&page->seq, VPAGE_GET(page, seq) + 1, __ATOMIC_RELEASE);
}

/* The instant of a change asked for at @asked: see the top of this file. */
static wall_t settle(wall_t asked)
{
	wall_t start = wall_now(), now;

	do {
		now = wall_now();
	} while (now.ns - start.ns < SETTLE_NS);
	return asked.ns > now.ns ? asked : now;
}

struct timedil_page *vpage_open(const char *path)
{
	struct timedil_page *page = map_page(path, true);

	if (page && (VPAGE_GET(page, seq) & 1)) {
		write_end(page);
	}
	return page;
}

void vpage_close(struct timedil_page *page)
{
	vtime_unmap(page);
}

static void page_init(struct timedil_page *page, struct tdf tdf)
{
	int64_t mono, real, boot, tai;

	mono = clock_ns(CLOCK_MONOTONIC);
	real = clock_ns(CLOCK_REALTIME);
	boot = clock_ns(CLOCK_BOOTTIME);
	tai = clock_ns(CLOCK_TAI);
	page->magic = TIMEDIL_PAGE_MAGIC;
	page->version = TIMEDIL_PAGE_VERSION;
	page->bytes = sizeof(*page);
	page->state = TIMEDIL_PAUSED;
	rate_of(tdf, &page->mult, &page->shift);
	page->wall0_ns = page->virt0_ns = page->origin_virt_ns = mono;
	page->realtime_off_ns = vpage_past(page)->wall_realtime_off_ns = real - mono;
	page->boottime_off_ns = boot - mono;
	page->tai_off_ns = tai - mono;
	page->tdf_num = tdf.num;
	page->tdf_den = tdf.den;
}

/* A temporary name beside @path, in malloc'd memory: rename() replaces the page
 * without ever truncating the one that readers have mapped. */
static char *temporary_name(const char *path)
{
	static const char suffix[] = ".tmp.XXXXXX";
	size_t len = strlen(path);
	char *tmp = malloc(len + sizeof(suffix));

	if (tmp) {
		memcpy(tmp, path, len);
		memcpy(tmp + len, suffix, sizeof(suffix));
	}
	return tmp;
}

struct timedil_page *vpage_create(const char *path, struct tdf tdf)
{
	struct timedil_page *page = MAP_FAILED;
	char *tmp = temporary_name(path);
	int fd, saved;

	if (!tmp) {
		return NULL;
	}
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		free(tmp);
		return NULL;
	}
	if (fchmod(fd, 0644) != 0 || ftruncate(fd, TIMEDIL_PAGE_BYTES) != 0) {
		goto fail;
	}
	page = mmap(NULL, TIMEDIL_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		goto fail;
	}
	page_init(page, tdf);
	if (rename(tmp, path) != 0) {
		goto fail;
	}
	close(fd);
	free(tmp);
	return page;
fail:
	saved = errno;
	if (page != MAP_FAILED) {
		munmap(page, TIMEDIL_PAGE_BYTES);
	}
	close(fd);
	unlink(tmp);
	free(tmp);
	errno = saved;
	return NULL;
}

static void keep_line(struct timedil_page *page, const struct vclock *old)
{
	struct timedil_past *past = vpage_past(page);
	uint64_t total = VPAGE_GET(past, total);
	struct timedil_line *line = &past->line[total % TIMEDIL_PAST_LINES];

	VPAGE_SET(line, wall0_ns, old->wall0_ns);
	VPAGE_SET(line, virt0_ns, old->virt0_ns);
	VPAGE_SET(line, mult, old->mult);
	VPAGE_SET(line, shift, old->shift);
	VPAGE_SET(line, state, old->state);
	VPAGE_SET(past, total, total + 1);
}

/* One change of the line: from @asked on, @tdf and @state. */
static void change(struct timedil_page *page, wall_t asked, struct tdf tdf, uint32_t state)
{
	struct vclock old;
	uint64_t mult;
	uint32_t shift;
	wall_t at;
	virt_t v;

	rate_of(tdf, &mult, &shift);
	load_fields(page, &old);
	write_begin(page);
	at = settle(asked);
	v = vtime_to_virt(&old, at);
	keep_line(page, &old);
	VPAGE_SET(page, wall0_ns, at.ns);
	VPAGE_SET(page, virt0_ns, v.ns);
	VPAGE_SET(page, mult, mult);
	VPAGE_SET(page, shift, shift);
	VPAGE_SET(page, state, state);
	VPAGE_SET(page, tdf_num, tdf.num);
	VPAGE_SET(page, tdf_den, tdf.den);
	VPAGE_SET(page, generation, old.generation + 1);
	write_end(page);
	syscall(SYS_futex, &page->generation, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void vpage_set_tdf(struct timedil_page *page, wall_t now, struct tdf tdf)
{
	change(page, now, tdf, page->state);
}

void vpage_run(struct timedil_page *page, wall_t now)
{
	change(page, now, (struct tdf){ page->tdf_num, page->tdf_den }, TIMEDIL_RUNNING);
}

void vpage_pause(struct timedil_page *page, wall_t now)
{
	change(page, now, (struct tdf){ page->tdf_num, page->tdf_den }, TIMEDIL_PAUSED);
}

void vpage_set_date(struct timedil_page *page, int64_t realtime_ns)
{
	struct vclock clk;
	int64_t shift;

	vtime_load(page, &clk);
	shift = realtime_ns - (vtime_to_virt(&clk, wall_now()).ns + clk.realtime_off_ns);
	write_begin(page);
	VPAGE_SET(page, realtime_off_ns, clk.realtime_off_ns + shift);
	VPAGE_SET(page, tai_off_ns, clk.tai_off_ns + shift);
	write_end(page);
}

void vpage_mark_origin(struct timedil_page *page, wall_t now)
{
	struct vclock clk;

	vtime_load(page, &clk);
	write_begin(page);
	VPAGE_SET(page, origin_virt_ns, vtime_to_virt(&clk, now).ns);
	write_end(page);
}

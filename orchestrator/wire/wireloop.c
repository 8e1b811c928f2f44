// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire/wireloop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "wire/capture.h"
#include "wire/nap.h"
#include "wire/wirectl.h"

#define READS_PER_TURN 16       /* of one peer */
#define EVENTS_PER_TURN 128
#define CLOSERS_MAX 32
#define PORTS_PER_CLOSER 8
#define CONTROL UINT32_MAX      /* epoll datum of the control socket */

/* While an event is pending the loop looks at the clock page at least so often, so
 * that a change which nobody told about is noticed. */
#define CLOCK_CHECK_WNS (20 * NS_PER_MS)

/* The TUN device of a peer, or, behind those of all links, the one of wire_add_answers(). */
struct port {
	bool is_open;
	int fd;
};

struct wireloop {
	int epoll;
	int control;
	const struct timedil_page *page;
	struct vclock clk;
	wall_t now_wall;
	virt_t now;
	struct nap nap;
	struct fabric *fabric;
	struct capture *capture; /* NULL until one is asked for */
	struct stats stats;
	struct port *ports;     /* by link id; [max_links]: answers */
	uint32_t max_links;
	uint8_t spill[PACKET_BYTES]; /* packets that no buffer is left for */
};

/*
 * The wall instant must lie on the line of the page that was read, else a change
 * of rate in between would make `now` overshoot; what little of that can be left while
 * the writer is at work is held back until the new line has caught up.
 */
static void sample_clock(struct wireloop *l)
{
	virt_t now;

	do {
		vtime_load(l->page, &l->clk);
		l->now_wall = wall_now();
	} while (__atomic_load_n(&l->page->generation, __ATOMIC_ACQUIRE) != l->clk.generation);
	now = vtime_to_virt(&l->clk, l->now_wall);
	if (now.ns > l->now.ns) {
		l->now = now;
	}
}

static void close_port(struct wireloop *l, uint32_t id)
{
	struct port *port = &l->ports[id];

	if (!port->is_open) {
		return;
	}
	port->is_open = false;
	fabric_link_gone(l->fabric, id);
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, port->fd, NULL);
	close(port->fd);
}

/* --- packets out --------------------------------------------------------- */

static void count_lateness(struct wireloop *l, struct wire_link_stats *stats, virt_t due)
{
	wall_t wall = wall_now();
	int64_t late_wns = wall.ns - vtime_to_wall(&l->clk, due).ns;
	int64_t late_vns = vtime_to_virt(&l->clk, wall).ns - due.ns;
	unsigned k = stats_late_bucket(late_wns);

	if (late_vns < 0) {
		late_vns = 0;
	}
	stat_add(&stats->late_hist[k], 1);
	stat_add(&stats->late_hist_virt[stats_late_bucket(late_vns)], 1);
	stat_add(&l->stats.header->totals.late_hist[k], 1);
	stat_max_ns(&stats->late_max_vns, late_vns);
	stat_set_ns(&stats->late_sum_vns, stats->late_sum_vns + late_vns);
}

static enum fabric_fate write_packet(void *ctx, const struct packet *pkt, virt_t due)
{
	struct wireloop *l = ctx;
	const struct port *port = &l->ports[pkt->dst];

	if (!port->is_open) {
		return FABRIC_GONE;
	}
	count_lateness(l, &l->stats.links[pkt->dst], due);
	while (write(port->fd, pkt->data, pkt->len) < 0) {
		switch (errno) {
		case EINTR:
			continue;
		case EIO:           /* the interface is down */
			return FABRIC_GONE;
		case EBADFD:        /* the device was removed */
		case EPIPE:
		case ECONNRESET:
			close_port(l, pkt->dst);
			return FABRIC_GONE;
		default:
			return FABRIC_REFUSED;
		}
	}
	return FABRIC_DELIVERED;
}

/* --- packets in ---------------------------------------------------------- */

static void feed(struct wireloop *l, uint32_t id, struct packet *pkt, uint32_t len)
{
	if (id < l->max_links) {
		fabric_feed(l->fabric, l->now, id, pkt, len);
	} else {
		fabric_feed_any(l->fabric, l->now, pkt, len);
	}
}

static void no_buffer(struct wireloop *l, uint32_t id)
{
	if (id < l->max_links) {
		fabric_no_buffer(l->fabric, id);
	} else {
		stat_add(&l->stats.header->totals.stray_drops, 1);
	}
}

/* One packet of the peer; false when there is no more to read. */
static bool read_packet(struct wireloop *l, uint32_t id)
{
	struct packet *pkt = fabric_buffer(l->fabric);
	ssize_t n;

	do {
		n = read(l->ports[id].fd, pkt ? pkt->data : l->spill, PACKET_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n > 0 && pkt) {
		feed(l, id, pkt, (uint32_t)n);
		return true;
	}
	if (n > 0) {
		no_buffer(l, id);
		return true;
	}
	if (pkt) {
		fabric_unbuffer(l->fabric, pkt);
	}
	if (n == 0 || errno != EAGAIN) {
		close_port(l, id);
	}
	return false;
}

static void read_port(struct wireloop *l, uint32_t id, uint32_t events)
{
	if (!l->ports[id].is_open) {
		return;
	}
	if (events & EPOLLIN) {
		for (int i = 0; i < READS_PER_TURN; i++) {
			if (!read_packet(l, id)) {
				return;
			}
		}
	} else if (events & (EPOLLERR | EPOLLHUP)) {
		close_port(l, id);
	}
}

/* --- the loop ------------------------------------------------------------ */

/* A paused clock: only lento is listened to. */
static int wait_paused(struct wireloop *l, struct epoll_event *events)
{
	struct pollfd control = {.fd = l->control, .events = POLLIN};
	int n = poll(&control, 1, (int)(CLOCK_CHECK_WNS / NS_PER_MS));

	if (n <= 0) {
		return n;
	}
	events[0].events = EPOLLIN;
	events[0].data.u32 = CONTROL;
	return 1;
}

/* For the descriptors until @due, or a little longer. */
static int wait_until(struct wireloop *l, struct epoll_event *events, wall_t now, wall_t due)
{
	int64_t sleep_wns = nap_sleep(&l->nap, now, due.ns - now.ns);
	struct timespec timeout = {.tv_nsec = (long)sleep_wns};
	wall_t woke = now, at;
	int n = 0;

	if (sleep_wns > 0) {
		n = epoll_pwait2(l->epoll, events, EVENTS_PER_TURN, &timeout, NULL);
		if (n != 0) {
			return n;
		}
		woke = wall_now();
		nap_woke(&l->nap, woke.ns - now.ns - sleep_wns);
	}
	for (at = woke; n == 0 && at.ns < due.ns; at = wall_now()) {
		n = epoll_wait(l->epoll, events, EVENTS_PER_TURN, 0);
	}
	nap_waited(&l->nap, at.ns - woke.ns);
	return n;
}

static int wait_running(struct wireloop *l, struct epoll_event *events, wall_t now)
{
	struct timespec check = {.tv_nsec = CLOCK_CHECK_WNS};
	wall_t due;
	virt_t when;

	if (!fabric_next(l->fabric, &when)) {
		return epoll_wait(l->epoll, events, EVENTS_PER_TURN, -1);
	}
	due = vtime_to_wall(&l->clk, when);
	if (due.ns <= now.ns) {
		return epoll_wait(l->epoll, events, EVENTS_PER_TURN, 0);
	}
	if (due.ns - now.ns > CLOCK_CHECK_WNS) {
		return epoll_pwait2(l->epoll, events, EVENTS_PER_TURN, &check, NULL);
	}
	return wait_until(l, events, now, due);
}

static void count_turn(struct wireloop *l, wall_t start, wall_t end)
{
	struct wire_totals *totals = &l->stats.header->totals;

	stat_add(&totals->loops, 1);
	stat_add(&totals->busy_wns, (uint64_t)(end.ns - start.ns));
	stat_max_ns(&totals->loop_max_wns, end.ns - start.ns);
	stat_max_ns(&totals->loop_max_vns,
		    vtime_to_virt(&l->clk, end).ns - vtime_to_virt(&l->clk, start).ns);
}

int wireloop_run(struct wireloop *l, struct err *err)
{
	struct epoll_event events[EVENTS_PER_TURN];

	sample_clock(l);
	for (;;) {
		bool asked = false;
		wall_t start, end = wall_now();
		int n;

		n = l->clk.state == TIMEDIL_RUNNING ? wait_running(l, events, end)
						    : wait_paused(l, events);

		if (n < 0 && errno != EINTR) {
			return err_errno(err, ERR_FAILED, "epoll");
		}
		sample_clock(l);
		start = l->now_wall;
		fabric_run(l->fabric, l->now);
		for (int i = 0; i < n; i++) {
			if (events[i].data.u32 == CONTROL) {
				asked = true;
				continue;
			}
			sample_clock(l);
			fabric_run(l->fabric, l->now);
			read_port(l, events[i].data.u32, events[i].events);
		}
		fabric_run(l->fabric, l->now);
		if (asked) {
			sample_clock(l);
			fabric_run(l->fabric, l->now);
			if (!wirectl_serve(l, l->control)) {
				return 0;
			}
		}
		count_turn(l, start, wall_now());
	}
}

/* --- life ---------------------------------------------------------------- */

struct fabric *wireloop_fabric(struct wireloop *l)
{
	return l->fabric;
}

virt_t wireloop_now(const struct wireloop *l)
{
	return l->now;
}

int wireloop_capture(struct wireloop *l, uint32_t id, const char *name, uint32_t snap, int fd,
		     struct err *err)
{
	if (!l->capture && capture_create(l->max_links, l->stats.links, &l->capture, err)) {
		close(fd);
		return -1;
	}
	fabric_watch(l->fabric, capture_observe, l->capture);
	return capture_add(l->capture, id, name, snap, fd, l->clk.realtime_off_ns, err);
}

void wireloop_capture_end(struct wireloop *l)
{
	fabric_watch(l->fabric, NULL, NULL);
	capture_destroy(l->capture);
	l->capture = NULL;
}

void wireloop_reset_stats(struct wireloop *l)
{
	stats_reset(&l->stats);
}

void wireloop_load_clock(struct wireloop *l)
{
	sample_clock(l);
}

static int watch(struct wireloop *l, int fd, uint32_t datum)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = datum};

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev);
}

int wireloop_add_port(struct wireloop *l, uint32_t id, int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || watch(l, fd, id)) {
		err_errno(err, ERR_FAILED, "link %u: its TUN descriptor", id);
		close(fd);
		return -1;
	}
	l->ports[id] = (struct port){.is_open = true, .fd = fd};
	return 0;
}

int wireloop_add_answers(struct wireloop *l, int fd, struct err *err)
{
	if (l->ports[l->max_links].is_open) {
		close(fd);
		return err_set(err, ERR_USAGE, "answers: there is a device for them");
	}
	return wireloop_add_port(l, l->max_links, fd, err);
}

int wireloop_create(const struct wireloop_config *cfg, struct wireloop **loop, struct err *err)
{
	struct wireloop *l = calloc(1, sizeof(*l));
	struct fabric_config fabric;

	if (!l) {
		return err_errno(err, ERR_FAILED, "lento-wire");
	}
	l->epoll = -1;
	l->control = cfg->control_fd;
	l->max_links = cfg->max_links;
	l->page = vtime_map(cfg->clock_page);
	if (!l->page) {
		err_errno(err, ERR_FAILED, "clock page %s", cfg->clock_page);
		goto fail;
	}
	if (stats_attach(&l->stats, cfg->stats_fd, err)) {
		goto fail;
	}
	if (l->stats.header->max_links != cfg->max_links) {
		err_set(err, ERR_USAGE, "link counters are for %u links, not %u",
			l->stats.header->max_links, cfg->max_links);
		goto fail;
	}
	l->ports = calloc((size_t)cfg->max_links + 1, sizeof(*l->ports));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!l->ports || l->epoll < 0 || watch(l, l->control, CONTROL)) {
		err_errno(err, ERR_FAILED, "event loop for %u links", cfg->max_links);
		goto fail;
	}
	fabric = (struct fabric_config){
		.max_links = cfg->max_links,
		.max_groups = cfg->max_groups,
		.seed = cfg->seed,
		.buffer_bytes = cfg->buffer_bytes,
		.stats = &l->stats,
		.deliver = write_packet,
		.ctx = l,
	};
	if (fabric_create(&fabric, &l->fabric, err)) {
		goto fail;
	}
	*loop = l;
	return 0;
fail:
	wireloop_destroy(l);
	return -1;
}

struct closing {
	const struct port *ports;
	uint32_t count;
	uint32_t next; /* position; taken by atomic addition */
};

static void *close_some(void *arg)
{
	struct closing *c = arg;
	uint32_t i;

	while ((i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED)) < c->count) {
		if (c->ports[i].is_open) {
			close(c->ports[i].fd);
		}
	}
	return NULL;
}

/*
 * With its last descriptor a device goes, and the kernel waits some ten milliseconds for
 * all its processors to have let go of it.  Those who wait together wait once; so the
 * descriptors are closed by many threads.
 */
static void close_all(const struct wireloop *l)
{
	struct closing c = { .ports = l->ports, .count = l->max_links + 1 };
	pthread_t threads[CLOSERS_MAX];
	unsigned n = 0, wanted = c.count / PORTS_PER_CLOSER;

	while (n < CLOSERS_MAX && n < wanted && pthread_create(&threads[n], NULL, close_some, &c) == 0) {
		n++;
	}
	close_some(&c);
	while (n > 0) {
		pthread_join(threads[--n], NULL);
	}
}

void wireloop_destroy(struct wireloop *l)
{
	if (!l) {
		return;
	}
	if (l->ports) {
		close_all(l);
	}
	capture_destroy(l->capture);
	fabric_destroy(l->fabric);
	free(l->ports);
	if (l->epoll >= 0) {
		close(l->epoll);
	}
	stats_unmap(&l->stats);
	if (l->page) {
		vtime_unmap(l->page);
	}
	free(l);
}

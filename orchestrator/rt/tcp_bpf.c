// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tcp_bpf - loads bpf/tcp.bpf.c, which lies in this program as an ELF file.
 *
 * A congestion control is registered for the whole host, so each run's has a name of
 * its own: a placeholder in our copy of the ELF file is written over before libbpf
 * sees it.  It must be bound by a BPF link (Linux 6.4): without one, the kernel would keep
 * it registered after our end.
 */
#include "rt/tcp_bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/bpf/shared.h"

/* Newer than the headers of Debian 12. */
#define MAP_BY_LINK (1u << 13)    /* BPF_F_LINK */
#define ATTACH_STRUCT_OPS 44      /* BPF_STRUCT_OPS */

#define PLACEHOLDER "lento_cubic____"
#define UNIQUE_CHARS 4
#define NAME_TRIES 100u
#define NAME_STEP 7919u
#define RTO_CAP_S 120u

struct tcp_bpf {
	struct bpf_object *object;
	struct bpf_link *sock_ops, *struct_ops;
	int cubic_link; /* with a libbpf that binds no struct_ops by a link; else -1 */
	char cubic[sizeof(PLACEHOLDER)];
	struct tcp_shared *shared;
	size_t shared_bytes;
	unsigned hz;
};

/* tcp_bpf_elf.S */
extern const unsigned char tcp_bpf_elf[];
extern const uint64_t tcp_bpf_elf_bytes;

/* What libbpf says while it works. */
static __thread char complaint[512];

static int take_complaint(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	size_t used = strlen(complaint);

	if (level == LIBBPF_WARN && used < sizeof(complaint) - 1) {
		vsnprintf(complaint + used, sizeof(complaint) - used, fmt, ap);
	}
	return 0;
}

/* The host's lack in the words of libbpf, on one line. */
static int refused(struct err *err, const char *what, int error)
{
	complaint[strcspn(complaint, "\n")] = '\0';
	errno = error < 0 ? -error : errno;
	return complaint[0] ? err_errno(err, ERR_HOST, "%s: %s", what, complaint) :
	       err_errno(err, ERR_HOST, "%s", what);
}

/* --- the kernel's tick --------------------------------------------------------- */

unsigned tcp_bpf_hz(void)
{
	struct timespec tick;

	/* The coarse clocks advance once a tick. */
	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_sec || !tick.tv_nsec) {
		return 0;
	}
	return (unsigned)((NS_PER_S + tick.tv_nsec / 2) / tick.tv_nsec);
}

unsigned tcp_bpf_initial_rto(struct tdf k, unsigned hz)
{
	uint64_t jiffies = (uint64_t)hz * k.num / k.den;

	jiffies = jiffies < (uint64_t)RTO_CAP_S * hz ? jiffies : (uint64_t)RTO_CAP_S * hz;
	return jiffies ? (unsigned)jiffies : 1;
}

/* --- loading ------------------------------------------------------------------- */

/* @n in digits and small letters over the placeholder's end. */
static void make_name(char name[sizeof(PLACEHOLDER)], unsigned n)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	memcpy(name, PLACEHOLDER, sizeof(PLACEHOLDER));
	for (size_t i = 0; i < UNIQUE_CHARS; i++, n /= 36) {
		name[sizeof(PLACEHOLDER) - 2 - i] = digits[n % 36];
	}
}

static int open_object(struct tcp_bpf *b, bool cubic, unsigned unique, struct err *err)
{
	size_t bytes = tcp_bpf_elf_bytes;
	CLEAN_FREE unsigned char *elf = malloc(bytes);
	struct bpf_program *prog;
	struct bpf_map *map;
	void *at;

	if (!elf) {
		return err_errno(err, ERR_FAILED, "BPF programs");
	}
	memcpy(elf, tcp_bpf_elf, bytes);
	at = memmem(elf, bytes, PLACEHOLDER, sizeof(PLACEHOLDER));
	if (!at) {
		return err_set(err, ERR_FAILED, "BPF programs: no name to replace");
	}
	make_name(b->cubic, unique);
	memcpy(at, b->cubic, sizeof(b->cubic));
	b->object = bpf_object__open_mem(elf, bytes, NULL);
	if (!b->object) {
		return refused(err, "reading the BPF programs", 0);
	}
	map = bpf_object__find_map_by_name(b->object, "cubic");
	if (!map || bpf_map__set_map_flags(map, MAP_BY_LINK) || bpf_map__set_autocreate(map, cubic)) {
		return refused(err, "preparing the BPF programs", 0);
	}
	bpf_object__for_each_program(prog, b->object) {
		if (bpf_program__type(prog) == BPF_PROG_TYPE_STRUCT_OPS) {
			bpf_program__set_autoload(prog, cubic);
		}
	}
	return 0;
}

static int map_shared(struct tcp_bpf *b, struct err *err)
{
	struct bpf_map *map = bpf_object__find_map_by_name(b->object, ".bss");
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at;

	if (!map || bpf_map__value_size(map) != sizeof(struct tcp_shared)) {
		return err_set(err, ERR_FAILED, "BPF programs: their data has not the size of ours");
	}
	b->shared_bytes = (sizeof(struct tcp_shared) + page - 1) / page * page;
	at = mmap(NULL, b->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (at == MAP_FAILED) {
		return err_errno(err, ERR_HOST, "mapping the data of the BPF programs");
	}
	b->shared = at;
	return 0;
}

static int attach_sock_ops(struct tcp_bpf *b, const char *cgroup_dir, struct err *err)
{
	CLEAN_CLOSE int fd = open(cgroup_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bpf_program *prog = bpf_object__find_program_by_name(b->object, "initial_rto");

	if (fd < 0) {
		return err_errno(err, ERR_HOST, "opening cgroup %s", cgroup_dir);
	}
	b->sock_ops = prog ? bpf_program__attach_cgroup(prog, fd) : NULL;
	return b->sock_ops ? 0 : refused(err, "attaching a BPF program to the run's cgroup", 0);
}

/*
 * Hand the filled structure to the kernel and bind it by a link.  libbpf does the second
 * from 1.2 on; before, its "link" is the map itself.
 */
static int attach_cubic(struct tcp_bpf *b, struct err *err)
{
	struct bpf_map *map = bpf_object__find_map_by_name(b->object, "cubic");
	int error = 0;

	b->struct_ops = bpf_map__attach_struct_ops(map);
	if (b->struct_ops && bpf_link__fd(b->struct_ops) == bpf_map__fd(map)) {
		bpf_link__disconnect(b->struct_ops); /* else it would take the map's element out */
		b->cubic_link = bpf_link_create(bpf_map__fd(map), 0, ATTACH_STRUCT_OPS, NULL);
		error = b->cubic_link < 0 ? b->cubic_link : 0;
	}
	return b->struct_ops && !error ? 0 :
	       refused(err, "registering a congestion control in BPF (Linux 6.4 or newer)", error);
}

static void unload(struct tcp_bpf *b)
{
	if (b->cubic_link >= 0) {
		close(b->cubic_link);
	}
	if (b->shared) {
		munmap(b->shared, b->shared_bytes);
	}
	bpf_link__destroy(b->struct_ops);
	bpf_link__destroy(b->sock_ops);
	bpf_object__close(b->object);
	*b = (struct tcp_bpf){ .cubic_link = -1, .hz = b->hz };
}

static int load(struct tcp_bpf *b, bool cubic, unsigned unique, struct err *err)
{
	static const struct vclock wall = { .tdf = { 1, 1 }, .state = TIMEDIL_RUNNING };
	int rc;

	complaint[0] = '\0';
	if (open_object(b, cubic, unique, err)) {
		return -1;
	}
	rc = bpf_object__load(b->object);
	if (rc) {
		return refused(err, "loading BPF programs", rc);
	}
	if (map_shared(b, err)) {
		return -1;
	}
	tcp_bpf_set_clock(b, &wall);
	return 0;
}

static struct tcp_bpf *begin(struct err *err)
{
	struct tcp_bpf *b = calloc(1, sizeof(*b));

	if (!b) {
		err_errno(err, ERR_FAILED, "BPF programs");
		return NULL;
	}
	b->cubic_link = -1;
	b->hz = tcp_bpf_hz();
	if (!b->hz) {
		err_set(err, ERR_HOST, "the kernel does not tell its tick (CLOCK_MONOTONIC_COARSE)");
		free(b);
		return NULL;
	}
	return b;
}

/* Load and attach; under another name as long as one is taken. */
static int load_unique(struct tcp_bpf *b, const char *cgroup_dir, bool cubic, struct err *err)
{
	for (unsigned i = 0; i < NAME_TRIES; i++) {
		int error;

		errno = 0;
		if (load(b, cubic, (unsigned)getpid() + i * NAME_STEP, err) == 0 &&
		    attach_sock_ops(b, cgroup_dir, err) == 0 && (!cubic || attach_cubic(b, err) == 0)) {
			return 0;
		}
		error = errno;
		unload(b);
		if (error != EEXIST) {
			break;
		}
	}
	return -1;
}

int tcp_bpf_load(const char *cgroup_dir, bool cubic, struct tcp_bpf **out, struct err *err)
{
	libbpf_print_fn_t before = libbpf_set_print(take_complaint);
	struct tcp_bpf *b = begin(err);
	int rc = b ? load_unique(b, cgroup_dir, cubic, err) : -1;

	libbpf_set_print(before);
	if (rc) {
		free(b);
		return -1;
	}
	if (!cubic) {
		b->cubic[0] = '\0';
	}
	*out = b;
	return 0;
}

int tcp_bpf_probe(bool cubic, struct err *err)
{
	libbpf_print_fn_t before = libbpf_set_print(take_complaint);
	struct tcp_bpf *b = begin(err);
	int rc = b ? load(b, cubic, (unsigned)getpid(), err) : -1;

	libbpf_set_print(before);
	tcp_bpf_destroy(b);
	return rc;
}

void tcp_bpf_destroy(struct tcp_bpf *b)
{
	if (b) {
		unload(b);
		free(b);
	}
}

/* --- the clock ------------------------------------------------------------------- */

void tcp_bpf_set_clock(struct tcp_bpf *b, const struct vclock *clk)
{
	struct tcp_shared *s = b->shared;
	uint32_t next = (s->current & 1) ^ 1;

	s->line[next] = (struct tcp_line){
		.wall0_us = (uint64_t)clk->wall0_ns / 1000, .virt0_us = (uint64_t)clk->virt0_ns / 1000,
		.tdf_num = clk->tdf.num, .tdf_den = clk->tdf.den,
		.running = clk->state == TIMEDIL_RUNNING,
	};
	__atomic_store_n(&s->current, next, __ATOMIC_RELEASE);
	__atomic_store_n(&s->initial_rto, tcp_bpf_initial_rto(clk->tdf, b->hz), __ATOMIC_RELEASE);
}

const char *tcp_bpf_cubic(const struct tcp_bpf *b)
{
	return b->cubic[0] ? b->cubic : NULL;
}

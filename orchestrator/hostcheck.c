// SPDX-License-Identifier: GPL-2.0-or-later
#include "hostcheck.h"

#include <string.h>
#include <sys/resource.h>

#include "base/clean.h"
#include "hostcheck_probe.h"

struct check {
	const char *name;
	const char *purpose;
	probe_fn *probe;
	struct need need; /* for probe_sysctl and probe_rlimit, which can also mend */
};

/*
 * The factors per peer: a container is lento-init and a client of up to seven threads;
 * it has some 25 mounts in its own namespace and a few in the run's; a descriptor
 * each for its device, its init link, its pidfd and one to spare in whichever
 * of our processes holds most; a client keeps some 200 sockets and files open.
 */
static const struct check checks[] = {
	{ "root", "containers, devices and namespaces need it", probe_capabilities, { 0 } },
	{ "tun", "each peer's eth0", probe_tun, { 0 } },
	{ "fuse", "the payload store", probe_fuse, { 0 } },
	{ "cgroups", "limits, accounting and pausing of peers", probe_cgroups, { 0 } },
	{ "net namespaces", "a network of its own for each peer", probe_net_namespaces, { 0 } },
	{ "user namespaces", "root in a peer is nobody on the host", probe_user_namespaces, { 0 } },
	{ "lxc", "the containers", probe_lxc, { 0 } },
	{ "seccomp", "keeps peers from harmful system calls", probe_seccomp, { 0 } },
	{ "images", "the clients of the experiment", probe_images, { 0 } },
	{ "tcp reno", "scales with the TDF by itself", probe_reno, { 0 } },
	{ "tcp bpf", "initial RTO and CUBIC in virtual time", probe_tcp_bpf, { 0 } },
	{ "clocksource", "clock reads without a system call", probe_clocksource, { 0 } },
	{ "pressure", "stall times in host.csv", probe_pressure, { 0 } },
	{ "swap", "a fault that waits for a disk stops a peer", probe_swap, { 0 } },
	{ "memory", "the peers' programs", probe_memory, { 0 } },
	{ "disk", "payload, private data, logs", probe_disk, { 0 } },
	{ "net ns limit", "one for each peer", probe_sysctl,
	  { "user.max_net_namespaces", 0, NULL, 64, 1, CHECK_FAIL } },
	{ "mnt ns limit", "one for each peer", probe_sysctl,
	  { "user.max_mnt_namespaces", 0, NULL, 64, 1, CHECK_FAIL } },
	{ "pid ns limit", "one for each peer", probe_sysctl,
	  { "user.max_pid_namespaces", 0, NULL, 64, 1, CHECK_FAIL } },
	{ "ipc ns limit", "one for each peer", probe_sysctl,
	  { "user.max_ipc_namespaces", 0, NULL, 64, 1, CHECK_FAIL } },
	{ "uts ns limit", "one for each peer", probe_sysctl,
	  { "user.max_uts_namespaces", 0, NULL, 64, 1, CHECK_FAIL } },
	{ "cgroup ns limit", "one for each peer", probe_sysctl,
	  { "user.max_cgroup_namespaces", 0, NULL, 64, 1, CHECK_FAIL } },
	{ "user ns limit", "one for each peer", probe_sysctl,
	  { "user.max_user_namespaces", 0, NULL, 64, 1, CHECK_FAIL } },
	{ "process ids", "processes and threads of all peers", probe_sysctl,
	  { "kernel.pid_max", 0, NULL, 4096, 8, CHECK_FAIL } },
	{ "threads", "processes and threads of all peers", probe_sysctl,
	  { "kernel.threads-max", 0, NULL, 4096, 8, CHECK_FAIL } },
	{ "open files", "sockets and files of all processes", probe_sysctl,
	  { "fs.file-max", 0, NULL, 20000, 200, CHECK_FAIL } },
	{ "descriptor ceiling", "limit of the limit below", probe_sysctl,
	  { "fs.nr_open", 0, NULL, 1024, 4, CHECK_FAIL } },
	{ "descriptors", "sockets and devices of our processes", probe_rlimit,
	  { NULL, RLIMIT_NOFILE, "Max open files", 256, 4, CHECK_FAIL } },
	{ "user processes", "all peers may be one user", probe_rlimit,
	  { NULL, RLIMIT_NPROC, "Max processes", 1024, 8, CHECK_FAIL } },
	{ "process group", "processes and threads of all peers", probe_pids_group,
	  { NULL, 0, NULL, 1024, 8, CHECK_FAIL } },
	{ "memory groups", "two for each peer", probe_memory_groups, { NULL, 0, NULL, 64, 2, CHECK_FAIL } },
	{ "neighbours", "an entry for each peer's eth0 and lo", probe_sysctl,
	  { "net.ipv4.neigh.default.gc_thresh3", 0, NULL, 512, 2, CHECK_WARN } },
	{ "connection tracking", "not used: peers' networks have no rules", probe_conntrack, { 0 } },
	{ "mounts", "the run's mount namespace", probe_sysctl,
	  { "fs.mount-max", 0, NULL, 1000, 32, CHECK_FAIL } },
	{ "ptys", "a console for each container", probe_sysctl,
	  { "kernel.pty.max", 0, NULL, 1100, 1, CHECK_WARN } },
	{ "inotify", "clients that watch a directory", probe_sysctl,
	  { "fs.inotify.max_user_instances", 0, NULL, 64, 1, CHECK_WARN } },
	{ "inotify watches", "clients that watch a directory", probe_sysctl,
	  { "fs.inotify.max_user_watches", 0, NULL, 1024, 8, CHECK_WARN } },
	{ "keyrings", "a session keyring for each container", probe_sysctl,
	  { "kernel.keys.maxkeys", 0, NULL, 100, 2, CHECK_WARN } },
	{ "keyring bytes", "a session keyring for each container", probe_sysctl,
	  { "kernel.keys.maxbytes", 0, NULL, 10000, 128, CHECK_WARN } },
};

static_assert(ARRAY_LEN(checks) <= HOSTCHECK_ITEMS_MAX, "a report holds every check");

enum check_level hostcheck_run(const struct hostcheck_query *query, struct hostcheck_report *report)
{
	struct hostcheck_query q = *query;

	if (!q.peers && q.exp) {
		q.peers = q.exp->peer_count;
	}
	*report = (struct hostcheck_report){ .peers = q.peers };
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		struct hostcheck_item *item = &report->items[report->count++];

		item->name = checks[i].name;
		item->purpose = checks[i].purpose;
		item->rlimit = HOSTCHECK_NO_RLIMIT;
		checks[i].probe(&q, &checks[i].need, item);
		if (item->level > report->worst) {
			report->worst = item->level;
		}
	}
	return report->worst;
}

static void print_item(const struct hostcheck_item *item, FILE *out, bool colour)
{
	static const char *const word[] = { "ok", "warn", "FAIL" };
	static const char *const code[] = { "\033[32m", "\033[1;33m", "\033[1;31m" };

	fprintf(out, "  %s%-4s%s  %-18s  %s", colour ? code[item->level] : "", word[item->level],
		colour ? "\033[0m" : "", item->name, item->found);
	if (item->needed[0]) {
		fprintf(out, "%s needed: %s", item->found[0] ? ";" : "", item->needed);
	}
	fputc('\n', out);
	if (item->level == CHECK_OK) {
		return;
	}
	fprintf(out, "        %-18s  %sfor: %s%s\n", "", colour ? "\033[2m" : "", item->purpose,
		colour ? "\033[0m" : "");
	if (item->mend[0]) {
		fprintf(out, "        %-18s  mend: %s\n", "", item->mend);
	}
}

void hostcheck_print(const struct hostcheck_report *report, FILE *out, bool colour, bool all)
{
	unsigned bad = 0, fixable = 0;

	for (size_t i = 0; i < report->count; i++) {
		const struct hostcheck_item *item = &report->items[i];

		if (item->level != CHECK_OK) {
			bad++;
			fixable += item->knob[0] || item->rlimit != HOSTCHECK_NO_RLIMIT;
		}
		if (all || item->level != CHECK_OK) {
			print_item(item, out, colour);
		}
	}
	fprintf(out, "this host %s run %u peers", report->worst == CHECK_FAIL ? "cannot" : "can",
		report->peers);
	if (bad) {
		fprintf(out, "; %u of %zu checks not ok, %u of them mended by \"lento check --fix\"",
			bad, report->count, fixable);
	}
	fputc('\n', out);
}

int hostcheck_error(const struct hostcheck_report *report, struct err *err)
{
	char text[sizeof(err->msg)] = "";
	size_t used = 0;

	if (report->worst != CHECK_FAIL) {
		return 0;
	}
	for (size_t i = 0; i < report->count && used < sizeof(text); i++) {
		const struct hostcheck_item *item = &report->items[i];

		if (item->level == CHECK_FAIL) {
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s: %s%s%s%s%s",
						 used ? "; " : "", item->name, item->found,
						 item->needed[0] ? ", needed: " : "", item->needed,
						 item->mend[0] ? "; mend: " : "", item->mend);
		}
	}
	return err_set(err, ERR_HOST, "this host cannot run it: %s", text);
}

// SPDX-License-Identifier: GPL-2.0-or-later
#include "hostcheck_probe.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "rt/tcp_bpf.h"
#include "topo/image.h"

/* What a peer's program and its namespaces take, measured on small clients (ctorrent
 * 4 MiB, transmission and aria2 8 to 12): below the first it will not fit. */
#define MEMORY_LEAST_PER_PEER (UINT64_C(4) << 20)
#define MEMORY_PER_PEER (UINT64_C(12) << 20)
#define MEMORY_OURS (UINT64_C(256) << 20)
/* Logs, resume files, fragments that the store cannot share. */
#define DISK_PER_PEER (UINT64_C(1) << 20)
#define DISK_OURS (UINT64_C(64) << 20)

/* --- helpers ----------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static void say(struct hostcheck_item *item, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(item->found, sizeof(item->found), fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 3, 4)))
static void lack(struct hostcheck_item *item, enum check_level level, const char *mend, ...)
{
	va_list ap;

	item->level = level;
	va_start(ap, mend);
	vsnprintf(item->mend, sizeof(item->mend), mend, ap);
	va_end(ap);
}

static bool is_real(const struct hostcheck_query *q)
{
	return q->root[0] == '\0';
}

/* The text of a file below the root, or NULL; the caller frees it. */
static char *slurp(const struct hostcheck_query *q, const char *name)
{
	CLEAN_FREE char *path = str_format("%s%s", q->root, name);
	char *text = NULL;

	return fs_read(path, &text, NULL, NULL) ? NULL : text;
}

static bool exists(const struct hostcheck_query *q, const char *name, int mode)
{
	CLEAN_FREE char *path = str_format("%s%s", q->root, name);

	return access(path, mode) == 0;
}

/* Whether @word stands in @text between blanks, commas or line ends. */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	while (text && *text) {
		size_t n = strcspn(text, " ,\t\n");

		if (n == len && memcmp(text, word, n) == 0) {
			return true;
		}
		text += n;
		text += strspn(text, " ,\t\n");
	}
	return false;
}

/* The first line of @text that starts with @key, behind the key; NULL when there is none. */
static const char *line_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	while (text) {
		if (strncmp(text, key, len) == 0) {
			return text + len;
		}
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

/* "12.3 GiB" */
static const char *size_text(uint64_t bytes, char *buf, size_t len)
{
	if (bytes >= UINT64_C(1) << 30) {
		snprintf(buf, len, "%.1f GiB", (double)bytes / 0x1p30);
	} else {
		snprintf(buf, len, "%.0f MiB", (double)bytes / 0x1p20);
	}
	return buf;
}

/* Whether a child of ours may make these namespaces; only sensible on the real host. */
static bool can_unshare(int flags)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		_exit(unshare(flags) ? 1 : 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 0;
}

/* --- privileges and kernel features ------------------------------------------------ */

/* sys_resource, which only raises hard limits, is not among them: some virtual
 * machines withhold it, and the checks of the limits say whether it is missed. */
static const struct {
	unsigned bit;
	const char *name;
} capabilities[] = {
	{ CAP_SYS_ADMIN, "sys_admin" }, { CAP_NET_ADMIN, "net_admin" }, { CAP_NET_RAW, "net_raw" },
	{ CAP_SETUID, "setuid" }, { CAP_SETGID, "setgid" }, { CAP_CHOWN, "chown" },
	{ CAP_DAC_OVERRIDE, "dac_override" }, { CAP_KILL, "kill" }, { CAP_MKNOD, "mknod" },
	{ CAP_SYS_CHROOT, "sys_chroot" }, { CAP_SYS_PTRACE, "sys_ptrace" }, { CAP_SETPCAP, "setpcap" },
};

void probe_capabilities(const struct hostcheck_query *q, const struct need *need,
			struct hostcheck_item *item)
{
	CLEAN_FREE char *status = slurp(q, "/proc/self/status");
	const char *line = line_of(status, "CapEff:");
	uint64_t held = line ? strtoull(line, NULL, 16) : 0;
	char missing[128] = "";

	(void)need;
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
		size_t used = strlen(missing);

		if (!(held >> capabilities[i].bit & 1)) {
			snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? " " : "",
				 capabilities[i].name);
		}
	}
	if (!missing[0]) {
		say(item, "all %zu capabilities held", ARRAY_LEN(capabilities));
		return;
	}
	say(item, "missing capabilities: %s", missing);
	lack(item, CHECK_FAIL, "run lento as root (sudo lento ...)");
}

static void probe_device(const struct hostcheck_query *q, const char *name, const char *module,
			 struct hostcheck_item *item)
{
	CLEAN_FREE char *path = str_format("%s%s", q->root, name);
	CLEAN_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		say(item, "%s opens", name);
		return;
	}
	say(item, "%s: %s", name, strerror(errno));
	if (errno == EACCES || errno == EPERM) {
		lack(item, CHECK_FAIL, "run lento as root; in a container, allow the device");
	} else {
		lack(item, CHECK_FAIL, "modprobe %s", module);
	}
}

void probe_tun(const struct hostcheck_query *q, const struct need *need, struct hostcheck_item *item)
{
	CLEAN_FREE char *path = str_format("%s/dev/net/tun", q->root);
	CLEAN_CLOSE int fd = -1;
	unsigned features = 0;
	struct stat st;

	(void)need;
	probe_device(q, "/dev/net/tun", "tun", item);
	if (item->level != CHECK_OK || stat(path, &st) || !S_ISCHR(st.st_mode)) {
		return;
	}
	/* A node of that name need not be the device. */
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNGETFEATURES, &features) || !(features & IFF_TUN)) {
		say(item, "/dev/net/tun is not a TUN device");
		lack(item, CHECK_FAIL, "rm /dev/net/tun && mknod /dev/net/tun c 10 200");
	}
}

void probe_fuse(const struct hostcheck_query *q, const struct need *need, struct hostcheck_item *item)
{
	(void)need;
	probe_device(q, "/dev/fuse", "fuse", item);
}

/* Which of the controllers we use a mount line offers, as a bit set. */
static const char *const controllers[] = { "memory", "pids", "freezer", "cpuacct" };
enum { HAS_MEMORY = 1, HAS_PIDS = 2, HAS_FREEZER = 4, HAS_CPUACCT = 8, HAS_ALL = 15 };

static unsigned controllers_of_mount(const struct hostcheck_query *q, const char *dir,
				     const char *type, const char *options)
{
	unsigned found = 0;

	if (strcmp(type, "cgroup") == 0) {
		for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
			found |= has_word(options, controllers[i]) ? 1U << i : 0;
		}
	} else if (strcmp(type, "cgroup2") == 0) {
		CLEAN_FREE char *name = str_format("%s/cgroup.controllers", dir);
		CLEAN_FREE char *list = slurp(q, name);

		/* In version 2 freezing and the counting of CPU time belong to the core;
		 * beside version 1 hierarchies that one has no controllers of use. */
		found |= has_word(list, "memory") ? HAS_MEMORY | HAS_FREEZER | HAS_CPUACCT : 0;
		found |= has_word(list, "pids") ? HAS_PIDS : 0;
	}
	return found;
}

void probe_cgroups(const struct hostcheck_query *q, const struct need *need,
		   struct hostcheck_item *item)
{
	CLEAN_FREE char *mounts = slurp(q, "/proc/self/mounts");
	char missing[64] = "", dir[256], type[32], options[256];
	bool v1 = false;
	unsigned found = 0;

	(void)need;
	for (const char *line = mounts; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		unsigned here = 0;

		if (sscanf(line, "%*s %255s %31s %255s", dir, type, options) == 3) {
			here = controllers_of_mount(q, dir, type, options);
			v1 = v1 || (here && strcmp(type, "cgroup") == 0);
		}
		found |= here;
	}
	for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
		size_t used = strlen(missing);

		if (!(found >> i & 1)) {
			snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? " " : "",
				 controllers[i]);
		}
	}
	if (found == HAS_ALL) {
		say(item, "version %s with memory, pids, freezer, cpuacct", v1 ? "1" : "2");
		return;
	}
	say(item, "no controller %s", missing);
	lack(item, found & HAS_PIDS && found & HAS_MEMORY ? CHECK_WARN : CHECK_FAIL,
	     "mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd; a container needs them passed in");
}

void probe_user_namespaces(const struct hostcheck_query *q, const struct need *need,
			   struct hostcheck_item *item)
{
	(void)need;
	if (!exists(q, "/proc/self/ns/user", F_OK)) {
		say(item, "the kernel has none (CONFIG_USER_NS)");
		lack(item, CHECK_WARN, "peers' root is then the host's root, with dropped capabilities");
	} else if (is_real(q) && !can_unshare(CLONE_NEWUSER)) {
		say(item, "not allowed here");
		lack(item, CHECK_WARN, "sysctl -w user.max_user_namespaces=20000");
	} else {
		say(item, "available");
	}
}

void probe_net_namespaces(const struct hostcheck_query *q, const struct need *need,
			  struct hostcheck_item *item)
{
	(void)need;
	if (!exists(q, "/proc/self/ns/net", F_OK)) {
		say(item, "the kernel has none (CONFIG_NET_NS)");
		lack(item, CHECK_FAIL, "boot a kernel with CONFIG_NET_NS");
	} else if (is_real(q) && !can_unshare(CLONE_NEWNET | CLONE_NEWNS)) {
		say(item, "not allowed here");
		lack(item, CHECK_FAIL, "run lento as root (sudo lento ...)");
	} else {
		say(item, "available");
	}
}

/* --- libraries ---------------------------------------------------------------------- */

void probe_lxc(const struct hostcheck_query *q, const struct need *need, struct hostcheck_item *item)
{
	void *lib = dlopen("liblxc.so.1", RTLD_LAZY);
	const char *(*version)(void) = NULL;
	bool (*supports)(const char *) = NULL;

	(void)q;
	(void)need;
	if (!lib) {
		say(item, "liblxc.so.1 not found");
		lack(item, CHECK_FAIL, "apt-get install liblxc1 liblxc-common");
		return;
	}
	/* The way that POSIX shows for functions. */
	*(void **)&version = dlsym(lib, "lxc_get_version");
	*(void **)&supports = dlsym(lib, "lxc_config_item_is_supported");
	say(item, "liblxc %s", version ? version() : "of unknown version");
	if (!supports || !supports("lxc.seccomp.profile")) {
		say(item, "liblxc %s without seccomp", version ? version() : "of unknown version");
		lack(item, CHECK_FAIL, "install a liblxc built with seccomp (Debian's is)");
	}
	dlclose(lib);
}

void probe_seccomp(const struct hostcheck_query *q, const struct need *need,
		   struct hostcheck_item *item)
{
	CLEAN_FREE char *actions = slurp(q, "/proc/sys/kernel/seccomp/actions_avail");

	(void)need;
	if (has_word(actions, "errno") && has_word(actions, "allow")) {
		say(item, "filters available");
	} else {
		say(item, "the kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)");
		lack(item, CHECK_FAIL, "boot a kernel with CONFIG_SECCOMP_FILTER");
	}
}

void probe_images(const struct hostcheck_query *q, const struct need *need,
		  struct hostcheck_item *item)
{
	char missing[96] = "", packages[160] = "";

	(void)need;
	if (!q->exp) {
		say(item, "no experiment given, not looked for");
		return;
	}
	for (size_t i = 0; i < q->exp->image_count; i++) {
		const struct image *image = q->exp->images[i];
		size_t used = strlen(missing);

		if (exists(q, image->program, X_OK)) {
			continue;
		}
		snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? ", " : "",
			 image->program);
		for (char **p = image->packages; p && *p; p++) {
			used = strlen(packages);
			snprintf(packages + used, sizeof(packages) - used, " %s", *p);
		}
	}
	if (!missing[0]) {
		say(item, "all %zu programs found", q->exp->image_count);
		return;
	}
	say(item, "not found: %s", missing);
	lack(item, CHECK_FAIL, "apt-get install --no-install-recommends%s", packages);
}

/* --- fidelity ------------------------------------------------------------------------- */

void probe_reno(const struct hostcheck_query *q, const struct need *need, struct hostcheck_item *item)
{
	CLEAN_FREE char *list = slurp(q, "/proc/sys/net/ipv4/tcp_available_congestion_control");

	(void)need;
	if (has_word(list, "reno")) {
		say(item, "available");
		return;
	}
	say(item, "not among the congestion controls of this kernel");
	lack(item, CHECK_WARN, "CUBIC's growth is in wall time; compare runs of one TDF only");
}

/* Loads the programs on this host; of an invented one it sees what they need. */
static bool bpf_loads(const struct hostcheck_query *q, bool cubic, struct err *why)
{
	CLEAN_FREE char *mounts = slurp(q, "/proc/self/mounts");

	if (!exists(q, "/sys/kernel/btf/vmlinux", F_OK)) {
		err_set(why, ERR_HOST, "the kernel has no BTF (CONFIG_DEBUG_INFO_BTF)");
		return false;
	}
	if (!has_word(mounts, "cgroup2")) {
		err_set(why, ERR_HOST, "no cgroup version 2 is mounted");
		return false;
	}
	return !is_real(q) || tcp_bpf_probe(cubic, why) == 0;
}

void probe_tcp_bpf(const struct hostcheck_query *q, const struct need *need,
		   struct hostcheck_item *item)
{
	bool wanted = q->exp && q->exp->tcp.congestion == CONGESTION_CUBIC;
	struct err why = { 0 };

	(void)need;
	if (bpf_loads(q, true, &why)) {
		say(item, "loads: initial RTO, and CUBIC where an experiment asks for it");
		return;
	}
	say(item, "%s: %.100s", bpf_loads(q, false, NULL) ? "only the initial RTO" : "does not load",
	    why.msg);
	lack(item, wanted ? CHECK_FAIL : CHECK_WARN, "%s",
	     wanted ? "\"tcp: {congestion: reno}\" needs no more than a sysctl" :
		      "results name what stays in wall time (run.unscaled)");
}

void probe_clocksource(const struct hostcheck_query *q, const struct need *need,
		       struct hostcheck_item *item)
{
	static const char *const fast[] = { "tsc", "kvm-clock", "arch_sys_counter",
					    "hyperv_clocksource_tsc_page" };
	CLEAN_FREE char *name = slurp(q, "/sys/devices/system/clocksource/clocksource0/current_clocksource");

	(void)need;
	if (!name) {
		say(item, "not told by the kernel");
		return;
	}
	name[strcspn(name, "\n")] = '\0';
	say(item, "%s", name);
	for (size_t i = 0; i < ARRAY_LEN(fast); i++) {
		if (strcmp(name, fast[i]) == 0) {
			return;
		}
	}
	lack(item, CHECK_WARN, "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource");
}

void probe_pressure(const struct hostcheck_query *q, const struct need *need,
		    struct hostcheck_item *item)
{
	(void)need;
	/* Nothing of the verdict rests on it, so its absence is no lack. */
	say(item, exists(q, "/proc/pressure/cpu", R_OK) ? "available"
	    : "not in this kernel: these columns stay empty");
}

static bool meminfo(const char *text, const char *key, uint64_t *bytes)
{
	const char *line = line_of(text, key);

	*bytes = line ? strtoull(line, NULL, 10) * 1024 : 0;
	return line != NULL;
}

void probe_swap(const struct hostcheck_query *q, const struct need *need, struct hostcheck_item *item)
{
	CLEAN_FREE char *text = slurp(q, "/proc/meminfo");
	uint64_t total = 0, unused = 0;
	char buf[24];

	(void)need;
	if (!meminfo(text, "SwapTotal:", &total) || !meminfo(text, "SwapFree:", &unused)) {
		say(item, "none");
	} else if (total > unused) {
		say(item, "%s in use", size_text(total - unused, buf, sizeof(buf)));
		lack(item, CHECK_WARN, "swapoff -a");
	} else {
		say(item, total ? "none in use" : "none");
	}
}

void probe_memory(const struct hostcheck_query *q, const struct need *need,
		  struct hostcheck_item *item)
{
	CLEAN_FREE char *text = slurp(q, "/proc/meminfo");
	uint64_t payload = q->exp ? q->exp->payload.size_bytes : 0, available;
	uint64_t least = MEMORY_OURS + q->peers * MEMORY_LEAST_PER_PEER;
	uint64_t wanted = MEMORY_OURS + q->peers * MEMORY_PER_PEER + payload;
	char buf[24];

	(void)need;
	if (!meminfo(text, "MemAvailable:", &available)) {
		say(item, "/proc/meminfo does not tell");
		lack(item, CHECK_WARN, "mount /proc");
		return;
	}
	say(item, "%s available", size_text(available, buf, sizeof(buf)));
	if (available < wanted) {
		size_text(wanted, item->needed, sizeof(item->needed));
		lack(item, available < least ? CHECK_FAIL : CHECK_WARN,
		     "fewer peers, smaller clients, or more memory");
	}
}

void probe_disk(const struct hostcheck_query *q, const struct need *need, struct hostcheck_item *item)
{
	uint64_t payload = q->exp ? q->exp->payload.size_bytes : 0, available;
	uint64_t wanted = DISK_OURS + q->peers * DISK_PER_PEER + 2 * payload;
	const char *dir = q->dir ? q->dir : ".";
	struct statvfs fs;
	char buf[24];

	(void)need;
	if (statvfs(dir, &fs)) {
		say(item, "%s: %s", dir, strerror(errno));
		lack(item, CHECK_WARN, "mkdir -p %s", dir);
		return;
	}
	available = (uint64_t)fs.f_bavail * fs.f_frsize;
	say(item, "%s free at %s", size_text(available, buf, sizeof(buf)), dir);
	if (available < wanted) {
		size_text(wanted, item->needed, sizeof(item->needed));
		lack(item, CHECK_FAIL, "remove old results, or choose another disk with --results DIR");
	}
}

/* --- numbers that grow with the peers -------------------------------------------------- */

static uint64_t wanted_of(const struct hostcheck_query *q, const struct need *need)
{
	return need->base + need->per_peer * q->peers;
}

void probe_sysctl(const struct hostcheck_query *q, const struct need *need,
		  struct hostcheck_item *item)
{
	CLEAN_FREE char *name = str_format("/proc/sys/%s", need->sysctl), *text = NULL;
	uint64_t have;

	for (char *c = name; *c; c++) {
		*c = *c == '.' ? '/' : *c;
	}
	text = slurp(q, name);
	if (!text) {
		say(item, "%s: not limited by this kernel", need->sysctl);
		return;
	}
	have = strtoull(text, NULL, 10);
	item->need = wanted_of(q, need);
	snprintf(item->knob, sizeof(item->knob), "%s%s", q->root, name);
	say(item, "%" PRIu64, have);
	if (have < item->need) {
		snprintf(item->needed, sizeof(item->needed), "%" PRIu64, item->need);
		lack(item, need->lack, "sysctl -w %s=%" PRIu64, need->sysctl, item->need);
	}
}

void probe_rlimit(const struct hostcheck_query *q, const struct need *need,
		  struct hostcheck_item *item)
{
	CLEAN_FREE char *text = slurp(q, "/proc/self/limits");
	const char *line = line_of(text, need->limit_name);
	char hard[32] = "";

	item->need = wanted_of(q, need);
	/* "Max open files   1024   20000   files": we raise the soft limit ourselves. */
	if (!line || sscanf(line, "%*s %31s", hard) != 1) {
		say(item, "/proc/self/limits does not tell");
		return;
	}
	say(item, "%s", hard);
	item->rlimit = need->rlimit;
	if (strcmp(hard, "unlimited") != 0 && strtoull(hard, NULL, 10) < item->need) {
		snprintf(item->needed, sizeof(item->needed), "%" PRIu64, item->need);
		lack(item, need->lack, "ulimit -H%c %" PRIu64 " in the shell that starts lento",
		     need->rlimit == RLIMIT_NOFILE ? 'n' : 'u', item->need);
	}
}

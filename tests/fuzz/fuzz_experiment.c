// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Arbitrary bytes as an experiment file: an experiment that can be printed and read
 * again, or one error on one line.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/experiment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Load @text; 0 and *exp, or -1 after a look at the error. */
static int load(const void *text, size_t size, struct experiment **exp)
{
	CLEAN_CLOSE int fd = memfd_create("experiment", MFD_CLOEXEC);
	CLEAN_FREE char *path = str_format("/proc/self/fd/%d", fd);
	struct err err = { 0 };

	if (fd < 0 || fs_write_all(fd, text, size)) {
		abort();
	}
	if (experiment_load(path, NULL, "images", exp, &err) == 0) {
		return 0;
	}
	if (err.kind != ERR_USAGE || !err.msg[0] || strchr(err.msg, '\n')) {
		fprintf(stderr, "kind %d: \"%s\"\n", (int)err.kind, err.msg);
		abort();
	}
	return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct experiment *exp, *again;
	CLEAN_FREE char *text = NULL;
	size_t len;
	FILE *f;

	if (load(data, size, &exp)) {
		return 0;
	}
	f = open_memstream(&text, &len);
	if (!f || experiment_print(exp, f) || fclose(f)) {
		abort();
	}
	if (load(text, len, &again)) {
		fprintf(stderr, "printed, but not read again:\n%s", text);
		abort();
	}
	experiment_destroy(again);
	experiment_destroy(exp);
	return 0;
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/* The coverage listing, straight from calls.def. */
#include <stdio.h>

#include "launcher.h"

static const struct {
	const char *name, *kind, *form;
} calls[] = {
#define CALL(name, kind, form, next) { #name, #kind, form },
#include "timedil/calls.def"
#undef CALL
};

int cmd_calls(int argc, char **argv, struct fault *fault)
{
	if (argc > 1) {
		return fault_set(fault, EXIT_USAGE, "calls takes no argument, not '%s'", argv[1]);
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		printf("%-28s %-7s %s\n", calls[i].name, calls[i].kind, calls[i].form);
	}
	return 0;
}

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The table of timedil/README.md names every sysctl that net_times.c sets, and none
# besides.

cd "$(dirname "$0")/../.." || exit 1
code=orchestrator/rt/net_times.c
doc=timedil/README.md

set_by_code() {
	sed -n 's|^\t{ "\([^"]*\)", "[^"]*", [0-9].*|\1|p' "$code" | sed 's|.*/||' | sort -u
}

# Names of sysctls as they are written in the section: in backquotes, with an underscore
# or a slash.
named_in_doc() {
	# shellcheck disable=SC2016 # backquotes of Markdown
	sed -n '/^## Kernel TCP/,/^## For programs/p' "$doc" | grep -o '`[a-z0-9_/]*`' | tr -d '`' |
		grep '[_/]' | sed 's|.*/||' | grep -vx 'rto_min' | sort -u
}

n=$(set_by_code | wc -l)
lacking=$(set_by_code | while read -r s; do named_in_doc | grep -qx "$s" || echo "$s"; done)
stale=$(named_in_doc | while read -r s; do set_by_code | grep -qx "$s" || echo "$s"; done)

echo 1..3
[ "$n" -gt 30 ] || printf 'not '
echo "ok 1 - $n sysctls in $code"
[ -z "$lacking" ] || printf '%s\nnot ' "$lacking" | sed '$!s/^/# /'
echo "ok 2 - $doc names all of them"
[ -z "$stale" ] || printf '%s\nnot ' "$stale" | sed '$!s/^/# /'
echo "ok 3 - and no others"
[ "$n" -gt 30 ] && [ -z "$lacking$stale" ]

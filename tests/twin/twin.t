#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each row of calls.def, natively and dilated, against a clock that the shim cannot
# touch.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

status=0
"$build/tests/twin/twin" native >>"$out" || status=1
for tdf in 1 5 0.2; do
	"$build/timedil" --tdf $tdf "$build/tests/twin/twin" $tdf >>"$out" || status=1
done
cat "$out"
echo "1..$(grep -cE '^(ok|not ok)' "$out")"
exit $status

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What calls return besides the time they take, natively and dilated.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
TIMEDIL=$build/timedil
export TIMEDIL
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

# mode NAME COMMAND...: its tests, with the name in front.
status=0
mode() {
	name=$1
	shift
	"$@" >"$out.one" || status=1
	sed -n "s/^\(ok\|not ok\) [0-9]* - /\1 - $name: /p; /^Bail/p" "$out.one" >>"$out"
	grep -q '^1\.\.' "$out.one" || echo "not ok - $name: ended early" >>"$out"
	rm -f "$out.one"
}
mode native "$build/tests/twin/semantics"
for SEMANTICS_TDF in 5 0.2; do
	export SEMANTICS_TDF
	mode "tdf $SEMANTICS_TDF" "$TIMEDIL" --tdf $SEMANTICS_TDF "$build/tests/twin/semantics"
done
cat "$out"
echo "1..$(grep -cE '^(ok|not ok)' "$out")"
exit $status

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The rules of the verdict and the page that explains them name the same rules.

cd "$(dirname "$0")/../.." || exit 1

code=$(sed -n 's/^\t{ "\([a-z-]*\)", UNIT_.*/\1/p' orchestrator/report/verdict.c | sort)
# shellcheck disable=SC2016 # the backquotes are the page's
page=$(sed -n 's/^| `\([a-z-]*\)` | .* | .* | .* | .* |$/\1/p' docs/verdict.md | sort)

echo "1..2"
if [ "$(echo "$code" | wc -l)" -gt 10 ]; then
	echo "ok 1 - the rules were found in the source"
else
	echo "not ok 1 - the rules were found in the source"
fi
if [ "$code" = "$page" ]; then
	echo "ok 2 - docs/verdict.md has each rule"
	exit 0
fi
echo "not ok 2 - docs/verdict.md has each rule"
echo "$code" | sed "s/^/# in the source: /"
echo "$page" | sed "s/^/# in the page:   /"
exit 1

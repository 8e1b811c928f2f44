#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Threads, forks, signals and cancellation while the clock keeps changing.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
TIMEDIL=$build/timedil
export TIMEDIL
exec "$TIMEDIL" --tdf 0.5 "$build/tests/twin/stress" "${STRESS_FORKS:-1000}"

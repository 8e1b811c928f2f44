#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Waits under way and timers armed when the clock changes.
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
TIMEDIL=$build/timedil
export TIMEDIL
exec "$TIMEDIL" --tdf 1 "$build/tests/twin/retime"

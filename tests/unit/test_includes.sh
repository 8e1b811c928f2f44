#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Includes go one way.  The table names, for each part, the parts that its files
# may include; timedil/vtime.h and timedil/page.h may be included by anyone.

cd "$(dirname "$0")/../.." || exit 1

allowed() {
	case $1 in
	base)          echo "base" ;;
	topo)          echo "base topo" ;;
	plan)          echo "base topo plan" ;;
	wire)          echo "base wire" ;;
	store)         echo "base store" ;;
	rt)            echo "base rt wire/tun.h" ;;   # a peer's device is made by the wire's module
	observe)       echo "base observe" ;;
	report)        echo "base observe report topo/experiment.h wire/wire.h" ;; # data of a result
	core)          echo "base topo plan wire store rt observe report core" ;;
	abt)           echo "base images" ;;
	timedil)       echo "" ;;                     # the shim knows nothing of lento
	esac
}

# "PART PATH" of every include of ours in the files of a part; a bare "x.h" is a
# file of the same directory, or of the core.
includes() {
	sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$1"
}

fails=0
n=0
checked=0

complain() {
	echo "# $*"
	fails=$((fails + 1))
}

# check PART FILE
check() {
	for inc in $(includes "$2"); do
		checked=$((checked + 1))
		case $inc in
		timedil/vtime.h | timedil/page.h) continue ;;
		timedil/kick.h)
			# The writer of the clock wakes its readers.
			[ "$1" = timedil ] || [ "$1" = core ] || complain "$2 includes $inc"
			continue ;;
		timedil/*)
			[ "$1" = timedil ] || complain "$2 includes $inc: only vtime.h and page.h are for others"
			continue ;;
		*/*) target=${inc%%/*} ;;
		*)
			# Generated headers, and those beside the file, are the part's own.
			if [ -e "$(dirname "$2")/$inc" ] || [ "$1" = timedil ]; then
				continue
			fi
			target=core ;;
		esac
		[ -d "$(dirname "$2")/$target" ] && [ "$1" != core ] && continue
		ok=no
		for a in $(allowed "$1"); do
			if [ "$a" = "$target" ] || [ "$a" = "$inc" ]; then
				ok=yes
			fi
		done
		[ $ok = yes ] || complain "$2 includes $inc: $1 may include $(allowed "$1")"
	done
}

# part NAME FILE...: one test
part() {
	name=$1
	shift
	before=$fails
	for f in "$@"; do
		if [ -f "$f" ]; then
			check "$name" "$f"
		fi
	done
	n=$((n + 1))
	if [ "$fails" -eq "$before" ]; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
	fi
}

for p in base topo plan wire store rt observe report; do
	# shellcheck disable=SC2046 # no blanks in our file names
	part $p $(find orchestrator/$p -name '*.[ch]')
done
part core orchestrator/*.c orchestrator/*.h
# shellcheck disable=SC2046
part timedil $(find timedil -name '*.[ch]')
# shellcheck disable=SC2046
part abt $(find images/abt -name '*.[ch]')

# Only the container back end knows LXC.
n=$((n + 1))
lxc=$(grep -rlE '#[ \t]*include[ \t]*<lxc/' --include='*.[ch]' orchestrator timedil |
	grep -v '^orchestrator/rt/rt_lxc[a-z_]*\.c$')
if [ -z "$lxc" ]; then
	echo "ok $n - <lxc/...> stays in rt_lxc"
else
	echo "# $lxc"
	echo "not ok $n - <lxc/...> stays in rt_lxc"
	fails=$((fails + 1))
fi

# A test that looked at nothing would pass for ever.
n=$((n + 1))
if [ "$checked" -gt 50 ]; then
	echo "ok $n - $checked includes looked at"
else
	echo "not ok $n - only $checked includes looked at"
	fails=$((fails + 1))
fi

echo "1..$n"
[ "$fails" -eq 0 ]

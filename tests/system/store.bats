#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# lento-store through a real mount (store_fs.c), in a mount namespace of its own.

BUILD=${BUILD:-build}

# store_fs CASE [cached]
store_fs() {
	[ "$(id -u)" -eq 0 ] || skip "root is needed"
	[ -c /dev/fuse ] || skip "this kernel has no FUSE"
	run timeout 900 "$BUILD/tests/system/store_fs" "$BUILD/lento-store" "$@"
	echo "$output"
	grep '^#' <<<"$output" >&3 || :
	[ "$status" -ne 77 ] || skip "${lines[-1]}"
	[ "$status" -eq 0 ]
}

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	make -s BUILD="$BUILD" "$BUILD/lento-store" "$BUILD/tests/system/store_fs"
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
}

@test "a seed's directory holds the payload, at no cost" { store_fs seed; }
@test "pieces written at random, in even and odd parts, are seen in time" { store_fs leech; }
@test "preallocated files count only what was written" { store_fs preallocate; }
@test "what is not payload is kept, and mended data counts again" { store_fs private; }
@test "shared mappings agree with reads and writes" { store_fs mmap; }
@test "names, links, times, sizes are those of any file system" { store_fs names; }
@test "one peer does not reach another" { store_fs owner; }
@test "peers at work at once do not disturb each other" { store_fs peers; }
@test "a stuck disk holds the peer that writes to it, and no other" { store_fs stuck; }
@test "kill -9: errors, no hang, the figures stay" { store_fs kill; }
@test "a stopped store holds nobody for long" { store_fs stopped; }
@test "no store outlives its lento" { store_fs orphan; }
@test "a full disk is the writer's error, and nothing is lost" { store_fs full; }
@test "a peer's private limit holds" { store_fs limit; }
@test "64 peers from one copy" { store_fs many; }
@test "1000 peers x 150 MB from one copy" {
	[ -n "${LENTO_BENCH:-}" ] || skip "takes minutes; set LENTO_BENCH"
	store_fs thousand
}
@test "no payload, and each way to fail names its reason" { store_fs null; }
@test "aria2, ctorrent and Transmission share the payload" { store_fs clients; }
@test "speed, beside tmpfs and the disk" { store_fs speed; }

@test "without direct I/O: pieces at random" { store_fs leech cached; }
@test "without direct I/O: preallocated files" { store_fs preallocate cached; }
@test "without direct I/O: private files" { store_fs private cached; }
@test "without direct I/O: shared mappings" { store_fs mmap cached; }
@test "without direct I/O: peers at work at once" { store_fs peers cached; }
@test "without direct I/O: a full disk" { store_fs full cached; }
@test "without direct I/O: aria2, ctorrent and Transmission" { store_fs clients cached; }

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# store_clients.sh MOUNT PAYLOAD WORK: a swarm of genuine clients whose data lie on a store,
# in this network namespace, which must be empty.  Started by store_fs (case
# "clients"), which watches the progress and ends the process group.
#
#	peer0 aria2, seed        peer3 ctorrent, preallocates
#	peer1 aria2, no preallocation, peer2 with
#	peer4 Transmission, renames *.part; peer5 preallocates fully

set -eu
mount=$1 payload=$2 work=$3

for tool in aria2c ctorrent transmission-daemon opentracker ip python3; do
	command -v "$tool" >/dev/null || { echo "# no $tool here"; exit 77; }
done
ip link set lo up
for i in 0 1 2 3 4 5 99; do
	ip addr add "198.18.0.$((i + 1))/24" dev lo
done

hash=$(python3 - "$payload" "$work/movie.torrent" <<'PY'
import hashlib, sys
data, size = open(sys.argv[1], "rb").read(), 262144
pieces = b"".join(hashlib.sha1(data[i:i + size]).digest() for i in range(0, len(data), size))
info = (b"d6:lengthi%de4:name9:movie.bin12:piece lengthi%de6:pieces%d:%s7:privatei1ee"
        % (len(data), size, len(pieces), pieces))
url = b"http://198.18.0.100:6969/announce"
open(sys.argv[2], "wb").write(b"d8:announce%d:%s4:info%se" % (len(url), url, info))
print(hashlib.sha1(info).hexdigest())
PY
)

mkdir "$work/tracker"
echo "$hash" >"$work/tracker/whitelist"
cat >"$work/tracker/conf" <<END
listen.tcp 198.18.0.100:6969
access.whitelist whitelist
tracker.rootdir $work/tracker
tracker.user nobody
END
opentracker -f "$work/tracker/conf" >"$work/tracker.log" 2>&1 &

# aria2 PEER OPTIONS...
aria2() {
	peer=$1
	shift
	aria2c --no-conf --dir="$mount/peer$peer" --listen-port=6881 \
		--interface="198.18.0.$((peer + 1))" --bt-external-ip="198.18.0.$((peer + 1))" \
		--disable-ipv6=true --enable-dht=false --bt-enable-lpd=false \
		--enable-peer-exchange=false --seed-ratio=0.0 --auto-save-interval=1 \
		--summary-interval=0 --show-console-readout=false "$@" \
		"$work/movie.torrent" >"$work/peer$peer.log" 2>&1 &
}

# transmission PEER PREALLOCATION
transmission() {
	home=$work/transmission$1
	mkdir -p "$home/watch"
	cp "$work/movie.torrent" "$home/watch/"
	cat >"$home/settings.json" <<END
{"bind-address-ipv4": "198.18.0.$(($1 + 1))", "peer-port": $((6881 + $1)), "port-forwarding-enabled": false,
 "dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false,
 "download-dir": "$mount/peer$1", "rename-partial-files": true, "preallocation": $2,
 "watch-dir": "$home/watch", "watch-dir-enabled": true, "watch-dir-force-generic": true,
 "rpc-enabled": false, "message-level": 1}
END
	TRANSMISSION_HOME=$home transmission-daemon --foreground --config-dir "$home" \
		>"$work/peer$1.log" 2>&1 &
}

sleep 1
aria2 0 --check-integrity=true --file-allocation=none
aria2 1 --file-allocation=none
aria2 2 --file-allocation=prealloc
ctorrent -e 72 -i 198.18.0.4 -p 6881 -a -s "$mount/peer3/movie.bin" "$work/movie.torrent" \
	>"$work/peer3.log" 2>&1 </dev/null &
transmission 4 1
transmission 5 2
wait

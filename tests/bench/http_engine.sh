#!/bin/bash
# The HTTP server against a bare cpp-httplib handler (TCP_NODELAY, 64 threads, the same pool), in
# turns, each round's ratio on its own; the median of the rounds counts. `hello` needs no database,
# `select` makes one prepared SELECT. Requests per second: theirs divided by ours.
set -u
seconds=${BENCH_SECONDS:-2} rounds=${BENCH_ROUNDS:-5} pool=${BENCH_POOL:-4}
ours=9971 bare=9972 failed=0

make -s http-programs http-peers || exit 1
build/http/demo_server --listen 127.0.0.1:$ours --access-log off --pool-size "$pool" --max-requests 1000000000 2>/dev/null &
pids=$!
build/http/bare_httplib $bare "$pool" 64 &
pids+=" $!"
# shellcheck disable=SC2064,SC2086
trap "kill $pids" EXIT
sleep 1

load() { # PORT PATH CONNECTIONS: requests per second and the 99th percentile in microseconds
    wrk -t$(($3 > 1 ? 2 : 1)) -c"$3" -d"$seconds" --latency "http://127.0.0.1:$1/$2" | awk '
        function micro(t) { return t * (t ~ /us$/ ? 1 : t ~ /ms$/ ? 1000 : 1000000) }
        $1 == "99%" { tail = micro($2) } $1 == "Requests/sec:" { rate = $2 } /Non-2xx/ { rate = 0 }
        END { print rate, tail }'
}

for path in hello select; do
    for connections in 1 8 64; do
        lines=$(for ((i = 0; i < rounds; ++i)); do
            echo "$(load $ours $path $connections) $(load $bare $path $connections)"
        done)
        read -r rate tail <<<"$(awk '{ print $3 / $1 }' <<<"$lines" | sort -n | sed -n $((rounds / 2 + 1))p) $(
            awk '{ print $2 / $4 }' <<<"$lines" | sort -n | sed -n $((rounds / 2 + 1))p)"
        awk '{ printf "   ours %d/s, p99 %d us; bare %d/s, p99 %d us\n", $1, $2, $3, $4 }' <<<"$lines"
        printf 'ratio http_%s_%s_time %.2f (at most 1.25)\n' $path $connections "$rate"
        printf 'ratio http_%s_%s_p99 %.2f (at most 2)\n' $path $connections "$tail"
        awk -v r="$rate" -v t="$tail" 'BEGIN { exit !(r > 0 && r <= 1.25 && t <= 2) }' || failed=1
    done
done
exit $failed

#!/bin/sh
# Loads a node's GET /v1/token/{service} with wrk, or h2load, where there is one.
# Takes the number of seconds; needs Go and curl.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-5}
tool=$(command -v wrk || command -v h2load || true)
if [ -z "$tool" ]; then
	echo "neither wrk nor h2load is here: on Debian, apt-get install wrk" >&2
	exit 0
fi
dir=$(mktemp -d)
node=
trap '[ -z "$node" ] || kill "$node"; rm -rf "$dir"' EXIT
cat >"$dir/tokend.yaml" <<'EOF'
listen: [tcp://127.0.0.1:7469]
services: {pager: {provider: static, token: some-token-to-be-measured}}
EOF
CGO_ENABLED=0 go build -trimpath -o "$dir/tokend" ./cmd/tokend
"$dir/tokend" serve --config "$dir/tokend.yaml" 2>"$dir/log" &
node=$!
tries=0
until curl -sf http://127.0.0.1:7469/healthz >/dev/null; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || { cat "$dir/log" >&2; exit 1; }
	sleep 0.1
done
for connections in 1 16 64 1000; do
	echo "== $connections connections"
	case $tool in
	*wrk) "$tool" -t "$([ "$connections" -gt 1 ] && echo 2 || echo 1)" -c "$connections" -d "${seconds}s" --latency http://127.0.0.1:7469/v1/token/pager ;;
	*) "$tool" --h1 -t 1 -c "$connections" -D "$seconds" http://127.0.0.1:7469/v1/token/pager ;;
	esac
done

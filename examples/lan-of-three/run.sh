#!/usr/bin/env bash
# Three nodes that are told nothing of each other: they meet by mDNS. PORT chooses the first of three ports.
set -euo pipefail
source "$(dirname "$0")/../nodes.sh"
a=${PORT:-7201} b=$((${PORT:-7201} + 1)) c=$((${PORT:-7201} + 2))
# Nodes of one name find each other. A name of its own keeps this example out of other clusters on the network.
cluster=${CLUSTER:-lan-of-three-$$}

for port in $a $b $c; do start_node "$port" --cluster "$cluster"; done
for port in $a $b $c; do until_says 2 peers_up "$port"; done
echo "three nodes have found each other"

redis-cli -p "$a" SET greeting hello >/dev/null
redis-cli -p "$b" HSET user:1 name Ada city London >/dev/null
redis-cli -p "$c" SADD tags crdt redis >/dev/null
for port in $a $b $c; do redis-cli -p "$port" INCRBY visits 10 >/dev/null; done
until_equal $a $b $c

for port in $a $b $c; do
  echo "node $port: greeting=$(redis-cli -p "$port" GET greeting)" \
    "user:1=$(redis-cli -p "$port" HMGET user:1 name city | paste -sd, )" \
    "tags=$(redis-cli -p "$port" SMEMBERS tags | sort | paste -sd,)" \
    "visits=$(redis-cli -p "$port" GET visits)" \
    "digest=$(redis-cli -p "$port" CRDT DIGEST)"
done

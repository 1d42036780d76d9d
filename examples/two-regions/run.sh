#!/usr/bin/env bash
# Two nodes as in two regions: no mDNS, one is told the other's multiaddr, both hold a secret. PORT chooses the first
# of two ports for clients; the ports for peers are 1000 above.
set -euo pipefail
source "$(dirname "$0")/../nodes.sh"
paris=${PORT:-7211} tokyo=$((${PORT:-7211} + 1))

head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$folder/secret"
common=(--no-mdns --secret-file "$folder/secret" --enable-debug-command yes)

start_node $paris "${common[@]}" --region paris \
  --listen "/ip4/127.0.0.1/tcp/$((paris + 1000))" --announce "/ip4/127.0.0.1/tcp/$((paris + 1000))"
# What the start-up banner shows, too.
address=$(redis-cli -p $paris MESH INFO | grep -m1 "/tcp/$((paris + 1000))/")
echo "paris is at $address"
start_node $tokyo "${common[@]}" --region tokyo \
  --listen "/ip4/127.0.0.1/tcp/$((tokyo + 1000))" --announce "/ip4/127.0.0.1/tcp/$((tokyo + 1000))" \
  --bootstrap "$address"
until_says 1 peers_up $paris
until_says 1 peers_up $tokyo
echo "connected"

redis-cli -p $paris SET stock 100 >/dev/null
until_equal $paris $tokyo

# The line between the regions is cut; both go on.
for port in $paris $tokyo; do redis-cli -p "$port" DEBUG REPLICATION PAUSE >/dev/null; done
redis-cli -p $paris DECRBY stock 30 >/dev/null
redis-cli -p $tokyo DECRBY stock 5 >/dev/null
redis-cli -p $tokyo SADD orders tokyo-1 >/dev/null
redis-cli -p $paris SADD orders paris-1 paris-2 >/dev/null
echo "cut:    paris stock=$(redis-cli -p $paris GET stock), tokyo stock=$(redis-cli -p $tokyo GET stock)"

for port in $paris $tokyo; do redis-cli -p "$port" DEBUG REPLICATION RESUME >/dev/null; done
until_equal $paris $tokyo
for port in $paris $tokyo; do
  echo "healed: $port stock=$(redis-cli -p "$port" GET stock)" \
    "orders=$(redis-cli -p "$port" SMEMBERS orders | sort | paste -sd,)"
done

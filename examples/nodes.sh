# Sourced by the examples: starts nodes in a temporary folder, and stops them when the script ends.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$(mktemp -d)
pids=()

stop_nodes() {
  ((${#pids[@]} == 0)) || kill "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$folder"
}
trap stop_nodes EXIT

command -v redis-cli >/dev/null || {
  echo "redis-cli is missing: apt-get install redis-tools" >&2
  exit 1
}

# start_node PORT FLAG...: a node whose log is $folder/PORT.log; returns when it answers.
start_node() {
  local port=$1
  shift
  "$root/bin/starling.js" --port "$port" --data "$folder/$port" "$@" >"$folder/$port.log" 2>&1 &
  pids+=($!)
  local waited=0
  until [[ $(redis-cli -p "$port" PING 2>/dev/null) == PONG ]]; do
    if ! kill -0 "${pids[-1]}" 2>/dev/null || ((waited++ > 200)); then
      echo "the node on port $port did not start:" >&2
      cat "$folder/$port.log" >&2
      exit 1
    fi
    sleep 0.1
  done
}

# until_says WANTED COMMAND...: repeats a command until it prints that, for 20 s at most.
until_says() {
  local wanted=$1 waited=0
  shift
  until [[ $("$@") == "$wanted" ]]; do
    if ((waited++ > 200)); then
      echo "'$*' did not come to say '$wanted', but '$("$@")'" >&2
      exit 1
    fi
    sleep 0.1
  done
}

# peers_up PORT: how many peers the node is connected to.
peers_up() {
  redis-cli -p "$1" INFO crdt | tr -d '\r' | sed -n 's/^crdt_peers_up://p'
}

# digests PORT...: the digest of all data on each node, one line each.
digests() {
  for port; do redis-cli -p "$port" CRDT DIGEST; done
}

# until_equal PORT...: waits until all nodes hold the same data.
until_equal() {
  local waited=0
  until [[ $(digests "$@" | sort -u | wc -l) == 1 ]]; do
    if ((waited++ > 200)); then
      echo "the nodes did not become equal:" >&2
      digests "$@" >&2
      exit 1
    fi
    sleep 0.1
  done
}

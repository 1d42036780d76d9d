"""What redis-py does, against two nodes: `redis_py.py CHECK PORT_A PORT_B` runs one check and fails by an assertion.

Each check writes at one node, waits until both are equal, and reads at the other.
"""

import sys
import threading
import time

import redis
from redis.backoff import ConstantBackoff
from redis.exceptions import LockError, LockNotOwnedError, NoScriptError, ResponseError, WatchError
from redis.retry import Retry

WAIT_S_MAX = 20


def settle(a, b):
    """Waits until both nodes have applied the same txns, and hold the same data."""
    eventually(lambda: state(a) == state(b), "both nodes are equal")


def state(client):
    return client.execute_command("CRDT VECTOR"), client.execute_command("CRDT DIGEST")


def eventually(holds, what):
    deadline = time.monotonic() + WAIT_S_MAX
    while not holds():
        assert time.monotonic() < deadline, f"not within {WAIT_S_MAX} s: {what}"
        time.sleep(0.02)


def raises(kind, act):
    try:
        act()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")


def exchange(on, *clients):
    for client in clients:
        client.execute_command("DEBUG", "REPLICATION", "RESUME" if on else "PAUSE")


def strings(a, b):
    assert a.set("s", "v", ex=100) is True
    assert a.set("s", "other", nx=True) is None
    assert a.set("s", "w", keepttl=True, get=True) == "v"
    assert a.mset({"m1": "1", "m2": "2"}) is True
    assert a.incrby("n", 5) == 5 and a.incrbyfloat("f", 1.5) == 1.5
    assert a.append("text", "für ") == 5 and a.setbit("bits", 7, 1) == 0
    settle(a, b)
    assert b.get("s") == "w" and 90 < b.ttl("s") <= 100
    assert b.mget("m1", "none", "m2") == ["1", None, "2"]
    assert b.get("n") == "5" and float(b.get("f")) == 1.5
    assert b.getrange("text", 0, 2) == "fü" and b.bitcount("bits") == 1
    assert b.getex("s", persist=True) == "w" and b.ttl("s") == -1
    assert b.delete("m1", "none") == 1 and b.exists("m1", "m2") == 1
    assert "wrong kind of value" in raises(ResponseError, lambda: b.lpush("s", "x"))


def bytes_as_they_are(a, b):
    """Without decode_responses: keys and values of any bytes."""
    raw = redis.Redis(port=a.connection_pool.connection_kwargs["port"])
    other = redis.Redis(port=b.connection_pool.connection_kwargs["port"])
    value = bytes(range(256)) * 300
    assert raw.set(b"\x00\xff key", value) is True
    assert raw.hset("h", mapping={b"\xfe": value, "plain": 1}) == 2
    settle(a, b)
    assert other.get(b"\x00\xff key") == value
    assert other.hgetall("h") == {b"\xfe": value, b"plain": b"1"}
    dump = other.dump("h")
    assert raw.restore("copy", 0, dump) and raw.hgetall("copy") == other.hgetall("h")


def hashes_and_sets(a, b):
    assert a.hset("h", "f", "1", mapping={"g": "2"}) == 2
    assert a.hincrby("h", "n", 3) == 3 and a.hsetnx("h", "f", "x") == 0
    assert a.sadd("s1", "x", "y", "z") == 3 and a.sadd("s2", "y") == 1
    assert a.sdiffstore("s3", "s1", "s2") == 2
    settle(a, b)
    assert b.hgetall("h") == {"f": "1", "g": "2", "n": "3"}
    assert b.hmget("h", "f", "none") == ["1", None] and b.hdel("h", "g") == 1
    assert b.smembers("s3") == {"x", "z"} and b.smismember("s1", ["x", "q"]) == [1, 0]
    assert b.sinter("s1", "s2") == {"y"} and b.spop("s2") == "y"
    settle(a, b)
    assert a.hkeys("h") and not a.hexists("h", "g") and a.scard("s2") == 0


def lists_and_sorted_sets(a, b):
    assert a.rpush("l", "a", "b", "c") == 3 and a.lpush("l", "z") == 4
    assert a.zadd("z", {"one": 1, "two": 2, "three": 3.5}) == 3
    assert a.zincrby("z", 2, "one") == 3.0 and a.zadd("z", {"two": 9}, gt=True, ch=True) == 1
    assert a.geoadd("g", (13.361389, 38.115556, "Palermo")) == 1 and a.pfadd("hll", "a", "b") == 1
    settle(a, b)
    assert b.lrange("l", 0, -1) == ["z", "a", "b", "c"] and b.lpos("l", "b") == 2
    assert b.lmove("l", "l2", "LEFT", "RIGHT") == "z" and b.rpop("l", 2) == ["c", "b"]
    assert b.zrange("z", 0, -1, withscores=True) == [("one", 3.0), ("three", 3.5), ("two", 9.0)]
    assert b.zrevrangebyscore("z", "+inf", 3.2, start=0, num=1) == ["two"]
    assert b.zpopmin("z") == [("one", 3.0)] and b.zrank("z", "two") == 1
    assert b.geosearch("g", longitude=13, latitude=38, radius=50, unit="km") == ["Palermo"]
    assert b.pfcount("hll") == 2
    settle(a, b)
    assert a.lrange("l2", 0, -1) == ["z"] and a.zscore("z", "one") is None


def streams(a, b):
    first = a.xadd("log", {"n": 1})
    a.xadd("log", {"n": 2}, maxlen=100)
    assert a.xgroup_create("log", "workers", id="0") is True
    assert "BUSYGROUP" in raises(ResponseError, lambda: a.xgroup_create("log", "workers"))
    [[name, entries]] = a.xreadgroup("workers", "ann", {"log": ">"}, count=1)
    assert name == "log" and entries == [(first, {"n": "1"})]
    settle(a, b)
    # the consumers of a group may speak to any nodes
    [[_, [(second, fields)]]] = b.xreadgroup("workers", "bob", {"log": ">"}, count=10)
    assert fields == {"n": "2"} and b.xack("log", "workers", second) == 1
    claimed = b.xautoclaim("log", "workers", "bob", 0)
    assert [id for id, _ in claimed[1]] == [first]
    settle(a, b)
    pending = a.xpending("log", "workers")
    assert pending["pending"] == 1 and pending["consumers"] == [{"name": "bob", "pending": 1}]
    assert [each["consumer"] for each in a.xpending_range("log", "workers", "-", "+", 5)] == ["bob"]
    assert a.xinfo_stream("log")["length"] == 2 and a.xinfo_groups("log")[0]["name"] == "workers"
    assert len(a.xinfo_consumers("log", "workers")) == 2
    woken = later(lambda: b.xread({"log": second}, block=10_000))
    waiting(b)
    third = a.xadd("log", {"n": 3})
    assert woken() == [["log", [(third, {"n": "3"})]]]


def pipelines(a, b):
    with a.pipeline() as pipe:
        assert pipe.set("p", 1).incr("p").hset("ph", "f", "v").get("p").execute() == [True, 2, 1, "2"]
    with a.pipeline(transaction=False) as pipe:
        pipe.set("q", "text").incr("q").get("q")
        answers = pipe.execute(raise_on_error=False)
        assert answers[0] is True and isinstance(answers[1], ResponseError) and answers[2] == "text"
    assert "p" in a.keys("*") and a.set("counted", 0)

    def add_one(pipe):
        value = int(pipe.get("counted"))
        pipe.multi()
        pipe.set("counted", value + 1)

    def many():
        for _ in range(25):
            a.transaction(add_one, "counted")

    # who was overtaken tries again, until each has had its way
    together = [later(many) for _ in range(4)]
    for each in together:
        each()
    assert a.get("counted") == "100"
    settle(a, b)
    assert b.get("counted") == "100"
    with b.pipeline() as pipe:
        pipe.watch("counted")
        a.set("counted", "elsewhere")
        settle(a, b)
        pipe.multi()
        pipe.set("counted", "mine")
        raises(WatchError, pipe.execute)
    assert b.get("counted") == "elsewhere"


def publish_and_subscribe(a, b):
    listener = a.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("news")
    listener.psubscribe("new*")
    eventually(lambda: b.pubsub_numsub("news") == [("news", 1)] and b.pubsub_numpat() == 1, "the other node knows")
    assert b.pubsub_channels() == ["news"]
    assert b.publish("news", "hello") == 2
    got = [message for message in (listener.get_message(timeout=5) for _ in range(4)) if message]
    assert sorted((each["type"], each["channel"], each["data"]) for each in got) == [
        ("message", "news", "hello"),
        ("pmessage", "news", "hello"),
    ]
    listener.close()
    handled = []
    handling = b.pubsub(ignore_subscribe_messages=True)
    handling.subscribe(**{"work": handled.append})
    thread = handling.run_in_thread(sleep_time=0.01)
    eventually(lambda: a.publish("work", "x") == 1, "the handler listens")
    eventually(lambda: handled and handled[0]["data"] == "x", "the handler was called")
    thread.stop()
    thread.join()


def locks(a, b):
    """A lock holds among the clients of one node, and at others once word has got there."""
    lock = a.lock("lock", timeout=20)
    assert lock.acquire(blocking=False) and lock.owned() and lock.locked()
    assert not a.lock("lock", timeout=20).acquire(blocking=False)
    settle(a, b)
    assert not b.lock("lock", timeout=20).acquire(blocking=False)
    assert lock.extend(10) and a.pttl("lock") > 20_000 and lock.reacquire()
    got = later(lambda: b.lock("lock", timeout=20, sleep=0.02, blocking_timeout=15).acquire())
    time.sleep(0.1)
    lock.release()
    assert got()
    settle(a, b)
    raises(LockError, lambda: lock.release())
    assert not lock.acquire(blocking=False)
    with a.lock("other", timeout=20, blocking_timeout=1):
        assert a.exists("other")
    assert not a.exists("other")


def locks_of_two_nodes(a, b):
    """Two nodes that have not heard of each other's lock both give it; who lost it is told on release."""
    first, second = a.lock("both", timeout=20), b.lock("both", timeout=20)
    exchange(False, a, b)
    assert first.acquire(blocking=False)
    # within one millisecond either may count as the later one
    time.sleep(0.05)
    assert second.acquire(blocking=False)
    exchange(True, a, b)
    settle(a, b)
    assert [first.owned(), second.owned()] == [False, True]
    raises(LockNotOwnedError, first.release)
    second.release()
    settle(a, b)
    assert a.exists("both") == 0


def scans(a, b):
    with a.pipeline(transaction=False) as pipe:
        for i in range(500):
            pipe.set(f"key:{i}", i).hset("hash", f"f{i}", i).sadd("set", i).zadd("zset", {f"m{i}": i})
        pipe.execute()
    settle(a, b)
    assert sorted(b.scan_iter("key:*", count=50)) == sorted(f"key:{i}" for i in range(500))
    assert list(b.scan_iter(_type="zset")) == ["zset"]
    assert dict(b.hscan_iter("hash")) == {f"f{i}": str(i) for i in range(500)}
    assert set(b.sscan_iter("set")) == {str(i) for i in range(500)}
    assert dict(b.zscan_iter("zset", match="m49*")) == {f"m{i}": float(i) for i in [49, *range(490, 500)]}


def blocking_pops(a, b):
    assert b.blpop("none", timeout=0.05) is None and b.brpop(["none", "nor"], timeout=0.05) is None
    popped = later(lambda: b.blpop(["q1", "q2"], timeout=15))
    waiting(b)
    a.rpush("q2", "job")
    assert popped() == ("q2", "job")
    moved = later(lambda: b.blmove("q1", "done", 15))
    waiting(b)
    a.rpush("q1", "next")
    assert moved() == "next"
    least = later(lambda: b.bzpopmin("z", timeout=15))
    waiting(b)
    a.zadd("z", {"x": 1.5})
    assert least() == ("z", "x", 1.5)
    settle(a, b)
    assert a.exists("q1", "q2", "z") == 0 and a.lrange("done", 0, -1) == ["next"]


def scripts(a, b):
    add = a.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert add(keys=["n"], args=[5]) == 5
    settle(a, b)
    # the other node does not know the script yet: redis-py sends it after NOSCRIPT
    raises(NoScriptError, lambda: b.evalsha(add.sha, 1, "n", 1))
    assert add(keys=["n"], args=[2], client=b) == 7
    with b.pipeline() as pipe:
        add(keys=["n"], args=[1], client=pipe)
        assert pipe.get("n").execute() == [8, "8"]
    assert b.script_exists(add.sha, "0" * 40) == [True, False]
    library = "#!lua name=lib\nredis.register_function('twice', function(keys, args) return 2 * args[1] end)"
    # its own FUNCTION LOAD is that of a candidate of Redis 7.0, with other arguments
    assert a.execute_command("FUNCTION", "LOAD", "REPLACE", library) == "lib"
    settle(a, b)
    assert b.execute_command("FCALL", "twice", 0, 21) == 42


def what_it_parses(a, b):
    """Replies that redis-py takes apart, so that a wrong form would show."""
    info = a.info()
    assert info["redis_mode"] == "standalone" and info["role"] == "master" and info["redis_version"] >= "7"
    a.set("k", "v")
    assert a.info("keyspace")["db0"]["keys"] == 1
    me = [each for each in a.client_list() if each["id"] == str(a.client_id())]
    assert len(me) == 1 and me[0]["db"] == "0" and a.client_setname("mine") and a.client_getname()
    assert a.config_get("maxmemory*")["maxmemory-policy"] == "noeviction"
    assert a.command()["get"]["arity"] == 2 and a.command_count() > 200
    assert a.config_set("slowlog-log-slower-than", 0) and a.get("k") == "v"
    assert any(each["command"] == b"GET k" for each in a.slowlog_get(10))
    assert a.config_set("slowlog-log-slower-than", 10_000) and a.slowlog_reset()
    assert a.acl_whoami() == "default" and a.acl_getuser("default")["enabled"]
    assert a.object("encoding", "k") == "embstr" and a.memory_usage("k") > 0
    assert a.role()[0] == "master" and len(a.time()) == 2 and a.lastsave()
    assert a.memory_stats()["keys.count"] >= 1 and a.module_list() == []
    assert a.dbsize() == 1
    assert a.wait(1, 5000) == 1
    assert a.expire("k", 100, nx=True) and not a.expire("k", 100, nx=True) and a.pexpiretime("k") > 0
    assert a.swapdb(0, 1) and a.dbsize() == 0
    settle(a, b)
    other = redis.Redis(port=b.connection_pool.connection_kwargs["port"], db=1, decode_responses=True)
    assert other.get("k") == "v"


def reconnects(a, b):
    """The node is killed and comes back, as the test that has started this does; the word is the key `go`, elsewhere."""
    kept = redis.Redis(port=a.connection_pool.connection_kwargs["port"], decode_responses=True)
    patient = redis.Redis(
        port=a.connection_pool.connection_kwargs["port"],
        decode_responses=True,
        retry=Retry(ConstantBackoff(0.1), 300),
        retry_on_error=[redis.ConnectionError, redis.TimeoutError],
    )
    assert kept.set("before", "v") and patient.get("before") == "v"
    popped = later(lambda: patient.blpop("queue", timeout=60))
    waiting(a)
    settle(a, b)
    print("ready", flush=True)
    eventually(lambda: b.get("go") == "1", "the node is back")
    # a pool looks whether its connection still lives before it uses it
    assert kept.get("before") == "v"
    b.rpush("queue", "after")
    assert popped() == ("queue", "after")


def later(act):
    """Runs it in a thread; the function that it gives waits for its end, and has its result or error."""
    outcome = {}

    def work():
        try:
            outcome["result"] = act()
        except BaseException as error:  # noqa: BLE001: it is raised where it is waited for
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def result():
        thread.join(WAIT_S_MAX)
        assert not thread.is_alive(), "it still waits"
        if "error" in outcome:
            raise outcome["error"]
        return outcome["result"]

    return result


def waiting(client):
    eventually(lambda: client.info("clients")["blocked_clients"] > 0, "a client waits")


CHECKS = {
    check.__name__: check
    for check in (
        *(strings, bytes_as_they_are, hashes_and_sets, lists_and_sorted_sets, streams, pipelines),
        *(publish_and_subscribe, locks, locks_of_two_nodes, scans, blocking_pops, scripts, what_it_parses),
        reconnects,
    )
}


def main(name, port_a, port_b):
    a, b = (redis.Redis(port=int(port), decode_responses=True) for port in (port_a, port_b))
    CHECKS[name](a, b)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What a client of Celery does, with `STARLING_NODE` for its node: `celery_client.py CHECK [WORD ...]`."""

import sys
import time
from datetime import datetime, timedelta, timezone

import redis
from celery import chain, chord, group
from celery.exceptions import TaskRevokedError
from celery_app import PORT, add, app, fails, late, note, notes, once_there, sleeps, third_time, total

WAIT_S = 20


def eventually(holds, what):
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {WAIT_S} s: {what}"
        time.sleep(0.05)


def work():
    """Results, groups, chains, chords, failures, retries, times to come."""
    assert add.delay(2, 3).get(timeout=WAIT_S) == 5
    result = fails.delay("no such thing")
    try:
        result.get(timeout=WAIT_S)
        raise AssertionError("it did not fail")
    except ValueError as error:
        assert str(error) == "no such thing"
    assert result.state == "FAILURE" and "ValueError" in result.traceback
    assert group(add.s(i, i) for i in range(20))().get(timeout=WAIT_S) == [2 * i for i in range(20)]
    assert chain(add.s(1, 2), add.s(10), add.s(100))().get(timeout=WAIT_S) == 113
    assert chord([add.s(i, 1) for i in range(10)])(total.s()).get(timeout=WAIT_S) == 55
    assert chain(group(add.s(1, 1), add.s(2, 2)), total.s(), add.s(1))().get(timeout=WAIT_S) == 7
    assert third_time.delay(f"tries:{app.conf.task_default_queue}").get(timeout=WAIT_S) == 2
    begun = time.time()
    soon = add.apply_async((1, 1), countdown=1)
    at = add.apply_async((1, 2), eta=datetime.now(timezone.utc) + timedelta(seconds=1))
    assert (soon.get(timeout=WAIT_S), at.get(timeout=WAIT_S)) == (2, 3) and time.time() - begun >= 0.9
    past = add.apply_async((1, 1), expires=datetime.now(timezone.utc) - timedelta(seconds=1))
    try:
        past.get(timeout=WAIT_S)
        raise AssertionError("it had expired")
    except TaskRevokedError:
        pass
    result = add.delay(4, 4)
    assert result.get(timeout=WAIT_S) == 8
    result.forget()
    assert app.AsyncResult(result.id).state == "PENDING"


def revokes():
    """Before a task has begun, and while it runs."""
    waiting = note.apply_async(("revoked", "run"), countdown=2)
    waiting.revoke()
    # which is told when its time has come
    eventually(lambda: waiting.state == "REVOKED", "it was revoked")
    running = sleeps.delay("slept", 60)
    eventually(lambda: notes().lrange("slept", 0, -1) == ["begun"], "it has begun")
    running.revoke(terminate=True, signal="SIGKILL")
    eventually(lambda: running.state == "REVOKED", "it was ended")
    # the worker goes on, with another process
    assert add.delay(1, 1).get(timeout=WAIT_S) == 2
    assert notes().lrange("slept", 0, -1) == ["begun"] and not notes().exists("revoked")


def inspects(*queues):
    """Workers of both nodes hear what is asked at one, and answer there; their events come as well."""
    names = sorted(f"{queue}@test" for queue in queues)
    inspect = app.control.inspect(timeout=20, limit=len(names))
    all_answer(names, lambda: inspect.ping())
    stats = all_answer(names, lambda: inspect.stats())
    assert all(each["broker"]["transport"] == "redis" for each in stats.values())
    registered = all_answer(names, lambda: inspect.registered())
    assert all("celery_app.add" in each for each in registered.values())
    assert {each[0]["name"] for each in all_answer(names, lambda: inspect.active_queues()).values()} == set(queues)
    seen = events_of(queues)
    kinds = {(each["type"], each["hostname"]) for each in seen}
    assert kinds >= {(kind, name) for kind in ("task-received", "task-started", "task-succeeded") for name in names}


def parts_apart(other, here, there):
    """A chord with a part at each of two nodes, which end before either has heard of the other: nobody sees both of them
    done, so the body does not begin. This is how Celery counts, and why the documentation says what it does."""
    nodes = [notes(), notes(int(other))]
    with_size = chord([once_there.s("go", 1).set(queue=here), once_there.s("go", 2).set(queue=there)])
    body = with_size(total.s())
    parts = body.parent.results
    eventually(lambda: all(part.state == "STARTED" for part in parts), "both have begun")
    for node in nodes:
        node.execute_command("DEBUG", "REPLICATION", "PAUSE")
    for node in nodes:
        node.set("go", 1)
    counts = [redis.Redis(port=port, db=1) for port in (PORT, int(other))]
    key = app.backend.get_key_for_group(body.parent.id, ".j")
    eventually(lambda: all(each.zcard(key) == 1 for each in counts), "each is counted at its own node")
    for node in nodes:
        node.execute_command("DEBUG", "REPLICATION", "RESUME")
    eventually(lambda: all(each.zcard(key) == 2 for each in counts), "both are counted")
    assert [part.get(timeout=WAIT_S) for part in parts] == [1, 2] and body.state == "PENDING"


def events_of(queues):
    """What is told of a task for each of these queues, until all are done."""
    seen, ids = [], []
    with app.connection_for_read() as connection:

        def saw(event):
            # the first is a heartbeat: from now on we hear them
            if not seen:
                ids.extend(add.apply_async((1, 1), queue=queue).id for queue in queues)
            seen.append(event)
            done = {each["uuid"] for each in seen if each["type"] == "task-succeeded"}
            receiver.should_stop = done >= set(ids)

        receiver = app.events.Receiver(connection, handlers={"*": saw})
        receiver.capture(timeout=WAIT_S, wakeup=True)
    return seen


def all_answer(names, ask):
    """The answers of these workers: to the first asking, since each knows where to answer when it is asked."""
    answers = ask() or {}
    assert sorted(answers) == names, f"answers of {sorted(answers)}"
    return answers


def sends_late():
    """The id of a task that is acknowledged when it is done."""
    print(late.delay("late", 120).id, flush=True)
    eventually(lambda: notes().llen("late") == 1, "it has begun")


def has_late(id):
    assert app.AsyncResult(id).get(timeout=25) == "done"
    assert notes().lrange("late", 0, -1) == ["begun", "begun", "done"]


def sends_many(prefix, count):
    for i in range(int(count)):
        note.delay("many", f"{prefix}{i}")


def main(check, *words):
    checks = {each.__name__: each for each in (work, revokes, inspects, parts_apart, sends_late, has_late, sends_many)}
    checks[check](*words)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The application whose workers and clients the test starts: `STARLING_NODE` is the port of the node that it speaks to,
`QUEUE` where tasks go, those too that follow from others.

Broker in database 0, results in 1, and what tasks have to tell in 2.
"""

import os
import time

import redis
from celery import Celery

PORT = int(os.environ["STARLING_NODE"])
VISIBILITY_S = int(os.environ.get("VISIBILITY_S", "3600"))

app = Celery("apps", broker=f"redis://127.0.0.1:{PORT}/0", backend=f"redis://127.0.0.1:{PORT}/1")
app.conf.update(
    broker_transport_options={"visibility_timeout": VISIBILITY_S},
    task_default_queue=os.environ["QUEUE"],
    task_track_started=True,
)


def notes(port=PORT):
    return redis.Redis(port=port, db=2, decode_responses=True)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task
def fails(word):
    raise ValueError(word)


@app.task(bind=True, max_retries=5)
def third_time(self, key):
    """Fails twice, by a count that is kept with its broker."""
    if notes().incr(key) < 3:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def note(key, word):
    notes().rpush(key, word)


@app.task
def sleeps(key, seconds):
    notes().rpush(key, "begun")
    time.sleep(seconds)
    notes().rpush(key, "done")


@app.task
def once_there(key, value):
    """Takes until that key is at its own node."""
    while not notes().exists(key):
        time.sleep(0.05)
    return value


@app.task(acks_late=True)
def late(key, seconds):
    """Takes its time when it is run first, and none when it is delivered again."""
    if notes().rpush(key, "begun") == 1:
        time.sleep(seconds)
    notes().rpush(key, "done")
    return "done"

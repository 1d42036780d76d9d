"""A network switch in user space: what the kernel's own means cannot do to frames (delay, jitter, loss, duplicates,
reordering, cuts in one direction or both), decided by a seed. One TAP device for each port; the caller moves each into a
network namespace, where it is the network card of a host.

    tap-switch.py SEED PORT,NAMESPACE,LINK...

makes a TAP device for each PORT and says "ready". Then each line of input is a JSON object that changes what it names:
{"blocked": [[from, to], ...]} and {"line": {"delay_ms", "jitter_ms", "loss", "duplicate", "reorder"}}; the answer is a
line with the counts of frames so far. At the end of input it deletes the namespaces, and the links into them, and
ends: it outlives its caller by that, however the caller dies.
"""

import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
TAP_WITHOUT_INFO = 0x1002
FRAME_BYTES_MAX = 65536
# frames taken from one port before the others have their turn
BURST = 64


class Switch:
    def __init__(self, seed, ports):
        self.random = random.Random(seed)
        self.taps = [open_tap(port) for port in ports]
        self.ports_by_address = {}
        self.blocked = set()
        self.line = {"delay_ms": 0, "jitter_ms": 0, "loss": 0, "duplicate": 0, "reorder": 0}
        self.counts = {"passed": 0, "blocked": 0, "lost": 0, "duplicated": 0, "reordered": 0}
        self.under_way = []
        self.last_due = {}
        self.number = 0

    def run(self):
        poll = select.epoll()
        poll.register(0, select.EPOLLIN)
        for tap in self.taps:
            poll.register(tap, select.EPOLLIN)
        print("ready", flush=True)
        while True:
            timeout = max(0, self.under_way[0][0] - time.monotonic()) if self.under_way else -1
            for handle, _ in poll.poll(timeout):
                if handle == 0:
                    if not self.obey():
                        return
                else:
                    self.take_from(self.taps.index(handle))
            self.deliver()

    def obey(self):
        order = sys.stdin.readline()
        if order == "":
            return False
        changes = json.loads(order)
        if "blocked" in changes:
            self.blocked = {tuple(pair) for pair in changes["blocked"]}
        self.line.update(changes.get("line", {}))
        print(json.dumps(self.counts), flush=True)
        return True

    def take_from(self, port):
        for _ in range(BURST):
            try:
                frame = os.read(self.taps[port], FRAME_BYTES_MAX)
            except BlockingIOError:
                return
            to, source = frame[:6], frame[6:12]
            self.ports_by_address[source] = port
            known = self.ports_by_address.get(to)
            others = [other for other in range(len(self.taps)) if other != port]
            for other in others if known is None else [known]:
                if other != port:
                    self.send(port, other, frame)

    def send(self, port, other, frame):
        if (port, other) in self.blocked:
            self.counts["blocked"] += 1
            return
        if self.random.random() < self.line["loss"]:
            self.counts["lost"] += 1
            return
        self.delay(port, other, frame)
        if self.random.random() < self.line["duplicate"]:
            self.counts["duplicated"] += 1
            self.delay(port, other, frame)

    def delay(self, port, other, frame):
        now = time.monotonic()
        if self.random.random() < self.line["reorder"]:
            # past all that is under way, as over a shorter path
            self.counts["reordered"] += 1
            due = now
        else:
            jitter = self.random.random() * self.line["jitter_ms"]
            # jitter alone keeps the order
            due = max(now + (self.line["delay_ms"] + jitter) / 1000, self.last_due.get((port, other), 0))
            self.last_due[port, other] = due
        self.number += 1
        heapq.heappush(self.under_way, (due, self.number, port, other, frame))

    def deliver(self):
        while self.under_way and self.under_way[0][0] <= time.monotonic():
            _, _, port, other, frame = heapq.heappop(self.under_way)
            # a cut takes what is under way as well
            if (port, other) in self.blocked:
                self.counts["blocked"] += 1
                continue
            try:
                os.write(self.taps[other], frame)
                self.counts["passed"] += 1
            except (BlockingIOError, OSError):
                # the card is down, or full: a real switch drops it too
                self.counts["lost"] += 1


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP_WITHOUT_INFO))
    return tap


def main():
    seed, *hosts = sys.argv[1:]
    hosts = [host.split(",") for host in hosts]
    try:
        Switch(int(seed), [port for port, _, _ in hosts]).run()
    finally:
        for _, namespace, link in hosts:
            # a namespace may stay for minutes, until the connections in it have given up; the link must not
            for words in (["link", "delete", link], ["netns", "delete", namespace]):
                subprocess.run(["ip", *words], stderr=subprocess.DEVNULL, check=False)


main()

"""Runs a ``Worker`` under gevent's patches, in a process of its own; prints what it saw."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import threading  # noqa: E402

import gevent  # noqa: E402

from cliproxy.blocking import Worker  # noqa: E402

sleep = monkey.get_original("time", "sleep")
seen: list[object] = []
errors: list[str] = []
worker = Worker("tested")


def job(number: int) -> None:
    sleep(0.05)
    if number == 1:
        raise ValueError("no")
    seen.append([number, threading.get_ident() == main])


main = threading.get_ident()
ticks = [0]


def tick() -> None:
    while True:
        gevent.sleep(0.005)
        ticks[0] += 1


ticking = gevent.spawn(tick)
for number in range(4):
    worker.submit(lambda number=number: job(number), lambda error: errors.append(str(error)))
waited = worker.waiting
drained = worker.drain(5)
ticking.kill()
worker.submit(lambda: job(9), lambda error: None)
worker.stop()
print(
    json.dumps(
        {
            "seen": seen,
            "errors": errors,
            "waited": waited,
            "drained": drained,
            "ticks": ticks[0] > 5,
            "left": worker.waiting,
        }
    )
)

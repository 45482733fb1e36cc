"""Usage statistics under gevent's patches, in a process of their own; prints what they did."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS)]
from records.usage_bench import MOMENT, record, running  # noqa: E402

ticks = [0]


def tick() -> None:
    while True:
        gevent.sleep(0.001)
        ticks[0] += 1


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "u.sqlite3")
    ticking = gevent.spawn(tick)
    with running(path) as usage:
        for number in range(2000):
            usage.record(record(requested_at=MOMENT + number))
            if number % 100 == 0:
                gevent.sleep(0)
        before = ticks[0]
        requests = usage.usage["total_requests"]
        imported = usage.load(usage.export_body())
        during = ticks[0] - before
        usage.record(record())
    ticking.kill()
    left = os.listdir(folder)
    with running(path) as usage:
        survived = usage.usage["total_requests"]
print(json.dumps({"requests": requests, "imported": imported, "ticks": during > 5, "survived": survived, "left": left}))

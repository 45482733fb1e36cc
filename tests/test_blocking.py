"""Slow work beside the greenlets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cliproxy.blocking import Worker


def test_without_gevent_work_is_done_at_once() -> None:
    worker, seen, errors = Worker("w"), [], []
    worker.submit(lambda: seen.append(1), errors.append)
    worker.submit(lambda: 1 // 0, errors.append)
    assert (seen, len(errors), worker.waiting, worker.drain()) == ([1], 1, 0, True)
    worker.stop()


def test_under_gevent_a_thread_does_it_in_order() -> None:
    script = Path(__file__).with_name("patched_worker.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == {
        "seen": [[0, False], [2, False], [3, False], [9, False]], "errors": ["no"],
        "waited": 4, "drained": True, "ticks": True, "left": 0,
    }  # fmt: skip

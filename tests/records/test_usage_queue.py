"""From the request path to the consumers (logging.md 15.2)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from upstream.waiting import eventually

from cliproxy.records.usage import UsageQueue, UsageRecord


def record(number: int = 0) -> UsageRecord:
    return UsageRecord("p", "m", "k", f"id{number}", "index", "source", False)


class Seen:
    """A consumer; ``batches`` has the numbers of its records."""

    def __init__(self, error: Exception | None = None) -> None:
        self.batches: list[list[str]] = []
        self._error = error

    def __call__(self, records: Sequence[UsageRecord]) -> None:
        if self._error is not None:
            raise self._error
        self.batches.append([one.auth_id for one in records])

    @property
    def ids(self) -> list[str]:
        return [one for batch in self.batches for one in batch]


@pytest.fixture
def queues() -> Iterator[Any]:
    made: list[UsageQueue] = []

    def make(*consumers: Any, **options: Any) -> UsageQueue:
        made.append(UsageQueue(*consumers, **options))
        return made[-1]

    yield make
    for queue in made:
        queue.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "usage"]


@pytest.mark.case("logging:52")
def test_one_that_raises_does_not_stop_the_others(queues: Any, caplog: pytest.LogCaptureFixture) -> None:
    first, broken, last = Seen(), Seen(ValueError("no")), Seen()
    queue = queues(first, broken, last)
    queue.record(record(1))
    queue.flush()
    queue.record(record(2))
    queue.flush()
    assert first.ids == last.ids == ["id1", "id2"]
    assert [entry.levelno for entry in caplog.records] == [logging.ERROR] * 2
    assert caplog.records[0].exc_info is not None


def test_the_task_starts_with_the_first_record(queues: Any) -> None:
    seen = Seen()
    queue = queues(seen, seconds=0.01)
    assert queue._task is None
    queue.record(record(1))
    assert queue._task is not None
    eventually(lambda: seen.ids == ["id1"], "the record has arrived")
    queue.record(record(2))
    eventually(lambda: seen.ids == ["id1", "id2"], "the next one too")


def test_records_come_in_batches(queues: Any) -> None:
    seen = Seen()
    queue = queues(seen, seconds=60.0, batch=3)
    for number in range(3):
        queue.record(record(number))
    eventually(lambda: len(seen.ids) == 3, "a full batch does not wait")
    assert seen.batches == [["id0", "id1", "id2"]]
    for number in range(3, 5):
        queue.record(record(number))
    assert len(seen.ids) == 3
    queue.flush()
    assert seen.batches[1:] == [["id3", "id4"]]


def test_none_is_lost_between_many_threads(queues: Any) -> None:
    seen = Seen()
    queue = queues(seen, seconds=0.001, batch=7)
    threads = [
        threading.Thread(target=lambda: [queue.record(record(number)) for number in range(2000)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: len(seen.ids) == 8000, "all have arrived")


def test_stop_hands_on_what_waits_and_drops_the_rest(queues: Any) -> None:
    seen = Seen()
    queue = queues(seen, seconds=60.0)
    queue.record(record(1))
    queue.stop()
    assert seen.ids == ["id1"]
    queue.record(record(2))
    queue.flush()
    queue.stop()
    assert seen.ids == ["id1"]
    assert not queue._task.is_alive()


def test_a_consumer_may_come_later(queues: Any) -> None:
    queue = queues()
    queue.record(record(1))
    seen = Seen()
    queue.add(seen)
    queue.flush()
    assert seen.ids == ["id1"]
    assert "0 waiting, 1 consumers" in repr(queue)

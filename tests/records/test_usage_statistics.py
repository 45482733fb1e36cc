"""Counting into SQLite and what is shown of it (logging.md 16, management-api.md 17)."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from records.usage_bench import MOMENT, Usage, record, running

from cliproxy.errors import RequestError
from cliproxy.records.usage import database_path, reading

ZEROS = {
    "total_requests": 0, "success_count": 0, "failure_count": 0, "total_tokens": 0, "apis": {}, "requests_by_day": {},
    "requests_by_hour": {}, "tokens_by_day": {}, "tokens_by_hour": {},
}  # fmt: skip


@pytest.fixture(autouse=True)
def singapore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Singapore")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "usage.sqlite3"


@pytest.fixture
def usage(path: Path) -> Iterator[Usage]:
    with running(path) as found:
        yield found


def test_the_example_of_the_specification(usage: Usage) -> None:
    usage.put(record(), record(failed=True, tokens=()))
    tokens = {"input_tokens": 10, "output_tokens": 20, "reasoning_tokens": 0, "cached_tokens": 0, "total_tokens": 30}
    detail = {
        "timestamp": "2026-01-02T11:04:05.678+08:00", "source": "me@example.com", "auth_index": "0f1e2d3c4b5a6978",
        "tokens": tokens, "failed": False,
    }  # fmt: skip
    failure = {**detail, "tokens": dict.fromkeys(tokens, 0), "failed": True}
    model = {"total_requests": 2, "total_tokens": 30, "details": [detail, failure]}
    api = {"total_requests": 2, "total_tokens": 30, "models": {"gpt-5": model}}
    wanted = {
        "total_requests": 2, "success_count": 1, "failure_count": 1, "total_tokens": 30, "apis": {"client-key-1": api},
        "requests_by_day": {"2026-01-02": 2}, "requests_by_hour": {"11": 2}, "tokens_by_day": {"2026-01-02": 30},
        "tokens_by_hour": {"11": 30},
    }  # fmt: skip
    assert usage.body == {"usage": wanted, "failed_requests": 1}
    assert list(usage.usage) == list(wanted)


@pytest.mark.case("logging:48")
def test_switched_off_and_on(path: Path) -> None:
    with running(path, enabled=False) as usage:
        usage.put(record())
        assert usage.body == {"usage": ZEROS, "failed_requests": 0}
        assert not path.exists()
        usage.put(record())
        usage.switch(True)
        usage.put(record(), record())
        usage.switch(False)
        usage.put(record())
        assert usage.usage["total_requests"] == 2
    with running(path, enabled=False) as usage:
        usage.put(record())
        assert usage.usage["total_requests"] == 2
        usage.switch(True)
        usage.put(record())
        assert usage.usage["total_requests"] == 3
        assert len(usage.details()) == 3


@pytest.mark.case("logging:49")
def test_what_a_record_is_counted_under(usage: Usage) -> None:
    route = "POST /v1/chat/completions"
    usage.put(
        record("", route=route), record("k", route=route), record(" ", route=" "), record("", provider="", model=" "),
    )  # fmt: skip
    apis = usage.usage["apis"]
    assert set(apis) == {route, "k", "codex", "unknown"}
    assert set(apis["unknown"]["models"]) == {"unknown"}


def test_an_error_answer_to_the_client_is_a_failure(usage: Usage) -> None:
    late = record()
    usage.put(record(status=200), record(status=399), record(status=400), record(failed=True, status=200), late)
    assert late.request is not None
    late.request.status = 500  # known only after the record was made
    assert usage.body["failed_requests"] == 3
    assert usage.usage["success_count"] == 2


@pytest.mark.parametrize(
    ("tokens", "total"),
    [((1, 2, 3, 4, 5), 5), ((1, 2, 3, 4), 6), ((0, 0, 0, 4), 4), ((), 0)],
)
def test_totals(usage: Usage, tokens: tuple[int, ...], total: int) -> None:
    usage.put(record(tokens=tokens))
    assert usage.details()[0]["tokens"]["total_tokens"] == usage.usage["total_tokens"] == total


def test_names_that_cannot_be_written(usage: Usage) -> None:
    usage.put(record("k\ud800", 'm"\\\ny', source="s\udfff", auth_index="\x00"))
    assert usage.details("k?", 'm"\\\ny')[0]["source"] == "s?"


def test_details_keep_their_order_and_the_newest_stay(path: Path) -> None:
    moments = [MOMENT + second for second in (5, 1, 4, 2, 3)]
    with running(path, keep=3) as usage:
        usage.put(*(record(requested_at=moment) for moment in moments))
        assert [one["timestamp"][17:19] for one in usage.details()] == ["10", "09", "08"]
        assert usage.usage["total_requests"] == usage.usage["requests_by_hour"]["11"] == 5
    with running(path, keep=3) as usage:
        usage.put(record(requested_at=MOMENT + 60), record("other", requested_at=MOMENT + 61))
        assert [one["timestamp"][14:19] for one in usage.details()] == ["04:10", "05:05"]
        assert len(usage.details("other")) == 1
        assert usage.usage["total_requests"] == 7
        assert usage.usage["apis"]["client-key-1"]["total_requests"] == 6


def test_nobody_else_can_read_the_file(path: Path, usage: Usage) -> None:
    old = os.umask(0)
    try:
        usage.put(record())
        usage.store.flush()
        usage.usage_body()
    finally:
        os.umask(old)
    names = {entry.name: entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()}
    assert set(names.values()) == {0o600}
    assert path.name in names


def test_a_file_that_others_could_read(path: Path) -> None:
    path.parent.mkdir()
    path.touch(0o644)
    path.chmod(0o644)
    with running(path) as usage:
        usage.put(record())
        assert usage.usage["total_requests"] == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == [path.name]  # the write-ahead log is in the file


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.INFO]


def test_a_disk_that_fails(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path.parent.write_text("in the way")
    with running(path, backlog=3) as usage:
        for number in range(5):
            usage.put(record(requested_at=MOMENT + number))
            usage.queue.flush()
        (warning,) = warnings(caplog)
        assert warning.startswith(f"usage statistics cannot be written to {path}: ")
        with pytest.raises(RequestError) as caught:
            usage.load({})
        assert (caught.value.status, caught.value.text) == (400, "usage statistics unavailable")
        path.parent.unlink()
        caplog.clear()
        assert usage.usage["total_requests"] == 3
        assert [one["timestamp"][17:19] for one in usage.details()] == ["07", "08", "09"]
        assert warnings(caplog) == ["usage statistics are written again, 2 records are lost"]
        path.unlink()
        path.mkdir()
        caplog.clear()
        usage.put(record())
        usage.queue.flush()
        assert len(warnings(caplog)) == 1  # a new outage
        path.rmdir()
        assert usage.usage["total_requests"] == 1


def test_a_disk_that_fails_to_the_end(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.write_text("in the way")
    with running(path) as usage:
        usage.put(record(), record())
    assert warnings(caplog)[1:] == ["2 usage records could not be written and are lost"]


def test_a_file_that_is_no_database(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_text("no database, but text" * 100)
    with running(path) as usage:
        usage.put(record())
        with pytest.raises(RequestError) as caught:
            usage.usage_body()
        assert caught.value.status == 503
        assert path.read_text().startswith("no database")
    assert "file is not a database" in caplog.text


def test_a_file_of_a_later_version(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(path) as usage:
        usage.put(record())
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with running(path) as usage:
        usage.put(record())
    assert "the file has format 9, this program knows 1" in caplog.text


def test_a_file_that_was_taken_away(path: Path, usage: Usage) -> None:
    usage.put(record())
    assert usage.usage["total_requests"] == 1
    path.unlink()
    assert usage.usage == ZEROS
    usage.put(record(), record())
    assert usage.usage["total_requests"] == 2


def test_a_record_that_makes_no_sense_is_dropped(usage: Usage, caplog: pytest.LogCaptureFixture) -> None:
    usage.put(record(requested_at=float("nan")))
    usage.queue.flush()
    usage.put(record())
    assert usage.usage["total_requests"] == 1
    assert "could not be understood" in caplog.text


def test_a_snapshot_is_of_one_moment(usage: Usage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written while it is being read is not in it."""
    read = reading._totals

    def read_and_write(connection: sqlite3.Connection) -> reading.Totals:
        found = read(connection)
        usage.put(record(), record("other", failed=True))
        usage.queue.flush()
        return found

    usage.put(record())
    monkeypatch.setattr(reading, "_totals", read_and_write)
    for total in (1, 3, 5):
        found = usage.usage
        assert found["total_requests"] == total
        assert sum(found["requests_by_day"].values()) == sum(found["requests_by_hour"].values()) == total
        assert sum(api["total_requests"] for api in found["apis"].values()) == total
        models = [model for api in found["apis"].values() for model in api["models"].values()]
        assert sum(len(model["details"]) for model in models) == total


def test_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert database_path("", tmp_path) == tmp_path / "usage.sqlite3"
    assert database_path("~/u.db", tmp_path) == Path("/home/me/u.db")
    assert database_path("u.db", tmp_path) == Path("u.db")


def test_under_gevent() -> None:
    script = Path(__file__).with_name("patched_usage.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: Any = json.loads(done.stdout)
    assert found == {"requests": 2000, "imported": {"added": 0, "skipped": 2000, "total_requests": 2000,
                     "failed_requests": 0}, "ticks": True, "survived": 2001, "left": ["u.sqlite3"]}  # fmt: skip

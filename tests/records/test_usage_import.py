"""Export and import of usage statistics (logging.md 16, management-api.md 17.2, 17.3)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from records.usage_bench import MOMENT, Usage, record, running

from cliproxy.errors import RequestError
from cliproxy.records.moments import Moment

DETAIL: dict[str, Any] = {
    "timestamp": "2026-01-02T03:04:05.123456789+05:30", "source": "s", "auth_index": "i", "failed": True,
    "tokens": {"input_tokens": 1, "output_tokens": 2, "reasoning_tokens": 3, "cached_tokens": 4, "total_tokens": 5},
}  # fmt: skip


@pytest.fixture
def usage(tmp_path: Path) -> Iterator[Usage]:
    with running(tmp_path / "usage.sqlite3") as found:
        yield found


def file(*details: Any, api: str = "k", model: str = "m", **more: Any) -> dict[str, Any]:
    return {"version": 1, "usage": {"apis": {api: {"models": {model: {"details": list(details)}}}}}, **more}


def result(added: int, skipped: int, total: int, failed: int) -> dict[str, int]:
    return {"added": added, "skipped": skipped, "total_requests": total, "failed_requests": failed}


@pytest.mark.case("logging:50")
def test_there_and_back(usage: Usage, tmp_path: Path) -> None:
    usage.put(*(record(f"k{n % 3}", f"m{n % 2}", requested_at=MOMENT + 4000 * n, failed=n == 5) for n in range(20)))
    export = usage.export_body()
    assert usage.load(export) == result(0, 20, 20, 1)
    with running(tmp_path / "new.sqlite3", enabled=False) as other:
        assert other.load(export) == result(20, 0, 20, 1)
        assert other.usage == usage.usage
        assert all(re.fullmatch(r"[01]\d|2[0-3]", hour) for hour in other.usage["requests_by_hour"])
        assert other.load(export) == result(0, 20, 20, 1)
        assert json.loads(other.export_body())["usage"] == json.loads(export)["usage"]


def test_the_form_of_an_export(usage: Usage) -> None:
    export = json.loads(usage.export_body())
    assert list(export) == ["version", "exported_at", "usage"]
    assert export["version"] == 1
    assert Moment.parse(export["exported_at"]).text.endswith("Z")


@pytest.mark.case("logging:51")
@pytest.mark.parametrize("version", [0, 1, None, "absent"])
def test_versions(usage: Usage, version: Any) -> None:
    body = file(DETAIL, version=version)
    if version == "absent":
        del body["version"]
    assert usage.load(body) == result(1, 0, 1, 1)


WRONG: list[Any] = [
    b"", b"{", b"{} {}", b"[]", b'"x"', b"\xff", {"version": "1"}, {"version": 1.0}, {"version": True}, {"usage": []},
    {"usage": {"apis": []}}, {"usage": {"apis": {"k": 1}}}, {"usage": {"apis": {"k": {"models": []}}}},
    {"usage": {"apis": {"k": {"models": {"m": 5}}}}}, {"usage": {"apis": {"k": {"models": {"m": {"details": {}}}}}}},
    file(1), file({"failed": 1}), file({"timestamp": 5}), file({"timestamp": ""}), file({"timestamp": "yesterday"}),
    file({"timestamp": "2026-02-30T00:00:00Z"}), file({"timestamp": "2026-02-03T00:00:00"}), file({"source": 1}),
    file({"timestamp": "2026-02-03T00:00:00+25:00"}), file({"auth_index": 1}), file({"tokens": []}),
    file({"tokens": {"input_tokens": 1.0}}), file({"tokens": {"input_tokens": True}}), file({"tokens": {"total_tokens": 2**63}}),
    file({"source": 1}, api=" "),
]  # fmt: skip


@pytest.mark.case("logging:51")
@pytest.mark.parametrize("body", WRONG, ids=repr)
def test_what_is_refused(usage: Usage, body: Any) -> None:
    if isinstance(body, dict) and "apis" in body.get("usage", ()) and isinstance(body["usage"]["apis"], dict):
        body["usage"]["apis"] = {"first": {"models": {"m": {"details": [DETAIL] * 600}}}, **body["usage"]["apis"]}
    with pytest.raises(RequestError) as caught:
        usage.load(body)
    assert (caught.value.status, caught.value.text) == (400, "invalid json")
    assert usage.usage["apis"] == {}, "an import is whole or nothing"


@pytest.mark.case("logging:51")
@pytest.mark.parametrize("version", [2, -1])
def test_other_versions(usage: Usage, version: int) -> None:
    with pytest.raises(RequestError) as caught:
        usage.load(file(DETAIL, version=version))
    assert (caught.value.status, caught.value.text) == (400, "unsupported version")


@pytest.mark.parametrize(
    "body", [b"null", {}, {"usage": None}, {"usage": {"apis": None, "total_requests": "x"}}, {"more": 1}]
)
def test_nothing_to_import(usage: Usage, body: Any) -> None:
    assert usage.load(body) == result(0, 0, 0, 0)


def test_only_details_count(usage: Usage) -> None:
    body = file(DETAIL)
    body["usage"] |= {"total_requests": 99, "requests_by_day": {"2020-01-01": 9}, "tokens_by_hour": {"7": 1}}
    body["usage"]["apis"]["k"]["total_requests"] = 50
    assert usage.load(body) == result(1, 0, 1, 1)
    assert usage.usage["requests_by_day"] == {"2026-01-02": 1}
    assert usage.usage["tokens_by_hour"] == {"03": 5}
    assert usage.details("k", "m") == [DETAIL]


@pytest.mark.parametrize(
    "change",
    [
        {"source": "x"}, {"auth_index": "x"}, {"failed": False}, {"timestamp": "2026-01-02T03:04:05.123456788+05:30"},
        *({"tokens": {**DETAIL["tokens"], name: 77}} for name in DETAIL["tokens"]),
    ],
)  # fmt: skip
def test_what_makes_a_difference(usage: Usage, change: dict[str, Any]) -> None:
    assert usage.load(file(DETAIL, {**DETAIL, **change})) == result(2, 0, 2, 2 - ("failed" in change))


def test_duplicates(usage: Usage) -> None:
    same = {**DETAIL, "timestamp": "2026-01-01T21:34:05.123456789Z"}
    assert usage.load(file(DETAIL, same, DETAIL)) == result(1, 2, 1, 1)
    assert usage.load(file(same, api=" k ", model=" m ")) == result(0, 1, 1, 1)
    assert usage.load(file(same, api="k2")) == result(1, 0, 2, 2)
    assert usage.load(file(same, model="m2")) == result(1, 0, 3, 3)


def test_what_was_recorded_is_known(usage: Usage) -> None:
    usage.put(record(), record())
    assert usage.usage["total_requests"] == 2  # equal records are two requests
    (detail, _) = usage.details()
    assert usage.load(file(detail, api="client-key-1", model="gpt-5")) == result(0, 1, 2, 0)


def test_details_that_are_gone_are_known_still(tmp_path: Path) -> None:
    with running(tmp_path / "u.sqlite3", keep=2) as usage:
        usage.put(*(record(requested_at=MOMENT + n) for n in range(2)))
        export = usage.export_body()
        usage.put(*(record(requested_at=MOMENT + n) for n in range(2, 4)))
        assert len(usage.details()) == 2
        assert usage.load(export) == result(0, 2, 4, 0)
        old = [{**DETAIL, "timestamp": f"2020-01-01T00:00:0{n}Z"} for n in range(5)]
        assert usage.load(file(*old)) == result(5, 0, 9, 5)
        assert usage.load(file(*old)) == result(0, 5, 9, 5)
        assert len(usage.details()) == 2  # newer than what came in


def test_names_and_gaps(usage: Usage, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {" ": {"details": [{}]}, "zero": {"details": [{"timestamp": "0001-01-01T00:00:00Z"}, None]}, "none": {}}
    body = {"usage": {"apis": {" ": {"models": {"m": {"details": [DETAIL]}}}, " k ": {"models": models}, "empty": {}}}}
    usage.store._clock = lambda: MOMENT
    assert usage.load(body) == result(2, 1, 2, 0)
    apis = usage.usage["apis"]
    assert set(apis) == {"k", "empty"}
    assert apis["empty"] == {"total_requests": 0, "total_tokens": 0, "models": {}}
    assert set(apis["k"]["models"]) == {"unknown", "zero"}
    now = Moment.of(MOMENT).text
    assert [one["timestamp"] for one in usage.details("k", "unknown") + usage.details("k", "zero")] == [now, now]


def test_numbers(usage: Usage) -> None:
    zero = {**DETAIL, "tokens": {"input_tokens": 1, "output_tokens": 2, "cached_tokens": 9}}
    negative = {**DETAIL, "tokens": {"total_tokens": -7}}
    usage.load(file(zero, negative))
    assert [one["tokens"]["total_tokens"] for one in usage.details("k", "m")] == [3, -7]
    assert usage.usage["total_tokens"] == usage.usage["tokens_by_hour"]["03"] == 3
    assert usage.usage["tokens_by_day"]["2026-01-02"] == 3
    assert usage.usage["apis"]["k"]["total_tokens"] == -4


@pytest.mark.parametrize(
    ("text", "second", "nanosecond"),
    [
        ("1970-01-01T00:00:00Z", 0, 0), ("1970-01-01T01:00:00.5+01:00", 0, 500_000_000),
        ("1969-12-31T23:59:59.000000001-00:30", 1799, 1), ("9999-12-31T23:59:59.9999999999Z", 253402300799, 999_999_999),
        ("0001-01-01T00:00:00Z", -62135596800, 0), ("2024-02-29T12:00:00+05:45", 1709187300, 0),
    ],
)  # fmt: skip
def test_times(text: str, second: int, nanosecond: int) -> None:
    moment = Moment.parse(text)
    assert (moment.text, moment.second, moment.nanosecond) == (text, second, nanosecond)


@pytest.mark.parametrize(
    ("zone", "unix", "text"),
    [
        ("UTC", MOMENT, "2026-01-02T03:04:05.678Z"), ("Asia/Kolkata", MOMENT, "2026-01-02T08:34:05.678+05:30"),
        ("America/St_Johns", 1_767_323_045.0, "2026-01-01T23:34:05-03:30"),
        ("Europe/Berlin", 1_782_950_400.25, "2026-07-02T02:00:00.25+02:00"),
    ],
)  # fmt: skip
def test_local_times(monkeypatch: pytest.MonkeyPatch, zone: str, unix: float, text: str) -> None:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", zone)
        time.tzset()
        moment = Moment.of(unix)
    time.tzset()
    assert moment.text == text
    assert (Moment.parse(text).second, Moment.parse(text).nanosecond) == (moment.second, moment.nanosecond)
    assert (moment.day, moment.hour) == (text[:10], int(text[11:13]))

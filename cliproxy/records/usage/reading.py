"""What the statistics say, read from the file of ``database.py`` while it is being written (logging.md 16)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

_TOTALS = "SELECT total(requests), total(failed), total(counted) FROM counters"
_DAYS = "SELECT day, sum(requests), sum(counted) FROM counters GROUP BY day ORDER BY day"
_HOURS = "SELECT hour, requests, tokens FROM hours ORDER BY hour"
_GROUPS = """
SELECT api, model, coalesce(sum(requests), 0), coalesce(sum(total), 0)
FROM groups LEFT JOIN counters ON grp = id GROUP BY id ORDER BY api, model
"""
_DETAILS = """
SELECT grp, CAST(group_concat(detail) AS BLOB) FROM details INDEXED BY details_by_group GROUP BY grp
"""
"""The index gives the rows of a group in the order in which they came in."""
_ROWS = """
SELECT api, model, provider, auth_index, source, sum(requests), sum(failed), sum(input), sum(output), sum(reasoning),
    sum(cached), sum(total)
FROM counters JOIN groups ON grp = id WHERE day >= ? GROUP BY grp, provider, auth_index, source
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """Of everything: ``requests`` and the ``failed`` ones among them, ``tokens``."""

    requests: int = 0
    failed: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """Counts of one client key (or route), model and credential. ``source`` may be a full API key."""

    api: str
    model: str
    provider: str
    auth_index: str
    source: str
    requests: int
    failed: int
    input: int
    output: int
    reasoning: int
    cached: int
    total: int


def totals(path: Path) -> Totals:
    """The totals; zeros without a file. Raises as ``snapshot``."""
    with _reading(path) as connection:
        return _totals(connection) if connection is not None else Totals()


def rows(path: Path, since: str = "") -> list[Row]:
    """All counts from the day ``since`` (``YYYY-MM-DD``) on. Raises as ``snapshot``."""
    with _reading(path) as connection:
        return [Row(*row) for row in connection.execute(_ROWS, (since,))] if connection is not None else []


def snapshot(path: Path) -> tuple[bytes, Totals]:
    """The JSON object ``usage`` of logging.md 16 and its totals, all of one moment. An empty one without a file.

    :raises sqlite3.Error, OSError: the file cannot be read.
    """
    with _reading(path) as connection:
        if connection is None:
            return _written(Totals(), b"{}", [], []), Totals()
        found = _totals(connection)
        days, hours = connection.execute(_DAYS).fetchall(), connection.execute(_HOURS).fetchall()
        return _written(found, _apis(connection), days, hours), found


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """One read transaction; None when nothing was ever written."""
    if not path.exists() or not path.stat().st_size:
        yield None
        return
    place = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(place, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        yield connection if version else None
    finally:
        connection.close()


def _totals(connection: sqlite3.Connection) -> Totals:
    return Totals(*(int(number) for number in connection.execute(_TOTALS).fetchone()))


def _apis(connection: sqlite3.Connection) -> bytes:
    """The map ``apis``. Details are JSON texts already and are joined inside SQLite."""
    ids = {(api, model): group for group, api, model in connection.execute("SELECT id, api, model FROM groups")}
    details: dict[int, bytes] = dict(connection.execute(_DETAILS))
    apis: dict[str, list[tuple[str, int, int]]] = {}
    for api, model, requests, tokens in connection.execute(_GROUPS):
        models = apis.setdefault(api, [])
        if model:
            models.append((model, requests, tokens))
    out = []
    for api, models in apis.items():
        inner = b",".join(
            b'%b:{"total_requests":%d,"total_tokens":%d,"details":[%b]}'
            % (orjson.dumps(model), requests, tokens, details.pop(ids[api, model], b""))
            for model, requests, tokens in models
        )
        requests, tokens = sum(one[1] for one in models), sum(one[2] for one in models)
        out.append(
            b'%b:{"total_requests":%d,"total_tokens":%d,"models":{%b}}' % (orjson.dumps(api), requests, tokens, inner)
        )
    return b"{%b}" % b",".join(out)


def _written(found: Totals, apis: bytes, days: list[Any], hours: list[Any]) -> bytes:
    by_day = {day: (requests, tokens) for day, requests, tokens in days}
    by_hour = {f"{hour:02}": (requests, tokens) for hour, requests, tokens in hours}
    maps = {
        "requests_by_day": {day: one[0] for day, one in by_day.items()},
        "requests_by_hour": {hour: one[0] for hour, one in by_hour.items()},
        "tokens_by_day": {day: one[1] for day, one in by_day.items()},
        "tokens_by_hour": {hour: one[1] for hour, one in by_hour.items()},
    }
    head = b'{"total_requests":%d,"success_count":%d,"failure_count":%d,"total_tokens":%d,"apis":' % (
        found.requests, found.requests - found.failed, found.failed, found.tokens,
    )  # fmt: skip
    return head + apis + b"," + orjson.dumps(maps)[1:]

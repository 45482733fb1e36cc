"""The SQLite file of the usage statistics: its tables, and the one who writes them (logging.md 16, design D15)."""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TypeVar

from gevent.monkey import get_original

from cliproxy.records.usage.details import Detail

T = TypeVar("T")

KEEP_DETAILS = 100_000
_VERSION = 1
_CHUNK = 500
_SCHEMA = """
CREATE TABLE groups (id INTEGER PRIMARY KEY, api TEXT NOT NULL, model TEXT NOT NULL, UNIQUE (api, model));
CREATE TABLE counters (
    day TEXT NOT NULL, grp INTEGER NOT NULL, provider TEXT NOT NULL, auth_index TEXT NOT NULL, source TEXT NOT NULL,
    requests INTEGER NOT NULL, failed INTEGER NOT NULL, input INTEGER NOT NULL, output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL, cached INTEGER NOT NULL, total INTEGER NOT NULL, counted INTEGER NOT NULL,
    PRIMARY KEY (day, grp, provider, auth_index, source)
) WITHOUT ROWID;
CREATE TABLE hours (hour INTEGER PRIMARY KEY, requests INTEGER NOT NULL, tokens INTEGER NOT NULL);
CREATE TABLE details (id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, second INTEGER NOT NULL, detail TEXT NOT NULL);
CREATE INDEX details_by_group ON details (grp);
CREATE INDEX details_by_age ON details (second);
CREATE TABLE seen (fingerprint INTEGER PRIMARY KEY);
"""
"""``groups`` with an empty model stand for the API alone. ``counters.counted`` is what goes into the global counters.
``details`` are the newest ones; ``seen`` has the fingerprints of all there ever were, 8 bytes each, so that an import
knows its duplicates also among those that are gone."""
_COUNT = """
INSERT INTO counters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, failed = failed + excluded.failed, input = input + excluded.input,
    output = output + excluded.output, reasoning = reasoning + excluded.reasoning, cached = cached + excluded.cached,
    total = total + excluded.total, counted = counted + excluded.counted
"""
_HOUR = """
INSERT INTO hours VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, tokens = tokens + excluded.tokens
"""
_TRIM = "DELETE FROM details WHERE id IN (SELECT id FROM details ORDER BY second, id LIMIT ?)"

Key = tuple[str, int, str, str, str]


class Database:
    """Writes. Used by one thread at a time; opened when needed, and again after an error or when the file is gone.

    ``keep``: how many details stay, the newest by their own time. All methods raise ``sqlite3.Error`` or ``OSError``
    and change nothing then.
    """

    def __init__(self, path: Path, keep: int = KEEP_DETAILS) -> None:
        self.path = path
        self._keep = keep
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._rows = 0
        self._groups: dict[tuple[str, str], int] = {}
        # A real lock even under gevent: it is only ever taken in the writer's thread (without gevent: in any thread).
        self._lock = get_original("_thread", "allocate_lock")()

    def __repr__(self) -> str:
        return f"<Database {self.path} {'open' if self._connection is not None else 'closed'}>"

    def add(self, details: Iterable[Detail]) -> None:
        """Count all of them and keep them as details."""
        with self._writing() as connection:
            for chunk in _chunks(details):
                self._insert(connection, chunk)
                connection.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(one.fingerprint,) for one in chunk])
            self._trim(connection)

    def merge(self, entries: Iterable[str | Detail]) -> tuple[int, int]:
        """Add the details that are not known yet: (added, skipped). Names are APIs to have even without details.

        What ``entries`` raises while it is read ends the merge without a trace.
        """
        added = skipped = 0
        with self._writing() as connection:
            for chunk in _chunks(entries):
                new = []
                for one in chunk:
                    if isinstance(one, str):
                        self._group(connection, one, "")
                    elif _is_new(connection, one):
                        new.append(one)
                    else:
                        skipped += 1
                self._insert(connection, new)
                added += len(new)
            self._trim(connection)
        return added, skipped

    def close(self) -> None:
        """Close the file; the write-ahead log goes into it."""
        with self._lock:
            self._drop()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; after an error the connection is not used again."""
        with self._lock:
            try:
                connection = self._opened()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._drop()
                raise

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._inode == _inode(self.path):
            return self._connection
        self._drop()
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.chmod(self.path, 0o600)  # SQLite gives its -wal and -shm files the same mode
        self._connection = connection = sqlite3.connect(
            self.path, timeout=5.0, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_size_limit = 4194304")
        _migrate(connection)
        self._inode = _inode(self.path)
        self._rows = connection.execute("SELECT count(*) FROM details").fetchone()[0]
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._groups.clear()
        if connection is not None:
            connection.close()  # rolls back

    def _insert(self, connection: sqlite3.Connection, details: list[Detail]) -> None:
        counters: defaultdict[Key, list[int]] = defaultdict(lambda: [0] * 8)
        hours: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
        rows = []
        for one in details:
            group, tokens = self._group(connection, one.api, one.model), one.tokens
            sums = counters[one.moment.day, group, one.provider, one.auth_index, one.source]
            numbers = (
                1, one.failed, tokens.input, tokens.output, tokens.reasoning, tokens.cached, tokens.total,
                one.counted_tokens,
            )  # fmt: skip
            sums[:] = [old + new for old, new in zip(sums, numbers, strict=True)]
            hour = hours[one.moment.hour]
            hour[0] += 1
            hour[1] += one.counted_tokens
            rows.append((group, one.moment.second, one.json))
        connection.executemany(_COUNT, [(*key, *sums) for key, sums in counters.items()])
        connection.executemany(_HOUR, [(hour, *sums) for hour, sums in hours.items()])
        connection.executemany("INSERT INTO details (grp, second, detail) VALUES (?, ?, ?)", rows)
        self._rows += len(rows)

    def _group(self, connection: sqlite3.Connection, api: str, model: str) -> int:
        found = self._groups.get((api, model))
        if found is None:
            connection.execute("INSERT OR IGNORE INTO groups (api, model) VALUES (?, ?)", (api, model))
            row = connection.execute("SELECT id FROM groups WHERE api = ? AND model = ?", (api, model)).fetchone()
            if len(self._groups) >= 10 * _CHUNK:
                self._groups.clear()
            found = self._groups[api, model] = int(row[0])
        return found

    def _trim(self, connection: sqlite3.Connection) -> None:
        if (excess := self._rows - self._keep) > 0:
            connection.execute(_TRIM, (excess,))
            self._rows = self._keep


def _migrate(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file.

    :raises sqlite3.DatabaseError: a later version of this program has made the file.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise sqlite3.DatabaseError(f"the file has format {version}, this program knows {_VERSION}")
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")


def _is_new(connection: sqlite3.Connection, one: Detail) -> bool:
    with closing(connection.execute("INSERT OR IGNORE INTO seen VALUES (?)", (one.fingerprint,))) as cursor:
        return cursor.rowcount == 1


def _chunks(entries: Iterable[T]) -> Iterator[list[T]]:
    left = iter(entries)
    while chunk := list(islice(left, _CHUNK)):
        yield chunk


def _inode(path: Path) -> int:
    """0 when there is no file."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0

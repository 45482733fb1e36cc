"""``cliproxy usage``: what was used, by model, account and client key, read while a server runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from cliproxy.cli.settings import log_directory, read_settings
from cliproxy.cli.usage_tables import Line, print_usage
from cliproxy.config.settings import Settings
from cliproxy.masking import mask_key
from cliproxy.records.usage import database_path
from cliproxy.records.usage.reading import Row, rows


@dataclass(frozen=True, slots=True)
class Report:
    """Usage since the day ``since`` (empty = of all time), busiest first."""

    database: str
    since: str
    enabled: bool
    totals: Line
    models: Sequence[Line]
    credentials: Sequence[Line]
    clients: Sequence[Line]

    def as_json(self) -> dict[str, Any]:
        """For scripts; without keys."""
        return {
            "database": self.database,
            "since": self.since or None,
            "usage_statistics_enabled": self.enabled,
            "totals": {name: value for name, value in self.totals.as_json().items() if name != "name"},
            "models": [line.as_json() for line in self.models],
            "credentials": [line.as_json() for line in self.credentials],
            "clients": [line.as_json() for line in self.clients],
        }


@click.command()
@click.option("--config", "path", metavar="PATH", help="The configuration; else CLIPROXY_CONFIG, else ./config.yaml.")
@click.option("--days", type=click.IntRange(min=1), metavar="N", help="Only today and the N-1 days before it.")
@click.option("--json", "as_json", is_flag=True, help="For scripts; without keys.")
def usage(path: str | None, days: int | None, as_json: bool) -> None:
    """Requests, failures and tokens per model, account and client key."""
    _, settings = read_settings(path)
    since = (date.today() - timedelta(days=days - 1)).isoformat() if days else ""
    database = place_of(settings)
    try:
        found = rows(database, since)
    except (sqlite3.Error, OSError) as error:
        raise click.ClickException(f"{database} cannot be read: {error}") from error
    report = report_of(found, database, since, enabled=settings.usage_statistics_enabled)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        print_usage(report.since, report.totals, report.models, report.credentials, report.clients)
        if not report.enabled:
            click.echo("usage-statistics-enabled is false: nothing new is counted", err=True)


def place_of(settings: Settings) -> Path:
    """The database that a server with these settings writes."""
    return database_path(settings.usage_database, log_directory(settings))


def report_of(found: Sequence[Row], database: Path, since: str, *, enabled: bool) -> Report:
    """The tables of what was read."""
    everything = _summed(found, lambda row: Line("total"))
    return Report(
        database=str(database),
        since=since,
        enabled=enabled,
        totals=everything[0] if everything else Line("total"),
        models=_summed(found, lambda row: Line(row.model)),
        credentials=_summed(found, lambda row: Line(_account(row), row.auth_index, row.provider)),
        clients=_summed(found, lambda row: Line(_client(row.api))),
    )


def _summed(found: Iterable[Row], key: Callable[[Row], Line]) -> list[Line]:
    """One line per key, busiest first."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for row in found:
        line = key(row)
        numbers = (row.requests, row.failed, row.input, row.output, row.reasoning, row.cached, row.total)
        old = sums.setdefault((line.name, line.auth_index, line.provider), [0] * len(numbers))
        old[:] = [one + more for one, more in zip(old, numbers, strict=True)]
    lines = [Line(*names, *numbers) for names, numbers in sums.items()]
    return sorted(lines, key=lambda line: (-line.requests, line.name, line.auth_index))


def _account(row: Row) -> str:
    """Addresses and file names as they are; everything else may be a key. Empty when only the client's key is known."""
    source = "" if row.source == row.api else row.source
    return source if "@" in source or ".json" in source else mask_key(source)


def _client(api: str) -> str:
    """A route or provider as it is, a client key masked."""
    method, space, path = api.partition(" ")
    return api if space and method.isupper() and path.startswith("/") else mask_key(api)

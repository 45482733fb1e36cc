"""Usage as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from rich.markup import escape
from rich.table import Table

from cliproxy.cli.printing import print_tables

_COUNTS = ("requests", "failed", "input", "output", "reasoning", "cached", "total")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table, or the totals. All but ``name``, ``auth_index`` and ``provider`` are counts."""

    name: str
    auth_index: str = ""
    provider: str = ""
    requests: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    total_tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        """Without auth index and provider where they are empty."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value != "" or name == "name"}


def print_usage(
    since: str, totals: Line, models: Sequence[Line], credentials: Sequence[Line], clients: Sequence[Line]
) -> None:
    """Three tables, the totals under each."""
    span = f"since {since}" if since else "of all time"
    if not totals.requests:
        print_tables(f"no usage {span}")
        return
    print_tables(
        _table(f"models {span}", ("model",), models, totals), "",
        _table("accounts", ("account", "index", "provider"), credentials, totals), "",
        _table("client keys", ("client key",), clients, totals),
    )  # fmt: skip


def _table(title: str, names: Sequence[str], lines: Sequence[Line], totals: Line) -> Table:
    table = Table(
        box=None, pad_edge=False, header_style="bold", title=title, title_justify="left", title_style="bold cyan",
        show_footer=len(lines) > 1, footer_style="bold",
    )  # fmt: skip
    for number, name in enumerate(names):
        table.add_column(name, "" if number else "total", overflow="fold")
    for name, total in zip(_COUNTS, _numbers(totals), strict=True):
        table.add_column(name, f"{total:,}", justify="right")
    for line in lines:
        texts = (line.name, line.auth_index, line.provider)[: len(names)]
        table.add_row(*(escape(text or "-") for text in texts), *(f"{number:,}" for number in _numbers(line)))
    return table


def _numbers(line: Line) -> tuple[int, ...]:
    return (
        line.requests, line.failed, line.input_tokens, line.output_tokens, line.reasoning_tokens, line.cached_tokens,
        line.total_tokens,
    )  # fmt: skip

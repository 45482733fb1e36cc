"""Tables on the terminal and in pipes."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table

_PIPE_WIDTH = 1000


def print_tables(*things: Table | str) -> None:
    """As wide as the terminal; into a pipe, wide enough that rows stay lines, without blanks at their ends."""
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _PIPE_WIDTH, highlight=False)
    if terminal:
        console.print(*things, sep="\n")
        return
    with console.capture() as captured:
        console.print(*things, sep="\n")
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))

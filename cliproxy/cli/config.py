"""``cliproxy config check``: what a start would say about a configuration file."""

from __future__ import annotations

import sys

import click

from cliproxy.config.load import config_path, load_file
from cliproxy.errors import ConfigError


@click.group()
def config() -> None:
    """Look at the configuration file."""


@config.command()
@click.argument("path", required=False)
def check(path: str | None) -> None:
    """List every problem and warning of a file with its line.

    PATH is the file; else CLIPROXY_CONFIG, else ./config.yaml. Exit code 1 when a server would not start with it.
    """
    file = config_path(path)
    try:
        loaded = load_file(file, write_hash=False)
    except ConfigError as error:
        _fail(str(file), error)
        return
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}")
    if loaded.sample_keys:
        _fail(str(file), ConfigError(loaded.sample_keys))
    click.echo(f"{file}: no problems")


def _fail(file: str, error: ConfigError) -> None:
    click.echo(f"{file}: {len(error.problems)} problem{'s' * (len(error.problems) > 1)}", err=True)
    for problem in error.problems:
        click.echo(f"  {problem}", err=True)
    sys.exit(1)

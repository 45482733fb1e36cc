"""The configuration that a command works with, and what follows from it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cliproxy.cli.serve import project_root
from cliproxy.config.environment import load_dotenv
from cliproxy.config.load import config_path, load_file
from cliproxy.config.settings import Settings
from cliproxy.errors import ConfigError
from cliproxy.records.log_dir import resolve_log_directory


def read_settings(path: str | None) -> tuple[Path, Settings]:
    """(file, its settings): ``path``, else ``CLIPROXY_CONFIG``, else ``./config.yaml``. The file is not touched.

    :raises click.ClickException: it cannot be used; every problem in it.
    """
    load_dotenv(os.environ)
    file = config_path(path)
    try:
        return file, load_file(file, write_hash=False).settings
    except ConfigError as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        raise click.ClickException(f"{file} cannot be used:\n{problems}") from error


def log_directory(settings: Settings) -> Path:
    """Where a server of ``cliproxy serve`` or ``scripts/serve`` with these settings writes its logs."""
    return resolve_log_directory(os.environ, settings.auth_dir, _folder_of_server())


def _folder_of_server() -> Path:
    """Its working directory: a folder ``logs`` there counts."""
    try:
        return project_root()
    except click.ClickException:
        return Path.cwd()

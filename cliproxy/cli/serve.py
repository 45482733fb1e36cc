"""``cliproxy serve``: gunicorn with our settings, in this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from cliproxy.config.load import config_path


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--config", "path", metavar="PATH", help="The configuration; else CLIPROXY_CONFIG, else ./config.yaml.")
@click.argument("gunicorn_args", nargs=-1, type=click.UNPROCESSED)
def serve(path: str | None, gunicorn_args: tuple[str, ...]) -> None:
    """Start the server. Further arguments go to gunicorn, such as -b 127.0.0.1:9000."""
    root = project_root()
    environment = {**os.environ, "CLIPROXY_CONFIG": str(config_path(path))}
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-c", str(root / "gunicorn.conf.py")]
    os.execve(sys.executable, [*command, "--chdir", str(root), *gunicorn_args, "wsgi:app"], environment)  # noqa: S606


def project_root() -> Path:
    """The folder with ``wsgi.py`` and ``gunicorn.conf.py``: here, or where the package lies.

    :raises click.ClickException: neither has them.
    """
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / "wsgi.py").exists() and (folder / "gunicorn.conf.py").exists():
            return folder
    raise click.ClickException("wsgi.py and gunicorn.conf.py are not here: run this in the project's folder")

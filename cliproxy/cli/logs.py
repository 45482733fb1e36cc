"""``cliproxy logs``: the application log and the error logs, from the log directory of the configuration."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from cliproxy.cli.settings import log_directory, read_settings
from cliproxy.errors import CliproxyError
from cliproxy.records.log_reader import error_log_path, error_logs, read_log, request_log_path
from cliproxy.records.log_tail import Tail

_LINES = 100
_EVERY = 0.2
_BLOCK = 1 << 20
_OFF = """\
logging-to-file is off: the server prints its log to standard output. To have a file, put

    logging-to-file: true

into {config}; a running server follows at once and writes {directory}/main.log"""


@click.command()
@click.option("--config", "path", metavar="PATH", help="The configuration; else CLIPROXY_CONFIG, else ./config.yaml.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what the server writes, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(min=1), default=_LINES, show_default=True, help="The last so many.")
@click.option("--errors", is_flag=True, help="List the newest error logs, or print the one that NAME means.")
@click.argument("name", required=False)
def logs(path: str | None, follow: bool, lines: int, errors: bool, name: str | None) -> None:
    """Print the application log, or the log of one request.

    NAME is the file of a request or error log, or the request id that stands in the log's second brackets.
    """
    file, settings = read_settings(path)
    directory = log_directory(settings)
    try:
        if name is not None:
            _print_file(_find(directory, name))
        elif errors:
            _list_errors(directory, lines)
        elif not settings.logging_to_file:
            raise click.ClickException(_OFF.format(config=file, directory=directory))
        elif follow:
            _follow(directory, lines)
        else:
            _print_last(directory, lines)
    except CliproxyError as error:
        raise click.ClickException(error.text) from error
    except OSError as error:
        raise click.ClickException(str(error)) from error


def _print_last(directory: Path, lines: int, end: int | None = None) -> None:
    for line in read_log(directory, limit=lines, end=end).lines:
        click.echo(line)


def _follow(directory: Path, lines: int) -> None:
    """Ends with Ctrl-C."""
    with Tail(directory) as tail:
        _print_last(directory, lines, end=tail.start)
        try:
            while True:
                data = tail.read()
                if data:
                    click.echo(data, nl=False)
                else:
                    time.sleep(_EVERY)
        except KeyboardInterrupt:
            return


def _list_errors(directory: Path, lines: int) -> None:
    found = error_logs(directory)[:lines]
    if not found:
        click.echo(f"no error logs in {directory}")
        return
    for log in found:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(log.modified))
        click.echo(f"{moment}  {log.size:>9}  {log.name}")


def _find(directory: Path, name: str) -> Path:
    """A log file by its name, or that of a request by its id."""
    if name.startswith("error-") and name.endswith(".log"):
        return error_log_path(directory, name)
    if name.endswith(".log") and os.path.basename(name) == name and (directory / name).is_file():
        return directory / name
    return request_log_path(directory, name)


def _print_file(path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            click.echo(block, nl=False)

"""Where log files go: one rule for every writer, the size cap, the management API and the command line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

_VARIABLES = ("WRITABLE_PATH", "writable_path")
_NAME = "logs"
_PROBE = ".perm_test"


def resolve_log_directory(environ: Mapping[str, str], auth_dir: str | None, cwd: Path | None = None) -> Path:
    """ResolveLogDirectory (logging.md 5.1, design D12): the absolute path of the log directory.

    ``<WRITABLE_PATH>/logs``, else ``<cwd>/logs`` when it can be written, else ``<auth-dir>/logs``, else ``<cwd>/logs``.
    Creates nothing: the first file that is written makes the directory.

    :param environ: the environment; ``WRITABLE_PATH`` counts before ``writable_path``, blank values do not count.
    :param auth_dir: ``auth-dir`` as configured (a leading ``~`` is expanded); None = no configuration is loaded.
    :param cwd: the working directory; None = that of the process.
    """
    here = Path(os.path.abspath(cwd or Path.cwd()))
    for variable in _VARIABLES:
        if place := environ.get(variable, "").strip():
            return Path(os.path.normpath(here / place)) / _NAME
    local = here / _NAME
    if auth_dir is None or not auth_dir.strip() or _is_writable(local):
        return local
    return Path(os.path.normpath(here / _expanded(auth_dir.strip()))) / _NAME


def _expanded(path: str) -> str:
    """A leading ``~`` is the home directory, whatever follows it (config.md 21)."""
    if not path.startswith("~"):
        return path
    return os.path.join(os.path.expanduser("~"), path[1:].lstrip("/\\").replace("\\", "/"))


def _is_writable(folder: Path) -> bool:
    """Whether a file can be made there; the proof is removed again."""
    if not folder.is_dir():
        return False
    probe = folder / _PROBE
    try:
        probe.touch()
    except OSError:
        return False
    with contextlib.suppress(OSError):
        probe.unlink()
    return True

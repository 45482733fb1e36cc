"""Wishes of the command line to the server that looks after an auth directory: one small file each.

Only who may write the directory may wish. A wish is gone once it has been carried out.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import orjson

from cliproxy.config.files import atomic_write

log = logging.getLogger(__name__)

Action = Literal["reset", "enable", "disable"]

_PREFIX = ".cliproxy-wish-"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to do with which credential."""

    action: Action
    credential_id: str


def post(auth_dir: str, wish: Wish) -> Path:
    """Leave a wish; its file.

    :raises OSError: the directory cannot be written.
    """
    path = Path(auth_dir, f"{_PREFIX}{secrets.token_hex(8)}")
    atomic_write(path, orjson.dumps({"action": wish.action, "credential_id": wish.credential_id}))
    return path


def carry_out(auth_dir: str, work: Callable[[Wish], None]) -> list[Path]:
    """Do what was wished for, in any order; the files, for the caller to delete. One that fails is logged and done."""
    paths = [Path(auth_dir, name) for name in _names(auth_dir)]
    for path in paths:
        if (wish := _read(path)) is not None:
            try:
                work(wish)
            except Exception:
                log.exception("%s of %s, asked for on the command line, failed", wish.action, wish.credential_id)
    return paths


def _names(auth_dir: str) -> list[str]:
    try:
        return [name for name in os.listdir(auth_dir) if name.startswith(_PREFIX)]
    except OSError:
        return []


def _read(path: Path) -> Wish | None:
    try:
        content = orjson.loads(path.read_bytes())
        action, credential_id = content["action"], content["credential_id"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s is no wish: %s", path, error)
        return None
    if action not in get_args(Action) or not isinstance(credential_id, str):
        log.warning("%s asks for what nobody can do", path)
        return None
    return Wish(cast(Action, action), credential_id)

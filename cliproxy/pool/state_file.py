"""Health and counters over a restart (credentials.md 6.6, beyond.md 5.5).

One small JSON file in the auth directory, whose name does not end in ``.json``. Whatever cannot be read in it is left
out: losing a cooldown costs one request. A credential that was changed while nobody looked starts afresh; a
fingerprint of the record, which tells nothing about its secrets, notices.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from cliproxy.config.files import atomic_write
from cliproxy.pool.entry import Counters, Entry, Runtime, fingerprint
from cliproxy.pool.health import LONGEST_BLOCK, Block, Failure, Health, ModelState
from cliproxy.providers.credential import Credential

log = logging.getLogger(__name__)

FILE_NAME = ".cliproxy-state"
_VERSION = 1
_RUNTIME_TIMES = ("created_at", "last_refreshed_at", "next_refresh_after")


@dataclass(frozen=True, slots=True)
class SavedState:
    """What one credential was like when the file was written.

    ``disabled`` and ``connection`` (the provider of a connected one) are for readers beside the server that wrote it;
    a restart takes them from where they belong.
    """

    fingerprint: str
    health: Health
    runtime: Runtime
    disabled: bool = False
    connection: str = ""


def state_path(auth_dir: str) -> Path:
    """Where the state of an auth directory's pool is kept."""
    return Path(auth_dir, FILE_NAME)


def read_state(path: Path, now: float) -> dict[str, SavedState]:
    """What was saved, by credential id; blocks that have ended by ``now`` are left out. Never raises."""
    try:
        content = orjson.loads(path.read_bytes())
        saved = content["credentials"] if content["version"] == _VERSION else {}
        return {str(key): _state(value, now) for key, value in saved.items() if _is_sound(key, value)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("cooldowns of the last run could not be read from %s: %s", path, error)
        return {}


def write_state(path: Path, states: bytes) -> None:
    """Replace the file (0600, whole or not at all).

    :raises OSError: it is as it was.
    """
    atomic_write(path, states)


def dump_state(entries: Iterable[Entry], now: float) -> bytes:
    """The file's content for the entries of a pool."""
    credentials = {entry.id: _plain(entry) for entry in entries}
    return orjson.dumps({"version": _VERSION, "saved_at": now, "credentials": credentials})


class Memory:
    """What a pool is told about credentials from before the restart; each is told once."""

    def __init__(self, saved: Mapping[str, SavedState]) -> None:
        self._saved = dict(saved)

    def __repr__(self) -> str:
        return f"<Memory of {len(self._saved)} credentials>"

    def __call__(self, credential: Credential) -> tuple[Health, Runtime] | None:
        """Health and runtime of a credential; fresh health when it has really changed since."""
        saved = self._saved.pop(credential.id, None)
        if saved is None:
            return None
        if saved.fingerprint == fingerprint(credential):
            return saved.health, saved.runtime
        saved.runtime.new_login()
        return Health(), saved.runtime


def _plain(entry: Entry) -> dict[str, Any]:
    health, runtime = entry.health, entry.runtime
    return {
        "fingerprint": entry.fingerprint,
        "disabled": entry.credential.disabled,
        "connection": entry.credential.provider if entry.credential.is_connection else "",
        "account": _plain_block(health.account),
        "models": {
            model: {
                "block": _plain_block(state.block), "backoff_level": state.backoff_level,
                "last_error": _plain_dataclass(state.last_error),
            }
            for model, state in health.states.items()
        },
        "last_error": _plain_dataclass(health.last_error),
        "failing": health.failing,
        **{name: getattr(runtime, name) for name in _RUNTIME_TIMES},
        "refresh_failures": runtime.refresh_failures,
        "refresh_error": runtime.refresh_error,
        "refresh_rejected": runtime.refresh_rejected,
        "counters": _plain_dataclass(runtime.counters),
    }  # fmt: skip


def _plain_block(block: Block | None) -> dict[str, Any] | None:
    plain = _plain_dataclass(block)
    if plain is not None:
        del plain["trial"]  # the request that tried is gone
    return plain


def _plain_dataclass(value: Any) -> dict[str, Any] | None:
    return None if value is None else {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _is_sound(key: str, value: Any) -> bool:
    """True for what ``_state`` can read; a single odd entry must not cost all others."""
    try:
        _state(value, 0.0)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("the saved state of %s makes no sense and is left out: %s", key, error)
        return False
    return True


def _state(value: dict[str, Any], now: float) -> SavedState:
    states = {model: _model(state, now) for model, state in value["models"].items()}
    health = Health(
        states={model: state for model, state in states.items() if state.block is not None or state.backoff_level},
        account=_block(value["account"], now),
        last_error=_failure(value["last_error"]),
        failing=bool(value["failing"]),
    )
    counters = value["counters"]
    created_at, last_refreshed_at, next_refresh_after = (_number(value[name]) for name in _RUNTIME_TIMES)
    runtime = Runtime(
        created_at=created_at,
        last_refreshed_at=last_refreshed_at,
        next_refresh_after=next_refresh_after,
        refresh_failures=int(value["refresh_failures"]),
        refresh_error=str(value["refresh_error"]),
        refresh_rejected=value.get("refresh_rejected") is True,
        counters=Counters(
            int(counters["attempts"]), int(counters["failed"]), int(counters["input_tokens"]),
            int(counters["output_tokens"]), _number(counters["last_used"]),
        ),
    )  # fmt: skip
    return SavedState(
        str(value["fingerprint"]), health, runtime, value.get("disabled") is True, str(value.get("connection", ""))
    )


def _model(value: dict[str, Any], now: float) -> ModelState:
    block = _block(value["block"], now)
    level = min(max(0, int(value["backoff_level"])), 32)
    return ModelState(block, level, _failure(value["last_error"]))


def _block(value: dict[str, Any] | None, now: float) -> Block | None:
    """A block that goes on; never longer than one may be, whatever the clock did meanwhile."""
    if value is None or _number(value["until"]) <= now:
        return None
    return Block(
        min(_number(value["until"]), now + LONGEST_BLOCK), bool(value["quota"]), str(value["reason"]),
        str(value["message"]), _number(value["trial_at"]), max(1.0, _number(value["distance"])),
    )  # fmt: skip


def _failure(value: dict[str, Any] | None) -> Failure | None:
    if value is None:
        return None
    wait = value["retry_after"]
    return Failure(
        int(value["status"]), str(value["message"]), str(value["code"]), None if wait is None else _number(wait)
    )


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no time")
    return number

"""How a callback gets to the login that waits for it: a file in the auth directory (management-api.md 12.3).

It is a file so that any process which shares the directory can deliver it, such as the original program.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import orjson

from cliproxy.config.files import atomic_write
from cliproxy.oauth.flow import Callback
from cliproxy.providers.tokens.client import text_of


class Handover:
    """The file of one login. ``state`` must be one that ``sessions.is_state`` accepts. All methods touch the disk."""

    def __init__(self, auth_dir: str, provider: str, state: str) -> None:
        self._path = Path(auth_dir, f".oauth-{provider}-{state}.oauth")

    def put(self, callback: Callback) -> None:
        """Deliver what came back.

        :raises OSError: it could not be written.
        """
        content = {"code": callback.code, "state": callback.state, "error": callback.error}
        atomic_write(self._path, orjson.dumps({key: _plain(value) for key, value in content.items()}))

    def take(self) -> Callback | None:
        """What was delivered, and remove it; None when there is nothing, or only half of it yet."""
        try:
            content = orjson.loads(self._path.read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        self.discard()
        if not isinstance(content, dict):
            return Callback()
        return Callback(text_of(content, "code"), text_of(content, "state"), text_of(content, "error"))

    def discard(self) -> bool:
        """Remove what nobody will take any more; False when there is nothing."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def remove_stale(auth_dir: str, older_than: float) -> None:
    """Delete files older than so many seconds: nobody waits for them any more, and they hold codes."""
    for path in Path(auth_dir).glob(".oauth-*.oauth"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > older_than:
                path.unlink()


def _plain(text: str) -> str:
    """Trimmed; halves of surrogate pairs, which JSON bodies can hold and files cannot, become question marks."""
    return text.strip().encode("utf-8", "replace").decode()

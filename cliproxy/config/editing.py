"""Changing the configuration of a running server: for the next request, and in the file (management-api.md 3)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cliproxy.blocking import off_hub
from cliproxy.config.live import LiveSettings
from cliproxy.config.load import Loaded, check_text
from cliproxy.config.normalise import normalise
from cliproxy.config.save import Check, save_settings, text_of, write_raw
from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError, ConfigError


class SaveError(CliproxyError):
    """The file could not be written, or is not in a state to be changed; nothing was changed. ``text`` says why."""

    code = "save_failed"


class ConfigEditor:
    """The one way in which the program itself changes its configuration; one change at a time.

    ``path`` None: there is no file (``create_app(Settings(...))``), changes last until the process ends.
    """

    def __init__(self, live: LiveSettings, path: Path | None) -> None:
        self.live, self.path = live, path
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<ConfigEditor {self.path}>"

    def change(self, edit: Callable[[Settings], Settings]) -> Settings:
        """Put ``edit(current settings)`` into the file and into force; what is in force then, normalised.

        :raises ConfigError: the result is no valid configuration.
        :raises SaveError: the file is missing, has problems of its own, or cannot be written.
        """
        with self._lock:
            if self.path is not None:
                self._catch_up(self.path)
            new, _ = normalise(edit(self.live.current))  # what is left out must not reach the file
            if self.path is not None:
                self._put(partial(save_settings, self.path, new))
            else:  # what no file could hold is refused all the same
                self.live.apply(off_hub(lambda: check_text(text_of(new))[1]))
            return self.live.current

    def replace(self, text: str) -> Settings:
        """Make an uploaded file the configuration; a plaintext management key in it is hashed.

        :raises ConfigError: with every problem of the text.
        :raises SaveError: it cannot be written, or there is no file.
        """
        with self._lock:
            if self.path is None:
                raise SaveError("the server runs without a configuration file")
            self._put(partial(write_raw, self.path, text))
            return self.live.current

    def _catch_up(self, path: Path) -> None:
        """Take over what somebody has written into the file a moment ago: it must not be undone."""
        if not path.is_file():
            raise SaveError(f"{path} does not exist")
        if not path.stat().st_size:  # emptied by mistake, or just being written
            raise SaveError(f"{path} is empty")
        self.live.reload(path)
        if self.live.problems:
            problems = "; ".join(map(str, self.live.problems))
            raise SaveError(f"the file was edited and has problems, put these right first: {problems}")

    def _put(self, write: Callable[[Check], bytes]) -> None:
        """Check the whole new text, then write it, then apply it."""
        reached: list[str] = []

        def work() -> tuple[bytes, Loaded]:
            checked: list[Loaded] = []

            def check(text: str) -> str:
                reached.append(text)
                text, loaded = check_text(text)
                checked.append(loaded)
                return text

            return write(check), checked[0]

        try:
            self.live.put(lambda: off_hub(work))
        except (OSError, UnicodeDecodeError) as error:
            raise SaveError(_reason(error)) from error
        except ConfigError as error:
            if reached:
                raise
            raise SaveError(f"the file cannot be changed: {error.text}") from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)

"""A login whose standard input and output are a terminal, as a person has it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from end_to_end.proxy import ROOT
from oauth.shell import HERE, Command, Shell


class PtyCommand(Command):
    """A command at the other end of a pseudo-terminal."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self._terminal = terminal
        super().__init__(process)

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._terminal, 4096)
            except OSError:  # EIO: the other side is closed
                return
            if not chunk:
                return
            self._chunks.put(chunk)

    def types(self, text: str) -> None:
        """Type a line; the terminal echoes it."""
        os.write(self._terminal, text.encode() + b"\n")

    def ends_input(self) -> None:
        """Press Ctrl-D on an empty line."""
        os.write(self._terminal, b"\x04")


class PtyShell(Shell):
    """A shell whose commands have a terminal."""

    @contextmanager
    def login(self, *arguments: str, **env: str) -> Iterator[PtyCommand]:
        """Run ``cliproxy login`` at a terminal; killed at the end if it still runs."""
        line = [sys.executable, str(HERE / "world.py"), "login", *arguments]
        ours, theirs = pty.openpty()
        try:
            process = subprocess.Popen(
                line, cwd=ROOT, env=self.env(**env), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        command = PtyCommand(process, ours)
        try:
            yield command
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            command._reader.join(5)
            os.close(ours)

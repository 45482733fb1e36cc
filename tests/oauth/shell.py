"""A person who logs in at a terminal: the command in a process of its own, and the browser that they use."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from end_to_end.proxy import ROOT, environment, free_port
from upstream.waiting import eventually

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Seen:
    """What the browser shows at the end."""

    status: int
    url: str
    text: str


def visit(url: str) -> Seen:
    """Go there, follow redirects, as a browser does."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return Seen(answer.status, answer.url, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Seen(error.code, error.url, error.read().decode())


class Command:
    """One running ``cliproxy login ...``."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.output = ""
        self._chunks: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while chunk := os.read(self.process.stdout.fileno(), 4096):
            self._chunks.put(chunk)

    def _take(self) -> None:
        while not self._chunks.empty():
            self.output += self._chunks.get().decode("utf-8", "replace")

    def sees(self, pattern: str, seconds: float = 20.0) -> re.Match[str]:
        """Wait until the output matches."""

        def found() -> re.Match[str] | None:
            self._take()
            return re.search(pattern, self.output)

        try:
            return eventually(found, f"{pattern!r} is printed", seconds=seconds)
        except AssertionError:
            raise AssertionError(f"{pattern!r} was not printed:\n{self.output}") from None

    def address(self) -> str:
        """The authorization URL, alone on its line."""
        return self.sees(r"(?m)^(https?://\S+)\r?$")[1]

    def types(self, text: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def ends(self, code: int = 0, seconds: float = 30.0) -> str:
        """Its whole output, once it has ended with this exit code."""
        try:
            ended = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            ended = -1
        self._reader.join(5)
        self._take()
        assert ended == code, f"exit code {ended}:\n{self.output}"
        assert "Traceback" not in self.output, self.output
        return self.output


class Shell:
    """A folder with a configuration, and a world in which the endpoints are those of a fake."""

    starter: tuple[str, ...] = (str(HERE / "world.py"),)
    """What Python runs before the arguments of the command."""

    def __init__(self, folder: Path, world: Mapping[str, str], config: Mapping[str, Any] | None = None) -> None:
        self.folder, self.world = folder, dict(world)
        self.auths = folder / "auths"
        (folder / "config.yaml").write_text(json.dumps({"auth-dir": str(self.auths), **(config or {})}))
        self.port = free_port()

    def env(self, **more: str) -> dict[str, str]:
        """The environment of the command."""
        config = self.folder / "config.yaml"
        return {**environment(self.folder, config), "CLIPROXY_TEST_WORLD": json.dumps(self.world), **more}

    @contextmanager
    def login(self, *arguments: str, **env: str) -> Iterator[Command]:
        """Run ``cliproxy login``; killed at the end if it still runs."""
        line = [sys.executable, *self.starter, "login", *arguments]
        process = subprocess.Popen(
            line, cwd=ROOT, env=self.env(**env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            yield Command(process)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def files(self) -> dict[str, Any]:
        """All token files, parsed."""
        return {path.name: json.loads(path.read_bytes()) for path in sorted(self.auths.glob("*.json"))}

    def code_options(self) -> tuple[str, ...]:
        """Options of a code login that needs nobody outside: no browser, no lookup, a free port."""
        return ("--no-browser", "--no-ip-lookup", "--callback-port", str(self.port))

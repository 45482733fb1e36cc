"""A real gunicorn with our application, as its own process: start, ask, read its log, stop."""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import secrets
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from upstream.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
KEY = "client-key"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
_START_SECONDS = 30.0
_STOP_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0]


class StartFailed(Exception):
    """The server ended instead of starting; ``code`` is its exit code."""

    def __init__(self, code: int, log: str) -> None:
        super().__init__(f"exit code {code}\n{log[-4000:]}")
        self.code = code
        self.log = log


def yaml(config: Mapping[str, Any]) -> str:
    """A configuration as YAML text."""
    stream = io.StringIO()
    YAML().dump(dict(config), stream)
    return stream.getvalue()


def free_port() -> int:
    """A port that nobody listens on, below those that outgoing connections take."""
    dice = random.SystemRandom()
    while True:
        port = dice.randint(15000, 31000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def environment(folder: Path, config: Path) -> dict[str, str]:
    """Nothing of the developer's own set-up: no proxies, no keys, an empty home."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home), "WRITABLE_PATH": str(folder),
        "CLIPROXY_CONFIG": str(config), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


class Proxy:
    """One running server. ``folder`` holds its configuration, home, logs and output."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any] | str,
        *,
        bind: bool = True,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        app: str = "wsgi:app",
    ) -> None:
        self.folder = folder
        self.config_path = folder / "config.yaml"
        self.write_config(config)
        self.port = port or free_port()
        self._tls = tls
        self.base_url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._output = folder / "output.log"
        command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-c", "gunicorn.conf.py"]
        command += ["-b", f"127.0.0.1:{self.port}"] if bind else []
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *options, app], cwd=ROOT, env=environment(folder, self.config_path) | dict(env or {}),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Proxy {self.base_url} pid {self.process.pid} exit {self.process.poll()}>"

    @property
    def log(self) -> str:
        """Everything that it has printed so far."""
        return self._output.read_text(errors="replace")

    def write_config(self, config: Mapping[str, Any] | str) -> None:
        """Replace the configuration as editors do: a new file, renamed over the old one."""
        new = self.config_path.with_suffix(".new")
        new.write_text(config if isinstance(config, str) else yaml(config))
        new.replace(self.config_path)

    def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Replace the configuration; return once it is in force.

        A client key of its own comes with it: the server takes keys over after everything that requests depend on.
        """
        mark = f"in-force-{secrets.token_hex(4)}"
        self.write_config({**config, "api-keys": [*config["api-keys"], mark]})
        eventually(
            lambda: self.ask("GET", "/v1/models", headers={"X-Api-Key": mark}).status == 200,
            "the new configuration is in force", every=0.05,
        )  # fmt: skip

    def wait_until_up(self) -> None:
        """Return once /healthz answers.

        :raises StartFailed: the process ended.
        """
        try:
            eventually(self._is_up, f"{self!r} is up", seconds=_START_SECONDS, every=0.05)
        except AssertionError:
            self.kill()
            raise AssertionError(f"{self!r} did not start:\n{self.log[-4000:]}") from None

    def _is_up(self) -> bool:
        code = self.process.poll()
        if code is not None:
            self.kill()
            raise StartFailed(code, self.log)
        try:
            return self.ask("GET", "/healthz", timeout=2).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def connect(self, timeout: float = 20.0) -> http.client.HTTPConnection:
        """A new connection; close it."""
        if self._tls is not None:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, timeout: float = 20.0
    ) -> Answer:
        """One request on a connection of its own. ``body``: bytes as they are, anything else as JSON."""
        connection = self.connect(timeout)
        try:
            send(connection, method, path, body, headers)
            return whole(connection.getresponse())
        finally:
            connection.close()

    def post(self, path: str, body: Any, timeout: float = 20.0, **headers: str) -> Answer:
        """One authorized POST; header names with underscores."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, body, {**AUTHORIZED, **extra}, timeout)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the master process."""
        self.process.send_signal(number)

    def wait(self, seconds: float = _STOP_SECONDS) -> int:
        """The exit code, once it has ended by itself."""
        return self.process.wait(seconds)

    def stop(self) -> None:
        """End it with SIGTERM; fails when it does not end well, leaves a child or has logged a traceback."""
        if self.process.poll() is None:
            self.send_signal(signal.SIGTERM)
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self!r} does not end on SIGTERM:\n{self.log[-4000:]}") from None
        eventually(lambda: not self._group_lives(), f"no process of {self!r} is left", seconds=5)
        assert code == 0, f"exit code {code}:\n{self.log[-4000:]}"
        assert "Traceback" not in self.log, self.log[self.log.index("Traceback") - 500 :][:4000]

    def kill(self) -> None:
        """End it and all its children at once."""
        if self._group_lives():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def _group_lives(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


Start = Callable[..., Proxy]
"""``start(config, **options of Proxy)``: a server of a test's own."""


def send(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any, headers: Mapping[str, str] | None
) -> None:
    """Send one request. ``body``: bytes as they are, None for nothing, anything else as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} if data is not None else {}
    connection.request(method, path, data, {**sent, **(headers or {})})


def whole(response: http.client.HTTPResponse) -> Answer:
    """Read an answer to its end."""
    names = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, names, response.read())

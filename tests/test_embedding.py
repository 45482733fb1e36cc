"""docs/embedding.md: its code is run as it stands there; and what it says about a prefix (SCRIPT_NAME) holds."""

from __future__ import annotations

import http.client
import importlib
import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from end_to_end.proxy import ROOT, environment, free_port
from upstream.amp import FakeAmp
from upstream.plan import Plan
from upstream.waiting import eventually
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, TestResponse

from cliproxy.app import create_app
from cliproxy.config.settings import Ampcode, Settings
from cliproxy.records.request_log.logger import FileRequestLogger

PAGE = ROOT / "docs/embedding.md"
_BLOCK = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KEY = {"Authorization": "Bearer client-key"}
MANAGEMENT = {"Authorization": "Bearer manager"}
SAID = "good morning to you"
TURNS = [{"role": "user", "content": SAID}]


def blocks() -> dict[str, str]:
    """The files in the page."""
    return dict(_BLOCK.findall(PAGE.read_text()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files of the page, from which they can be imported."""
    for name, text in blocks().items():
        (tmp_path / name).write_text(text)
    for name, value in (
        ("HOST_AUTHS", str(tmp_path / "auths")), ("WRITABLE_PATH", str(tmp_path)), ("MANAGEMENT_PASSWORD", "manager"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(tmp_path)
    threads = set(threading.enumerate())
    yield tmp_path
    for name in blocks():
        sys.modules.pop(name.removesuffix(".py"), None)
    assert set(threading.enumerate()) <= threads


class Host:
    """The module ``host`` of the page, asked without a server."""

    def __init__(self) -> None:
        self.module: ModuleType = importlib.import_module("host")
        self._client = Client(self.module.wsgi)

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        headers = {**KEY, **options.pop("headers", {})}
        return self._client.open(path, method=method, json=body, headers=headers, buffered=True, **options)

    def post(self, path: str, body: Any) -> Any:
        answer = self.ask("POST", path, body)
        assert answer.status_code == 200, answer.text
        return answer

    @property
    def lines(self) -> list[tuple[str, str, str, int, int, bytes]]:
        found: list[tuple[str, str, str, int, int, bytes]] = self.module.ledger.lines
        return found


@pytest.fixture
def host(folder: Path) -> Iterator[Host]:
    made = Host()
    yield made
    made.module.stop()


def test_every_block_is_a_file() -> None:
    assert list(blocks()) == ["host.py", "gunicorn.conf.py", "parrot.py", "ledger.py", "sign_in.py"]
    assert PAGE.read_text().count("```python") == 5


class TestProvider:
    """The parrot."""

    @pytest.mark.parametrize(
        ("path", "body", "text"),
        [
            ("v1/chat/completions", {"messages": TURNS}, lambda a: a["choices"][0]["message"]["content"]),
            ("v1/messages", {"messages": TURNS, "max_tokens": 9}, lambda a: a["content"][0]["text"]),
            ("v1/responses", {"input": SAID}, lambda a: a["output"][0]["content"][0]["text"]),
            (
                "v1beta/models/parrot-1:generateContent",
                {"contents": [{"role": "user", "parts": [{"text": SAID}]}]},
                lambda a: a["candidates"][0]["content"]["parts"][0]["text"],
            ),
        ],
    )
    def test_in_every_format(self, host: Host, path: str, body: Any, text: Callable[[Any], str]) -> None:
        assert text(host.post(f"/llm/{path}", {"model": "parrot-1", **body}).json) == SAID

    @pytest.mark.parametrize("path", ["v1/chat/completions", "v1/messages"])
    def test_as_a_stream(self, host: Host, path: str) -> None:
        answer = host.post(f"/llm/{path}", {"model": "parrot-1", "messages": TURNS, "stream": True, "max_tokens": 9})
        events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
        deltas = [event.get("delta") or (event.get("choices") or [{}])[0].get("delta") or {} for event in events]
        assert [delta.get("content") or delta.get("text") for delta in deltas if delta.get("content", delta.get("text"))] == [
            "good ", "morning ", "to ", "you ",
        ]  # fmt: skip

    def test_it_is_listed_and_counts_tokens(self, host: Host) -> None:
        models = host.ask("GET", "/llm/v1/models").json
        assert models is not None
        assert [(one["id"], one["owned_by"]) for one in models["data"]] == [("parrot-1", "acme")]
        assert host.post("/llm/v1/messages/count_tokens", {"model": "parrot-1", "messages": TURNS}).json == {
            "input_tokens": 4
        }

    def test_a_request_that_it_refuses(self, host: Host) -> None:
        turns = [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}]}]
        answer = host.ask("POST", "/llm/v1/messages", {"model": "parrot-1", "messages": turns, "max_tokens": 9})
        assert (answer.status_code, answer.json and answer.json["error"]["message"]) == (
            400, "the parrot understands text only",
        )  # fmt: skip
        host.post("/llm/v1/chat/completions", {"model": "parrot-1", "messages": TURNS})

    def test_its_usage_and_its_credential(self, host: Host) -> None:
        host.post("/llm/v1/chat/completions", {"model": "parrot-1", "messages": TURNS})
        usage = host.ask("GET", "/llm/v0/management/usage", headers=MANAGEMENT).json
        assert usage is not None
        assert usage["usage"]["apis"]["client-key"]["models"]["parrot-1"]["total_tokens"] == 8
        listed = host.ask("GET", "/llm/v0/management/auth-files", headers=MANAGEMENT).json
        assert listed is not None
        assert [(one["id"], one["provider"]) for one in listed["files"]] == [("parrot", "parrot")]

    @pytest.mark.parametrize("key", ["claude", "aistudio", "Parrot", "", " parrot"])
    def test_keys_that_it_may_not_have(self, folder: Path, key: str) -> None:
        parrot = importlib.import_module("parrot").Parrot
        named = type("Named", (parrot,), {"key": key})
        with pytest.raises(ValueError, match="a provider needs a key of its own"):
            create_app(Settings(auth_dir=str(folder / "auths")), providers=[lambda parts: named(parts.pipeline)])


class TestLogger:
    """The ledger."""

    def test_a_whole_answer_and_a_stream(self, host: Host) -> None:
        body = {"model": "parrot-1", "messages": TURNS}
        whole = host.post("/llm/v1/chat/completions?key=abcdefghijkl", body).data
        streamed = host.post("/llm/v1/chat/completions", {**body, "stream": True}).data
        first, second = host.lines
        assert first[1:] == ("POST", "/v1/chat/completions?key=abcd...ijkl", len(json.dumps(body)), 200, whole)
        assert second[4:] == (200, streamed)
        assert first[0] != second[0]
        assert all(re.fullmatch("[0-9a-f]{8}", line[0]) for line in host.lines)

    def test_a_failure(self, host: Host) -> None:
        assert host.ask("POST", "/llm/v1/messages", {"model": "nobody", "messages": TURNS}).status_code == 502
        (line,) = host.lines
        assert line[4] == 502
        assert b"unknown provider" in line[5]

    @pytest.mark.parametrize("stream", [False, True])
    def test_bodies_that_do_not_fit_into_memory(self, host: Host, folder: Path, stream: bool) -> None:
        body = {"model": "parrot-1", "messages": [{"role": "user", "content": "x" * (3 << 20)}], "stream": stream}
        host.post("/llm/v1/chat/completions", body)
        (line,) = host.lines
        assert line[3] > 3 << 20
        host.module.stop()
        assert list((folder / "logs").glob("*.tmp")) == []

    def test_it_may_fail(self, host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        monkeypatch.setattr(host.module.ledger, "lines", None)
        body = {"model": "parrot-1", "messages": TURNS}
        host.post("/llm/v1/chat/completions", body)
        host.post("/llm/v1/chat/completions", {**body, "stream": True})
        assert caplog.text.count("a request log could not be written") == 2

    def test_failures_only(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host.module.ledger, "enabled", False)
        host.post("/llm/v1/chat/completions", {"model": "parrot-1", "messages": TURNS})
        host.ask("POST", "/llm/v1/chat/completions", {"model": "nobody", "messages": TURNS})
        assert [line[4] for line in host.lines] == [502]

    def test_the_writer_of_files_with_another_folder(self, folder: Path) -> None:
        logger = FileRequestLogger(folder / "elsewhere", enabled=True)
        app = create_app(Settings(auth_dir=str(folder / "auths"), demo=True), request_logger=logger)
        body = {"model": "demo-echo", "messages": [{"role": "user", "content": "x" * (3 << 20)}]}
        app.test_client().post("/v1/chat/completions", json=body, buffered=True)
        app.extensions["cliproxy.lifecycle"].stop()
        (path,) = (folder / "elsewhere").iterdir()
        assert path.stat().st_size > 6 << 20
        assert not (folder / "logs").exists()


class TestPrefix:
    """What changes below ``/llm``."""

    def test_the_rest_is_the_hosts(self, host: Host) -> None:
        for path in ("/", "/v1/models", "/llmother"):
            assert host.ask("GET", path).text == "the host's own page\n"
        assert host.ask("GET", "/llm/healthz").json == {"status": "ok"}
        assert host.ask("GET", "/llm").headers["Location"].endswith("/llm/")
        assert host.ask("GET", "/llm/").json == host.module.proxy.test_client().get("/").json
        assert host.ask("GET", "/llm/v1/models", headers={"Authorization": ""}).status_code == 401

    @pytest.mark.parametrize("path", ["v1/models", "v0/management/debug", "management.html"])
    def test_redirects(self, host: Host, path: str) -> None:
        answer = host.ask("GET", f"/llm/{path}/?a=b%2Fc", headers=MANAGEMENT)
        assert (answer.status_code, answer.headers["Location"]) == (301, f"/llm/{path}?a=b%2Fc")

    def test_lines(self, host: Host, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="cliproxy")
        host.ask("GET", "/llm/v1/models?key=abcdefghijkl")
        assert '"/llm/v1/models?key=abcd...ijkl"' in caplog.text
        host.post("/llm/v1/chat/completions", {"model": "parrot-1", "messages": TURNS})
        recent = host.ask("GET", "/llm/v0/management/requests", headers=MANAGEMENT).json
        assert recent is not None
        assert [(one["path"], len(one["id"])) for one in recent["requests"]] == [("/llm/v1/chat/completions", 8)]

    def test_the_management_api(self, host: Host) -> None:
        """It changes settings in memory: there is no file."""
        path = "/llm/v0/management/request-retry"
        assert host.ask("GET", path, headers=MANAGEMENT).json == {"request-retry": 0}
        assert host.ask("PUT", path, {"value": 7}, headers=MANAGEMENT).json == {"status": "ok"}
        assert host.module.proxy.extensions["cliproxy"].settings().request_retry == 7
        assert host.ask("GET", path).status_code == 401

    @pytest.mark.parametrize(
        ("path", "reached"),
        [
            ("/llm/api/user?a=%2F", "/api/user?a=%2F"),
            ("/llm/api/internal/x%2Fy", "/api/internal/x%2Fy"),
            ("/l%6Cm/api/user?b", "/api/user?b"),
            ("/llm/api/internal/llm/x", "/api/internal/llm/x"),
        ],
    )
    def test_amp(self, folder: Path, path: str, reached: str) -> None:
        with FakeAmp() as amp:
            settings = Settings(auth_dir=str(folder / "auths"), ampcode=Ampcode(upstream_url=amp.url))
            app = create_app(settings)
            client = Client(DispatcherMiddleware(app, {"/llm": app}))
            amp.plan(Plan(status=302, headers=(("Location", "/auth/sign-in?next=%2Fx"),)))
            answer = client.get(path, buffered=True)
            assert (answer.status_code, answer.headers["Location"]) == (302, "/llm/auth/sign-in?next=%2Fx")
            amp.plan(Plan(status=302, headers=(("Location", "//elsewhere/x"),)))
            assert client.get(path, buffered=True).headers["Location"] == "//elsewhere/x"
            assert [request.target for request in amp.requests] == [reached] * 2
            app.extensions["cliproxy.lifecycle"].stop()


def test_stopping_writes_what_is_left(folder: Path) -> None:
    host = Host()
    host.post("/llm/v1/chat/completions", {"model": "parrot-1", "messages": TURNS})
    host.module.stop()
    assert counted(folder) == 1


def counted(folder: Path) -> int:
    """Attempts in the usage database."""
    connection = sqlite3.connect(folder / "logs/usage.sqlite3")
    try:
        (found,) = connection.execute("SELECT sum(requests) FROM counters").fetchone()
    finally:
        connection.close()
    return int(found or 0)


class TestSignIn:
    """The login routes alone."""

    @pytest.fixture
    def client(self, folder: Path) -> Iterator[Client]:
        (folder / "auths").mkdir()
        module = importlib.import_module("sign_in")
        yield Client(module.app)
        module.stop()

    def test_a_login_begins_waits_and_is_given_up(self, client: Client) -> None:
        base = "/v0/management"
        begun = client.get(f"{base}/codex-auth-url", headers=MANAGEMENT).json
        assert begun is not None
        assert begun["url"].startswith("https://")
        state = begun["state"]
        status = f"{base}/get-auth-status?state={state}"
        assert client.get(status, headers=MANAGEMENT).json == {"status": "wait"}
        page = client.get(f"/codex/callback?state={state}&error=access_denied")
        assert (page.status_code, "Authentication failed" in page.text) == (200, True)
        eventually(lambda: (client.get(status, headers=MANAGEMENT).json or {})["status"] == "error", "it failed")

    def test_nothing_else_is_there(self, client: Client) -> None:
        assert client.get("/v0/management/codex-auth-url").status_code == 401
        assert client.post("/v0/management/iflow-auth-url", json={}, headers=MANAGEMENT).status_code == 400
        for path in ("/v0/management/debug", "/v1/models"):
            assert client.get(path, headers=MANAGEMENT).status_code == 404


SHOWN = """
import json
import host

def wsgi(environ, start_response):
    if environ["PATH_INFO"] != "/lines":
        return host.wsgi(environ, start_response)
    start_response("200 OK", [])
    return [json.dumps([line[:5] for line in host.ledger.lines]).encode()]
"""
"""The host, and what its ledger has."""


class Server:
    """``gunicorn shown:wsgi`` in the folder of the files, with the page's own gunicorn.conf.py."""

    def __init__(self, folder: Path) -> None:
        self.port, self._output = free_port(), folder / "output.log"
        env = {
            **environment(folder, folder / "none.yaml"),
            "PYTHONPATH": str(ROOT),
            "HOST_AUTHS": str(folder / "auths"),
        }
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-b",
            f"127.0.0.1:{self.port}",
            "--no-control-socket",
            "shown:wsgi",
        ]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._output.read_text(errors="replace")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log
        connection = self.connect()
        try:
            connection.request("GET", "/llm/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def test_under_gunicorn(folder: Path) -> None:
    """As the page starts it: a stream below the prefix, a large body for the logger, a stop that loses nothing."""
    (folder / "shown.py").write_text(SHOWN)
    server = Server(folder)
    try:
        eventually(server.is_up, "the host answers", seconds=30, every=0.1)
        connection = server.connect()
        body = json.dumps({"model": "parrot-1", "messages": TURNS, "stream": True})
        connection.request("POST", "/llm/v1/chat/completions", body, KEY)
        answer = connection.getresponse()
        assert answer.read().endswith(b"data: [DONE]\n\n")
        body = json.dumps({"model": "parrot-1", "messages": [{"role": "user", "content": "x" * (3 << 20)}]})
        connection.request("POST", "/llm/v1/chat/completions", body, KEY)
        assert connection.getresponse().read().count(b"x") >= 3 << 20
        connection.request("GET", "/lines")
        assert json.loads(connection.getresponse().read())[1][2:] == ["/v1/chat/completions", len(body), 200]
        connection.request("GET", "/else")
        assert connection.getresponse().read() == b"the host's own page\n"
        connection.close()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0, server.log
    finally:
        server.kill()
    assert '"/llm/v1/chat/completions"' in server.log
    assert "Traceback" not in server.log
    assert counted(folder) == 2
    assert list((folder / "logs").glob("*.tmp")) == []

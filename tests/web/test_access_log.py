"""The access line and request ids at the edge of the application (logging.md 2, 3)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeDispatcher, make_app
from flask import Response
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from cliproxy.records.access_log import AccessRecord
from cliproxy.records.applog import LineFormatter, current_request_id
from cliproxy.web import access_log
from cliproxy.web.access_log import AccessLog, access_of, new_request_id
from cliproxy.web.authentication import is_local
from cliproxy.web.disconnect import ClientDisconnected
from cliproxy.web.streaming import Body

CHAT = "/v1/chat/completions"
KEY = {"Authorization": "Bearer k"}


class Clock:
    """A clock that tests move."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Edge:
    """An application behind the middleware, with everything that it wrote and told."""

    def __init__(self, application: Any, caplog: pytest.LogCaptureFixture) -> None:
        self.clock = Clock()
        self.records: list[AccessRecord] = []
        self.app = AccessLog(application, self.records.append, self.clock)
        self._caplog = caplog
        caplog.set_level(logging.INFO, logger="cliproxy")
        caplog.handler.setFormatter(LineFormatter())

    @property
    def lines(self) -> list[str]:
        """The access lines, as the log shows them, without time."""
        return [line[22:] for line in self._caplog.text.splitlines() if "[access_log.py:" in line]

    @property
    def line(self) -> str:
        """The only one."""
        (line,) = self.lines
        return line

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """A request whose answer is read to its end and closed."""
        answer = Client(self.app, Response).open(path, method=method, buffered=True, **options)
        answer.close()
        return answer

    def begin(self, path: str, **options: Any) -> Any:
        """What a server gets: the response iterable."""
        environ = EnvironBuilder(path=path, **options).get_environ()
        return self.app(environ, lambda *_: None)


def answering(seconds: float = 0.0, status: str = "200 OK", edge: list[Edge] | None = None) -> Any:
    """A WSGI application that takes its time."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(status, [("Content-Type", "text/plain")])
        if edge:
            edge[0].clock.now += seconds
        return [b"x"]

    return application


@pytest.fixture
def fake(caplog: pytest.LogCaptureFixture) -> Edge:
    """The web layer around fake parts."""
    return Edge(make_app(FakeDispatcher()), caplog)


def flask_edge(view: Any, caplog: pytest.LogCaptureFixture, rule: str = "/v1/chat/completions") -> Edge:
    """One view among our common behaviour."""
    app = make_app(FakeDispatcher())
    app.add_url_rule(f"/tested{rule}", "tested", view, methods=["GET", "POST"])
    return Edge(app, caplog)


class TestLine:
    """Section 2."""

    @pytest.mark.case("logging:1")
    def test_the_example(self, caplog: pytest.LogCaptureFixture) -> None:
        edges: list[Edge] = []
        edge = Edge(answering(23.5594, edge=edges), caplog)
        edges.append(edge)
        edge.ask("POST", CHAT, environ_base={"REMOTE_ADDR": "127.0.0.1"})
        match = re.fullmatch(r"\[([0-9a-f]{8})\] \[info \] \[access_log\.py:\d+\] (.*)", edge.line)
        assert match is not None
        assert match[2] == '200 |       23.559s |       127.0.0.1 | POST    "/v1/chat/completions"'

    @pytest.mark.case("logging:3")
    def test_a_refused_request_with_a_key(self, fake: Edge) -> None:
        assert fake.ask("GET", "/v1/models?key=abcdefghijkl").status_code == 401
        assert fake.line.startswith("[--------] [warn ] ")
        assert "401 | " in fake.line
        assert fake.line.endswith('GET     "/v1/models?key=abcd...ijkl"')

    @pytest.mark.case("logging:3")
    def test_a_server_error(self, caplog: pytest.LogCaptureFixture) -> None:
        edge = Edge(answering(status="500 Oh"), caplog)
        edge.ask("GET", "/x")
        assert "[error]" in edge.line
        assert "500 | " in edge.line

    @pytest.mark.case("logging:5")
    def test_forwarded_addresses_are_shown_and_not_believed(self, fake: Edge) -> None:
        headers = {"X-Forwarded-For": "203.0.113.9, 10.0.0.1"}
        fake.ask("GET", "/healthz", headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"})
        assert "|     203.0.113.9 |" in fake.line
        assert fake.records[0].client == "203.0.113.9"
        assert not is_local({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": headers["X-Forwarded-For"]})
        assert not is_local({"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_FOR": "127.0.0.1"})

    def test_the_path_of_the_arrival(self, caplog: pytest.LogCaptureFixture) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ["PATH_INFO"], environ["QUERY_STRING"], environ["REQUEST_METHOD"] = "/other", "z=1", "PUT"
            return answering()(environ, start_response)

        edge = Edge(application, caplog)
        edge.ask("POST", "/api/provider/openai/v1/models?a=1")
        assert edge.line.endswith('POST    "/api/provider/openai/v1/models?a=1"')

    def test_a_path_cannot_forge_lines(self, fake: Edge) -> None:
        fake.ask("GET", "/%0A[2026-01-01%2000:00:00]%20[--------]%20forged")
        assert fake.line.endswith('"/\\n[2026-01-01 00:00:00] [--------] forged"')

    def test_what_layers_below_say(self, caplog: pytest.LogCaptureFixture) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            access = access_of(environ)
            access.silent = "silent" in environ["PATH_INFO"]
            access.errors += ["one", "two"]
            return answering()(environ, start_response)

        edge = Edge(application, caplog)
        edge.ask("GET", "/loud")
        edge.ask("GET", "/silent")
        assert edge.line.endswith('"/loud" | one; two')
        assert [record.path for record in edge.records] == ["/loud", "/silent"]

    def test_without_the_middleware_nobody_notices(self) -> None:
        access = access_of({})
        access.silent = True
        assert not access_of({}).silent

    def test_options_and_unknown_paths_too(self, fake: Edge) -> None:
        fake.ask("OPTIONS", CHAT)
        fake.ask("GET", "/nowhere")
        assert len(fake.lines) == 2
        assert [record.status for record in fake.records] == [204, 404]


class TestEnd:
    """When the line is written."""

    def test_after_the_last_byte_of_a_stream(self, caplog: pytest.LogCaptureFixture) -> None:
        closed: list[int] = []
        blocks = iter([b"1", b"2"])

        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [])
            return Body(blocks, lambda: closed.append(len(edge.lines)))

        edge = Edge(application, caplog)
        body = edge.begin(CHAT)
        assert iter(body) is blocks
        edge.clock.now += 1.5
        assert edge.lines == []
        body.close()
        body.close()
        assert "|          1.5s |" in edge.line
        assert closed[0] == 0

    def test_a_client_that_is_gone_when_we_write(self, caplog: pytest.LogCaptureFixture) -> None:
        edge = Edge(answering(), caplog)
        body = edge.begin(CHAT)
        with pytest.raises(BrokenPipeError):
            self.serve(body, BrokenPipeError())
        assert "200 | " in edge.line

    @pytest.mark.case("logging:6")
    @pytest.mark.parametrize("passed_on", [True, False])
    def test_an_abort_signal_in_a_stream(self, caplog: pytest.LogCaptureFixture, passed_on: bool) -> None:
        """What is only passed on ends without a word; a client that leaves an answer of ours is worth its line."""
        inner = answering()

        def application(environ: Any, start_response: Any) -> Any:
            access_of(environ).silent_abort = passed_on
            return inner(environ, start_response)

        edge = Edge(application, caplog)
        body = edge.begin(CHAT)
        with pytest.raises(ClientDisconnected):
            self.serve(body, ClientDisconnected())
        if passed_on:
            assert edge.lines == []
        else:
            assert "200 | " in edge.line
            assert edge.line.endswith(" | the client left")
        assert [(record.status, record.aborted) for record in edge.records] == [(200, True)]

    @staticmethod
    def serve(body: Any, error: BaseException) -> None:
        """As gunicorn does it, with an error after the first block."""
        try:
            for _ in body:
                raise error
        finally:
            body.close()

    @pytest.mark.case("logging:6")
    def test_an_abort_signal_before_the_answer(self, caplog: pytest.LogCaptureFixture) -> None:
        def view() -> Response:
            raise ClientDisconnected

        edge = flask_edge(view, caplog)
        with pytest.raises(ClientDisconnected):
            edge.ask("POST", "/tested/v1/chat/completions")
        assert "[warn ]" in edge.line
        assert "499 | " in edge.line
        assert "recovered" not in caplog.text
        assert [(record.status, record.aborted, record.first_byte) for record in edge.records] == [(499, True, None)]

    @pytest.mark.case("logging:6")
    def test_a_crash(self, caplog: pytest.LogCaptureFixture) -> None:
        def view() -> Response:
            raise RuntimeError("bug")

        edge = flask_edge(view, caplog)
        answer = edge.ask("POST", "/tested/v1/chat/completions")
        assert (answer.status_code, answer.data) == (500, b"")
        assert "[error]" in edge.line
        assert "500 | " in edge.line
        assert "recovered from panic" in caplog.text
        assert "Traceback (most recent call last):" in caplog.text
        assert "RuntimeError: bug" in caplog.text

    def test_a_crash_of_everything(self, caplog: pytest.LogCaptureFixture) -> None:
        def application(environ: Any, start_response: Any) -> Iterable[bytes]:
            raise RuntimeError("bug")

        edge = Edge(application, caplog)
        with pytest.raises(RuntimeError):
            edge.begin("/x")
        assert "500 | " in edge.line

    def test_a_socket_that_was_taken_over(self, caplog: pytest.LogCaptureFixture) -> None:
        def application(environ: Any, start_response: Any) -> Iterable[bytes]:
            raise StopIteration

        edge = Edge(application, caplog)
        with pytest.raises(StopIteration):
            edge.begin("/v1/ws")
        assert "101 | " in edge.line

    def test_closing_that_fails(self, caplog: pytest.LogCaptureFixture) -> None:
        def close() -> None:
            raise OSError("no")

        def application(environ: Any, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [])
            return Body(iter([]), close)

        edge = Edge(application, caplog)
        with pytest.raises(OSError, match="no"):
            edge.begin("/x").close()
        assert "200 | " in edge.line


class TestIds:
    """Section 3."""

    @pytest.mark.case("logging:4")
    @pytest.mark.parametrize(
        "path",
        [
            CHAT, "/v1/completions", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses", "/v1/responses/compact",
            "/v1beta/models/gemini-2.5-pro:generateContent", "/api/provider/anthropic/v1/messages",
        ],
    )  # fmt: skip
    def test_who_has_one(self, path: str) -> None:
        first, second = new_request_id(path), new_request_id(path)
        assert re.fullmatch("[0-9a-f]{8}", first)
        assert re.fullmatch("[0-9a-f]{8}", second)
        assert first != second

    @pytest.mark.case("logging:4")
    @pytest.mark.parametrize(
        "path", ["/v0/management/usage", "/v1/models", "/v1internal:generateContent", "/", "", "/v1beta/models"]
    )
    def test_who_has_none(self, path: str) -> None:
        assert new_request_id(path) == "--------"

    def test_no_randomness(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(size: int) -> str:
            raise OSError("no entropy")

        monkeypatch.setattr(access_log.secrets, "token_hex", fail)
        assert new_request_id(CHAT) == "00000000"

    def test_the_layers_below_know_it(self, caplog: pytest.LogCaptureFixture) -> None:
        seen: list[str] = []

        def application(environ: Any, start_response: Any) -> Iterable[bytes]:
            seen.append(current_request_id())
            assert access_of(environ).request_id == seen[-1]
            return answering()(environ, start_response)

        edge = Edge(application, caplog)
        edge.ask("GET", "/v1/models")
        edge.ask("POST", CHAT)
        assert seen[0] == "--------"
        assert re.fullmatch("[0-9a-f]{8}", seen[1])
        assert [record.request_id for record in edge.records] == seen
        assert [line[1:9] for line in edge.lines] == seen
        assert current_request_id() == "--------"


class TestRecord:
    """What metrics get."""

    def test_the_pattern_of_the_route(self, fake: Edge) -> None:
        fake.ask("POST", "/v1beta/models/m:generateContent", json={}, headers=KEY)
        fake.ask("GET", "/nowhere")
        first, second = fake.records
        assert (first.method, first.path, first.route) == (
            "POST", "/v1beta/models/m:generateContent", "/v1beta/models/<path:action>",
        )  # fmt: skip
        assert second.route == ""

    def test_the_time(self, caplog: pytest.LogCaptureFixture) -> None:
        edges: list[Edge] = []
        edge = Edge(answering(2.25, edge=edges), caplog)
        edges.append(edge)
        edge.ask("POST", CHAT)
        assert [(record.seconds, record.first_byte) for record in edge.records] == [(2.25, 0.0)]

    def test_the_time_until_the_answer_begins(self, caplog: pytest.LogCaptureFixture) -> None:
        def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            edge.clock.now += 1.5
            start_response("200 OK", [])
            return Body(iter([]), lambda: None)

        edge = Edge(application, caplog)
        body = edge.begin(CHAT)
        edge.clock.now += 3
        body.close()
        assert [(record.seconds, record.first_byte) for record in edge.records] == [(4.5, 1.5)]

    def test_a_hook_that_fails(self, caplog: pytest.LogCaptureFixture) -> None:
        def broken(record: AccessRecord) -> None:
            raise ValueError("no")

        edge = Edge(answering(), caplog)
        edge.app = AccessLog(answering(), broken)
        assert edge.ask("GET", "/x").status_code == 200
        assert "counting a request failed" in caplog.text

    def test_no_hook(self, caplog: pytest.LogCaptureFixture) -> None:
        edge = Edge(answering(), caplog)
        edge.app = AccessLog(answering())
        edge.ask("GET", "/x")
        assert "200 | " in edge.line


def test_it_stays_out_of_the_way_of_a_real_stream(fake: Edge) -> None:
    """A stream of the web layer passes whole; run as a server runs it."""
    environ = EnvironBuilder(path=CHAT, method="POST", json={"model": "m", "stream": True}, headers=KEY).get_environ()
    blocks, status, _ = run_wsgi_app(fake.app, environ, buffered=True)
    assert status.startswith("200")
    assert b"".join(blocks).startswith(b"data: 1\n\ndata: 2\n\n")
    assert Path(fake.line.rpartition('"')[0]).name == "completions"

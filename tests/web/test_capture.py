"""What the request log gets of a request that passes (logging.md 7, 9, 11.4, 12)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cliproxy.errors import RequestError, UpstreamStatus
from cliproxy.records.applog import NO_REQUEST, set_request_id
from cliproxy.records.request_log.exchange import current, current_attempts, set_current
from cliproxy.records.request_log.logger import FileRequestLogger, LoggedAnswer, LoggedRequest
from cliproxy.records.request_log.spool import LogDisk
from cliproxy.web.capture import Capture, is_captured
from cliproxy.web.disconnect import ClientDisconnected
from cliproxy.web.protocols import CHAT, MESSAGES, note_error
from cliproxy.web.streaming import json_body

PATH = "/v1/chat/completions"
SSE, JSON = "text/event-stream", "application/json"


@dataclass
class Log:
    """One log, read out at once."""

    request: LoggedRequest
    body: bytes
    status: int
    headers: Any
    response: bytes = b""
    api_request: bytes = b""
    api_response: bytes = b""
    errors: Any = ()
    arrived: float = 0.0
    answered: float | None = None
    error_only: bool = False
    stream: bool = False
    first_chunk: float | None = None
    seen: list[Any] = field(default_factory=list)


class Recorder:
    """A logger that keeps what it is told. ``clock`` says which chunk time was known when a chunk came."""

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self.logs: list[Log] = []
        self.broken = False

    def log_request(
        self, request: LoggedRequest, answer: LoggedAnswer, request_timestamp: float, api_response_timestamp: float | None,
        *, error_only: bool = False, finished: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        if self.broken:
            raise OSError("no space")
        self.logs.append(
            Log(
                request, b"".join(request.body), answer.status, answer.headers, b"".join(answer.body), b"".join(answer.api_request),
                b"".join(answer.api_response), answer.api_errors, request_timestamp, api_response_timestamp, error_only,
            )
        )  # fmt: skip
        finished()

    def open_stream(self, request: LoggedRequest, status: int, headers: Any, request_timestamp: float) -> Any:
        if self.broken:
            raise OSError("no space")
        return StreamRecorder(self, Log(request, b"", status, headers, arrived=request_timestamp, stream=True))


class StreamRecorder:
    def __init__(self, owner: Recorder, log: Log) -> None:
        self._owner, self._log = owner, log

    def write_chunk(self, data: bytes) -> None:
        exchange = current()
        assert exchange is not None
        self._log.seen.append(exchange.first_chunk)
        self._log.response += data

    def set_first_chunk_time(self, moment: float | None) -> None:
        self._log.first_chunk = moment

    def write_api_request(self, text: Iterable[bytes]) -> None:
        self._log.api_request = b"".join(text)

    def write_api_response(self, text: Iterable[bytes]) -> None:
        self._log.api_response = b"".join(text)

    def close(self, finished: Callable[[], object] = lambda: None) -> None:
        self._log.body = b"".join(self._log.request.body)
        self._owner.logs.append(self._log)
        finished()


class Clock:
    """Each look is a second later."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture(autouse=True)
def clock() -> Iterable[Clock]:
    set_request_id("a1b2c3d4")
    yield Clock()
    set_request_id(NO_REQUEST)
    set_current(None)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


App = Callable[[dict[str, Any], Any], Iterable[bytes]]
Run = Callable[..., tuple[str, bytes]]


@pytest.fixture
def run(recorder: Recorder, tmp_path: Path, clock: Clock) -> Run:
    def ask(
        application: App, method: str = "POST", path: str = PATH, body: bytes = b'{"model":"m"}', **environ: Any
    ) -> tuple[str, bytes]:
        """(status, what the client got): read to the end, then closed, as a server does."""
        got: list[bytes] = []
        status: list[str] = []

        def start_response(line: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
            status.append(line)
            return got.append

        target, _, query = path.partition("?")
        whole = {
            "REQUEST_METHOD": method, "PATH_INFO": target, "QUERY_STRING": query, "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)), "HTTP_HOST": "h", "HTTP_X_API_KEY": "sk-1234567890abcd", **environ,
        }  # fmt: skip
        response = Capture(application, recorder, LogDisk(tmp_path / "tmp"), clock)(whole, start_response)
        try:
            got.extend(response)
        finally:
            close = getattr(response, "close", None)
            if close is not None:
                close()
        return status[-1], b"".join(got)

    return ask


def answering(*blocks: bytes, status: str = "200 OK", kind: str = JSON, read: bool = True, **headers: str) -> App:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if read:
            environ["seen"] = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response(status, [("Content-Type", kind), *headers.items()] if kind else list(headers.items()))
        return list(blocks)

    return application


@pytest.mark.case("logging:19")
@pytest.mark.parametrize(
    ("method", "path", "logged"),
    [
        ("GET", PATH, False), ("HEAD", PATH, False), ("OPTIONS", PATH, False), ("POST", "/v0/management/x", False),
        ("POST", "/management.html", False), ("POST", "/api/user", False), ("POST", "/api/provider/openai/v1/chat/completions", True),
        ("POST", PATH, True), ("DELETE", "/anything", True),
    ],
)  # fmt: skip
def test_which_requests_are_logged(run: Run, recorder: Recorder, method: str, path: str, logged: bool) -> None:
    assert is_captured(method, path) is logged
    run(answering(b"{}", status="500 NO"), method, path)
    assert len(recorder.logs) == logged


def test_a_path_cannot_forge_lines(run: Run, recorder: Recorder) -> None:
    run(answering(b"{}"), path="/v1/messages/\nMethod: GET\xc3\xa9?a=1")
    assert recorder.logs[0].request.url == "/v1/messages/\\nMethod: GET\u00e9?a=1"


@pytest.mark.case("logging:22")
def test_the_body_reaches_the_handler(run: Run, recorder: Recorder) -> None:
    body = bytes(range(256)) * 5000
    seen = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        stream = environ["wsgi.input"]
        seen.append(
            stream.read(1000) + stream.readline() + next(iter(stream)) + b"".join(stream.readlines()) + stream.read()
        )
        start_response("200 OK", [])
        return []

    run(application, body=body)
    assert seen == [body]
    assert recorder.logs[0].body == body


def test_a_whole_answer(run: Run, recorder: Recorder) -> None:
    status, got = run(answering(b"{", b"}", X_Y="z"), path=f"{PATH}?key=abcdefghijkl&x=1")
    assert (status, got) == ("200 OK", b"{}")
    (log,) = recorder.logs
    assert (log.request.url, log.request.method) == (f"{PATH}?key=abcd...ijkl&x=1", "POST")
    assert log.request.request_id == "a1b2c3d4"
    assert dict(log.request.headers) == {"X-Api-Key": "sk-1234567890abcd", "Content-Length": "13"}
    assert (log.body, log.response, log.status, dict(log.headers)["X_Y"]) == (b'{"model":"m"}', b"{}", 200, "z")
    assert (log.error_only, log.stream, log.errors, log.api_response) == (False, False, (), b"")
    assert log.answered is None


def test_an_id_that_is_none(run: Run, recorder: Recorder) -> None:
    set_request_id(NO_REQUEST)
    run(answering(b"{}"))
    assert recorder.logs[0].request.request_id == ""


@pytest.mark.case("logging:21")
@pytest.mark.parametrize("kind", [JSON, SSE])
def test_the_arrival_is_when_it_arrived(run: Run, recorder: Recorder, clock: Clock, kind: str) -> None:
    def slow(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        clock.now += 100
        start_response("200 OK", [("Content-Type", kind)])
        return [b"data: 1\n\n"]

    run(slow)
    assert recorder.logs[0].arrived == 1001
    assert recorder.logs[0].stream is (kind == SSE)


@pytest.mark.case("logging:32", "logging:33")
@pytest.mark.parametrize("callable_", [False, True], ids=["iterable", "write"])
def test_the_first_chunk(run: Run, recorder: Recorder, clock: Clock, callable_: bool) -> None:
    """Set once, before the queue gets the chunk, the same for both ways of writing."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Type", f"{SSE}; charset=utf-8")])
        if not callable_:
            return iter([b"", b"data: 1\n\n", b"data: 2\n\n"])
        for block in (b"", b"data: 1\n\n", b"data: 2\n\n"):
            write(block)
        return []

    _, got = run(application)
    (log,) = recorder.logs
    assert got == log.response == b"data: 1\n\ndata: 2\n\n"
    assert log.first_chunk == 1002
    assert log.seen == [1002, 1002]
    assert clock.now == 1002, "later chunks cost no look at the clock"


@pytest.mark.case("logging:34")
def test_no_chunk_at_all(run: Run, recorder: Recorder) -> None:
    run(answering(kind=SSE))
    assert (recorder.logs[0].first_chunk, recorder.logs[0].stream) == (None, True)


@pytest.mark.case("logging:36")
@pytest.mark.parametrize(
    ("kind", "body", "stream"),
    [
        (JSON, b'{"stream":true}', False), ("", b'{"stream":true}', True), ("", b'{"stream": true}', True), (" ", b'{"stream":true}', True),
        ("", b'{"stream":false}', False), (SSE, b"{}", True),
    ],
)  # fmt: skip
def test_what_counts_as_a_stream(run: Run, recorder: Recorder, kind: str, body: bytes, stream: bool) -> None:
    run(answering(b"x", kind=kind), body=body)
    assert recorder.logs[0].stream is stream
    assert recorder.logs[0].response == b"x"


@pytest.mark.case("logging:37")
@pytest.mark.parametrize("kind", [JSON, SSE])
def test_a_logger_that_fails(run: Run, recorder: Recorder, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    recorder.broken = True
    assert run(answering(b"a", b"b", kind=kind)) == ("200 OK", b"ab")
    assert "could not be" in caplog.text


@pytest.mark.case("logging:38")
@pytest.mark.parametrize("before", [True, False])
def test_the_switch_is_read_once(run: Run, recorder: Recorder, before: bool) -> None:
    recorder.enabled = before

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", SSE)])
        yield b"data: 1\n\n"
        recorder.enabled = not before
        yield b"data: 2\n\n"

    assert run(application)[1] == b"data: 1\n\ndata: 2\n\n"
    assert [log.response for log in recorder.logs] == ([b"data: 1\n\ndata: 2\n\n"] if before else [])


@pytest.mark.case("logging:38")
def test_no_temporary_file_remains(tmp_path: Path) -> None:
    """With the real writer, bodies and streams too large for memory, switched off in the middle."""
    logger = FileRequestLogger(tmp_path / "logs", True)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", SSE)])
        for _ in range(100):
            yield b"data: " + b"x" * 1000 + b"\n\n"
            logger.set_enabled(False)

    body = b"y" * 3_000_000
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": PATH, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)),
    }  # fmt: skip
    response = Capture(application, logger, logger.disk)(environ, lambda *_: lambda data: None)
    count = sum(1 for _ in response)
    assert any(path.suffix == ".tmp" for path in logger.disk.folder.iterdir())
    response.close()  # type: ignore[attr-defined]
    (file,) = logger.disk.folder.iterdir()
    assert count == 100
    text = file.read_bytes()
    assert body in text
    assert text.endswith(b"\n\n")
    assert text.count(b"data: ") == 100


# What handlers say.


def failing(error: Any, protocol: Any = CHAT) -> App:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response = protocol.error(error)
        return response(environ, start_response)  # type: ignore[no-any-return]

    return application


@pytest.mark.case("logging:39")
def test_a_failure_when_only_failures_are_logged(run: Run, recorder: Recorder) -> None:
    recorder.enabled = False
    assert run(answering(b"{}"))[0] == "200 OK"
    assert recorder.logs == []
    run(failing(UpstreamStatus('{"error":{"message":"slow down"}}', status=429)))
    (log,) = recorder.logs
    assert log.error_only
    assert log.status == 429
    assert log.response == log.api_response == b'{"error":{"message":"slow down"}}'
    assert log.answered is not None
    assert (log.api_request, log.errors) == (b"", ())
    assert log.body == b'{"model":"m"}'


@pytest.mark.case("logging:41")
def test_a_failure_when_all_is_logged(run: Run, recorder: Recorder) -> None:
    run(failing(UpstreamStatus("broken", status=500), MESSAGES))
    (log,) = recorder.logs
    assert not log.error_only
    assert log.errors == ((500, "broken"),)
    assert b"broken" in log.api_response


def test_a_fault_of_the_request_is_no_error_of_an_upstream(run: Run, recorder: Recorder) -> None:
    run(failing(RequestError("no")))
    assert recorder.logs[0].errors == ()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("status", ["200 OK", "500 NO"])
def test_nothing_is_kept_afterwards(run: Run, recorder: Recorder, enabled: bool, status: str) -> None:
    """A connection that stays open must not hold what it has carried."""
    recorder.enabled = enabled
    run(answering(b"{}", status=status))
    assert current() is None


@pytest.mark.parametrize("status", ["200 OK", "399 X"])
def test_fine_answers_are_not_kept(run: Run, recorder: Recorder, status: str) -> None:
    recorder.enabled = False
    run(answering(b"x" * 100, status=status))
    assert recorder.logs == []


def test_a_refusal_before_the_body_was_read(run: Run, recorder: Recorder) -> None:
    recorder.enabled = False
    run(answering(b"{}", status="401 NO", read=False), body=b"z" * 100)
    assert recorder.logs[0].body == b"z" * 100


def test_a_path_that_does_not_exist(run: Run, recorder: Recorder) -> None:
    recorder.enabled = False

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        exchange = current()
        assert exchange is not None
        exchange.unrouted = True
        start_response("404 NO", [])
        return []

    run(application)
    assert recorder.logs == []


def test_an_error_inside_a_stream(run: Run, recorder: Recorder) -> None:
    """The status was 200 long ago: it counts all the same (9.5)."""
    recorder.enabled = False

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", SSE)])
        yield b"data: 1\n\n"
        note_error(UpstreamStatus("broke", status=500), b"data: broke\n\n")
        yield b"data: broke\n\n"

    run(application)
    (log,) = recorder.logs
    assert (log.error_only, log.status, log.api_response) == (True, 200, b"data: broke")


def test_uploads_of_forms_are_not_kept(run: Run, recorder: Recorder) -> None:
    recorder.enabled = False
    run(answering(b"{}", status="400 NO"), CONTENT_TYPE="multipart/form-data; boundary=x")
    assert recorder.logs[0].body == b""


def test_a_body_that_is_too_large_to_keep(run: Run, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cliproxy.records.request_log.exchange.ERROR_BODY", 1000)
    recorder.enabled = False
    run(answering(b"{}", status="400 NO"), body=b"x" * 5000)
    assert recorder.logs[0].body == b"x" * 1000 + b"\n[REQUEST BODY TRUNCATED: captured first 1000 bytes]"


def test_a_compressed_body_is_shown_unpacked(run: Run, recorder: Recorder) -> None:
    import gzip

    run(answering(b"{}"), body=gzip.compress(b'{"model":"m"}'), HTTP_CONTENT_ENCODING="gzip")
    run(answering(b"{}"), body=b"no gzip", HTTP_CONTENT_ENCODING="gzip")
    assert [log.body for log in recorder.logs] == [b'{"model":"m"}', b"no gzip"]


# Clients that leave.


@pytest.mark.parametrize("enabled", [True, False])
def test_a_client_that_leaves_before_the_answer(run: Run, recorder: Recorder, enabled: bool) -> None:
    recorder.enabled = enabled

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise ClientDisconnected

    with pytest.raises(ClientDisconnected):
        run(application)
    assert [log.status for log in recorder.logs] == ([499] if enabled else [])


def test_a_client_that_leaves_a_stream(recorder: Recorder, tmp_path: Path) -> None:
    closed = []

    class Inner:
        def __iter__(self) -> Any:
            yield b"data: 1\n\n"
            yield b"data: 2\n\n"

        def close(self) -> None:
            closed.append(True)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", SSE)])
        return Inner()

    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": PATH, "wsgi.input": io.BytesIO()}
    response: Any = Capture(application, recorder, LogDisk(tmp_path))(environ, lambda *_: lambda data: None)
    assert next(iter(response)) == b"data: 1\n\n"
    response.close()
    response.close()
    assert closed == [True, True]
    assert [log.response for log in recorder.logs] == [b"data: 1\n\n"]


def test_without_a_log_nothing_stands_between(tmp_path: Path) -> None:
    """The server iterates the application's own iterator."""
    blocks = iter([b"1"])

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", SSE)])
        return blocks

    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": PATH, "wsgi.input": io.BytesIO()}
    response = Capture(application, Recorder(False), LogDisk(tmp_path))(environ, lambda *_: lambda data: None)
    assert iter(response) is blocks
    assert current_attempts() is None


# The section of answers (11.4).


def attempted(*answers: bytes, then: Any = None) -> App:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        attempts = current_attempts()
        assert attempts is not None
        for answer in answers:
            attempt = attempts.begin("http://up", "POST", {}, b"asked")
            attempt.answered(200, [("Content-Type", JSON)])
            attempt.chunk(answer)
        return then()(environ, start_response)  # type: ignore[no-any-return]

    return application


@pytest.mark.parametrize(
    ("answer", "then", "end"),
    [
        (b'{"up":1}', lambda: json_body(b'{"up":1}\n'), b'Body:\n{"up":1}\n'),
        (b'{"up":1}', lambda: json_body(b'{"own":1}'), b'Body:\n{"up":1}\n{"own":1}'),
        (b"it says no", lambda: CHAT.error(UpstreamStatus("says no", status=500)), b"Body:\nit says no\n"),
        (b"x", lambda: CHAT.error(RequestError("other")), b'Body:\nx\n{"error":{"message":"other","type":"invalid_request_error"}}'),
    ],
)  # fmt: skip
def test_what_the_upstream_did_not_say(run: Run, recorder: Recorder, answer: bytes, then: Any, end: bytes) -> None:
    run(attempted(answer, then=then))
    (log,) = recorder.logs
    assert log.api_response.endswith(end)
    assert log.api_request.startswith(b"=== API REQUEST 1 ===")
    assert log.answered is not None


def test_when_the_first_upstream_answered(run: Run, recorder: Recorder, clock: Clock) -> None:
    run(attempted(b"1", b"2", then=lambda: json_body(b"{}")))
    assert recorder.logs[0].answered == 1003

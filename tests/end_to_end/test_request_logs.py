"""Request logs of a real server: files, times, memory, full disks (logging.md 9-13, 18)."""

from __future__ import annotations

import http.client
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from end_to_end.families import CHAT, CLAUDE, GEMINI, PROTOCOLS, RESPONSES, Family, Fresh, config
from end_to_end.proxy import AUTHORIZED, Proxy, Start, send
from upstream.content import Reply, long_text
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

EACH = pytest.mark.parametrize("family", PROTOCOLS, ids=repr)
SECTIONS = ("REQUEST INFO", "HEADERS", "REQUEST BODY", "API REQUEST 1", "API RESPONSE 1", "RESPONSE")


@pytest.fixture
def server(session_servers: Any, upstream: FakeUpstream) -> Iterator[Proxy]:
    """A server that logs all requests."""
    proxy = session_servers("logged", {"request-log": True, "disable-cooling": True})
    before = len(proxy.log)
    yield proxy
    assert "Traceback" not in proxy.log[before:]


def folder(proxy: Proxy) -> Path:
    return proxy.folder / "logs"


def files(proxy: Proxy, pattern: str = "*.log") -> set[Path]:
    return set(folder(proxy).glob(pattern)) if folder(proxy).exists() else set()


def text_of(path: Path) -> str:
    """The text of a log, empty when it was deleted meanwhile."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


class NewLogs:
    """The request logs that are written from now on."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy, self._before = proxy, files(proxy)

    def wait(self, count: int = 1) -> list[str]:
        """Their texts, once there are so many and no temporary file is left."""
        new = eventually(
            lambda: found if len(found := files(self._proxy) - self._before) >= count else None, f"{count} new logs"
        )
        eventually(lambda: not files(self._proxy, "*.tmp"), "temporary files are gone")
        assert len(new) == count
        return [path.read_text() for path in sorted(new)]

    def names(self) -> list[str]:
        return sorted(path.name for path in files(self._proxy) - self._before)


def sections(text: str) -> list[str]:
    return re.findall(r"^=== (.*) ===$", text, re.MULTILINE)


def moment(text: str, line: str) -> float:
    found = re.search(rf"^{line}: (.*)$", text, re.MULTILINE)
    assert found is not None, line
    return datetime.fromisoformat(found[1]).timestamp()


@pytest.mark.case("logging:20")
@EACH
def test_a_whole_answer(server: Proxy, upstream: FakeUpstream, family: Family) -> None:
    new = NewLogs(server)
    answer = server.post(family.path(), family.body())
    (text,) = new.wait()
    assert sections(text) == list(SECTIONS)
    assert text.endswith(f"\n\n{answer.body.decode().strip()}\n") or answer.body.decode() in text
    assert text.endswith("\n")
    assert upstream.requests[0].body.decode() in text
    assert f"Upstream URL: {upstream.url}{upstream.requests[0].target}" in text
    assert "Auth: provider=" in text
    for secret in ("client-key", f"{family.name}-main"):
        assert secret not in text
    assert re.fullmatch(r"[\w.-]+-\d{4}-\d\d-\d\dT\d{6}-[0-9a-f]{8}\.log", new.names()[0])


@pytest.mark.case("logging:31")
@EACH
def test_a_stream(server: Proxy, upstream: FakeUpstream, family: Family) -> None:
    new = NewLogs(server)
    answer = server.post(family.path(stream=True), family.body(stream=True))
    (text,) = new.wait()
    assert sections(text) == list(SECTIONS)
    assert text.encode().endswith(b"\n\n" + answer.body)
    assert "Content-Type: text/event-stream\n" in text.rpartition("=== RESPONSE ===")[2]


@pytest.mark.parametrize(("family", "other"), [(CLAUDE, CHAT), (CHAT, GEMINI)], ids=repr)
def test_an_upstream_of_another_format(server: Proxy, upstream: FakeUpstream, family: Family, other: Family) -> None:
    """What the upstream said stands there as it said it, what the client got as it got it."""
    new = NewLogs(server)
    answer = server.post(family.path(), family.body(other.model))
    (text,) = new.wait()
    told = text.partition("=== API RESPONSE 1 ===")[2].partition("=== RESPONSE ===")[0]
    assert '"usage' in told
    assert answer.body.decode().strip() in told
    assert text.rstrip().endswith(answer.body.decode().strip())


@pytest.mark.parametrize("stream", [False, True])
def test_two_attempts(server: Proxy, upstream: FakeUpstream, fresh_pair: Fresh, stream: bool) -> None:
    new = NewLogs(server)
    upstream.plan(Plan(status=500))
    assert server.post(CHAT.path(), CHAT.body(fresh_pair(CHAT), stream)).status == 200
    (text,) = new.wait()
    wanted = [*SECTIONS[:3], "API REQUEST 1", "API REQUEST 2", "API RESPONSE 1", "API RESPONSE 2", "RESPONSE"]
    assert sections(text) == wanted
    assert "Status: 500\n" in text


@EACH
def test_an_error(server: Proxy, upstream: FakeUpstream, family: Family, fresh: Fresh) -> None:
    new = NewLogs(server)
    upstream.plan(Plan(status=400))
    answer = server.post(family.path(), family.body(fresh(family)))
    (text,) = new.wait()
    assert answer.status == 400
    wanted = [*SECTIONS[:4], "API ERROR RESPONSE", *SECTIONS[4:]]
    assert sections(text) == wanted
    assert not new.names()[0].startswith("error-")


def test_an_upstream_that_hangs_up(server: Proxy, upstream: FakeUpstream, fresh: Fresh) -> None:
    new = NewLogs(server)
    upstream.plan(Plan(refuse=True))
    server.post(CHAT.path(), CHAT.body(fresh(CHAT)))
    (text,) = new.wait()
    assert re.search(r"=== API RESPONSE 1 ===\nTimestamp: .*\n\nError: cannot reach", text)


def test_a_client_that_leaves(server: Proxy, upstream: FakeUpstream) -> None:
    new = NewLogs(server)
    upstream.plan(Plan(reply=long_text(50), stall_after=20))
    connection = server.connect()
    send(connection, "POST", CHAT.path(), CHAT.body(stream=True), AUTHORIZED)
    response, seen = connection.getresponse(), b""
    while b"w5 " not in seen:
        seen += response.read1()
    response.close()
    connection.close()
    (text,) = new.wait()
    assert text.encode().endswith(b"\n\n") or seen.decode() in text
    assert "w5 " in text.rpartition("=== RESPONSE ===")[2]


@pytest.mark.parametrize("family", [CHAT, RESPONSES, CLAUDE, GEMINI], ids=repr)
def test_the_time_to_the_first_byte(server: Proxy, upstream: FakeUpstream, family: Family) -> None:
    """Within 5 ms of what the client measures, also when the stream goes on for ten seconds.

    Eight streams that begin one after the other: a busy machine wakes clients late, which is no fault of the log.
    """
    new = NewLogs(server)
    words = Reply(text=[f"w{number} " for number in range(10)])
    upstream.plan(*(Plan(reply=words, delay=0.5 + 0.07 * number, pause=0.9) for number in range(8)))

    def one(number: int) -> float:
        """Seconds to the first byte as a client sees them."""
        connection = server.connect()
        connection.connect()
        started = time.time()
        headers = {**AUTHORIZED, "X-Stream": f"number-{number}"}
        send(connection, "POST", family.path(stream=True), family.body(stream=True), headers)
        response = connection.getresponse()
        response.read1(1)
        measured = time.time() - started
        response.read()
        assert time.time() - started > 8
        connection.close()
        return measured

    with ThreadPoolExecutor(8) as pool:
        measured = list(pool.map(one, range(8)))
    late = []
    for text in new.wait(8):
        number = re.search(r"^X-Stream: number-(\d)$", text, re.MULTILINE)
        found = re.search(r"^TTFB: ([0-9.]+)ms$", text, re.MULTILINE)
        assert number is not None
        assert found is not None
        written = float(found[1]) / 1000
        assert abs(moment(text, "First Chunk") - moment(text, "Timestamp") - written) < 0.001
        assert written > 0.5
        late.append(measured[int(number[1])] - written)
    assert all(difference > -0.001 for difference in late)
    assert min(late) < 0.005


def test_a_hundred_streams_at_once(server: Proxy, upstream: FakeUpstream) -> None:
    """Every file is complete."""
    new = NewLogs(server)
    upstream.always(Plan(reply=Reply(text=[f"w{number} " for number in range(500)]), pause=0.001))

    def one(number: int) -> bytes:
        return server.post(CHAT.path(), {**CHAT.body(stream=True), "user": f"u{number}"}, timeout=60).body

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(one, range(100)))
    texts = new.wait(100)
    assert all(answer.endswith(b"data: [DONE]\n\n") for answer in answers)
    for text in texts:
        assert text.endswith("data: [DONE]\n\n")
        assert sections(text) == list(SECTIONS)
        assert all(text.count(f'"w{number} "') == 2 for number in range(0, 500, 50))
        assert "TRUNCATED" not in text
    assert {text.rpartition("=== RESPONSE ===")[2].partition("\n\n")[2].encode() for text in texts} == set(answers)


# Failures only.


@pytest.mark.case("logging:39", "logging:40")
def test_failures_only(start: Start, upstream: FakeUpstream) -> None:
    settings = config(upstream.url, **{"error-logs-max-files": 3, "disable-cooling": True})
    proxy = start(settings)
    assert proxy.post(CHAT.path(), CHAT.body()).status == 200
    assert proxy.post("/v1/nowhere", {}).status == 404
    assert proxy.ask("POST", CHAT.path(), CHAT.body()).status == 401
    written = eventually(lambda: files(proxy), "the log of a refusal, and of what came before")
    for path in written:
        path.unlink()
    new = NewLogs(proxy)
    upstream.always(Plan(status=429, message="slow down"))
    for number in range(5):
        before = files(proxy)
        assert proxy.post(CHAT.path(), CHAT.body()).status == 429
        eventually(lambda before=before: files(proxy) - before, f"error log {number}")  # type: ignore[misc]
    eventually(lambda: len(new.names()) == 3, "three error logs")
    texts = new.wait(3)
    assert all(name.startswith("error-v1-chat-completions-") for name in new.names())
    for text in texts:
        assert sections(text) == ["REQUEST INFO", "HEADERS", "REQUEST BODY", "API RESPONSE", "RESPONSE"]
        assert re.search(r"=== API RESPONSE ===\nTimestamp: .*\n\{.*slow down", text)
        assert text.count("slow down") == 2
    assert proxy.ask("POST", CHAT.path(), CHAT.body()).status == 401
    eventually(lambda: any("Missing API key" in text_of(path) for path in files(proxy)), "a refusal is logged")
    assert not any("nowhere" in path.name for path in written), "unknown paths are not logged"
    proxy.write_config({**settings, "error-logs-max-files": 1})
    eventually(lambda: proxy.post(CHAT.path(), CHAT.body()) and len(files(proxy)) == 1, "one error log", every=0.2)


def test_an_error_inside_a_stream_is_a_failure(start: Start, upstream: FakeUpstream) -> None:
    proxy = start(config(upstream.url))
    new = NewLogs(proxy)
    upstream.plan(Plan(reply=long_text(20), cut_after=5))
    assert proxy.post(CHAT.path(), CHAT.body(stream=True)).status == 200
    (text,) = new.wait()
    assert new.names()[0].startswith("error-")
    assert "before its answer was complete" in text


@pytest.mark.case("logging:42")
def test_commercial_mode(start: Start, upstream: FakeUpstream) -> None:
    proxy = start(config(upstream.url, **{"commercial-mode": True, "request-log": True, "disable-cooling": True}))
    upstream.plan(Plan(), Plan(status=500))
    assert proxy.post(CHAT.path(), CHAT.body()).status == 200
    assert proxy.post(CHAT.path(), CHAT.body()).status == 500
    proxy.stop()
    assert files(proxy) == set()


@pytest.mark.case("logging:38")
def test_switched_off_in_the_middle(start: Start, upstream: FakeUpstream) -> None:
    settings = config(upstream.url, **{"request-log": True})
    proxy = start(settings)
    new = NewLogs(proxy)
    upstream.plan(Plan(reply=long_text(50), stall_after=10))
    connection = proxy.connect()
    send(connection, "POST", CHAT.path(), CHAT.body(stream=True), AUTHORIZED)
    response = connection.getresponse()
    assert response.read1()
    proxy.reconfigure({**settings, "request-log": False})
    upstream.release()
    assert response.read().endswith(b"data: [DONE]\n\n")
    connection.close()
    (text,) = new.wait()
    assert text.endswith("data: [DONE]\n\n")
    assert proxy.post(CHAT.path(), CHAT.body()).status == 200
    proxy.stop()
    assert len(new.names()) == 1


# Disks that do not want to.


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 256 kB; needs the right to mount."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.decode(errors='replace')}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.case("logging:37")
def test_a_disk_that_is_full(start: Start, upstream: FakeUpstream, small_disk: Path) -> None:
    """Requests go on, one warning; with room again logs are written again, and that is said."""
    proxy = start(config(upstream.url, **{"request-log": True}), env={"WRITABLE_PATH": str(small_disk)})
    logs = small_disk / "logs"
    body = {**CHAT.body(stream=True), "user": "x" * 30_000}
    upstream.always(Plan(reply=long_text(100)))

    def warnings() -> int:
        return proxy.log.count("request logs cannot be written")

    for _ in range(200):
        answer = proxy.post(CHAT.path(), body)
        assert (answer.status, answer.body[-14:]) == (200, b"data: [DONE]\n\n")
        if warnings():
            break
    assert warnings() == 1
    assert all(path.read_bytes().endswith(b"data: [DONE]\n\n") for path in logs.glob("*.log"))
    for _ in range(10):
        assert proxy.post(CHAT.path(), body).status == 200
    assert warnings() == 1
    for path in logs.iterdir():
        path.unlink()
    proxy.post(CHAT.path(), body)
    eventually(lambda: list(logs.glob("*.log")), "a log is written again")
    proxy.post(CHAT.path(), body)
    eventually(lambda: "request logs are written again" in proxy.log, "that is said")
    eventually(lambda: not list(logs.glob("*.tmp")), "temporary files are gone")


def test_a_folder_that_cannot_be_made(start: Start, upstream: FakeUpstream, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = {"WRITABLE_PATH": str(tmp_path / "file")}
    proxy = start(config(upstream.url, **{"request-log": True, "disable-cooling": True}), env=env)
    upstream.plan(Plan(), Plan(), Plan(status=500))
    assert proxy.post(CHAT.path(), CHAT.body()).status == 200
    assert proxy.post(CHAT.path(), CHAT.body(stream=True)).body.endswith(b"data: [DONE]\n\n")
    assert proxy.post(CHAT.path(), CHAT.body()).status == 500
    eventually(lambda: "request logs cannot be written" in proxy.log, "one warning")


def test_a_pipelined_answer_is_not_delayed(server: Proxy, upstream: FakeUpstream) -> None:
    """Kept-alive connections go on while files are written."""
    new = NewLogs(server)
    connection: http.client.HTTPConnection = server.connect()
    for _ in range(5):
        send(connection, "POST", CHAT.path(), CHAT.body(), AUTHORIZED)
        assert connection.getresponse().read()
    connection.close()
    new.wait(5)

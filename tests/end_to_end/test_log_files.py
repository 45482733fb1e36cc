"""main.log, access lines and gunicorn's own messages under a real server (logging.md 2-6, 13)."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from end_to_end.families import CHAT as CHATS
from end_to_end.proxy import AUTHORIZED, KEY, Proxy, Start, StartFailed, send
from upstream.content import long_text
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

DEMO = {"api-keys": [KEY], "demo": True}
CHAT = "/v1/chat/completions"
HELLO = {"model": "demo-echo", "messages": [{"role": "user", "content": "hi"}]}


def main_log(proxy: Proxy) -> str:
    path = proxy.folder / "logs/main.log"
    return path.read_text() if path.exists() else ""


def test_one_line_per_request(start: Start) -> None:
    proxy = start(DEMO)
    proxy.post(CHAT, HELLO)
    proxy.post(CHAT, {**HELLO, "stream": True})
    proxy.ask("GET", "/v1/models?key=abcdefghijkl")
    chats = eventually(
        lambda: found if len(found := re.findall(r"\[([0-9a-f]{8})\] \[info \] \[access_log.py:\d+\] 200 \| .*POST    \"/v1/chat/completions\"\n", proxy.log)) == 2 else None,
        "two lines",
    )  # fmt: skip
    assert len(set(chats)) == 2
    eventually(lambda: "[--------] [warn ] [access_log.py:" in proxy.log, "the refused one")
    assert 'GET     "/v1/models?key=abcd...ijkl"' in proxy.log


def test_to_a_file_live_and_back(start: Start) -> None:
    proxy = start(DEMO)
    assert not (proxy.folder / "logs").exists()
    proxy.write_config({**DEMO, "logging-to-file": True})
    eventually(lambda: (proxy.folder / "logs/main.log").exists(), "the file")
    proxy.ask("GET", "/in-the-file")
    eventually(lambda: '"/in-the-file"' in main_log(proxy), "the line")
    assert "/in-the-file" not in proxy.log
    assert (proxy.folder / "logs/main.log").stat().st_mode & 0o777 == 0o600
    proxy.write_config(DEMO)
    eventually(
        lambda: proxy.ask("GET", "/printed").status == 404 and '"/printed"' in proxy.log, "stdout again", every=0.2
    )


def test_everything_is_there_after_a_stop(start: Start) -> None:
    proxy = start({**DEMO, "logging-to-file": True})
    for number in range(50):
        proxy.ask("GET", f"/number-{number}")
    proxy.stop()
    assert [number for number in range(50) if f'"/number-{number}"' not in main_log(proxy)] == []
    assert "access_log.py" not in proxy.log


def test_the_master_writes_there_too(start: Start) -> None:
    proxy = start({**DEMO, "logging-to-file": True})
    workers = Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children").read_text().split()
    os.kill(int(workers[0]), signal.SIGKILL)
    eventually(lambda: "was sent SIGKILL" in main_log(proxy), "the master's message")
    assert re.search(r"\[error\] \[glogging\.py:\d+\] Worker \(pid:\d+\) was sent SIGKILL", main_log(proxy))
    eventually(lambda: proxy._is_up(), "a new worker")


def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    proxy = Proxy(tmp_path, {**DEMO, "logging-to-file": True})
    try:
        with pytest.raises(StartFailed) as caught:
            proxy.wait_until_up()
    finally:
        proxy.kill()
    assert caught.value.code == 1
    assert "failed to configure log output: " in caught.value.log
    assert "Traceback" not in caught.value.log


def test_the_size_cap(start: Start) -> None:
    proxy = start(DEMO)
    logs = proxy.folder / "logs"
    logs.mkdir()
    for number in range(3):
        (logs / f"v1-x-{number}.log").write_bytes(b"x" * (1 << 19))
        os.utime(logs / f"v1-x-{number}.log", (1000 + number, 1000 + number))
    proxy.write_config({**DEMO, "logs-max-total-size-mb": 1})
    eventually(lambda: sorted(os.listdir(logs)) == ["v1-x-1.log", "v1-x-2.log"], "the oldest is gone")


@pytest.mark.parametrize(
    "plan", [Plan(stall_before=True), Plan(reply=long_text(50), stall_after=20)], ids=["before", "inside"]
)
def test_the_line_of_a_client_that_leaves(server: Proxy, upstream: FakeUpstream, plan: Plan) -> None:
    before = len(server.log)
    upstream.plan(plan)
    connection = server.connect()
    send(connection, "POST", CHATS.path(stream=True), CHATS.body(stream=True), AUTHORIZED)
    (request,) = upstream.wait_for(1)
    if not plan.stall_before:
        connection.getresponse().read1()
    connection.close()
    eventually(lambda: request.left, "the upstream connection is closed")
    eventually(lambda: "| the client left" in server.log[before:], "its line")
    (line,) = (line for line in server.log[before:].splitlines() if CHATS.path(stream=True) in line)
    assert f" {499 if plan.stall_before else 200} | " in line

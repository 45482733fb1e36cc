"""``scripts/serve``: what a newcomer sees (design D11). Runs in the project's own ``.venv``."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from end_to_end import sse
from end_to_end.proxy import ROOT, environment, free_port
from upstream.waiting import eventually

pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv" / "installed").exists(), reason="scripts/serve would install: run scripts/test"
)


@contextmanager
def serving(folder: Path, port: int) -> Iterator[Path]:
    """A running ``scripts/serve``; gives its output file. It must end well on SIGTERM."""
    output = folder / "output"
    env = environment(folder, folder / "config.yaml")
    with output.open("wb") as file:
        process = subprocess.Popen(
            [ROOT / "scripts" / "serve", "-b", f"127.0.0.1:{port}"], cwd=folder, env=env, stdout=file, stderr=file,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        eventually(lambda: answers(port), f"an answer on {port}: {output.read_text()}", seconds=30)
        yield output
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def curled(port: int, line: str) -> bytes:
    """What the printed curl line asks for."""
    words = shlex.split(line)
    assert words[:2] == ["curl", "-N"]
    base = f"http://127.0.0.1:{port}"
    assert words[2].startswith(base)
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", words[2].removeprefix(base), words[words.index("-d") + 1], headers)
        response = connection.getresponse()
        assert response.status == 200
        return response.read()
    finally:
        connection.close()


def test_first_and_second_start(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port) as output:
        said = output.read_text()
        lines = re.findall(r"^  (curl .*)$", said, re.MULTILINE)
        assert len(lines) == 4
        for line in lines:
            body = curled(port, line)
            assert b"proxy" in body
            assert sse.parse(body)
        key = re.search(r"client key +(sk-\S+)", said)
        assert key is not None
        assert f'- "{key[1]}"' in (tmp_path / "config.yaml").read_text()
    before = (tmp_path / "config.yaml").read_bytes()
    began = time.monotonic()
    with serving(tmp_path, port) as output:
        assert time.monotonic() - began < 6  # 1.5 s on a quiet machine (scripts/bench measures it)
        assert "sk-" not in output.read_text()
    assert (tmp_path / "config.yaml").read_bytes() == before

"""Usage and metrics of a real server: counted per attempt, kept over restarts, switched live (logging.md 15, 16)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from end_to_end.families import CHAT, CLAUDE, config
from end_to_end.proxy import ROOT, Proxy, environment
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

MANAGEMENT = {"Authorization": "Bearer manager"}


def settings(upstream: FakeUpstream, **more: Any) -> dict[str, Any]:
    return config(upstream.url, **{"usage-statistics-enabled": True, "disable-cooling": True, **more})


def usage(proxy: Proxy) -> dict[str, Any]:
    """What ``cliproxy usage --json`` says beside the server."""
    command = [sys.executable, "-m", "flask", "cliproxy", "usage", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(proxy.folder, proxy.config_path), capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def requests(proxy: Proxy) -> int:
    found: int = usage(proxy)["totals"]["requests"]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.case("logging:48")
def test_kept_over_a_restart_and_switched_live(folder: Path, upstream: FakeUpstream) -> None:
    proxy = Proxy(folder, settings(upstream))
    try:
        proxy.wait_until_up()
        upstream.plan(Plan(), Plan(status=500), Plan())
        for stream in (False, False, True):
            proxy.post(CHAT.path(), CHAT.body(stream=stream))
        eventually(lambda: requests(proxy) == 3, "three records", every=0.2)
        proxy.stop()
        proxy = Proxy(folder, settings(upstream))
        proxy.wait_until_up()
        proxy.post(CLAUDE.path(), CLAUDE.body())
        eventually(lambda: requests(proxy) == 4, "a fourth one after the restart", every=0.2)
        assert usage(proxy)["totals"]["failed"] == 1
        proxy.reconfigure(settings(upstream, **{"usage-statistics-enabled": False}))
        proxy.post(CLAUDE.path(), CLAUDE.body())
        proxy.reconfigure(settings(upstream))
        proxy.post(CLAUDE.path(), CLAUDE.body())
        answered = len(upstream.requests)
    finally:
        proxy.stop()
    assert (requests(proxy), answered) == (5, 6), "what came while it was off does not count"


def test_metrics(folder: Path, upstream: FakeUpstream) -> None:
    proxy = Proxy(folder, settings(upstream), env={"MANAGEMENT_PASSWORD": "manager"})
    try:
        proxy.wait_until_up()
        upstream.plan(Plan(), Plan(status=500))
        proxy.post(CHAT.path(), CHAT.body())
        proxy.post(CHAT.path(), CHAT.body())
        assert proxy.ask("GET", "/metrics").status == 401
        answer = proxy.ask("GET", "/metrics", headers=MANAGEMENT)
        lines = answer.body.decode().splitlines()
        assert 'cliproxy_requests_total{route="/v1/chat/completions",status="200"} 1.0' in lines
        assert 'cliproxy_requests_total{route="/v1/chat/completions",status="500"} 1.0' in lines
        assert any(line.startswith("cliproxy_upstream_attempts_total{") and '"500"' in line for line in lines)
        assert any(line.startswith("cliproxy_tokens_total{") and not line.endswith(" 0.0") for line in lines)
        assert 'cliproxy_first_byte_seconds_count{route="/v1/chat/completions"} 2.0' in lines
        assert "client-key" not in answer.body.decode()
    finally:
        proxy.stop()

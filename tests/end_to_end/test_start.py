"""What a start refuses, and how it says so (config.md 3, 4, 15.4; design D1, D9, D18)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from end_to_end.proxy import KEY, Proxy, Start, StartFailed, free_port, yaml
from upstream.waiting import eventually

GOOD = {"api-keys": [KEY], "demo": True}


def refusal(tmp_path: Path, settings: dict[str, Any] | str, **options: Any) -> StartFailed:
    """Start a server that must not start."""
    proxy = Proxy(tmp_path, settings, **options)
    try:
        with pytest.raises(StartFailed) as caught:
            proxy.wait_until_up()
    finally:
        proxy.kill()
    assert "Traceback" not in caught.value.log
    return caught.value


@pytest.mark.parametrize("key", ["your-api-key-1", "your-api-key-2", "your-api-key-3"])
def test_sample_keys(tmp_path: Path, key: str) -> None:
    failed = refusal(tmp_path, f"port: 8317\n\napi-keys:\n  - good\n  - {key}\n")
    assert failed.code == 1
    assert key in failed.log
    assert "line 5" in failed.log


@pytest.mark.parametrize(
    ("options", "env"), [(["-w", "2"], {}), (["--workers", "4"], {}), ([], {"WEB_CONCURRENCY": "3"})]
)
def test_more_than_one_worker(tmp_path: Path, options: list[str], env: dict[str, str]) -> None:
    failed = refusal(tmp_path, GOOD, options=options, env=env)
    assert failed.code != 0
    assert "worker" in failed.log.lower()


def test_one_worker_may_be_asked_for(start: Start) -> None:
    proxy = start(GOOD, options=["-w", "1"], env={"WEB_CONCURRENCY": "1"})
    assert proxy.ask("GET", "/healthz").status == 200


BROKEN = """\
port: many
debug: maybe
api-keys: text
request-retry: "3"
gemini-api-key:
  - api-key: k
    models: {}
"""


def test_broken_config_lists_every_problem(tmp_path: Path) -> None:
    failed = refusal(tmp_path, BROKEN)
    assert failed.code == 1
    for line, key in ((1, "port"), (2, "debug"), (3, "api-keys"), (4, "request-retry"), (7, "models")):
        assert any(f"line {line}" in text and key in text for text in failed.log.splitlines()), (line, key, failed.log)
    assert "failed to load config" in failed.log


@pytest.mark.parametrize("text", ["api-keys: [a\n", "a: 1\na: 2\nport: 1\nport: 2\n", "\tx: 1\n", "- a\n"])
def test_config_that_is_no_yaml_mapping(tmp_path: Path, text: str) -> None:
    failed = refusal(tmp_path, text)
    assert failed.code == 1
    assert "failed to load config" in failed.log


def test_missing_config(tmp_path: Path) -> None:
    failed = refusal(tmp_path, GOOD, env={"CLIPROXY_CONFIG": str(tmp_path / "none.yaml")})
    assert failed.code == 1
    assert "none.yaml" in failed.log


def test_tls_without_files(tmp_path: Path) -> None:
    failed = refusal(tmp_path, {**GOOD, "tls": {"enable": True, "cert": " ", "key": ""}})
    assert failed.code != 0
    assert "failed to start HTTPS server: tls.cert or tls.key is empty" in failed.log


def test_address_of_the_config(start: Start) -> None:
    """Without -b the server listens where the file says."""
    port = free_port()
    proxy = start({**GOOD, "host": "127.0.0.1", "port": port}, bind=False, port=port)
    eventually(lambda: f"API server started successfully on: 127.0.0.1:{port}" in proxy.log, "the start is announced")


def test_unknown_keys_are_only_warned_of(start: Start) -> None:
    proxy = start(yaml(GOOD) + "no-such-key: 1\n")
    eventually(lambda: "no-such-key" in proxy.log, "the warning")

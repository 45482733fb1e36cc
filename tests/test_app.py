"""Embedding: ``create_app`` with ready settings, without a server and without a file (design 2)."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from cliproxy.app import create_app
from cliproxy.config.settings import Settings
from cliproxy.errors import ConfigError

CHAT = {"model": "demo-echo", "messages": [{"role": "user", "content": "say it again"}]}


def test_ready_settings(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    app = create_app(Settings(api_keys=("k",), auth_dir=str(tmp_path / "auths"), demo=True))
    client = app.test_client()
    assert client.get("/v1/models").status_code == 401
    headers = {"Authorization": "Bearer k"}
    answer = client.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert answer.json is not None
    assert answer.json["choices"][0]["message"]["content"] == "say it again"
    streamed = client.post("/v1/chat/completions", json={**CHAT, "stream": True}, headers=headers)
    assert streamed.data.endswith(b"data: [DONE]\n\n")
    app.extensions["cliproxy.lifecycle"].stop()
    assert set(threading.enumerate()) <= threads
    assert [path.name for path in tmp_path.iterdir()] == ["auths"]


def test_two_apps_do_not_share_anything(tmp_path: Path) -> None:
    apps = [create_app(Settings(api_keys=(key,), auth_dir=str(tmp_path), demo=key == "a")) for key in "ab"]
    listed = [app.test_client().get("/v1/models?key=a") for app in apps]
    assert [answer.status_code for answer in listed] == [200, 401]
    for app in apps:
        app.extensions["cliproxy.lifecycle"].stop()


def test_a_file(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"api-keys: [k]\ndemo: true\nauth-dir: {tmp_path / 'auths'}\n")
    app = create_app(config=config)
    try:
        assert app.test_client().get("/v1/models?key=k").status_code == 200
    finally:
        app.extensions["cliproxy.lifecycle"].stop()


@pytest.mark.parametrize("text", ["port: x\n", "api-keys: [your-api-key-3]\n", "["])
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError):
        create_app(config=tmp_path / "c.yaml")


def test_a_crash_is_a_plain_500(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Settings(auth_dir=str(tmp_path)))

    @app.get("/crash")
    def crash() -> str:
        raise RuntimeError("secret words")

    with caplog.at_level("ERROR"):
        answer = app.test_client().get("/crash")
    assert answer.status_code == 500
    assert b"secret" not in answer.data
    assert "recovered from panic" in caplog.text
    app.extensions["cliproxy.lifecycle"].stop()


def test_cooldowns_survive_without_a_server_of_ours_too(tmp_path: Path) -> None:
    """What runs beside the requests runs here as well; a host application ends it with ``stop``."""
    settings = Settings(auth_dir=str(tmp_path), demo=True)
    app = create_app(settings)
    assert app.test_client().post("/v1/chat/completions", json=CHAT).status_code == 200
    app.extensions["cliproxy.lifecycle"].stop()
    state = json.loads((tmp_path / ".cliproxy-state").read_bytes())
    assert state["credentials"]["demo"]["counters"]["attempts"] == 1


def test_what_a_killed_process_left_of_a_login(tmp_path: Path) -> None:
    left = tmp_path / ".oauth-codex-abc.oauth"
    left.write_text("{}")
    os.utime(left, (1, 1))
    create_app(Settings(auth_dir=str(tmp_path))).extensions["cliproxy.lifecycle"].stop()
    assert not left.exists()

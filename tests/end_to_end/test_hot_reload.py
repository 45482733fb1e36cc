"""Changes of config.yaml take effect in the running worker (config.md 12, 13, 23)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from end_to_end.families import CHAT, CLAUDE, config, entry
from end_to_end.proxy import KEY, Proxy, Start, yaml
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

SECONDS = 12.0


def status(proxy: Proxy, key: str | None) -> int:
    return proxy.ask("GET", "/v1/models", headers={"X-Api-Key": key} if key else {}).status


def becomes(proxy: Proxy, key: str | None, wanted: int) -> None:
    eventually(lambda: status(proxy, key) == wanted, f"key {key!r} gets {wanted}", seconds=SECONDS, every=0.1)


def keys(*names: str) -> dict[str, Any]:
    return {"api-keys": list(names), "demo": True}


def test_replaced_twice_in_a_row(start: Start) -> None:
    """As editors do it: a new file renamed over the old one, so that the watched inode changes."""
    proxy = start(keys("first"))
    for number, (old, new) in enumerate([("first", "second"), ("second", "third"), ("third", "fourth")]):
        assert status(proxy, old) == 200, number
        proxy.write_config(keys(new))
        becomes(proxy, new, 200)
        assert status(proxy, old) == 401


def test_written_in_place(start: Start) -> None:
    proxy = start(keys("first"))
    for new in ("second", "third"):
        proxy.config_path.write_text(yaml(keys(new)))
        becomes(proxy, new, 200)
    assert status(proxy, "first") == 401


@pytest.mark.case("config:12")
def test_open_and_closed(start: Start) -> None:
    proxy = start(keys(KEY))
    assert status(proxy, None) == 401
    proxy.write_config({"demo": True})
    becomes(proxy, None, 200)
    proxy.write_config(keys(""))
    becomes(proxy, None, 401)
    for key in (KEY, "anything"):
        answer = proxy.ask("GET", "/v1/models", headers={"X-Api-Key": key})
        assert (answer.status, answer.json) == (401, {"error": "Invalid API key"}) or answer.json == {
            "error": "Missing API key"
        }
    proxy.write_config(keys(KEY))
    becomes(proxy, KEY, 200)


def test_broken_config_changes_nothing(start: Start) -> None:
    proxy = start(keys(KEY))
    proxy.write_config("api-keys: [other\nport: x\n")
    eventually(lambda: "failed to reload config" in proxy.log, "the error is logged", seconds=SECONDS)
    assert (status(proxy, KEY), status(proxy, "other")) == (200, 401)
    proxy.write_config(keys("other"))
    becomes(proxy, "other", 200)


def test_sample_keys_at_reload_change_nothing(start: Start) -> None:
    proxy = start(keys(KEY))
    proxy.write_config(keys("your-api-key-1"))
    eventually(lambda: "failed to reload config" in proxy.log, "the error is logged", seconds=SECONDS)
    assert (status(proxy, KEY), status(proxy, "your-api-key-1")) == (200, 401)


def test_providers_come_and_go(start: Start, upstream: FakeUpstream) -> None:
    proxy = start({"api-keys": [KEY]})
    assert proxy.post(CHAT.path(), CHAT.body()).status == 502
    proxy.write_config({"api-keys": [KEY], "openai-compatibility": entry(CHAT, upstream.url, "gpt-test", "one")})
    eventually(
        lambda: proxy.post(CHAT.path(), CHAT.body()).status == 200, "the provider is there", seconds=SECONDS, every=0.1
    )
    proxy.write_config({"api-keys": [KEY], "claude-api-key": entry(CLAUDE, upstream.url, "claude-test", "two")})
    eventually(
        lambda: proxy.post(CLAUDE.path(), CLAUDE.body()).status == 200, "the new one is there", seconds=SECONDS,
        every=0.1,
    )  # fmt: skip
    assert proxy.post(CHAT.path(), CHAT.body()).status == 502


def test_a_running_stream_is_not_disturbed(start: Start, upstream: FakeUpstream) -> None:
    proxy = start(config(upstream.url))
    upstream.plan(Plan(stall_after=3))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(proxy.post, CHAT.path(), CHAT.body(stream=True))
        upstream.wait_for(1)
        proxy.write_config(keys("other"))
        becomes(proxy, "other", 200)
        assert not answer.done()
        upstream.release()
        assert b"[DONE]" in answer.result(20).body

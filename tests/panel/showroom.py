"""A server on which there is something to see in every view: accounts in several states, requests, logs, mappings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from end_to_end.accounts import CLAUDE as CLAUDE_LOGIN
from end_to_end.accounts import CODEX, GEMINI, QWEN, Account, Kind
from end_to_end.families import CHAT, CLAUDE, RESPONSES, Family, entry
from end_to_end.proxy import KEY, ROOT, Proxy
from panel.visitor import MANAGEMENT_KEY
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

FAR = timedelta(days=40)
NAMES = {
    "claude-ann@example.com.json": (CLAUDE_LOGIN, "ann", {}),
    "codex-ben@example.com-plus.json": (CODEX, "ben", {}),
    "gemini-carla@example.com-a-rather-long-project-name-4711.json": (GEMINI, "carla", {"prefix": "team", "note": "shared"}),
    "qwen-1760000000000.json": (QWEN, "dora", {"disabled": True}),
    "claude-emil.with.a.very.long.address@subdomain.example.com.json": (CLAUDE_LOGIN, "emil.with.a.very.long.address@subdomain", {}),
}  # fmt: skip
_BLOCKING = Plan(status=429, headers=(("Retry-After", "1800"),))


@contextmanager
def showroom(folder: Path, upstream: FakeUpstream) -> Iterator[Proxy]:
    """The server; ``folder`` must be empty."""
    auths = folder / "home" / "auths"
    auths.mkdir(parents=True)
    for name, (kind, person, more) in NAMES.items():
        (auths / name).write_text(json.dumps({**kind.content(Account(person, FAR, upstream.url)), **more}))
    world = {key: value for kind in (CLAUDE_LOGIN, CODEX, GEMINI, QWEN) for key, value in _world(kind, upstream)}
    proxy = Proxy(
        folder, _settings(upstream), options=("--pythonpath", str(ROOT / "tests" / "oauth")), app="world_wsgi:app",
        env={"CLIPROXY_TEST_WORLD": json.dumps(world)},
    )  # fmt: skip
    try:
        proxy.wait_until_up()
        _work(proxy, upstream)
        yield proxy
    finally:
        upstream.release()
        proxy.stop()


def _world(kind: Kind, upstream: FakeUpstream) -> Iterator[tuple[str, Any]]:
    yield from kind.world(upstream.url, upstream.url).items()


def _settings(upstream: FakeUpstream) -> dict[str, Any]:
    mappings = [
        {"from": "claude-opus-4-5", "to": "gpt-test"},
        {"from": "^gpt-5.*$", "to": "claude-test", "regex": True},
    ]
    return {
        "api-keys": [KEY, "sk-another-client-key-of-some-length"], "auth-dir": "~/auths", "demo": True,
        "remote-management": {"secret-key": MANAGEMENT_KEY}, "logging-to-file": True, "request-log": True,
        "usage-statistics-enabled": True,
        CHAT.section: [
            *entry(CHAT, upstream.url, CHAT.model, "main", "second"),
            *entry(CHAT, upstream.url, "a-model-with-quite-a-long-name-2026-01-02-preview", "third", prefix="lab", priority=5),
        ],
        CLAUDE.section: entry(CLAUDE, upstream.url, CLAUDE.model, "main"),
        RESPONSES.section: entry(RESPONSES, upstream.url, RESPONSES.model, "main"),
        "oauth-model-alias": {
            "claude": [{"name": "claude-sonnet-4-5-20250929", "alias": "sonnet", "fork": True}],
            "gemini-cli": [{"name": "gemini-2.5-pro", "alias": "g25"}, {"name": "gemini-2.5-flash", "alias": "flash"}],
        },
        "oauth-excluded-models": {"codex": ["gpt-5-codex-mini", "*-preview"]},
        "ampcode": {"model-mappings": mappings, "upstream-api-keys": [{"upstream-api-key": "amp-secret-key-1", "api-keys": [KEY]}]},
    }  # fmt: skip


def _work(proxy: Proxy, upstream: FakeUpstream) -> None:
    """Some requests: good ones, streams, one that is refused, and a quota that is used up."""
    for number in range(6):
        _ask(proxy, CHAT, CHAT.model, 200, stream=number % 2 == 0)
    _ask(proxy, CLAUDE, CLAUDE.model, 200)
    _ask(proxy, RESPONSES, RESPONSES.model, 200, stream=True)
    upstream.plan(Plan(status=400))
    _ask(proxy, CHAT, CHAT.model, 400)
    assert (
        proxy.ask("POST", "/v1/chat/completions", CHAT.body("unknown-model"), {"Authorization": f"Bearer {KEY}"}).status
        >= 400
    )
    assert proxy.ask("POST", "/v1/messages", CLAUDE.body(), {"Authorization": "Bearer wrong"}).status == 401
    model = "claude-sonnet-4-5-20250929"
    upstream.plan(_BLOCKING, _BLOCKING)
    proxy.post(CLAUDE.path(model), CLAUDE.body(model))
    _ask(proxy, CLAUDE, "demo-echo", 200)
    eventually(lambda: len(list((proxy.folder / "logs").glob("v1-*.log"))) >= 8, "the request logs are written")


def _ask(proxy: Proxy, family: Family, model: str, status: int, stream: bool = False) -> None:
    answer = proxy.post(family.path(model, stream), family.body(model, stream))
    assert answer.status == status, (family, answer)


def soon(seconds: float) -> str:
    """An RFC 3339 time from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds").replace("+00:00", "Z")

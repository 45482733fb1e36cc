"""Antigravity's hosts on loopback, and a provider that is sent there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from oauth.authority import Answer, Asked, Authority
from providers.fake_http import Live, call, pipeline_for

from cliproxy.errors import UpstreamError
from cliproxy.providers import antigravity
from cliproxy.providers.antigravity import AntigravityProvider
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.providers.tokens import antigravity as tokens
from cliproxy.providers.tokens import apps

NOW = 1_800_000_000.0
GOOD = {"access_token": "tok", "refresh_token": "ref", "timestamp": NOW * 1000, "expires_in": 3599, "project_id": "p-1"}
SESSION = "-1099796703622425494"  # of "hi"
GENERATE, STREAM = "/v1internal:generateContent", "/v1internal:streamGenerateContent"
COUNT, MODELS = "/v1internal:countTokens", "/v1internal:fetchAvailableModels"
RESPONSE = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 2, "candidatesTokenCount": 3, "totalTokenCount": 5},
    "modelVersion": "up-1", "responseId": "r-1",
}  # fmt: skip
GEMINI_BODY = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
CLAUDE_BODY = {"max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
CHAT_BODY = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 100}


def chunk(*parts: Any, finish: str = "", **more: Any) -> bytes:
    """One event of a stream."""
    candidate = {"content": {"role": "model", "parts": [*parts]}, **({"finishReason": finish} if finish else {})}
    return b"data: %b\n\n" % json.dumps({"response": {"candidates": [candidate], **more}, "traceId": "t"}).encode()


EVENTS = (
    chunk({"text": "Hel"}, modelVersion="up-1", usageMetadata={"promptTokenCount": 2, "totalTokenCount": 2}),
    chunk({"text": "lo"}, finish="STOP", modelVersion="up-1", usageMetadata=RESPONSE["usageMetadata"]),
)


class Host(Authority):
    """One of Antigravity's hosts. ``answers`` come in order; the last one again and again."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = [*answers] or [{"response": RESPONSE, "traceId": "t"}]
        for path in (GENERATE, STREAM, COUNT, MODELS):
            self.routes[f"POST {path}"] = self.next

    def next(self, asked: Asked) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def paths(self) -> list[str]:
        """Of all requests."""
        return [asked.path for asked in self.asked]


class Keeper:
    """Renews tokens as told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gives: Credential | UpstreamError = UpstreamError("nothing to give")

    def current(self, credential_id: str) -> Credential | None:
        raise AssertionError("nobody asks this")

    def renewed(self, credential_id: str) -> Credential:
        self.asked.append(credential_id)
        if isinstance(self.gives, UpstreamError):
            raise self.gives
        return self.gives


@dataclass(slots=True)
class Bench:
    """A provider, both hosts, and what it was given."""

    provider: AntigravityProvider
    daily: Host
    sandbox: Host
    live: Live
    keeper: Keeper
    slept: list[float]
    environment: dict[str, str]


@contextmanager
def bench_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Everything moved to loopback; ``daily`` also has the token endpoint and Code Assist."""
    slept: list[float] = []
    live, keeper, environment = Live(), Keeper(), {"CLIPROXY_ANTIGRAVITY_CLIENT_SECRET": "sec"}
    http = HttpClient(live, {})
    with Host() as daily, Host() as sandbox:
        monkeypatch.setattr(antigravity, "DAILY_BASE", daily.url)
        monkeypatch.setattr(antigravity, "SANDBOX_BASE", sandbox.url)
        monkeypatch.setattr(tokens, "CODE_ASSIST", daily.url)
        moved = replace(apps.APPS["antigravity"], token_url=f"{daily.url}/token")
        monkeypatch.setitem(apps.APPS, "antigravity", moved)
        provider = AntigravityProvider(
            http, live, pipeline_for(live), keeper, environment, sleep=slept.append,
            clock=lambda: NOW,
        )  # fmt: skip
        yield Bench(provider, daily, sandbox, live, keeper, slept, environment)
    http.close()
    assert daily.refusals == sandbox.refusals == []


def login(**metadata: Any) -> Credential:
    """A login whose token is good; None takes a field away."""
    attributes = metadata.pop("attributes", {})
    fields = {key: value for key, value in {**GOOD, **metadata}.items() if value is not None}
    return Credential("id.json", "antigravity", attributes=attributes, metadata=fields)


CALL = call("gemini", GEMINI_BODY)
FULL = Answer({"error": {"code": 503, "message": "No Capacity available for model"}}, 503)
BUSY = Answer({"error": {"code": 429, "message": "reset after 7s"}}, 429)
NOWHERE = "http://127.0.0.1:9"

Work = Callable[[Bench, Credential], Any]


def whole(bench: Bench, credential: Credential) -> Any:
    return bench.provider.execute(credential, CALL, "gemini-3-flash")


def collected(bench: Bench, credential: Credential) -> Any:
    return bench.provider.execute(credential, CALL, "claude-x")


def streamed(bench: Bench, credential: Credential) -> Any:
    return list(bench.provider.stream(credential, CALL, "gemini-3-flash"))


def counted(bench: Bench, credential: Credential) -> Any:
    return bench.provider.count_tokens(credential, CALL, "gemini-3-flash")


GENERATING = [whole, collected, streamed]
ALL = [*GENERATING, counted]


def good(work: Work) -> Any:
    """What a host says to ``work``."""
    if work is counted:
        return {"totalTokens": 1}
    return {"response": {}} if work is whole else Answer(b"".join(EVENTS))

"""An ``HttpClient`` that sends nothing: it keeps what providers want to send and answers as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from cliproxy.config.settings import Settings
from cliproxy.errors import UpstreamError
from cliproxy.providers.base import Call
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient, Outgoing, Reply
from cliproxy.providers.pipeline import Pipeline
from cliproxy.translation.formats import Format
from cliproxy.translation.hub import Hub


class FakeHttp:
    """``body`` is the next answer's body, or blocks of one for streams, or an error to raise."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.body: Any = b"{}"

    @property
    def client(self) -> HttpClient:
        return cast(HttpClient, self)

    @property
    def last(self) -> Outgoing:
        """The newest request."""
        return self.sent[-1]

    @property
    def json(self) -> Any:
        """Its body, parsed."""
        return json.loads(self.last.body or b"null")

    def header(self, name: str) -> str | None:
        """One header of it, whatever its case."""
        return next((value for key, value in self.last.headers.items() if key.lower() == name.lower()), None)

    def fetch(self, request: Outgoing) -> Reply:
        self.sent.append(request)
        if isinstance(self.body, UpstreamError):
            raise self.body
        return Reply(200, {}, self.body)

    def stream(self, request: Outgoing) -> Any:
        self.sent.append(request)
        if isinstance(self.body, UpstreamError):
            raise self.body
        return Blocks(self.body if isinstance(self.body, list) else [self.body])


def pipeline_for(settings: Callable[[], Settings]) -> Pipeline:
    """The steps of a provider that knows no models."""
    return Pipeline(Hub(), settings, lambda model, provider: None)


class Blocks:
    """A source of prepared blocks."""

    def __init__(self, blocks: list[bytes]) -> None:
        self.keepalive = 0.0
        self._blocks = iter(blocks)

    def read(self) -> bytes | None:
        return next(self._blocks, None)

    def close(self) -> None:
        pass

    def release(self) -> None:
        pass


class Live:
    """Settings that a test may change."""

    def __init__(self) -> None:
        self.settings = Settings()

    def __call__(self) -> Settings:
        return self.settings

    def set(self, **values: Any) -> None:
        self.settings = replace(self.settings, **values)


def call(format: Format, body: Any, model: str = "client-model", **more: Any) -> Call:
    """A client's request; ``body`` as a plain value or as JSON bytes."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(format, payload, json.loads(payload), model, model, **more)


def key(provider: str, base: str = "", **more: Any) -> Credential:
    """An API-key credential."""
    attributes: Mapping[str, str] = {"api_key": "secret", **({"base_url": base} if base else {})}
    return Credential("id", provider, attributes={**attributes, **more.pop("attributes", {})}, **more)


def token(provider: str, value: str = "tok", **metadata: Any) -> Credential:
    """A login."""
    return Credential("id.json", provider, metadata={"access_token": value, "email": "e", **metadata})


Make = Callable[..., Any]

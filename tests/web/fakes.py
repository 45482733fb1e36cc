"""A small application around fake parts: the web layer alone, without dispatcher, registry or network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from flask import Flask

from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError, UnknownModel
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.code_assist import CodeAssist
from cliproxy.providers.http import HttpClient
from cliproxy.providers.relay import Relays
from cliproxy.records.usage import Tokens
from cliproxy.web import claude, gemini, internal, models, openai, relay, responses, server, system
from cliproxy.web.authentication import Authenticator
from cliproxy.web.services import EXTENSION, Services


class ListSource:
    """A source that hands out prepared blocks; an exception in the list is raised."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self._blocks = iter(blocks)
        self.keepalive = 0.0
        self.closed = False
        self.released = False

    def read(self) -> bytes | None:
        block = next(self._blocks, None)
        if isinstance(block, BaseException):
            raise block
        return block

    def close(self) -> None:
        self.closed = True

    def release(self) -> None:
        self.released = True


class Plain:
    """A transform that changes nothing."""

    def __init__(self, model: str = "up-model") -> None:
        self.tokens = Tokens()
        self.upstream_model = model
        self.error = None
        self.complete = False

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""

    def closing(self) -> bytes:
        return b""


@dataclass
class FakeDispatcher:
    """Answers with what a test put in; keeps the calls."""

    answer: Any = Answer(b'{"id":"a"}', "up-model")
    blocks: list[Any] = field(default_factory=lambda: [b"data: 1\n\n", b"data: 2\n\n"])
    starts: list[Any] = field(default_factory=list)
    """Errors that the first starts of a stream fail with."""
    calls: list[Call] = field(default_factory=list)
    sources: list[ListSource] = field(default_factory=list)

    def execute(self, providers: tuple[str, ...], call: Call) -> Answer:
        self.calls.append(call)
        answer = self.answer() if callable(self.answer) else self.answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    count_tokens = execute

    def stream(self, providers: tuple[str, ...], call: Call) -> Any:
        self.calls.append(call)
        if self.starts:
            raise self.starts.pop(0)
        source = ListSource(self.blocks)
        self.sources.append(source)
        stream = AnswerStream(source, Plain())
        return SimpleNamespace(first=next(stream, b""), stream=stream)


class FakeRegistry:
    """Two models."""

    def openai_models(self) -> list[dict[str, Any]]:
        return [{"id": "a", "object": "model", "owned_by": "o"}, {"id": "b", "object": "model", "owned_by": ""}]

    def claude_models(self) -> list[dict[str, Any]]:
        return [{"id": "a", "object": "model", "owned_by": "o", "type": "model"}]

    def gemini_models(self) -> list[dict[str, Any]]:
        return [{"name": "models/a"}, {"name": "models/x/b"}]


class FakeResolver:
    """Knows every name but ``nobody``."""

    def resolve(self, model: str) -> Any:
        if model in ("nobody", ""):
            raise UnknownModel(model)
        return SimpleNamespace(model=f"resolved-{model}", providers=("p",))


def make_app(dispatcher: FakeDispatcher, settings: Settings | None = None, code_assist: str = "http://127.0.0.1:1") -> Flask:
    """An application with every blueprint and fake parts below."""
    settings = settings or Settings(api_keys=("k",))
    app = Flask(__name__)
    server.install(app)
    for module in (system, models, openai, responses, claude, gemini, internal, relay):
        app.register_blueprint(module.blueprint)
    app.extensions[EXTENSION] = Services(
        settings=lambda: settings,
        authenticator=Authenticator(settings.api_keys),
        resolver=FakeResolver(),  # type: ignore[arg-type]
        registry=FakeRegistry(),  # type: ignore[arg-type]
        dispatcher=dispatcher,  # type: ignore[arg-type]
        relays=Relays(lambda name: None, lambda name: None),
        code_assist=CodeAssist(HttpClient(lambda: settings, {}), code_assist),
    )
    return app


Factory = Callable[..., CliproxyError]

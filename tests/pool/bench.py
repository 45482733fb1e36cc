"""A pool around scripted upstreams and a clock that only moves when told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cliproxy.config.settings import Settings
from cliproxy.errors import UpstreamStatus
from cliproxy.pool.dispatch import Dispatcher
from cliproxy.pool.pool import Pool, Remembered
from cliproxy.providers.base import Answer, AnswerStream, Call, Provider
from cliproxy.providers.credential import Credential
from cliproxy.records.usage import Tokens, UsageRecord
from cliproxy.routing.registry import ModelRegistry
from cliproxy.routing.tables import ModelInfo

START = 1_700_000_000.0


class Clock:
    """Unix seconds; ``sleep`` moves it and keeps how long."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Blocks:
    """A source of prepared blocks; an exception among them is raised."""

    def __init__(self, blocks: Sequence[Any]) -> None:
        self._blocks = list(blocks)
        self.keepalive = 0.0
        self.closed = False

    def read(self) -> bytes | None:
        block = self._blocks.pop(0) if self._blocks else None
        if isinstance(block, BaseException):
            raise block
        return block

    def close(self) -> None:
        self.closed = True

    def release(self) -> None:
        pass


class Plain:
    """A transform that changes nothing."""

    def __init__(self, model: str) -> None:
        self.tokens, self.upstream_model, self.error, self.complete = Tokens(), model, None, False

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""

    def closing(self) -> bytes:
        return b""


class Scripted:
    """A provider whose credentials fail as planned: ``plan[id]`` is a list of errors, None = success."""

    def __init__(self, key: str = "p") -> None:
        self.key = key
        self.plan: dict[str, list[Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.streams: dict[str, list[list[Any]]] = {}
        self.sources: list[Blocks] = []

    @property
    def order(self) -> str:
        """The ids that were asked, one after another."""
        return " ".join(credential_id for credential_id, _ in self.asked)

    def _next(self, credential: Credential, model: str) -> None:
        self.asked.append((credential.id, model))
        plan = self.plan.get(credential.id)
        outcome = plan.pop(0) if plan else None
        if isinstance(outcome, BaseException):
            raise outcome

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        self._next(credential, model)
        return Answer(credential.id.encode(), model)

    count_tokens = execute

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        self._next(credential, model)
        planned = self.streams.get(credential.id)
        source = Blocks(planned.pop(0) if planned else [credential.id.encode()])
        self.sources.append(source)
        return AnswerStream(source, Plain(model))


@dataclass
class Bench:
    """Everything that a pool needs, and the pool."""

    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=Clock)
    provider: Scripted = field(default_factory=Scripted)
    models: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Models of a credential; ``("m",)`` when not named."""
    used: list[UsageRecord] = field(default_factory=list)
    remembered: Remembered = lambda credential: None

    def __post_init__(self) -> None:
        self.registry = ModelRegistry(self.clock)
        self.pool = Pool(
            catalog=self.registry, registrar=self._register, providers=self._provider_of, settings=lambda: self.settings,
            remembered=self.remembered, clock=self.clock,
        )  # fmt: skip
        self.dispatcher = Dispatcher(
            self.pool, settings=lambda: self.settings, usage=self, sleep=self.clock.sleep, chance=lambda: 0.0
        )

    def _register(self, credential: Credential, settings: Settings) -> None:
        names = () if credential.disabled else self.models.get(credential.id, ("m",))
        self.registry.register(credential.id, credential.provider, [ModelInfo(name) for name in names])

    def _provider_of(self, credential: Credential, settings: Settings) -> Provider | None:
        return self.provider

    def record(self, record: UsageRecord) -> None:
        self.used.append(record)

    def add(self, *ids: str, **values: Any) -> None:
        """Put credentials in; ``priority`` goes into the attributes."""
        priority = values.pop("priority", 0)
        attributes = {**values.pop("attributes", {}), **({"priority": str(priority)} if priority else {})}
        for credential_id in ids:
            self.pool.put(Credential(credential_id, self.provider.key, attributes=attributes, **values))

    def call(self, model: str = "m", *fallbacks: str) -> Call:
        return Call("openai", b"{}", {}, model, model, fallback_models=fallbacks)

    def ask(self, model: str = "m", *fallbacks: str) -> str:
        """The id of the credential that answered."""
        return self.dispatcher.execute([self.provider.key], self.call(model, *fallbacks)).body.decode()

    def stream(self, model: str = "m") -> Any:
        return self.dispatcher.stream([self.provider.key], self.call(model))

    def configure(self, **values: Any) -> None:
        self.settings = replace(self.settings, **values)
        self.pool.refresh_settings()

    def block_end(self, credential_id: str, model: str = "m") -> float | None:
        """Seconds from now to the end of a model's block; None when there is none."""
        entry = self.pool.get(credential_id)
        assert entry is not None
        state = entry.health.states.get(model)
        return None if state is None or state.block is None else state.block.until - self.clock.now


def status(code: int, text: str = "failed", retry_after: float | None = None) -> UpstreamStatus:
    """An upstream's answer outside 2xx."""
    return UpstreamStatus(text, status=code, retry_after=retry_after)


Make = Callable[..., Bench]

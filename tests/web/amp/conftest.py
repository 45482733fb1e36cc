"""An application with Amp's routes between a fake Amp server and a fake upstream, without a server of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from upstream.amp import FakeAmp
from upstream.server import FakeUpstream
from werkzeug.test import TestResponse

from cliproxy.app import create_app
from cliproxy.config.load import Loaded
from cliproxy.config.settings import Ampcode, AmpMapping, CompatKey, CompatProvider, KeyEntry, Model, Settings

KEY = "client-key"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
SECRET = "amp-secret"


class World:
    """One application; ``local`` answers its own models, ``amp`` is Amp's server."""

    def __init__(self, folder: Path, local: FakeUpstream, amp: FakeAmp, **ampcode: Any) -> None:
        self.local, self.amp = local, amp
        section = Ampcode(**{"upstream_url": amp.url, "upstream_api_key": SECRET, **ampcode})
        settings = Settings(api_keys=(KEY,), auth_dir=str(folder / "auths"), ampcode=section)
        self.app: Flask = create_app(settings)
        self._client = self.app.test_client()
        self._answers: list[TestResponse] = []

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        current: Settings = self.app.extensions["cliproxy"].settings()
        return current

    def reload(self, **changes: Any) -> None:
        """Put other settings into force, as a changed file would."""
        self.app.extensions["cliproxy"].settings.apply(Loaded(replace(self.settings, **changes)))

    def ampcode(self, **changes: Any) -> None:
        """The same for the section ``ampcode``."""
        self.reload(ampcode=replace(self.settings.ampcode, **changes))

    def map(self, *pairs: tuple[str, str], **changes: Any) -> None:
        """Model mappings; a source with a tilde before it is a pattern."""
        mappings = tuple(AmpMapping(a.removeprefix("~"), b, a.startswith("~")) for a, b in pairs)
        self.ampcode(model_mappings=mappings, **changes)

    def offer(self, *names: str) -> None:
        """Let the fake upstream offer these models, by Chat Completions, each with a credential of its own."""
        self.reload(
            openai_compatibility=tuple(
                CompatProvider(
                    name=f"fake-{name}", base_url=f"{self.local.url}/v1", models=(Model(name),),
                    api_key_entries=(CompatKey(f"key-{name}"),),
                )
                for name in names
            )
        )  # fmt: skip

    def offer_gemini(self, *names: str) -> None:
        """The same by Gemini's API."""
        self.reload(gemini_api_key=(_key(self.local, names),))

    def offer_claude(self, *names: str) -> None:
        """The same by Anthropic's."""
        self.reload(claude_api_key=(_key(self.local, names),))

    def ask(self, method: str, path: str, body: Any = None, *, peer: str = "127.0.0.1", **headers: str) -> TestResponse:
        """One request; header names with underscores. ``Authorization=""`` for one without a key."""
        data = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        sent = AUTHORIZED | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._client.open(
            path, method=method, data=data, headers={name: value for name, value in sent.items() if value},
            environ_base={"REMOTE_ADDR": peer},
        )  # fmt: skip
        self._answers.append(answer)
        return answer

    def post(self, path: str, body: Any, **headers: str) -> TestResponse:
        """One POST below ``/api/provider/``."""
        return self.ask("POST", f"/api/provider/{path}", body, **headers)

    def stop(self) -> None:
        """Close what was left open."""
        for answer in self._answers:
            answer.close()
        self.app.extensions["cliproxy.lifecycle"].stop()

    @property
    def calls(self) -> tuple[int, int]:
        """How many requests the local upstream and Amp's server got."""
        return len(self.local.requests), len(self.amp.requests)


def _key(local: FakeUpstream, names: tuple[str, ...]) -> KeyEntry:
    return KeyEntry(api_key="key", base_url=local.url, models=tuple(Model(name, name) for name in names))


@pytest.fixture
def local() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake
        assert fake.refusals == []


@pytest.fixture
def amp() -> Iterator[FakeAmp]:
    with FakeAmp() as fake:
        yield fake


@pytest.fixture
def make_world(tmp_path: Path, local: FakeUpstream, amp: FakeAmp) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**ampcode: Any) -> World:
        made.append(World(tmp_path, local, amp, **ampcode))
        return made[-1]

    yield make
    for world in made:
        world.stop()


@pytest.fixture
def world(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.delenv("AMP_API_KEY", raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    return make_world()

"""A pool over an auth directory whose provider can renew tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pool.bench import Bench, Scripted

from cliproxy.config.settings import Settings
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.pool.refresh import RefreshScheduler
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.credential import Credential


class Renewing(Scripted):
    """A provider whose tokens can be renewed: ``tokens`` are the next ones, an exception among them is raised."""

    def __init__(self) -> None:
        super().__init__("claude")
        self.refreshed: list[str] = []
        self.tokens: list[Any] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def refresh(self, credential: Credential) -> Credential:
        self.refreshed.append(credential.id)
        outcome = self.tokens.pop(0) if self.tokens else {}
        self.meanwhile()
        if isinstance(outcome, BaseException):
            raise outcome
        return replace(credential, metadata={**credential.metadata, **outcome})


class Kept:
    """A pool over an auth directory, with everything that renews tokens. What is spawned runs when told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.provider = Renewing()
        self.bench = Bench(settings=Settings(auth_dir=str(folder)), provider=self.provider)
        self.source = CredentialSource(self.bench.pool, FileStore(""), self.bench.settings)
        self.jobs: list[Callable[[], None]] = []
        self.scheduler = RefreshScheduler(self.bench.pool, self.source, clock=self.bench.clock, spawn=self.jobs.append)

    def write(self, name: str = "a.json", **content: Any) -> None:
        (self.folder / name).write_text(json.dumps({"type": "claude", "email": "a@x", **content}))
        self.source.catch_up()

    def read(self, name: str = "a.json") -> Any:
        return json.loads((self.folder / name).read_text())

    def check(self) -> list[str]:
        """One look of the scheduler, with all that it started done."""
        started = self.scheduler.check()
        self.run()
        return started

    def run(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()

    def entry(self, name: str = "a.json") -> Any:
        entry = self.bench.pool.get(name)
        assert entry is not None
        return entry

    def ends_in(self, seconds: float) -> float:
        return self.bench.clock.now + seconds

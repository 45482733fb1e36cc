"""A hundred greenlets on one pool; run by ``test_concurrency.py`` in a process of its own that gevent has patched.

Requests, refreshes, edits, logins, switches and reloads at once, each kind with results that can be checked at the end.
``python greenlets.py FOLDER SEED`` prints what was wrong, and nothing else.
"""

from __future__ import annotations

import json
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent

from cliproxy.config.settings import Routing, Settings
from cliproxy.errors import CliproxyError, UpstreamError, UpstreamStatus
from cliproxy.pool.dispatch import Dispatcher
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.pool.pool import Pool
from cliproxy.pool.refresh import RefreshScheduler
from cliproxy.pool.state_file import read_state, state_path
from cliproxy.pool.state_keeper import StateKeeper
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.credential import Credential
from cliproxy.records.usage import Tokens, UsageQueue
from cliproxy.routing.registry import ModelRegistry
from cliproxy.routing.tables import ModelInfo

ROUNDS = 25
ASKING = 46
OWN, EDITED, PASSING = 10, 8, 8
"""Files that we write, that others edit, that come and go."""


class Source:
    """A stream of three blocks with pauses."""

    def __init__(self, error: CliproxyError | None) -> None:
        self.keepalive = 0.0
        self._blocks: list[bytes | CliproxyError | None] = [b"1", b"2", error, None]

    def read(self) -> bytes | None:
        pause()
        block = self._blocks.pop(0)
        if isinstance(block, CliproxyError):
            raise block
        return block if block is not None or not self._blocks else self.read()

    def close(self) -> None:
        pass

    def release(self) -> None:
        pass


class Plain:
    """A transform that changes nothing."""

    tokens, upstream_model, error, complete = Tokens(1, 1), "m", None, False

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""

    def closing(self) -> bytes:
        return b""


class Upstream:
    """Fails now and then; counts what it was asked, by credential."""

    key = "p"

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.done: Counter[str] = Counter()
        self.refreshed: Counter[str] = Counter()
        self.refreshing: set[str] = set()

    def _trouble(self) -> UpstreamStatus | None:
        code = self._dice.choices([0, 429, 500, 401, 503], [90, 4, 3, 1, 2])[0]
        return UpstreamStatus("trouble", status=code, retry_after=0.01 if code == 429 else None) if code else None

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        pause()
        self.done[credential.id] += 1
        if error := self._trouble():
            raise error
        return Answer(b"{}", model, Tokens(1, 1))

    count_tokens = execute

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        pause()
        self.done[credential.id] += 1
        return AnswerStream(Source(self._trouble()), Plain())

    def refresh(self, credential: Credential) -> Credential:
        assert credential.id not in self.refreshing, "two refreshes of one credential at once"
        self.refreshing.add(credential.id)
        pause()
        self.refreshing.discard(credential.id)
        self.refreshed[credential.id] += 1
        return replace(credential, metadata={**credential.metadata, "n": credential.metadata["n"] + 1})


def pause() -> None:
    """Let others go on, for a moment or longer."""
    gevent.sleep(random.choice((0, 0, 0.0005, 0.002)))


class World:
    """Everything at once."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.dice = folder, random.Random(seed)
        self.settings = Settings(auth_dir=str(folder), transient_error_cooldown_seconds=-1)
        self.upstream = Upstream(self.dice)
        self.registry = ModelRegistry()
        self.pool = Pool(
            catalog=self.registry, registrar=self._register, providers=lambda c, s: self.upstream,
            settings=lambda: self.settings,
        )  # fmt: skip
        self.dispatcher = Dispatcher(self.pool, settings=lambda: self.settings, usage=UsageQueue())
        self.source = CredentialSource(self.pool, FileStore(""), self.settings)
        self.scheduler = RefreshScheduler(self.pool, self.source)
        self.keeper = StateKeeper(self.pool, self.source)
        self.expected: dict[str, dict[str, Any] | None] = {}
        self.switched: dict[str, bool] = {}
        self.wrong: list[str] = []
        self.answers: Counter[str] = Counter()

    def _register(self, credential: Credential, settings: Settings) -> None:
        models = [] if credential.disabled else [ModelInfo("m"), ModelInfo("n")]
        pause()
        self.registry.register(credential.id, "p", models)
        pause()

    def write(self, name: str, **content: Any) -> None:
        """As editors do: a new file, renamed over the old one."""
        path = self.folder / name
        new = path.with_suffix(f".{random.random()}")
        new.write_text(json.dumps({"type": "p", "email": f"{name}@x", **content}))
        new.replace(path)

    # Who does what.

    def ask(self, number: int) -> None:
        for turn in range(ROUNDS):
            body = {"session_id": f"{number % 7}"}
            call = Call("openai", b"{}", body, "m", "m", client_key=f"{number % 3}", fallback_models=("n",))
            try:
                if (turn + number) % 3:
                    self.dispatcher.execute(["p"], call)
                else:
                    started = self.dispatcher.stream(["p"], call)
                    if turn % 5 == 4:
                        started.stream.close()  # the client goes away
                    else:
                        list(started.stream)
                self.answers["good"] += 1
            except CliproxyError:
                self.answers["bad"] += 1

    def refresh(self, number: int) -> None:
        for _ in range(ROUNDS):
            name = f"own-{(number + self.dice.randrange(3)) % OWN}.json"
            try:
                self.scheduler.refresh(name)
            except UpstreamError as error:  # switched off at the moment
                self.expect("has no token to refresh" in error.text, error.text)
            pause()

    def switch(self, number: int) -> None:
        name = f"own-{number}.json"
        for turn in range(ROUNDS):
            self.switched[name] = turn % 2 == 0
            assert self.source.set_disabled(name, self.switched[name])
            pause()

    def edit(self, number: int) -> None:
        name = f"edited-{number}.json"
        for turn in range(ROUNDS):
            self.expected[name] = {"note": turn}
            self.write(name, note=turn)
            self.source.load()
            pause()

    def come_and_go(self, number: int) -> None:
        name = f"passing-{number}.json"
        for turn in range(ROUNDS + number % 2):
            self.expected[name] = {"note": turn} if turn % 2 == 0 else None
            if turn % 2 == 0:
                self.write(name, note=turn)
            else:
                (self.folder / name).unlink()
            self.source.load()
            pause()

    def log_in(self, number: int) -> None:
        name = f"login-{number}.json"
        for turn in range(ROUNDS):
            self.expected[name] = {"note": turn, "disabled": False}
            metadata = {"type": "p", "email": f"{name}@x", "note": turn}
            self.source.save(Credential(name, "p", file_name=name, metadata=metadata))
            pause()

    def reload(self, number: int) -> None:
        for turn in range(ROUNDS):
            old = self.settings
            self.settings = replace(
                old, force_model_prefix=bool(turn % 2), debug=bool(number),
                routing=Routing("ff" if self.dice.random() < 0.3 else "", session_affinity=self.dice.random() < 0.7),
            )  # fmt: skip
            self.source.settings_changed(old, self.settings)
            pause()

    def connect(self, number: int) -> None:
        for _ in range(ROUNDS):
            self.source.connect(f"aistudio-{number}")
            pause()
            self.source.disconnect(f"aistudio-{number}")

    def embed(self, number: int) -> None:
        """Somebody who uses the pool itself, all on one credential."""
        for turn in range(ROUNDS):
            if turn % 3:
                self.pool.put(Credential("embedded", "p", disabled=self.dice.random() < 0.5))
            else:
                self.pool.remove("embedded")
            pause()

    def keep(self, number: int) -> None:
        for _ in range(ROUNDS):
            self.keeper.look()
            self.pool.reset(f"edited-{self.dice.randrange(EDITED)}.json")
            assert self.pool.views()
            pause()

    def run(self) -> None:
        for number in range(OWN):
            self.write(f"own-{number}.json", n=0)
        for number in range(EDITED):
            self.write(f"edited-{number}.json")
        self.source.load()
        kinds: list[tuple[Callable[[int], None], int]] = [
            (self.ask, ASKING), (self.refresh, 10), (self.switch, 6), (self.edit, EDITED), (self.come_and_go, PASSING),
            (self.log_in, 8), (self.reload, 4), (self.connect, 4), (self.embed, 4), (self.keep, 2),
        ]  # fmt: skip
        jobs = [gevent.spawn(self._guarded, work, number) for work, count in kinds for number in range(count)]
        assert len(jobs) == 100
        gevent.joinall(jobs, timeout=90)
        if not all(job.ready() for job in jobs):
            self.wrong.append("some greenlets never ended")
        self.check()

    def _guarded(self, work: Callable[[int], None], number: int) -> None:
        try:
            work(number)
        except BaseException:
            self.wrong.append(f"{work.__name__} {number}: {traceback.format_exc()}")

    # What must be true afterwards.

    def check(self) -> None:
        serving = {entry.id for entry in self.pool.list() if not entry.credential.disabled}
        registered = set(self.registry._clients)
        self.expect(registered == serving, f"only in the registry or only in the pool: {registered ^ serving}")
        self.pool.remove("embedded")
        before = {entry.id: entry.health for entry in self.pool.list()}
        if done := self.source.load():
            self.wrong.append(f"pool and folder differ: {done}")
        entries = {entry.id: entry for entry in self.pool.list()}
        for name, entry in entries.items():
            content = json.loads((self.folder / name).read_text())
            self.expect(entry.credential.metadata == content, f"{name}: {entry.credential.metadata} is not {content}")
            self.expect(entry.health is before[name], f"{name} lost its health")
            blocks = [entry.health.account, *(state.block for state in entry.health.states.values())]
            self.expect(not any(block and block.trial for block in blocks), f"{name}: a trial never ended")
        for name, wanted in self.expected.items():
            self.check_expected(name, wanted, entries[name].credential if name in entries else None)
        for number in range(OWN):
            self.check_own(f"own-{number}.json", entries)
        enabled = sum(not entry.credential.disabled for entry in entries.values())
        self.expect(self.registry._entries["m"].count == enabled, "registry and pool count differently")
        marks = {*self.registry._entries["m"].quota, *self.registry._entries["m"].suspended}
        self.expect(marks <= entries.keys(), f"marks of the departed: {marks - entries.keys()}")
        self.expect(
            self.answers.total() == ASKING * ROUNDS and self.answers["good"] > 0.8 * ASKING * ROUNDS, f"{self.answers}"
        )
        self.expect(repr(self.scheduler) == "<RefreshScheduler 0 running>", repr(self.scheduler))
        self.keeper.stop()
        self.expect(set(read_state(state_path(str(self.folder)), 0)) == entries.keys(), "the state file is incomplete")

    def check_expected(self, name: str, wanted: dict[str, Any] | None, found: Credential | None) -> None:
        if wanted is None or found is None:
            self.expect(wanted is None and found is None, f"{name}: {found} instead of {wanted}")
        else:
            self.expect(found.metadata.items() >= wanted.items(), f"{name}: {found.metadata} lacks {wanted}")

    def check_own(self, name: str, entries: dict[str, Any]) -> None:
        entry = entries[name]
        number, refreshed = entry.credential.metadata["n"], self.upstream.refreshed[name]
        self.expect(number == refreshed, f"{name}: {refreshed} refreshes, {number} arrived")
        self.expect(entry.credential.disabled == self.switched.get(name, False), f"{name}: switched the wrong way")
        attempts, asked = entry.runtime.counters.attempts, self.upstream.done[name]
        # Streams that the client left are asked but are no attempts with a result.
        self.expect(attempts <= asked <= attempts + ASKING * ROUNDS // 5, f"{name}: {asked} asked, {attempts} counted")

    def expect(self, value: bool, words: str) -> None:
        if not value:
            self.wrong.append(words)


if __name__ == "__main__":
    world = World(Path(sys.argv[1]), int(sys.argv[2]))
    stdout, sys.stdout = sys.stdout, sys.stderr
    world.run()
    print("\n".join(world.wrong), file=stdout, end="")

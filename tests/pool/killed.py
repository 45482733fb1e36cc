"""Killed at any moment: run by ``test_concurrency.py`` in a process of its own, which forks what is to be killed.

``python killed.py FOLDER URL TIMES`` lets a child refresh, save and switch for a moment, kills it with SIGKILL, looks at
every file, and does that again. Prints what was wrong, and nothing else.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

from cliproxy.config.settings import Settings
from cliproxy.errors import UpstreamError
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.pool.pool import Pool
from cliproxy.pool.refresh import RefreshScheduler
from cliproxy.pool.state_file import Memory, read_state, state_path
from cliproxy.pool.state_keeper import StateKeeper
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.credential import Credential
from cliproxy.routing.registry import ModelRegistry
from cliproxy.routing.tables import ModelInfo

ACCOUNTS = 4


def renew(url: str, token: str) -> dict[str, Any]:
    """Ask the authorization server for new tokens."""
    request = urllib.request.Request(url, json.dumps({"refresh_token": token}).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        content: dict[str, Any] = json.loads(answer.read())
    return content


class Upstream:
    """A provider whose refresh tokens can be used once."""

    key = "p"

    def __init__(self, url: str) -> None:
        self._url = url

    def refresh(self, credential: Credential) -> Credential:
        new = renew(self._url, credential.metadata["refresh_token"])
        return replace(credential, metadata={**credential.metadata, **new, "padding": "x" * random.randrange(20_000)})


def serve(folder: Path, url: str, ready: int) -> None:
    """What is killed: refreshes of all accounts, logins, switches and the state file, as fast as they can."""
    settings = Settings(auth_dir=str(folder))
    registry, upstream = ModelRegistry(), Upstream(url)
    pool = Pool(
        catalog=registry, registrar=lambda c, s: registry.register(c.id, "p", [ModelInfo("m")]),
        providers=lambda c, s: upstream, settings=lambda: settings,  # type: ignore[arg-type,return-value]
        remembered=Memory(read_state(state_path(str(folder)), time.time())),
    )  # fmt: skip
    source = CredentialSource(pool, FileStore(""), settings)
    source.catch_up()
    scheduler, keeper = RefreshScheduler(pool, source), StateKeeper(pool, source)

    def refreshing(name: str) -> None:
        while True:
            scheduler.refresh(name)

    def switching() -> None:
        while True:
            for off in (True, False):
                source.set_disabled("switched.json", off)

    def logging_in() -> None:
        number = 0
        while True:
            number += 1
            metadata = {"type": "p", "refresh_token": "login", "number": number, "padding": "y" * (number % 9000)}
            source.save(Credential("login.json", "p", file_name="login.json", metadata=metadata))
            entry = pool.get("login.json")
            if entry is not None:
                pool.failed(entry, "m", UpstreamError("x", status=500))
            keeper.look()

    works = [lambda name=f"account-{number}.json": refreshing(name) for number in range(ACCOUNTS)]
    for work in (*works, switching, logging_in):
        threading.Thread(target=work, daemon=True).start()
    os.write(ready, b".")
    time.sleep(60)


def look(folder: Path, url: str) -> list[str]:
    """What is wrong with the files now."""
    wrong = []
    names = {f"account-{number}.json" for number in range(ACCOUNTS)} | {"switched.json"}
    for name in sorted(names | {path.name for path in folder.glob("*.json")}):
        text = (folder / name).read_text()
        try:
            content = json.loads(text)
            if name.startswith("account"):
                content.update(renew(url, content["refresh_token"]))  # refused = HTTPError: the login is lost
                new = folder / "new"
                new.write_text(json.dumps(content))
                new.replace(folder / name)
            elif not content["refresh_token"]:
                wrong.append(f"{name} has no token")
        except Exception as error:
            wrong.append(f"{name}: {error!r} in {text[:200]!r}")
    state = state_path(str(folder))
    if state.exists():
        try:
            json.loads(state.read_bytes())
        except ValueError as error:
            wrong.append(f"{state.name}: {error!r}")
    return wrong


def main(folder: Path, url: str, times: int) -> list[str]:
    for name in (*(f"account-{number}.json" for number in range(ACCOUNTS)), "switched.json"):
        token = f"{name}:0"
        (folder / name).write_text(json.dumps({"type": "p", "email": name, "refresh_token": token}))
    wrong: list[str] = []
    for turn in range(times):
        reader, ready = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                serve(folder, url, ready)
            finally:
                os._exit(1)
        os.close(ready)
        os.read(reader, 1)
        os.close(reader)
        time.sleep(random.uniform(0.002, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        wrong += [f"kill {turn}: {words}" for words in look(folder, url)]
    return wrong


if __name__ == "__main__":
    print("\n".join(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))), end="")

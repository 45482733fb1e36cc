"""Cooldowns over a restart, wishes of the command line, one owner per auth directory (credentials.md 6.6)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pool.bench import START, Bench, status

from cliproxy.config.settings import Settings
from cliproxy.errors import AuthUnavailable, UpstreamError
from cliproxy.pool.auth_lock import AuthLock
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.pool.mailbox import Wish, post
from cliproxy.pool.state_file import FILE_NAME, Memory, dump_state, read_state, state_path
from cliproxy.pool.state_keeper import StateKeeper
from cliproxy.pool.stores.file import FileStore


class Server:
    """One run of a server over an auth directory; the next one remembers."""

    def __init__(self, folder: Path, now: float = START) -> None:
        self.path = state_path(str(folder))
        self.bench = Bench(settings=Settings(auth_dir=str(folder)), remembered=Memory(read_state(self.path, now)))
        self.bench.clock.now = now
        self.source = CredentialSource(self.bench.pool, FileStore(""), self.bench.settings)
        self.keeper = StateKeeper(self.bench.pool, self.source, self.bench.clock)
        self.source.catch_up()

    def fails(self, error: UpstreamError, model: str = "m", credential_id: str = "a.json") -> None:
        entry = self.bench.pool.get(credential_id)
        assert entry is not None
        self.bench.pool.failed(entry, model, error)

    def restart(self, after: float = 0.0) -> Server:
        self.keeper.stop()
        return Server(self.path.parent, self.bench.clock.now + after)

    def view(self, credential_id: str = "a.json") -> Any:
        view = self.bench.pool.view(credential_id)
        assert view is not None
        return view


def write(folder: Path, name: str = "a.json", **content: Any) -> None:
    (folder / name).write_text(json.dumps({"type": "p", "email": "a@x", **content}))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    write(tmp_path)
    server = Server(tmp_path)
    server.keeper.look()
    return server


def test_a_restart_remembers(server: Server) -> None:
    server.fails(status(429, "slow", retry_after=500))
    server.fails(status(401, '{"error":{"code":"invalid_api_key","message":"gone"}}'), "other")
    old = server.view()
    assert [(c.model, c.reason, c.until - START) for c in old.cooldowns] == [
        ("", "invalid_api_key", 1800.0), ("m", "429", 500.0),
    ]  # fmt: skip
    again = server.restart(after=100)
    assert replace(again.view(), updated_at=0) == replace(old, updated_at=0)
    assert again.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(AuthUnavailable):
        again.bench.ask()
    assert again.bench.registry.count("m") == 0  # listings remember too


def test_half_open_goes_on(server: Server) -> None:
    server.fails(status(401))
    server.bench.clock.now += 600
    server.bench.provider.plan["a.json"] = [status(401)]
    with pytest.raises(UpstreamError):
        server.bench.ask()
    again = server.restart(after=1199)
    with pytest.raises(AuthUnavailable):
        again.bench.ask()
    again.bench.clock.now += 1
    assert again.bench.ask() == "a.json"


def test_what_has_ended_is_forgotten_but_the_level(server: Server) -> None:
    server.fails(status(429))
    server.bench.clock.now += 1
    server.fails(status(429))
    again = server.restart(after=60)
    assert again.view().cooldowns == ()
    again.fails(status(429))
    assert again.bench.block_end("a.json") == 4.0


@pytest.mark.parametrize(
    "change",
    [{"refresh_token": "new login"}, {"email": "b@x"}, {"proxy_url": "http://p"}],
    ids=["tokens", "account", "proxy"],
)
def test_a_change_while_nobody_looked_clears(server: Server, change: dict[str, str]) -> None:
    server.fails(status(401))
    server.keeper.stop()
    write(server.path.parent, **change)
    again = Server(server.path.parent)
    assert again.view().cooldowns == ()


def test_our_own_refresh_is_no_change(server: Server) -> None:
    server.fails(status(401))
    entry = server.bench.pool.get("a.json")
    assert entry is not None
    after = replace(entry.credential, metadata={**entry.credential.metadata, "access_token": "new"})
    server.source.refreshed(entry.credential, after)
    assert len(server.restart().view().cooldowns) == 1


def test_deleted_and_added_again_is_new(server: Server) -> None:
    server.fails(status(401))
    again = server.restart()
    (again.path.parent / "a.json").unlink()
    again.source.catch_up()
    write(again.path.parent)
    again.source.catch_up()
    assert again.view().cooldowns == ()
    assert again.restart().view().cooldowns == ()


def test_counters_go_on(server: Server) -> None:
    server.bench.models["a.json"] = ("m",)
    assert [server.bench.ask() for _ in range(3)] == ["a.json"] * 3
    again = server.restart()
    again.bench.ask()
    assert (again.view().counters.attempts, again.view().counters.last_used) == (4, START)


def saved(server: Server) -> Any:
    return json.loads(server.path.read_bytes())["credentials"]["a.json"]


def test_when_it_is_written(server: Server) -> None:
    """Health at the next look, counters every five seconds, nothing when nothing happened."""
    server.bench.ask()
    server.keeper.look()
    assert saved(server)["counters"]["attempts"] == 0
    server.bench.clock.now += 5
    server.keeper.look()
    assert saved(server)["counters"]["attempts"] == 1
    server.fails(status(500))
    server.keeper.look()
    assert saved(server)["models"]["m"]["block"]["until"] == server.bench.clock.now + 60
    stamp = server.path.stat().st_mtime_ns, server.path.stat().st_ino
    server.bench.clock.now += 100
    server.keeper.look()
    assert (server.path.stat().st_mtime_ns, server.path.stat().st_ino) == stamp


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    write(tmp_path, access_token="sesame", refresh_token="open")
    server = Server(tmp_path)
    server.keeper.look()
    assert b"sesame" not in server.path.read_bytes()
    assert b"a@x" not in server.path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"{}", b'{"version":2,"credentials":{"a.json":1}}', b'{"version":1,"credentials":[]}',
        b'{"version":1,"credentials":{"a.json":null}}', b'{"version":1,"credentials":{"a.json":{"models":7}}}', b"\xff\xfe",
    ],
)  # fmt: skip
def test_a_broken_file_costs_nothing_else(tmp_path: Path, content: bytes) -> None:
    write(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(content)
    server = Server(tmp_path)
    assert server.bench.ask() == "a.json"
    server.fails(status(401))
    assert len(server.restart().view().cooldowns) == 1


def test_one_broken_entry_costs_no_other(server: Server, tmp_path: Path) -> None:
    write(tmp_path, "b.json")
    server.source.catch_up()
    server.fails(status(401))
    server.fails(status(401), credential_id="b.json")
    server.keeper.stop()
    for place, value in (("until", "x"), ("until", "nan"), ("distance", None), ("quota", ...)):
        content = json.loads(server.path.read_bytes())
        block = content["credentials"]["a.json"]["models"]["m"]["block"]
        block[place] = value
        if value is ...:
            del block[place]
        server.path.write_text(json.dumps(content))
        found = read_state(server.path, START)
        assert set(found) == {"b.json"}, place


def test_a_clock_that_was_wrong(server: Server) -> None:
    server.fails(status(429, retry_after=80000))
    again = server.restart(after=-10 * 86400)
    assert again.bench.block_end("a.json") == 86400.0


def test_a_folder_that_cannot_be_written(server: Server, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    full = True

    def writing(path: Path, content: bytes) -> None:
        if full:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("cliproxy.pool.state_keeper.write_state", writing)
    server.fails(status(401))
    server.keeper.look()
    server.keeper.look()
    assert caplog.text.count("cooldowns cannot be saved") == 1
    full = False
    server.keeper.look()
    assert saved(server)["models"]["m"]["block"]["reason"] == "401"


def test_an_entry_dumps_to_what_is_read(server: Server) -> None:
    server.fails(status(429, "x" * 5000, retry_after=1e9))
    content = dump_state(server.bench.pool.list(), START)
    server.path.write_bytes(content)
    found = read_state(server.path, START)["a.json"]
    entry = server.bench.pool.get("a.json")
    assert entry is not None
    assert found.health == entry.health
    assert (found.runtime.counters, found.fingerprint) == (entry.runtime.counters, entry.fingerprint)


def test_wishes(server: Server) -> None:
    folder = str(server.path.parent)
    server.fails(status(401))
    paths = [post(folder, Wish("reset", "a.json"))]
    assert paths[0].stat().st_mode & 0o777 == 0o600
    server.keeper.look()
    assert server.view().cooldowns == ()
    assert saved(server)["models"] == {}
    paths.append(post(folder, Wish("disable", "a.json")))
    server.keeper.look()
    assert server.view().status == "disabled"
    paths += [post(folder, Wish("enable", "a.json")), post(folder, Wish("reset", "nobody"))]
    server.keeper.look()
    assert server.view().status == "active"
    assert not any(path.exists() for path in paths)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"action":"burn","credential_id":"a"}', b'{"action":"reset"}'])
def test_no_wishes(server: Server, content: bytes) -> None:
    path = server.path.parent / ".cliproxy-wish-x"
    path.write_bytes(content)
    server.keeper.look()
    assert not path.exists()
    assert server.view().status == "active"


HOLD = """
import sys
from cliproxy.pool.auth_lock import AuthLock
lock = AuthLock(sys.argv[1])
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def test_one_owner(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """The second server warns once, saves nothing, and takes over when the first has died."""
    server.keeper.stop()
    folder = str(server.path.parent)
    other = subprocess.Popen([sys.executable, "-c", HOLD, folder], stdin=-1, stdout=-1, env={**os.environ})
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"True\n"
        before = server.path.read_bytes()
        server.fails(status(401))
        for _ in range(4):
            server.keeper.look()
            server.keeper.save()
            server.bench.clock.now += 40
        assert server.path.read_bytes() == before
        assert caplog.text.count("another server uses") == 1
        other.kill()
    server.keeper.look()
    assert len(saved(server)["models"]) == 1
    assert not AuthLock(folder).acquire()
    server.keeper.stop()
    with AuthLock(folder) as lock:
        assert lock.acquire()
        assert lock.held


def test_another_auth_directory(server: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    old, folder = server.bench.settings, tmp_path_factory.mktemp("other")
    new = replace(old, auth_dir=str(folder))
    server.bench.settings = new
    server.source.settings_changed(old, new)
    server.keeper.look()
    assert (folder / FILE_NAME).exists()
    with AuthLock(str(server.path.parent)) as lock:
        assert lock.acquire()
    server.keeper.stop()

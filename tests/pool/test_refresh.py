"""When tokens are renewed and what comes of it (credentials.md 10, 15: C55 to C61)."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from pool.bench import START, Scripted, status
from pool.renewing import Kept
from upstream.waiting import eventually

from cliproxy.errors import RefreshRejected, UpstreamError, UpstreamStatus
from cliproxy.pool.refresh import RefreshScheduler
from cliproxy.pool.refresh_rules import backoff, is_due
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.credential import Credential

HOUR, DAY = 3600.0, 86400.0


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def due(provider: str, refreshed_at: float = 0, **metadata: Any) -> bool:
    return is_due(Credential("a", provider, metadata=metadata), refreshed_at, START)


@pytest.mark.parametrize(
    ("provider", "ends_in", "expected"),
    [
        pytest.param("codex", 4 * DAY, True, marks=pytest.mark.case("credentials:C55")),
        pytest.param("codex", 6 * DAY, False, marks=pytest.mark.case("credentials:C55")),
        pytest.param("claude", 5 * HOUR, False, marks=pytest.mark.case("credentials:C56")),
        pytest.param("claude", 3 * HOUR, True, marks=pytest.mark.case("credentials:C56")),
        ("qwen", 2.9 * HOUR, True), ("qwen", 3.1 * HOUR, False), ("iflow", 23 * HOUR, True), ("iflow", 25 * HOUR, False),
        ("antigravity", 299, True), ("antigravity", 301, False),
        pytest.param("gemini-cli", -DAY, False, marks=pytest.mark.case("credentials:C58")),
        ("vertex", -DAY, False), ("gemini", -DAY, False), ("aistudio", -DAY, False), ("some-service", -DAY, False),
    ],
)  # fmt: skip
def test_leads(provider: str, ends_in: float, expected: bool) -> None:
    assert due(provider, expired=START + ends_in) is expected


@pytest.mark.case("credentials:C57")
def test_nothing_known_means_at_once() -> None:
    assert due("qwen")
    assert not due("qwen", last_refresh=START - 2 * HOUR)
    assert due("qwen", last_refresh=START - 3 * HOUR)
    assert not due("qwen", refreshed_at=START - HOUR, last_refresh=START - 9 * HOUR)  # what we did counts first


@pytest.mark.case("credentials:C59")
def test_the_files_own_interval() -> None:
    wish = {"refresh_interval_seconds": 600}
    assert due("gemini-cli", **wish, last_refresh=START - 660)
    assert not due("gemini-cli", **wish, last_refresh=START - 540)
    assert due("gemini-cli", **wish)
    assert due("gemini-cli", **wish, last_refresh=START - 60, expired=START + 500)
    assert not due("codex", **wish, last_refresh=START - 60, expired=START + DAY)


def test_renewed_in_time_and_saved(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(5 * HOUR), access_token="old", note="mine")
    assert kept.check() == []
    kept.bench.clock.now += 1.5 * HOUR
    kept.provider.tokens = [{"access_token": "new", "expired": kept.ends_in(8 * HOUR)}]
    assert kept.check() == ["a.json"]
    assert (kept.read()["access_token"], kept.read()["note"]) == ("new", "mine")
    assert kept.entry().credential.metadata["access_token"] == "new"
    assert kept.entry().runtime.last_refreshed_at == kept.bench.clock.now
    assert kept.check() == []
    assert (kept.folder / "a.json").stat().st_mode & 0o777 == 0o600
    assert kept.source.load() == []  # what we wrote is no news


@pytest.mark.case("credentials:C60")
def test_a_failed_refresh_waits(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(HOUR), access_token="old")
    kept.provider.tokens = [status(503, "down")]
    assert kept.check() == ["a.json"]
    view = kept.bench.pool.view("a.json")
    assert view is not None
    assert (view.refresh_error, view.status_message, view.status) == ("down", "down", "active")
    assert kept.bench.ask() == "a.json"
    kept.bench.clock.now += 299
    assert kept.check() == []
    kept.bench.clock.now += 1
    kept.provider.tokens = [{"access_token": "new", "expired": kept.ends_in(9 * HOUR)}]
    assert kept.check() == ["a.json"]
    assert (kept.entry().runtime.refresh_error, kept.entry().runtime.refresh_failures) == ("", 0)


def test_backoff_grows() -> None:
    assert [backoff(n) for n in range(1, 8)] == [300, 600, 1200, 2400, 3600, 3600, 3600]
    assert backoff(10**6) == 3600


def test_a_login_that_is_over(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(HOUR))
    kept.provider.tokens = [RefreshRejected("invalid_grant", status=400)]
    kept.check()
    assert kept.entry().runtime.refresh_error == "log in again: invalid_grant"
    kept.bench.clock.now += 3599
    assert kept.check() == []
    kept.write(expired=kept.ends_in(HOUR), refresh_token="of a new login")
    assert kept.entry().runtime.refresh_error == ""
    assert kept.check() == ["a.json"]


def test_somebody_else_has_renewed_it(kept: Kept) -> None:
    """Another process shares the file: its refresh token is the good one (anchors 23)."""
    kept.write(expired=kept.ends_in(HOUR), refresh_token="used")
    content = {"type": "claude", "email": "a@x", "refresh_token": "theirs", "expired": kept.ends_in(HOUR)}
    kept.provider.meanwhile = lambda: (kept.folder / "a.json").write_text(json.dumps(content)) and None
    kept.provider.tokens = [RefreshRejected("invalid_grant", status=400)]
    kept.check()
    assert (kept.entry().runtime.refresh_error, kept.entry().runtime.refresh_failures) == ("", 0)
    kept.provider.meanwhile = lambda: None
    kept.provider.tokens = [{"refresh_token": "next", "expired": kept.ends_in(DAY)}]
    assert kept.check() == ["a.json"]
    assert kept.read()["refresh_token"] == "next"


def test_renewed_but_nothing_is_new(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(HOUR))
    before = (kept.folder / "a.json").read_text()
    assert kept.check() == ["a.json"]
    assert (kept.folder / "a.json").read_text() == before
    kept.bench.clock.now += 299
    assert kept.check() == []
    kept.bench.clock.now += 1
    assert kept.check() == ["a.json"]
    kept.bench.clock.now += 599
    assert kept.check() == []


@pytest.mark.parametrize(("life", "pause"), [(2 * HOUR, HOUR), (600.0, 300.0), (50.0, 60.0), (9 * HOUR, 5 * HOUR)])
def test_tokens_that_live_shorter_than_the_lead(kept: Kept, life: float, pause: float) -> None:
    """Renewed in time, and not every five seconds (oauth-login.md 12)."""
    kept.write(expired=kept.ends_in(0), access_token="0")
    for number in range(1, 4):
        kept.provider.tokens = [{"access_token": f"{number}", "expired": kept.ends_in(life)}]
        assert kept.check() == ["a.json"]
        kept.bench.clock.now += pause - 1
        assert kept.check() == []
        kept.bench.clock.now += 1
    assert kept.entry().runtime.refresh_failures == 0


def test_a_crash_in_a_provider(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.write(expired=kept.ends_in(HOUR))
    kept.provider.tokens = [ZeroDivisionError("inside")]
    kept.check()
    assert "ZeroDivisionError" in caplog.text
    kept.bench.clock.now += 299
    assert kept.check() == []


@pytest.mark.case("credentials:C61")
def test_a_refresh_keeps_the_cooldown(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(HOUR), access_token="old")
    kept.provider.plan["a.json"] = [status(429, retry_after=500)]
    with pytest.raises(UpstreamStatus):
        kept.bench.ask()
    kept.provider.tokens = [{"access_token": "new", "expired": kept.ends_in(DAY)}]
    assert kept.check() == ["a.json"]
    assert kept.bench.block_end("a.json") == 500
    kept.source.load()  # the watcher comes by
    assert kept.bench.block_end("a.json") == 500
    assert kept.read()["access_token"] == "new"


def test_results_during_a_refresh_are_kept(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(HOUR))
    kept.provider.plan["a.json"] = [status(429, retry_after=500)]

    def fail() -> None:
        with pytest.raises(UpstreamStatus):
            kept.bench.ask()

    kept.provider.meanwhile = fail
    kept.provider.tokens = [{"access_token": "new", "expired": kept.ends_in(DAY)}]
    kept.check()
    assert kept.bench.block_end("a.json") == 500
    assert kept.entry().runtime.counters.failed == 1


def test_an_edit_during_a_refresh_is_kept(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(HOUR), access_token="old")
    edited = {"type": "claude", "email": "a@x", "access_token": "old", "expired": kept.ends_in(HOUR), "prefix": "team"}
    kept.provider.meanwhile = lambda: (kept.folder / "a.json").write_text(json.dumps(edited)) and None
    kept.provider.tokens = [{"access_token": "new"}]
    kept.check()
    assert kept.read() == {**edited, "access_token": "new", "disabled": False}
    assert kept.entry().credential.prefix == "team"


def test_a_new_login_during_a_refresh_wins(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(HOUR), access_token="old", refresh_token="r0")
    login = {"type": "claude", "access_token": "login", "refresh_token": "r9", "expired": kept.ends_in(DAY)}
    kept.provider.meanwhile = lambda: (kept.folder / "a.json").write_text(json.dumps(login)) and None
    kept.provider.tokens = [{"access_token": "new", "refresh_token": "r1", "expired": kept.ends_in(DAY)}]
    kept.check()
    assert kept.read() == login
    assert kept.entry().credential.metadata["access_token"] == "login"


def test_a_file_removed_during_a_refresh_stays_away(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(HOUR))
    kept.provider.meanwhile = lambda: (kept.folder / "a.json").unlink()
    kept.provider.tokens = [{"access_token": "new"}]
    kept.check()
    assert list(kept.folder.glob("*.json")) == []
    assert kept.bench.pool.get("a.json") is None


def test_who_is_never_renewed(kept: Kept) -> None:
    kept.write("off.json", expired=kept.ends_in(-1), disabled=True)
    kept.bench.add("key", attributes={"api_key": "k"}, metadata={"expired": 1})
    assert kept.check() == []
    kept.bench.provider = Scripted("claude")  # type: ignore[assignment] # has no refresh
    kept.write("none.json", expired=kept.ends_in(-1))
    assert kept.check() == []


def test_one_at_a_time(kept: Kept) -> None:
    kept.write(expired=kept.ends_in(HOUR))
    assert kept.scheduler.check() == ["a.json"]
    assert kept.scheduler.check() == []
    kept.bench.clock.now += 61  # it takes long
    assert kept.scheduler.check() == []
    kept.run()
    assert kept.provider.refreshed == ["a.json"]


def test_who_wants_one_meanwhile_gets_its_result(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(expired=kept.ends_in(HOUR), access_token="old")
    go, results = threading.Event(), []
    kept.provider.meanwhile = lambda: assert_true(go.wait(10))
    kept.provider.tokens = [{"access_token": "new"}]
    scheduler = RefreshScheduler(kept.bench.pool, kept.source, clock=kept.bench.clock)
    callers = [threading.Thread(target=lambda: results.append(scheduler.refresh("a.json"))) for _ in range(5)]
    for caller in callers:
        caller.start()
    eventually(lambda: kept.provider.refreshed, "the refresh runs")
    waiting = scheduler._flights["a.json"].done._cond._waiters  # type: ignore[attr-defined]
    eventually(lambda: len(waiting) == 5, "all wait for it")
    go.set()
    for caller in callers:
        caller.join()
    assert [found.metadata["access_token"] for found in results] == ["new"] * 5
    assert kept.provider.refreshed == ["a.json"]


def assert_true(value: bool) -> None:
    assert value


def test_a_forced_refresh_says_why_it_failed(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(expired=kept.ends_in(HOUR))
    scheduler = RefreshScheduler(kept.bench.pool, kept.source, clock=kept.bench.clock, spawn=lambda work: work())
    kept.provider.tokens = [status(400, "no")]
    with pytest.raises(UpstreamStatus, match="no"):
        scheduler.refresh("a.json")
    with pytest.raises(UpstreamError, match="has no token to refresh"):
        scheduler.refresh("nobody.json")
    with pytest.raises(UpstreamError, match="no"):
        scheduler.refresh("a.json")
    assert kept.provider.refreshed == ["a.json"]  # not again a moment later
    kept.bench.clock.now += 300
    with pytest.raises(UpstreamError, match="not refreshed within 0s"):
        kept.scheduler.refresh("a.json", timeout=0)
    kept.run()


def test_no_more_than_so_many_at_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for number in range(6):
        kept.write(f"{number}.json", expired=kept.ends_in(HOUR))
    go, running = threading.Event(), []

    def work() -> None:
        running.append(1)
        assert go.wait(10)

    kept.provider.meanwhile = work
    scheduler = RefreshScheduler(kept.bench.pool, kept.source, clock=kept.bench.clock, workers=2)
    assert len(scheduler.check()) == 6
    eventually(lambda: len(running) == 2, "two run")
    assert "6 running" in repr(scheduler)
    go.set()
    eventually(lambda: repr(scheduler) == "<RefreshScheduler 0 running>", "all are done")
    assert len(running) == 6


def test_a_stop_waits_for_what_runs(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(expired=kept.ends_in(HOUR), access_token="old")
    go = threading.Event()
    kept.provider.meanwhile = lambda: assert_true(go.wait(10))
    kept.provider.tokens = [{"access_token": "new"}]
    scheduler = RefreshScheduler(kept.bench.pool, kept.source, clock=kept.bench.clock)
    assert scheduler.check() == ["a.json"]
    eventually(lambda: kept.provider.refreshed, "the refresh runs")
    stopping = threading.Thread(target=scheduler.stop)
    stopping.start()
    eventually(lambda: scheduler._stopping, "it is told to stop")
    go.set()
    stopping.join()
    assert kept.read()["access_token"] == "new"
    with pytest.raises(UpstreamError, match="the server is stopping"):
        scheduler.refresh("a.json")
    assert scheduler.check() == []


def test_tokens_that_cannot_be_saved_are_not_lost(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the new tokens count all the same, survive a look at the old file, and are written later."""
    kept.write(expired=kept.ends_in(HOUR), access_token="old")
    full = True
    save = FileStore.save

    def saving(self: FileStore, credential: Credential, text: bytes | None = None) -> str:
        if full:
            raise OSError(28, "No space left on device")
        return save(self, credential)

    monkeypatch.setattr(FileStore, "save", saving)
    kept.provider.tokens = [{"access_token": "new", "expired": kept.ends_in(DAY)}]
    kept.check()
    assert kept.read()["access_token"] == "old"
    for _ in range(2):
        kept.source.load()
        kept.source.save_again()
        assert kept.entry().credential.metadata["access_token"] == "new"
    assert "1 not saved yet" in repr(kept.source)
    kept.provider.tokens = [{"access_token": "newer", "expired": kept.ends_in(DAY)}]
    kept.bench.clock.now += 21 * HOUR
    kept.check()
    kept.source.load()
    assert kept.entry().credential.metadata["access_token"] == "newer"
    full = False
    kept.source.save_again()
    assert kept.read()["access_token"] == "newer"
    assert "not saved" not in repr(kept.source)
    assert kept.source.load() == []


def test_a_new_login_beats_tokens_that_could_not_be_saved(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write(expired=kept.ends_in(HOUR), access_token="old")

    def failing(self: FileStore, credential: Credential, text: bytes | None = None) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "save", failing)
        kept.provider.tokens = [{"access_token": "new", "expired": kept.ends_in(DAY)}]
        kept.check()
    kept.write(access_token="login")
    kept.source.save_again()
    assert kept.read()["access_token"] == "login"
    assert kept.entry().credential.metadata["access_token"] == "login"

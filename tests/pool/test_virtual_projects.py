"""Gemini CLI files with several projects: the records, and what the pool does with them (config.md 10.3, 23.9)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from oauth.authority import Answer, Asked, Authority
from pool.bench import START, Bench, Scripted, status

from cliproxy.config.load import load_text
from cliproxy.config.settings import Settings
from cliproxy.errors import AuthUnavailable, ModelCooldown, UpstreamError, UpstreamStatus
from cliproxy.pool.auth_files import credentials_from_files
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.pool.refresh import RefreshScheduler
from cliproxy.pool.stores.file import FileStore
from cliproxy.pool.synthesis import exclusions_hash
from cliproxy.pool.token_keeper import PoolTokens
from cliproxy.providers import gemini_cli
from cliproxy.providers.base import Call
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini_cli import GeminiCliProvider
from cliproxy.providers.http import HttpClient
from cliproxy.providers.pipeline import Pipeline
from cliproxy.providers.tokens.apps import APPS
from cliproxy.routing.registration import models_for
from cliproxy.translation.hub import Hub

HOUR = 3600.0
FIELDS = {"type": "gemini", "email": "me@x"}
CHILDREN = ("all.json::a", "all.json::b")


def read(folder: Path, text: str = "", **content: Any) -> list[Credential]:
    (folder / "all.json").write_text(json.dumps({**FIELDS, **content}))
    return credentials_from_files(str(folder), load_text(text).settings)


# The records.


@pytest.mark.case("config:9")
def test_three_projects(tmp_path: Path) -> None:
    content = {"project_id": "b, a-1 ,c/x\\y z,,b", "token": {"access_token": "at"}, "prefix": "/team/", "note": 1}
    parent, *children = read(tmp_path, "oauth-excluded-models: {gemini-cli: [x]}\n", **content)
    path = str(tmp_path / "all.json")
    common = {"source": path, "path": path, "auth_kind": "oauth", "excluded_models_hash": exclusions_hash(["x"])}
    assert parent == Credential(
        "all.json", "gemini-cli", "me@x", prefix="team", file_name="all.json", disabled=True,
        attributes={**common, "gemini_virtual_primary": "true", "virtual_children": "b,a-1,c/x\\y z"},
        metadata={**FIELDS, **content},
    )  # fmt: skip
    assert children == [
        Credential(
            f"all.json::{name}", "gemini-cli", f"me@x [{project}]", prefix="team",
            attributes={
                **common, "runtime_only": "true", "gemini_virtual_parent": "all.json", "gemini_virtual_project": project,
            },
            metadata={
                "email": "me@x", "project_id": project, "virtual": True, "virtual_parent_id": "all.json", "type": "gemini",
            },
        )
        for name, project in (("b", "b"), ("a-1", "a-1"), ("c_x_y_z", "c/x\\y z"))
    ]  # fmt: skip
    assert children[0].account == ("oauth", "me@x (b)")
    assert children[0].index == Credential("all.json::b", "x").index  # of its id, not of the file


def test_what_children_take_over(tmp_path: Path) -> None:
    content = {
        "type": "Gemini-CLI", "email": "", "project_id": "a,b", "proxy_url": "http://p", "priority": 3,
        "disable-cooling": "true", "request_retry": 2, "request-retry": 5, "access_token": "at", "expiry": "2026-01-01",
    }  # fmt: skip
    child = read(tmp_path, **content)[1]
    assert (child.label, child.proxy_url, child.attributes["priority"]) == ("gemini-cli [a]", "http://p", "3")
    assert child.metadata == {
        "email": "", "project_id": "a", "virtual": True, "virtual_parent_id": "all.json", "type": "Gemini-CLI",
        "disable_cooling": "true", "request_retry": 2, "proxy_url": "http://p",
    }  # fmt: skip


@pytest.mark.parametrize("project_id", ["p", " p ", "p,p", "p, p ,", ",p", "", " , ", None, 5, ["a", "b"]])
def test_one_project_is_nothing_special(tmp_path: Path, project_id: Any) -> None:
    (record,) = read(tmp_path, project_id=project_id)
    assert (record.id, record.disabled) == ("all.json", False)
    assert set(record.attributes) == {"source", "path", "auth_kind"}


def test_other_logins_have_no_projects(tmp_path: Path) -> None:
    (record,) = read(tmp_path, type="antigravity", project_id="a,b")
    assert not record.disabled


@pytest.mark.parametrize("disabled", [True, False])
def test_children_inherit_the_switch(tmp_path: Path, disabled: bool) -> None:
    parent, *children = read(tmp_path, project_id="a,b", disabled=disabled)
    assert parent.disabled
    assert [child.disabled for child in children] == [disabled, disabled]


# The pool.


class Renewing(Scripted):
    """Projects that fail as planned; ``tokens`` are what renewals bring."""

    def __init__(self) -> None:
        super().__init__("gemini-cli")
        self.tokens: list[dict[str, Any]] = []
        self.refreshed: list[str] = []

    def refresh(self, credential: Credential) -> Credential:
        self.refreshed.append(credential.id)
        return replace(credential, metadata={**credential.metadata, **self.tokens.pop(0)})


class Kept:
    """A pool over an auth directory with one file of two projects."""

    def __init__(self, folder: Path, **content: Any) -> None:
        self.folder = folder
        self.provider = Renewing()
        self.bench = Bench(settings=Settings(auth_dir=str(folder)), provider=self.provider)
        self.bench.pool._registrar = self.register
        self.source = CredentialSource(self.bench.pool, FileStore(""), self.bench.settings)
        self.scheduler = RefreshScheduler(
            self.bench.pool, self.source, clock=self.bench.clock, spawn=lambda work: work()
        )
        self.write(**content)

    def register(self, credential: Credential, settings: Settings) -> None:
        self.bench.registry.register(credential.id, credential.executor_key, models_for(credential, settings))

    def write(self, **content: Any) -> list[str]:
        """The file as somebody else writes it; what that did."""
        content = {**FIELDS, "project_id": "a,b", "refresh_token": "r0", **content}
        (self.folder / "all.json").write_text(json.dumps(content))
        return self.source.load()

    def read(self) -> Any:
        return json.loads((self.folder / "all.json").read_text())

    def credential(self, credential_id: str = "all.json") -> Credential:
        entry = self.bench.pool.get(credential_id)
        assert entry is not None
        return entry.credential

    def disabled(self) -> list[bool]:
        """Of parent and children."""
        return [self.credential(name).disabled for name in ("all.json", *CHILDREN)]

    def ask(self) -> str:
        return self.bench.ask("gemini-2.5-pro")

    def block_end(self, credential_id: str) -> float | None:
        return self.bench.block_end(credential_id, "gemini-2.5-pro")


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


@pytest.mark.case("config:9")
def test_only_the_projects_serve(kept: Kept) -> None:
    registry = kept.bench.registry
    assert not registry.models_of("all.json")
    assert all({model.id for model in registry.models_of(child)} >= {"gemini-2.5-pro"} for child in CHILDREN)
    assert sorted(kept.ask() for _ in range(4)) == sorted(CHILDREN * 2)
    view = kept.bench.pool.view("all.json")
    assert view is not None
    assert (view.status, view.models) == ("disabled", 0)
    assert kept.source.load() == []


def test_the_other_project_answers(kept: Kept) -> None:
    kept.provider.plan = {CHILDREN[0]: [status(429, retry_after=500)]}
    assert {kept.ask() for _ in range(6)} == {CHILDREN[1]}
    assert (kept.block_end(CHILDREN[0]), kept.block_end(CHILDREN[1])) == (500, None)
    kept.provider.plan = {CHILDREN[1]: [status(429, retry_after=900)]}
    with pytest.raises(UpstreamStatus):
        kept.ask()
    with pytest.raises(ModelCooldown):
        kept.ask()


def test_projects_come_and_go(kept: Kept) -> None:
    assert kept.write(project_id="b,c") == ["modify all.json", "add all.json::c", "delete all.json::a"]
    assert kept.write(project_id="b") == ["modify all.json", "delete all.json::b", "delete all.json::c"]
    assert not kept.credential().disabled
    assert kept.ask() == "all.json"
    (kept.folder / "all.json").unlink()
    assert kept.source.load() == ["delete all.json"]


def test_a_renewal_is_saved_once_in_the_parents_file(kept: Kept) -> None:
    kept.write(note={"mine": 1}, token={"access_token": "old", "scopes": ["s"]}, expiry="old")
    kept.provider.plan = {CHILDREN[0]: [status(429, retry_after=500)]}
    kept.ask()
    before = {child: kept.credential(child) for child in CHILDREN}
    kept.provider.tokens = [{"access_token": "new", "token": {"access_token": "new", "scopes": ["s"]}}]
    renewed = kept.scheduler.refresh("all.json")
    assert renewed.metadata["access_token"] == "new"
    assert kept.provider.refreshed == ["all.json"]
    assert kept.read() == {
        **FIELDS, "project_id": "a,b", "refresh_token": "r0", "note": {"mine": 1}, "expiry": "old",
        "access_token": "new", "token": {"access_token": "new", "scopes": ["s"]}, "disabled": False,
    }  # fmt: skip
    assert sorted(path.name for path in kept.folder.glob("*.json")) == ["all.json"]
    assert kept.source.load() == []  # what we wrote is no news
    assert {child: kept.credential(child) for child in CHILDREN} == before
    assert kept.block_end(CHILDREN[0]) == 500
    assert kept.disabled() == [True, False, False]


def test_a_rotated_refresh_token_keeps_cooldowns(kept: Kept) -> None:
    kept.provider.plan = {CHILDREN[0]: [status(429, retry_after=500)]}
    kept.ask()
    kept.provider.tokens = [{"refresh_token": "r1"}]
    kept.scheduler.refresh("all.json")
    assert kept.source.load() == []
    assert kept.block_end(CHILDREN[0]) == 500


def test_a_new_login_frees_the_projects(kept: Kept) -> None:
    kept.provider.plan = {child: [status(401, "over")] for child in CHILDREN}
    with pytest.raises(UpstreamStatus):
        kept.ask()
    with pytest.raises(AuthUnavailable):
        kept.ask()
    assert kept.write(refresh_token="of a new login") == ["modify all.json", *(f"modify {child}" for child in CHILDREN)]
    assert kept.ask() in CHILDREN


def test_an_edit_of_something_else_keeps_cooldowns(kept: Kept) -> None:
    kept.provider.plan = {CHILDREN[0]: [status(429, retry_after=500)]}
    kept.ask()
    assert kept.write(note=1) == ["modify all.json"]
    assert kept.block_end(CHILDREN[0]) == 500


def test_the_loop_leaves_the_file_alone(kept: Kept) -> None:
    kept.write(refresh_interval_seconds=1, expiry="2000-01-01T00:00:00Z")
    assert kept.scheduler.check() == []
    assert kept.provider.refreshed == []


def test_parents_keep_their_provider_when_settings_change(kept: Kept) -> None:
    old = kept.bench.settings
    kept.bench.settings = replace(old, request_retry=7)
    kept.source.settings_changed(old, kept.bench.settings)
    kept.provider.tokens = [{"access_token": "new"}]
    assert kept.scheduler.refresh("all.json").metadata["access_token"] == "new"


# Switching.


def test_switching_the_file_switches_its_projects(kept: Kept) -> None:
    assert kept.source.set_disabled("all.json", True)
    assert kept.read()["disabled"] is True
    assert kept.disabled() == [True, True, True]
    assert kept.source.load() == []
    with pytest.raises(Exception, match="auth_not_found"):
        kept.ask()
    assert kept.source.set_disabled("all.json", False)
    assert kept.read()["disabled"] is False
    assert kept.disabled() == [True, False, False]
    assert kept.source.load() == []
    assert kept.ask() in CHILDREN


def test_switching_on_is_a_new_beginning(kept: Kept) -> None:
    kept.provider.plan = {CHILDREN[0]: [status(429, retry_after=500)]}
    kept.ask()
    kept.source.set_disabled("all.json", True)
    kept.source.set_disabled("all.json", False)
    assert kept.block_end(CHILDREN[0]) is None


def test_a_file_that_is_on_is_not_written(kept: Kept) -> None:
    """The parent is disabled in memory only: that must not look like somebody's wish (oauth-login.md 3.4)."""
    before = (kept.folder / "all.json").read_bytes()
    assert kept.source.set_disabled("all.json", False)
    assert (kept.folder / "all.json").read_bytes() == before
    kept.source.save(kept.credential())
    assert kept.read()["disabled"] is False
    assert kept.disabled() == [True, False, False]


def test_switching_one_project_writes_nothing(kept: Kept) -> None:
    before = (kept.folder / "all.json").read_bytes()
    assert kept.source.set_disabled(CHILDREN[0], True)
    kept.source.load()
    assert kept.disabled() == [True, True, False]
    assert {kept.ask() for _ in range(4)} == {CHILDREN[1]}
    kept.provider.tokens = [{"access_token": "new"}]
    kept.scheduler.refresh("all.json")
    assert kept.disabled() == [True, True, False]
    assert kept.source.set_disabled(CHILDREN[0], False)
    kept.source.load()
    assert kept.disabled() == [True, False, False]
    kept.source.switch_off(CHILDREN[1])  # as the command line does with what the server remembers
    assert kept.disabled() == [True, False, True]
    assert before != (kept.folder / "all.json").read_bytes()  # the tokens, and nothing else
    assert kept.read()["disabled"] is False


def test_a_project_of_a_file_that_is_off_stays_off(kept: Kept) -> None:
    kept.source.set_disabled("all.json", True)
    kept.source.set_disabled(CHILDREN[0], False)
    assert kept.disabled() == [True, True, True]
    kept.source.load()
    assert kept.disabled() == [True, True, True]


def test_a_full_disk(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written counts all the same, for the projects too."""

    def failing(self: FileStore, credential: Credential, text: bytes | None = None) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "save", failing)
        kept.provider.tokens = [{"access_token": "new"}]
        kept.scheduler.refresh("all.json")
        kept.source.set_disabled("all.json", True)
        kept.source.load()
        assert "access_token" not in kept.read()
        assert kept.credential().metadata["access_token"] == "new"
        assert kept.disabled() == [True, True, True]
        kept.source.set_disabled("all.json", False)
        assert kept.disabled() == [True, False, False]
    kept.source.save_again()
    assert kept.read() == {
        **FIELDS, "project_id": "a,b", "refresh_token": "r0", "access_token": "new", "disabled": False,
    }  # fmt: skip
    assert kept.source.load() == []


# With the real provider.


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    with Authority() as authority:
        monkeypatch.setattr(gemini_cli, "BASE", authority.url)
        monkeypatch.setitem(APPS, "gemini", replace(APPS["gemini"], token_url=f"{authority.url}/token"))
        yield authority
        assert authority.refusals == []


@pytest.fixture
def real(kept: Kept, google: Authority) -> Iterator[Kept]:
    """The pool with the provider that talks to ``google``; the access token has expired."""
    bench = kept.bench
    http = HttpClient(lambda: bench.settings, {})
    pipeline = Pipeline(Hub(), lambda: bench.settings, lambda model, key: None)
    tokens = PoolTokens()
    tokens.bind(bench.pool, RefreshScheduler(bench.pool, kept.source, clock=bench.clock))
    provider = GeminiCliProvider(http, lambda: bench.settings, pipeline, tokens, {}, clock=bench.clock)
    bench.pool._provider_of = lambda credential, settings: provider
    bench.pool.refresh_settings()
    token = {"access_token": "old", "refresh_token": "r0", "expiry": moment(START - 1), "scopes": ["s"]}
    kept.write(token=token, note="mine")
    yield kept
    http.close()


def chat(kept: Kept) -> Any:
    body = {"messages": [{"role": "user", "content": "hi"}]}
    call = Call("openai", json.dumps(body).encode(), body, "mine", "gemini-2.5-pro")
    return json.loads(kept.bench.dispatcher.execute(["gemini-cli"], call).body)


def generating(**quota: str) -> Callable[[Asked], Answer | Any]:
    """Answers with the project's name; ``quota``: projects that have none, and how long."""

    def generate(asked: Asked) -> Answer | Any:
        assert asked.headers["authorization"] == "Bearer new"
        project = asked.json["project"]
        if project in quota:
            detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": quota[project]}
            return Answer({"error": {"code": 429, "message": "none", "details": [detail]}}, 429)
        return {"response": {"candidates": [{"content": {"parts": [{"text": project}]}, "finishReason": "STOP"}]}}

    return generate


def test_many_requests_of_all_projects_renew_once(real: Kept, google: Authority) -> None:
    arrived = threading.Barrier(4)

    def renew(asked: Asked) -> Any:
        assert asked.form["refresh_token"] == "r0"
        return {"access_token": "new", "expires_in": 3599, "token_type": "Bearer"}

    google.routes = {"POST /v1internal:generateContent": generating(), "POST /token": renew}
    answers: list[str] = []

    def work() -> None:
        arrived.wait(10)
        answers.append(chat(real)["choices"][0]["message"]["content"])

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(answers) == ["a", "a", "b", "b"]
    assert len(google.requests("/token")) == 1
    saved = real.read()
    expiry = saved["expiry"]
    assert datetime.fromisoformat(expiry).timestamp() == START + 3599
    fields = {"access_token": "new", "refresh_token": "r0", "token_type": "Bearer", "expiry": expiry}
    assert saved == {
        **FIELDS, "project_id": "a,b", "note": "mine", **fields, "disabled": False,
        "token": {**fields, "scopes": ["s"], "expires_in": 3599},
    }  # fmt: skip
    assert real.source.load() == []
    chat(real)
    assert len(google.requests("/token")) == 1
    real.bench.clock.now = START + 3599 - 10
    chat(real)
    assert len(google.requests("/token")) == 2


def test_a_project_without_quota_hands_over(real: Kept, google: Authority) -> None:
    google.routes = {
        "POST /token": lambda asked: {"access_token": "new", "expires_in": 3599},
        "POST /v1internal:generateContent": generating(a="90s"),
    }
    assert [chat(real)["choices"][0]["message"]["content"] for _ in range(3)] == ["b", "b", "b"]
    assert real.block_end(CHILDREN[0]) == 90
    assert len(google.requests("/v1internal:generateContent")) == 4


def test_a_login_that_is_over(real: Kept, google: Authority) -> None:
    google.routes = {"POST /token": lambda asked: Answer({"error": "invalid_grant"}, 400)}
    with pytest.raises(UpstreamError, match="log in again") as caught:
        chat(real)
    assert caught.value.status == 401
    with pytest.raises(AuthUnavailable):
        chat(real)
    assert len(google.requests("/token")) == 1
    assert real.read()["token"]["access_token"] == "old"
    google.routes = {"POST /v1internal:generateContent": generating()}
    token = {"access_token": "new", "refresh_token": "r9", "expiry": moment(START + HOUR)}
    real.write(token=token, refresh_token="r9")
    assert chat(real)["choices"][0]["message"]["content"] in ("a", "b")

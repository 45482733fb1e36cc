"""Accounts that were logged in, under the real server: every client format, and what happens to tokens (oauth-login.md 12)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from end_to_end import sse
from end_to_end.accounts import (
    ANTIGRAVITY,
    FAR,
    GEMINI,
    KINDS,
    PAST,
    VERTEX,
    Account,
    Household,
    Kind,
    Tokens,
)
from end_to_end.families import PROTOCOLS
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually

Move = Callable[..., Household]
EVERY = pytest.mark.parametrize("kind", KINDS, ids=repr)
RENEWING = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not VERTEX], ids=repr)
TEXT = Plan().reply.joined


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    with Tokens() as authority:
        yield authority
    assert authority.refusals == []


@pytest.fixture
def move(tmp_path: Path, upstream: FakeUpstream, tokens: Tokens) -> Iterator[Move]:
    """``move(kind, ann=FAR, bob=PAST)``: a server with these accounts, and when their tokens end.

    Every account offers its models then, except one whose login was revoked: it may be of no use.
    """
    made: list[Household] = []

    def begin(kind: Kind, **accounts: timedelta) -> Household:
        found = [Account(name, ends_in, tokens.url) for name, ends_in in accounts.items()]
        made.append(Household(tmp_path, kind, upstream, tokens, *found))
        for account in found:
            if account.name not in tokens.revoked:
                _wait_for_models(made[-1], account.name)
        return made[-1]

    yield begin
    upstream.release()
    for household in made:
        household.proxy.stop()
        assert "Traceback" not in household.proxy.log


def ask(household: Household, *, stream: bool = False, family: Any = PROTOCOLS[0], model: str = "") -> tuple[int, str]:
    """(status, text) of one request."""
    model = model or household.kind.models[0]
    answer = household.proxy.post(family.path(model, stream), family.body(model, stream))
    if answer.status != 200:
        return answer.status, answer.body.decode()
    return 200, family.stream_text(answer.body) if stream else family.text(answer.json)


@EVERY
def test_every_client_is_answered(move: Move, upstream: FakeUpstream, kind: Kind) -> None:
    household = move(kind, ann=FAR)
    asked = 0
    for model in kind.models:
        for family in PROTOCOLS:
            for stream in (False, True):
                assert ask(household, stream=stream, family=family, model=model) == (200, TEXT), (family, stream)
                asked += 1
    assert len(upstream.requests) == asked
    assert {request.method for request in upstream.requests} == {"POST"}
    assert all(kind.path in request.path for request in upstream.requests)
    assert len(set(household.secrets)) == 1


def _wait_for_models(household: Household, name: str) -> None:
    wanted = set(household.kind.models)
    eventually(lambda: wanted <= household.models_of(name), f"{name} offers {wanted}", seconds=20)


@RENEWING
def test_an_expired_token(move: Move, upstream: FakeUpstream, tokens: Tokens, kind: Kind) -> None:
    """Renewed once, whoever needs it first, and written back with everything else in the file."""
    household = move(kind, ann=PAST)
    if kind.provider != "gemini-cli":  # renewed in the background; a Google token when a request needs it
        eventually(lambda: "fresh-1" in json.dumps(household.read("ann")), "the token is renewed")
    for stream in (True, False):
        assert ask(household, stream=stream) == (200, TEXT)
    assert household.secrets == ["ann-fresh-1"] * 2
    content = household.read("ann")
    assert "ann-fresh-1" in json.dumps(content)
    assert (content["note"], content["disabled"]) == ("mine", False)
    assert tokens.renewed == {"ann": 1}


@RENEWING
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_refused_token(move: Move, upstream: FakeUpstream, tokens: Tokens, kind: Kind, stream: bool) -> None:
    """A 401: one refresh, the same account once more, and the client notices nothing."""
    household = move(kind, ann=FAR)
    upstream.plan(Plan(status=401, message="expired"))
    assert ask(household, stream=stream) == (200, TEXT)
    assert household.secrets == ["ann-old", "ann-fresh-1"]
    assert "ann-fresh-1" in json.dumps(household.read("ann"))
    assert ask(household, stream=stream) == (200, TEXT)
    assert tokens.renewed == {"ann": 1}


@EVERY
def test_out_of_quota(move: Move, upstream: FakeUpstream, kind: Kind) -> None:
    """The other account answers, and the first is left alone for as long as the upstream said."""
    household = move(kind, ann=FAR, bob=FAR)
    upstream.plan(Plan(status=429, message="slow down", headers=(("Retry-After", "200"),)))
    for stream in (False, True, False):
        assert ask(household, stream=stream) == (200, TEXT)
    _, *others = upstream.requests
    assert len(others) == 3
    if kind is not VERTEX:  # its fake gives all accounts names alike
        assert {secret.partition("-")[0] for secret in household.secrets[1:]} == {"bob"}
    upstream.always(Plan(status=429, message="slow down", headers=(("Retry-After", "100"),)))
    status, _ = ask(household)
    assert status == 429
    status, text = ask(household)
    assert (status, "model_cooldown" in text) == (429, True)
    seconds = json.loads(text)["error"]["reset_seconds"]
    assert 80 <= seconds <= 100


GOOGLE = pytest.mark.parametrize("kind", [GEMINI, ANTIGRAVITY], ids=repr)


def limited(seconds: str) -> Plan:
    """As Google says that a quota is used up: the delay is in the body."""
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": seconds}
    error = {"code": 429, "message": "exhausted", "status": "RESOURCE_EXHAUSTED", "details": [detail]}
    return Plan(status=429, body=json.dumps({"error": error}).encode())


@GOOGLE
def test_googles_delay(move: Move, upstream: FakeUpstream, kind: Kind) -> None:
    household = move(kind, ann=FAR)
    upstream.always(limited("123.4s"))
    assert ask(household)[0] == 429
    upstream.always(Plan())
    status, text = ask(household)
    assert status == 429
    assert 110 <= json.loads(text)["error"]["reset_seconds"] <= 124


def test_projects_of_one_login(move: Move, upstream: FakeUpstream, tokens: Tokens) -> None:
    """Each project is an account of its own with one token for all; the parent's file is renewed once."""
    household = move(GEMINI, ann=PAST)
    content = household.read("ann")
    (household.auths / "ann.json").write_text(json.dumps({**content, "project_id": "one,two"}))
    eventually(lambda: "ann.json::two" in accounts_of(household), "the projects are there")
    for _ in range(2):
        assert ask(household) == (200, TEXT)
    assert {request.json["project"] for request in upstream.requests} == {"one", "two"}
    assert tokens.renewed == {"ann": 1}
    upstream.plan(limited("200s"))
    for _ in range(3):
        assert ask(household) == (200, TEXT)
    _, _, first, *others = [request.json["project"] for request in upstream.requests]
    assert set(others) == {"one", "two"} - {first}
    content = household.read("ann")
    assert (content["project_id"], content["note"], content["disabled"]) == ("one,two", "mine", False)


def accounts_of(household: Household) -> str:
    path = household.auths / ".cliproxy-state"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_gemini_cli_itself(move: Move, upstream: FakeUpstream, stream: bool) -> None:
    """The CLI's own endpoint, answered with an account of its own kind."""
    household = move(GEMINI, ann=FAR)
    inner = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    body = {"model": GEMINI.models[0], "project": "theirs", "user_prompt_id": "u", "request": inner}
    action = "streamGenerateContent?alt=sse" if stream else "generateContent"
    answer = household.proxy.ask("POST", f"/v1internal:{action}", body)
    assert answer.status == 200
    chunks = sse.payloads(answer.body) if stream else [answer.json]
    parts = [part for chunk in chunks for part in chunk["response"]["candidates"][0]["content"]["parts"]]
    assert "".join(part.get("text", "") for part in parts if not part.get("thought")) == TEXT
    (request,) = upstream.requests
    assert (request.json["project"], request.json["request"]["contents"]) == ("project-ann", inner["contents"])


@RENEWING
def test_a_login_that_is_over(move: Move, upstream: FakeUpstream, tokens: Tokens, kind: Kind) -> None:
    """Its refresh token was revoked: marked, and others are used."""
    tokens.revoked = {"ann"}
    household = move(kind, ann=PAST, bob=FAR)
    refused = {"gemini-cli": 0, "antigravity": 0}.get(kind.provider, 1)  # one whose token is not even sent
    upstream.plan(*[Plan(status=401, message="expired")] * refused)
    assert ask(household) == (200, TEXT)
    assert {secret.partition("-")[0] for secret in household.secrets[refused:]} == {"bob"}
    for _ in range(3):
        assert ask(household) == (200, TEXT)
    assert tokens.renewed == {}
    state = json.loads(eventually(lambda: _saved(household), "the state is saved", seconds=5))
    assert "log in again" in state["credentials"]["ann.json"]["refresh_error"]
    assert household.read("ann")["refresh_token" if kind.provider != "gemini-cli" else "token"]


def _saved(household: Household) -> str:
    path = household.auths / ".cliproxy-state"
    text = path.read_text() if path.exists() else ""
    return text if "log in again" in text else ""

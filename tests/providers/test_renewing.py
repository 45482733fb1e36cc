"""``refresh`` of the Claude and Codex providers over real connections, and calls with what it got (11, 12)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from oauth.authority import Answer, Asked, Authority
from providers.fake_http import Live, call, pipeline_for
from providers.forwarding import HttpProxy

from cliproxy import __version__
from cliproxy.config.settings import OAuthClient
from cliproxy.errors import RefreshRejected, UpstreamError
from cliproxy.providers.base import Refreshes
from cliproxy.providers.claude import ClaudeProvider
from cliproxy.providers.codex import CodexProvider
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.providers.tokens.apps import APPS

CLAUDE_BODY = {"model": "m", "max_tokens": 5, "system": "mine", "messages": [{"role": "user", "content": "hi"}]}
CODEX_BODY = {"model": "m", "input": [{"type": "message", "role": "user", "content": []}]}
DONE = b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"r","model":"up"}}\n\n'
BETAS = "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,prompt-caching-2024-07-31"


def id_token() -> str:
    claims = {"email": "u@x.com", "https://api.openai.com/auth": {"chatgpt_account_id": "acct-1"}}
    return f"h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.s"


class World(Authority):
    """Token endpoints that take each refresh token once, and the two APIs behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.valid = {"refresh-0"}
        self.clients = {"claude": APPS["claude"].client_id, "codex": APPS["codex"].client_id}
        self.routes = {
            "POST /claude/token": self.claude_token, "POST /codex/token": self.codex_token,
            "POST /v1/messages": lambda asked: {"id": "x", "model": "up", "usage": {}},
            "POST /v1/messages/count_tokens": lambda asked: {"input_tokens": 3},
            "POST /responses": lambda asked: Answer(DONE), "POST /responses/compact": lambda asked: {"id": "r"},
        }  # fmt: skip

    def claude_token(self, asked: Asked) -> Any:
        return self.renewed("claude", asked.json, {"account": {"email_address": "u@x.com"}})

    def codex_token(self, asked: Asked) -> Any:
        form = asked.form
        assert form.pop("scope") == "openid profile email"
        return self.renewed("codex", form, {"id_token": id_token()})

    def renewed(self, provider: str, got: dict[str, str], more: dict[str, Any]) -> Any:
        assert asked_for(got) == ("refresh_token", self.clients[provider]), got
        old = got["refresh_token"]
        if old not in self.valid:
            return Answer({"error": "invalid_grant", "error_description": "used"}, 400)
        new = f"refresh-{int(old.rpartition('-')[2]) + 1}"
        self.valid = {new}
        return {"access_token": f"sk-ant-oat-{new}", "refresh_token": new, "expires_in": 3600, **more}


def asked_for(got: dict[str, str]) -> tuple[str, str]:
    assert got.keys() == {"grant_type", "client_id", "refresh_token"}, got
    return got["grant_type"], got["client_id"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with World() as authority:
        for provider in ("claude", "codex"):
            app = replace(APPS[provider], token_url=f"{authority.url}/{provider}/token")
            monkeypatch.setitem(APPS, provider, app)
        yield authority
    assert authority.refusals == []


@pytest.fixture
def client(live: Live) -> Iterator[HttpClient]:
    http = HttpClient(live, {})
    yield http
    http.close()


def provider_of(key: str, client: HttpClient, live: Live) -> ClaudeProvider | CodexProvider:
    kinds: dict[str, type[ClaudeProvider | CodexProvider]] = {"claude": ClaudeProvider, "codex": CodexProvider}
    return kinds[key](client, live, pipeline_for(live), environment={})


def login(key: str, base: str = "", **more: Any) -> Credential:
    metadata = {"type": key, "access_token": "old", "refresh_token": "refresh-0", "email": "u@x.com", "note": "mine"}
    attributes = {"base_url": base} if base else {}
    return Credential(f"{key}.json", key, file_name=f"{key}.json", attributes=attributes, metadata=metadata, **more)


both = pytest.mark.parametrize("key", ["claude", "codex"])


@both
def test_a_chain_of_refreshes(key: str, world: World, client: HttpClient, live: Live) -> None:
    """Each takes the refresh token of the one before."""
    provider = provider_of(key, client, live)
    assert isinstance(provider, Refreshes)
    first = login(key)
    second = provider.refresh(first)
    third = provider.refresh(second)
    assert first.metadata["access_token"] == "old"
    assert [one.metadata["access_token"] for one in (second, third)] == ["sk-ant-oat-refresh-1", "sk-ant-oat-refresh-2"]
    assert third == replace(first, metadata=third.metadata)
    assert third.metadata["note"] == "mine"
    assert json.loads(json.dumps(dict(third.metadata))) == third.metadata
    with pytest.raises(RefreshRejected, match="invalid_grant"):
        provider.refresh(second)


@both
@pytest.mark.parametrize(
    ("attributes", "metadata"),
    [({"api_key": "k"}, {"refresh_token": "refresh-0"}), ({}, {"access_token": "a"}), ({}, {"refresh_token": " "}), ({}, {})],
)  # fmt: skip
def test_nothing_to_renew(
    key: str, attributes: dict[str, str], metadata: dict[str, str], world: World, client: HttpClient, live: Live
) -> None:
    credential = Credential("id", key, attributes=attributes, metadata=metadata)
    assert provider_of(key, client, live).refresh(credential) is credential
    assert world.asked == []


@both
def test_through_the_accounts_own_proxy(key: str, world: World, client: HttpClient, live: Live) -> None:
    live.set(proxy_url="http://dead.invalid:9")
    with HttpProxy() as proxy:
        provider_of(key, client, live).refresh(login(key, proxy_url=f"http://{proxy.address}"))
        assert proxy.lines == [f"POST {world.url}/{key}/token HTTP/1.1"]


@both
def test_as_the_configured_application(key: str, world: World, client: HttpClient, live: Live) -> None:
    provider = provider_of(key, client, live)
    renewed = provider.refresh(login(key))
    live.set(oauth_clients=MappingProxyType({key: OAuthClient(client_id="mine")}))
    world.clients[key] = "mine"
    assert provider.refresh(renewed).metadata["refresh_token"] == "refresh-2"


def test_an_endpoint_that_fails(world: World, client: HttpClient, live: Live) -> None:
    world.routes["POST /claude/token"] = lambda asked: Answer(b"busy", 500)
    with pytest.raises(UpstreamError, match="busy") as caught:
        provider_of("claude", client, live).refresh(login("claude"))
    assert (type(caught.value) is RefreshRejected, caught.value.status) == (False, 500)
    assert len(world.asked) == 1


def sent(world: World, path: str) -> dict[str, str]:
    """The headers of a call that are about the account or the client."""
    asked = world.requests(path)[-1]
    dull = ("host", "content-length", "content-type", "connection", "accept", "accept-encoding")
    return {name: value for name, value in asked.headers.items() if name not in dull}


@pytest.mark.parametrize("prefix", ["", "PREFIX"])
def test_what_a_claude_login_sends(prefix: str, world: World, client: HttpClient, live: Live) -> None:
    """11.1-11.3: the token as bearer, the OAuth beta, and the configured system text; nothing else."""
    live.set(oauth_system_prefix=MappingProxyType({"claude": prefix} if prefix else {}))
    provider = provider_of("claude", client, live)
    renewed = provider.refresh(login("claude", world.url))
    request = call("claude", CLAUDE_BODY, headers={"user-agent": ""})
    provider.execute(renewed, request, "claude-sonnet-4-5")
    provider.count_tokens(renewed, request, "claude-sonnet-4-5")
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        asked = world.requests(path)[-1]
        assert asked.query == {"beta": "true"}
        assert sent(world, path) == {
            "authorization": "Bearer sk-ant-oat-refresh-1", "anthropic-version": "2023-06-01",
            "anthropic-beta": f"{BETAS},oauth-2025-04-20{',claude-code-20250219' if prefix else ''}",
            "user-agent": f"cliproxy/{__version__}",
        }  # fmt: skip
        system = asked.json["system"]
        texts = [system] if isinstance(system, str) else [block["text"] for block in system]
        assert texts == ([prefix, "mine"] if prefix else ["mine"])


def test_what_a_codex_login_sends(world: World, client: HttpClient, live: Live) -> None:
    """12.1: account and originator, also for compactions."""
    provider = provider_of("codex", client, live)
    renewed = provider.refresh(login("codex", world.url))
    request = call("openai-response", CODEX_BODY, headers={"session-id": "s"})
    provider.execute(renewed, request, "m")
    provider.execute(renewed, replace(request, compact=True), "m")
    for path in ("/responses", "/responses/compact"):
        assert sent(world, path) == {
            "authorization": "Bearer sk-ant-oat-refresh-1", "chatgpt-account-id": "acct-1", "originator": "codex_cli_rs",
            "session_id": "s", "version": "0.21.0", "openai-beta": "responses=experimental",
            "user-agent": "codex_cli_rs/0.50.0 (Mac OS 26.0.1; arm64) Apple_Terminal/464",
        }  # fmt: skip


@pytest.mark.parametrize("account", [None, "", " ", 5])
def test_a_codex_login_without_an_account_number(
    account: Any, world: World, client: HttpClient, live: Live
) -> None:
    provider = provider_of("codex", client, live)
    credential = login("codex", world.url)
    credential = replace(credential, metadata={**credential.metadata, "account_id": account})
    provider.execute(credential, call("openai-response", CODEX_BODY), "m")
    assert "chatgpt-account-id" not in sent(world, "/responses")
    assert sent(world, "/responses")["originator"] == "codex_cli_rs"


def test_a_codex_key_says_nothing_about_an_account(world: World, client: HttpClient, live: Live) -> None:
    provider = provider_of("codex", client, live)
    credential = Credential(
        "id", "codex", attributes={"api_key": "k", "base_url": world.url}, metadata={"account_id": "acct-1"}
    )
    provider.execute(credential, call("openai-response", CODEX_BODY), "m")
    assert sent(world, "/responses").keys().isdisjoint({"chatgpt-account-id", "originator"})

"""The providers as a login from the web meets them: a fake authority, where it is, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from oauth.antigravity_authority import SECRET as GOOGLE_SECRET
from oauth.antigravity_authority import Google
from oauth.authority import Asked, Authority
from oauth.claude_authority import Claude
from oauth.gemini_cloud import GeminiCloud
from oauth.iflow_authority import SECRET as IFLOW_SECRET
from oauth.iflow_authority import Iflow
from oauth.openai_authority import OpenAI

from cliproxy.oauth.flow import Callback
from cliproxy.providers.tokens.apps import APPS

FRONT, BACK = "gen-lang-client-0123", "mystic-victor-77"


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One provider with a browser login. ``prepare`` makes the authority expect a redirect to this URI."""

    name: str
    path: str
    app: str
    page: str
    make: Callable[[], Any]
    prepare: Callable[[Any, str], object]
    file: str
    token: str
    """The secret with which requests are made afterwards."""
    state: str = "[0-9a-f]{32}"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name

    def world(self, authority: Any, port: int) -> dict[str, Any]:
        """Where everything is; the browser is sent to this port."""
        self.prepare(authority, f"http://localhost:{port}{APPS[self.app].redirect_path}")
        found: dict[str, Any] = {**authority.world(), f"apps.{self.app}.redirect_port": port}
        return found


def _redirect(authority: Any, uri: str) -> None:
    authority.redirect = uri


def _iflow(authority: Iflow, uri: str) -> None:
    authority.expected = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": uri}


def _gemini(authority: GeminiCloud, uri: str) -> None:
    authority.several({FRONT: BACK}, BACK)


def _secret(provider: str, secret: str) -> dict[str, Any]:
    return {"oauth-clients": {provider: {"client-secret": secret}}}


ANTHROPIC = Site(
    "anthropic", "anthropic-auth-url", "claude", "/anthropic/callback", Claude, _redirect,
    "claude-user@example.com.json", "sk-ant-oat-1",
)  # fmt: skip
CODEX = Site(
    "codex", "codex-auth-url", "codex", "/codex/callback", OpenAI, _redirect, "codex-user@example.com-plus.json",
    "eyJ-access-1",
)  # fmt: skip
GEMINI = Site(
    "gemini", "gemini-cli-auth-url", "gemini", "/google/callback", GeminiCloud, _gemini,
    f"gemini-user@example.com-{BACK}.json", "ya29.1", "gem-[0-9a-f]{32}",
)  # fmt: skip
ANTIGRAVITY = Site(
    "antigravity", "antigravity-auth-url", "antigravity", "/antigravity/callback", Google, _redirect,
    "antigravity-user@example.com.json", "ya29.1", settings=_secret("antigravity", GOOGLE_SECRET),
)  # fmt: skip
IFLOW = Site(
    "iflow", "iflow-auth-url", "iflow", "/iflow/callback", Iflow, _iflow, "iflow-user@example.com.json", "sk-iflow-1",
    "ifl-[0-9a-f]{32}", settings=_secret("iflow", IFLOW_SECRET),
)  # fmt: skip
SITES = (ANTHROPIC, CODEX, GEMINI, ANTIGRAVITY, IFLOW)
EVERY = pytest.mark.parametrize("site", SITES, ids=repr)


def browse(authority: Authority, url: str) -> str:
    """Log in at an address; where the browser is sent."""
    parts = urlsplit(url)
    return authority.answer(Asked("GET", parts.path, dict(parse_qsl(parts.query)), {}, b"")).headers["Location"]


def callback_of(url: str) -> Callback:
    """What a callback URL holds."""
    query = dict(parse_qsl(urlsplit(url).query))
    return Callback(query.get("code", ""), query.get("state", ""), query.get("error", ""))


def move(monkeypatch: pytest.MonkeyPatch, world: Mapping[str, Any]) -> None:
    """As ``world.apply``, in this process and until the test is over."""
    for name, value in world.items():
        if name.startswith("apps."):
            _, provider, part = name.split(".")
            monkeypatch.setitem(APPS, provider, replace(APPS[provider], **{part: value}))
        else:
            monkeypatch.setattr(name, value)

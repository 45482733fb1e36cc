"""Logged-in accounts of every provider, their authorization server, and a server whose endpoints are moved to both fakes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from end_to_end.proxy import KEY, ROOT, Proxy
from oauth.authority import Answer, Asked, Authority
from upstream.server import FakeUpstream, Recorded

FAR, PAST = timedelta(days=40), timedelta(hours=-1)
Content = Callable[["Account"], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Account:
    """One account: its name, when its token ends from now, where its token endpoint is."""

    name: str
    ends_in: timedelta
    authority: str

    @property
    def token(self) -> str:
        """The access token in its file."""
        return f"{self.name}-old"

    @property
    def refresh_token(self) -> str:
        """The refresh token in its file."""
        return f"{self.name}-refresh"

    @property
    def ends(self) -> str:
        """When its token ends."""
        return (datetime.now(UTC) + self.ends_in).isoformat(timespec="seconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A provider with accounts. ``world`` gets the URLs of upstream and authority."""

    provider: str
    models: tuple[str, ...]
    world: Callable[[str, str], dict[str, str]]
    content: Content
    path: str
    """What every model request's path must contain."""
    prefix: str = ""
    """What renewed secrets begin with, when not with the access token's name."""
    renews: bool = True
    config: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.provider


def _simple(**more: Any) -> Content:
    def content(account: Account) -> dict[str, Any]:
        return {
            "access_token": account.token, "refresh_token": account.refresh_token, "expired": account.ends,
            "email": f"{account.name}@example.com", "note": "mine", **more,
        }  # fmt: skip

    return content


def _gemini(account: Account) -> dict[str, Any]:
    token = {
        "access_token": account.token, "refresh_token": account.refresh_token, "expiry": account.ends,
        "token_type": "Bearer", "client_id": "its-own", "client_secret": "its-own-secret", "universe_domain": "googleapis.com",
    }  # fmt: skip
    return {
        "type": "gemini",
        "token": token,
        "project_id": f"project-{account.name}",
        "email": account.name,
        "note": "mine",
    }


_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PEM = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


def _vertex(account: Account) -> dict[str, Any]:
    service = {
        "type": "service_account", "project_id": "p", "private_key_id": "k", "private_key": _PEM,
        "client_email": f"{account.name}@p.iam.gserviceaccount.com", "token_uri": f"{account.authority}/vertex/token",
    }  # fmt: skip
    return {
        "type": "vertex", "service_account": service, "project_id": "p", "email": service["client_email"],
        "location": "us-central1", "note": "mine",
    }  # fmt: skip


SECRETS = {"antigravity": {"client-secret": "s"}, "iflow": {"client-secret": "s"}}

CLAUDE = Kind(
    "claude", ("claude-sonnet-4-5-20250929",),
    lambda up, auth: {"cliproxy.providers.claude.BASE": up, "apps.claude.token_url": f"{auth}/claude/token"},
    _simple(type="claude"), "/v1/messages",
)  # fmt: skip
CODEX = Kind(
    "codex", ("gpt-5",),
    lambda up, auth: {"cliproxy.providers.codex.BASE": up, "apps.codex.token_url": f"{auth}/codex/token"},
    _simple(type="codex", account_id="acct-1", id_token=""), "/responses",
)  # fmt: skip
QWEN = Kind(
    "qwen", ("qwen3-coder-plus",),
    lambda up, auth: {"cliproxy.providers.qwen.BASE": f"{up}/v1", "apps.qwen.token_url": f"{auth}/qwen/token"},
    _simple(type="qwen"), "/v1/chat/completions",
)  # fmt: skip
IFLOW = Kind(
    "iflow", ("kimi-k2",),
    lambda up, auth: {
        "cliproxy.providers.iflow.BASE": f"{up}/v1", "apps.iflow.token_url": f"{auth}/iflow/token",
        "apps.iflow.user_info_url": f"{auth}/iflow/user",
    },
    lambda account: {**_simple(type="iflow")(account), "api_key": account.token}, "/v1/chat/completions",
    config={"oauth-clients": SECRETS},
)  # fmt: skip
GEMINI = Kind(
    "gemini-cli", ("gemini-2.5-flash",),
    lambda up, auth: {"cliproxy.providers.gemini_cli.BASE": up, "apps.gemini.token_url": f"{auth}/google/token"},
    _gemini, "/v1internal:",
)  # fmt: skip
ANTIGRAVITY = Kind(
    "antigravity", ("gemini-3-flash-preview", "gemini-claude-sonnet-4-5"),
    lambda up, auth: {
        "cliproxy.providers.antigravity.DAILY_BASE": up, "cliproxy.providers.antigravity.SANDBOX_BASE": up,
        "apps.antigravity.token_url": f"{auth}/google/token",
    },
    _simple(type="antigravity", project_id="pa"), "/v1internal:", config={"oauth-clients": SECRETS},
)  # fmt: skip
VERTEX = Kind(
    "vertex", ("gemini-2.5-pro",), lambda up, auth: {"cliproxy.providers.vertex.SERVICE_HOST": up}, _vertex,
    "/v1/projects/p/locations/us-central1/publishers/google/models/",
)  # fmt: skip

KINDS = (CLAUDE, CODEX, QWEN, IFLOW, GEMINI, ANTIGRAVITY, VERTEX)


class Tokens(Authority):
    """The token endpoints of all providers. Every answer has a new access token, and the same refresh token."""

    def __init__(self) -> None:
        super().__init__()
        self.revoked: set[str] = set()
        self.renewed: Counter[str] = Counter()
        self.routes = {
            "POST /claude/token": lambda asked: self.grant(asked.json),
            "POST /codex/token": lambda asked: self.grant(asked.form),
            "POST /qwen/token": lambda asked: self.grant(asked.form),
            "POST /iflow/token": lambda asked: self.grant(asked.form),
            "POST /google/token": lambda asked: self.grant(asked.form),
            "POST /vertex/token": self.assertion,
            "GET /iflow/user": self.iflow_user,
        }

    def grant(self, body: Mapping[str, str]) -> Answer:
        """A refresh."""
        assert body["grant_type"] == "refresh_token"
        name = body["refresh_token"].removesuffix("-refresh")
        if name in self.revoked:
            return Answer({"error": "invalid_grant", "error_description": "revoked"}, 400)
        self.renewed[name] += 1
        token = f"{name}-fresh-{self.renewed[name]}"
        return Answer({
            "access_token": token, "refresh_token": body["refresh_token"], "expires_in": 40 * 86400, "token_type": "Bearer",
        })  # fmt: skip

    def assertion(self, asked: Asked) -> Answer:
        """A service account's."""
        assert asked.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        self.renewed["vertex"] += 1
        return Answer({"access_token": f"fresh-{self.renewed['vertex']}", "expires_in": 3600, "token_type": "Bearer"})

    def iflow_user(self, asked: Asked) -> Answer:
        """The key of an account."""
        token = asked.query["accessToken"]
        name = token.partition("-")[0]
        return Answer({"success": True, "data": {"apiKey": token, "email": f"{name}@example.com", "phone": ""}})


class Household:
    """A server with some accounts of one kind."""

    def __init__(self, folder: Path, kind: Kind, upstream: FakeUpstream, tokens: Tokens, *accounts: Account) -> None:
        self.kind, self.upstream = kind, upstream
        self.auths = folder / "home" / "auths"
        self.auths.mkdir(parents=True)
        for account in accounts:
            (self.auths / f"{account.name}.json").write_text(json.dumps(kind.content(account)))
        config = {"api-keys": [KEY], "auth-dir": "~/auths", **kind.config}
        world = kind.world(upstream.url, tokens.url)
        self.proxy = Proxy(
            folder, config, options=("--pythonpath", str(ROOT / "tests" / "oauth")), app="world_wsgi:app",
            env={"CLIPROXY_TEST_WORLD": json.dumps(world), "MANAGEMENT_PASSWORD": KEY},
        )  # fmt: skip
        self.proxy.wait_until_up()

    def models_of(self, name: str) -> set[str]:
        """What an account offers now; some providers are asked for it after the start."""
        path = f"/v0/management/auth-files/models?name={name}.json"
        answer = self.proxy.ask("GET", path, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status == 200, answer.body
        return {model["id"] for model in answer.json["models"]}

    def read(self, name: str) -> Any:
        """An account's file."""
        return json.loads((self.auths / f"{name}.json").read_text())

    @property
    def secrets(self) -> list[str]:
        """With what the upstream was asked, in order."""
        return [secret_of(request) for request in self.upstream.requests]


def secret_of(request: Recorded) -> str:
    """The bearer of a request."""
    scheme, _, secret = request.headers["authorization"].partition(" ")
    assert scheme == "Bearer"
    return secret

"""The OAuth applications as which people log in, and their endpoints, in one table (oauth-login.md 1.1, design D8).

Client ids are public. A client secret comes from the configuration or the environment; the only one here is the one
that Google itself publishes with Gemini CLI and calls not secret, as installed applications cannot keep one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cliproxy.config.settings import OAuthClient, Settings
from cliproxy.errors import LoginError

_GOOGLE_EXCHANGE = "https://oauth2.googleapis.com/token"
_GOOGLE_USER = "https://www.googleapis.com/oauth2/v1/userinfo?alt=json"
_GOOGLE_SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
)


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """One application. ``redirect_port`` and ``redirect_path``: where its callback listens by default.

    ``fixed_redirect``: the provider only accepts the default redirect URI, whatever port we listen on.
    """

    provider: str
    title: str
    client_id: str
    token_url: str
    authorize_url: str = ""
    device_url: str = ""
    user_info_url: str = ""
    scopes: tuple[str, ...] = ()
    redirect_port: int = 0
    redirect_path: str = ""
    fixed_redirect: bool = False
    needs_secret: bool = False
    client_secret: str = ""

    @property
    def secret(self) -> str:
        """The client secret.

        :raises LoginError: none is configured; says what to set and where.
        """
        if self.client_secret:
            return self.client_secret
        raise LoginError(
            f"{self.title} needs a client secret, which is not part of this program: set "
            f"oauth-clients.{self.provider}.client-secret in the configuration, or the environment variable "
            f"{secret_variable(self.provider)}",
            code="missing_client_secret",
        )


APPS: dict[str, OAuthApp] = {
    app.provider: app
    for app in (
        OAuthApp(
            "gemini", "Gemini CLI", "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
            _GOOGLE_EXCHANGE, authorize_url="https://accounts.google.com/o/oauth2/auth", user_info_url=_GOOGLE_USER,
            scopes=_GOOGLE_SCOPES, redirect_port=8085, redirect_path="/oauth2callback", needs_secret=True,
            client_secret="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",  # noqa: S106 - see above
        ),
        OAuthApp(
            "antigravity", "Antigravity", "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com",
            _GOOGLE_EXCHANGE, authorize_url="https://accounts.google.com/o/oauth2/v2/auth", user_info_url=_GOOGLE_USER,
            scopes=(
                *_GOOGLE_SCOPES, "https://www.googleapis.com/auth/cclog",
                "https://www.googleapis.com/auth/experimentsandconfigs",
            ),
            redirect_port=51121, redirect_path="/oauth-callback", needs_secret=True,
        ),
        OAuthApp(
            "claude", "Claude", "9d1c250a-e61b-44d9-88ed-5944d1962f5e", "https://console.anthropic.com/v1/oauth/token",
            authorize_url="https://claude.ai/oauth/authorize",
            scopes=("org:create_api_key", "user:profile", "user:inference"), redirect_port=54545,
            redirect_path="/callback", fixed_redirect=True,
        ),
        OAuthApp(
            "codex", "Codex", "app_EMoamEEZ73f0CkXaXp7hrann", "https://auth.openai.com/oauth/token",
            authorize_url="https://auth.openai.com/oauth/authorize",
            scopes=("openid", "email", "profile", "offline_access"), redirect_port=1455, redirect_path="/auth/callback",
            fixed_redirect=True,
        ),
        OAuthApp(
            "qwen", "Qwen", "f0304373b74a44d2b584a3fb70ca9e56", "https://chat.qwen.ai/api/v1/oauth2/token",
            device_url="https://chat.qwen.ai/api/v1/oauth2/device/code",
            scopes=("openid", "profile", "email", "model.completion"),
        ),
        OAuthApp(
            "iflow", "iFlow", "10009311001", "https://iflow.cn/oauth/token", authorize_url="https://iflow.cn/oauth",
            user_info_url="https://iflow.cn/api/oauth/getUserInfo", redirect_port=11451,
            redirect_path="/oauth2callback", needs_secret=True,
        ),
    )
}  # fmt: skip
"""By provider name, as logins and ``oauth-clients`` call it."""


def secret_variable(provider: str) -> str:
    """The environment variable of a provider's client secret."""
    return f"CLIPROXY_{provider.upper()}_CLIENT_SECRET"


def app_of(provider: str, settings: Settings, environment: Mapping[str, str]) -> OAuthApp:
    """A provider's application with what the configuration and the environment say."""
    app, own = APPS[provider], settings.oauth_clients.get(provider, OAuthClient())
    secret = own.client_secret or environment.get(secret_variable(provider), "") or app.client_secret
    return replace(app, client_id=own.client_id or app.client_id, client_secret=secret)


def usable_app(provider: str, settings: Settings, environment: Mapping[str, str]) -> OAuthApp:
    """As ``app_of``, for a login that begins.

    :raises LoginError: it needs a client secret and none is configured.
    """
    app = app_of(provider, settings, environment)
    if app.needs_secret:
        _ = app.secret
    return app

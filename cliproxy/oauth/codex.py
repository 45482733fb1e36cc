"""Logging in to Codex with a ChatGPT account (oauth-login.md 6)."""

from __future__ import annotations

import hashlib

from cliproxy.oauth.flow import Authorization, Callback, TokenFile, authorization_url, checked_code, redirect_uri
from cliproxy.oauth.secrets import challenge_of, new_state, new_verifier
from cliproxy.oauth.token_files import name_part
from cliproxy.providers.tokens import codex as tokens
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient
from cliproxy.providers.tokens.codex import Account


class CodexFlow:
    """Authorization code with PKCE; the redirect URI is fixed."""

    def __init__(self, app: OAuthApp, client: TokenClient) -> None:
        self.app, self._client = app, client

    def start(self, port: int = 0) -> Authorization:
        """Begin a login."""
        state, verifier, redirect = new_state(), new_verifier(), redirect_uri(self.app, port)
        url = authorization_url(
            self.app.authorize_url,
            {
                "client_id": self.app.client_id, "redirect_uri": redirect, "response_type": "code",
                "scope": " ".join(self.app.scopes), "code_challenge": challenge_of(verifier),
                "code_challenge_method": "S256", "state": state, "prompt": "login",
                "id_token_add_organizations": "true", "codex_cli_simplified_flow": "true",
            },
        )  # fmt: skip
        return Authorization(url, state, redirect, verifier)

    def finish(self, begun: Authorization, callback: Callback) -> TokenFile:
        """The token file of the account that was chosen in the browser."""
        code = checked_code(begun, callback)
        content = tokens.exchange(
            self._client, self.app, code=code, redirect_uri=begun.redirect_uri, verifier=begun.verifier
        )
        account = tokens.account_of(content["id_token"])
        return TokenFile(file_name(account), content, account.email)


def file_name(account: Account) -> str:
    """One file per address and plan; of a team also per account: one address may be in several (6.4)."""
    email, plan = name_part(account.email), plan_part(account.plan)
    if plan == "team":
        return f"codex-{account_part(account.account_id)}-{email}-team.json"
    return f"codex-{email}-{plan}.json" if plan else f"codex-{email}.json"


def plan_part(plan: str) -> str:
    """A plan in a file name: its words in lower case, joined by dashes; ``Team Plan`` is ``team-plan``."""
    words = "".join(letter if letter.isalpha() or letter.isdecimal() else " " for letter in plan)
    return "-".join(words.lower().split())


def account_part(account_id: str) -> str:
    """An account in a file name: 8 hex digits, empty without an id."""
    account_id = account_id.strip()
    return hashlib.sha256(account_id.encode()).hexdigest()[:8] if account_id else ""

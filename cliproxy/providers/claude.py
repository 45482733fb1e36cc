"""Anthropic Messages, with keys and OAuth tokens (providers.md 11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cliproxy import __version__
from cliproxy.providers import cache_control
from cliproxy.providers import claude_edits as request_edits
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import base_name, ensure, identity, no_compact, with_custom
from cliproxy.providers.credential import Credential
from cliproxy.providers.pipeline import Prepared
from cliproxy.providers.renewing import RenewingProvider
from cliproxy.providers.tokens import claude as tokens
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient
from cliproxy.translation.claude import passthrough
from cliproxy.translation.claude.answer_decoder import ungzipped
from cliproxy.translation.draft import Edit
from cliproxy.translation.formats import CLAUDE, OPENAI, RESPONSES
from cliproxy.translation.passthrough import load
from cliproxy.translation.reading import integer

BASE = "https://api.anthropic.com"
_VERSION = "2023-06-01"
_CACHING = "prompt-caching-2024-07-31"
_BETAS = f"interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,{_CACHING}"
_OAUTH_BETA = "oauth-2025-04-20"
_PREFIX_BETA = "claude-code-20250219"
_ENCODINGS = "gzip, deflate, br, zstd"
_FORWARDED = ("anthropic-dangerous-direct-browser-access", "x-app")


class ClaudeProvider(RenewingProvider):
    """Anthropic's endpoint, or the one of the credential's ``base_url``."""

    key = "claude"
    upstream_format = CLAUDE

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One message. For clients of other formats the upstream streams, and the answer is put together (11.4)."""
        no_compact(call)
        sent = base_name(model)
        prepared = self._prepared(credential, call, model, stream=call.format != CLAUDE)
        headers = self._headers(credential, call, "application/json", _ENCODINGS)
        reply = self.fetch(credential, _url(credential, "messages"), headers, prepared.encode())
        data = ungzipped(reply.body)
        exchange = prepared.exchange
        if exchange is None or data.lstrip().startswith(b"{"):
            return self._pipeline.whole(prepared, data, lambda body: passthrough.body(body, call.client_model, sent))
        return self._pipeline.encoded(exchange, self._pipeline.collected(exchange, data))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """A streamed message."""
        no_compact(call)
        prepared = self._prepared(credential, call, model, stream=True)
        headers = identity(self._headers(credential, call, "text/event-stream", "identity"))
        transform = self._pipeline.transform(
            prepared, lambda: passthrough.ClaudeStream(call.client_model, base_name(model))
        )
        return self.start(credential, _url(credential, "messages"), headers, prepared.encode(), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """One count; for a Claude client the upstream's body as it is."""
        sent = base_name(model)
        prepared = self._pipeline.translate(call, CLAUDE, model, stream=False)
        if prepared.exchange is not None:
            prepared = prepared.edited(request_edits.countable)
        prepared = prepared.edited(self._with_prefix(credential, sent)).edited(request_edits.without_betas)
        headers = self._headers(credential, call, "application/json", _ENCODINGS)
        url = _url(credential, "messages/count_tokens")
        data = ungzipped(self.fetch(credential, url, headers, prepared.encode()).body)
        tokens = integer((load(data.strip()) or {}).get("input_tokens"))
        if prepared.exchange is None or tokens is None or call.format in (OPENAI, RESPONSES):
            return Answer(data, sent)
        return Answer(self._pipeline.count(call, tokens), sent)

    def renewed(self, client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """With the refresh token (11.6)."""
        return tokens.refreshed(client, app, metadata)

    def _prepared(self, credential: Credential, call: Call, model: str, *, stream: bool) -> Prepared:
        """The steps in the order of 11.4; for a Claude client mostly only the model's name changes."""
        pipeline = self._pipeline
        translated = pipeline.translate(call, CLAUDE, model, stream=stream)
        prepared = pipeline.think(translated, call, model, self.key, CLAUDE)
        ours = prepared.exchange is not None or prepared is not translated
        if prepared.exchange is None and b'"thinking"' in call.payload:
            prepared = prepared.edited(request_edits.without_foreign_thinking)
        prepared = prepared.edited(self._with_prefix(credential, base_name(model)))
        prepared = pipeline.rules(prepared, call, model, CLAUDE).edited(request_edits.without_forced_thinking)
        if ours:  # a body that we have written thinking into must hold together
            prepared = prepared.edited(request_edits.with_consistent_thinking)
        return prepared.edited(cache_control.marked).edited(request_edits.without_betas)

    def _with_prefix(self, credential: Credential, sent: str) -> Edit:
        prefix = self._settings().oauth_system_prefix.get("claude", "") if _is_oauth(_secret(credential)) else ""
        if not prefix or sent.startswith("claude-3-5-haiku"):
            return lambda body: body
        return lambda body: request_edits.with_system_prefix(body, prefix)

    def _headers(self, credential: Credential, call: Call, accept: str, encoding: str) -> dict[str, str]:
        secret = _secret(credential)
        headers = {
            "Content-Type": "application/json",
            "Anthropic-Version": ensure(call, "anthropic-version", _VERSION),
            "Anthropic-Beta": self._betas(call, secret),
            "User-Agent": ensure(call, "user-agent", f"cliproxy/{__version__}"),
            "Connection": "keep-alive",
            "Accept-Encoding": encoding,
            "Accept": accept,
        }
        if _wants_key_header(credential):
            headers["x-api-key"] = secret
        elif secret:
            headers["Authorization"] = f"Bearer {secret}"
        for name in call.headers:
            if name in _FORWARDED or name.startswith("x-stainless-"):
                headers[name.title()] = call.headers[name]
        return with_custom(headers, credential)

    def _betas(self, call: Call, secret: str) -> str:
        """The beta list in the order of 11.2."""
        betas = ensure(call, "anthropic-beta", _BETAS)
        if _is_oauth(secret):
            if "oauth" not in betas:
                betas += f",{_OAUTH_BETA}"
            if self._settings().oauth_system_prefix.get("claude") and _PREFIX_BETA not in betas:
                betas += f",{_PREFIX_BETA}"
        if _CACHING not in betas:
            betas += f",{_CACHING}"
        known = {beta.strip() for beta in betas.split(",")}
        for beta in _strings(call.body.get("betas")):
            if beta not in known:
                known.add(beta)
                betas += f",{beta}"
        return betas


def _url(credential: Credential, path: str) -> str:
    base = credential.attributes.get("base_url", "").strip().rstrip("/") or BASE
    return f"{base}/v1/{path}?beta=true"


def _secret(credential: Credential) -> str:
    token = credential.attributes.get("api_key") or credential.metadata.get("access_token")
    return token if isinstance(token, str) else ""


def _is_oauth(secret: str) -> bool:
    return "sk-ant-oat" in secret


def _wants_key_header(credential: Credential) -> bool:
    """Only Anthropic itself takes the key in ``x-api-key``; other hosts get it as bearer."""
    if not credential.attributes.get("api_key"):
        return False
    parts = urlsplit(credential.attributes.get("base_url", "").strip() or BASE)
    return (parts.scheme, parts.netloc) == ("https", "api.anthropic.com")


def _strings(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [text.strip() for text in values if isinstance(text, str) and text.strip()]

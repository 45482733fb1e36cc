"""Anthropic Messages, with keys and OAuth tokens (providers.md 11)."""

from __future__ import annotations

import gzip
import zlib
from typing import Any
from urllib.parse import urlsplit

from cliproxy import __version__
from cliproxy.providers import cache_control
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import HttpProvider, answer, base_name, ensure, identity, no_compact, with_custom
from cliproxy.providers.credential import Credential
from cliproxy.translation import model_name, rawjson
from cliproxy.translation.claude import passthrough
from cliproxy.translation.formats import CLAUDE

BASE = "https://api.anthropic.com"
_VERSION = "2023-06-01"
_CACHING = "prompt-caching-2024-07-31"
_BETAS = f"interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,{_CACHING}"
_OAUTH_BETA = "oauth-2025-04-20"
_PREFIX_BETA = "claude-code-20250219"
_ENCODINGS = "gzip, deflate, br, zstd"
_FORWARDED = ("anthropic-dangerous-direct-browser-access", "x-app")


class ClaudeProvider(HttpProvider):
    """Anthropic's endpoint, or the one of the credential's ``base_url``."""

    key = "claude"
    upstream_format = CLAUDE

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One message."""
        no_compact(call)
        self.require(call, CLAUDE)
        sent = base_name(model)
        headers = self._headers(credential, call, "application/json", _ENCODINGS)
        reply = self.fetch(credential, _url(credential, "messages"), headers, self._body(credential, call, sent))
        return answer(passthrough.body(_gunzipped(reply.body), call.client_model, sent))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """A streamed message."""
        no_compact(call)
        self.require(call, CLAUDE)
        sent = base_name(model)
        headers = identity(self._headers(credential, call, "text/event-stream", "identity"))
        transform = passthrough.ClaudeStream(call.client_model, sent)
        body = self._body(credential, call, sent)
        return self.start(credential, _url(credential, "messages"), headers, body, transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """One count; the upstream's body as it is."""
        self.require(call, CLAUDE)
        sent = base_name(model)
        headers = self._headers(credential, call, "application/json", _ENCODINGS)
        body = self._body(credential, call, sent, counting=True)
        reply = self.fetch(credential, _url(credential, "messages/count_tokens"), headers, body)
        return Answer(_gunzipped(reply.body), sent)

    def _body(self, credential: Credential, call: Call, sent: str, *, counting: bool = False) -> bytes:
        """The client's bytes with what must change changed (11.4); mostly only the model's name."""
        body = call.body
        prefix = self._settings().oauth_system_prefix.get("claude", "") if _is_oauth(_secret(credential)) else ""
        with_prefix = bool(prefix) and not sent.startswith("claude-3-5-haiku") and not _has_prefix(body, prefix)
        forced = not counting and "thinking" in body and _tool_choice(body) in ("any", "tool")
        marks = not counting and cache_control.wanted(body)
        if not (with_prefix or forced or marks or "betas" in body):
            return model_name.set_model(call.payload, body, sent)
        root = rawjson.parse(call.payload)
        root.set_value("model", sent)
        if with_prefix:
            body = {**body, "system": _prefixed(body.get("system"), prefix)}
            root.set_value("system", body["system"])
        if forced:
            root.delete("thinking")  # the API refuses both together
        if marks:
            cache_control.apply(root, body)
        root.delete("betas")
        return root.encode()

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


def _tool_choice(body: Any) -> Any:
    choice = body.get("tool_choice")
    return choice.get("type") if isinstance(choice, dict) else None


def _strings(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [text.strip() for text in values if isinstance(text, str) and text.strip()]


def _has_prefix(body: Any, prefix: str) -> bool:
    system = body.get("system")
    first = system[0] if isinstance(system, list) and system else None
    return isinstance(first, dict) and first.get("text") == prefix


def _prefixed(system: Any, prefix: str) -> list[Any]:
    blocks: list[Any] = [{"type": "text", "text": prefix}]
    if isinstance(system, str):
        return [*blocks, {"type": "text", "text": system}] if system else blocks
    return blocks + [b for b in system or [] if isinstance(b, dict) and b.get("type") == "text"]


def _gunzipped(data: bytes) -> bytes:
    """Some upstreams send gzip without saying so."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data

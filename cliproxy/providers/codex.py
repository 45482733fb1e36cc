"""Codex: the Responses dialect of the ChatGPT back end, or of a configured base URL (providers.md 12)."""

from __future__ import annotations

import logging
import os
import uuid

import orjson

from cliproxy.providers import headers as identification
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import HttpProvider, base_name, ensure, identity, with_custom
from cliproxy.providers.credential import Credential
from cliproxy.translation import usage
from cliproxy.translation.formats import CODEX, RESPONSES
from cliproxy.translation.passthrough import load
from cliproxy.translation.responses.codex_request import codex_body, compact_body
from cliproxy.translation.responses.passthrough import CompletedCollector, ResponsesStream
from cliproxy.translation.token_count import count_codex

log = logging.getLogger(__name__)

BASE = "https://chatgpt.com/backend-api/codex"
_SSE, _JSON = "text/event-stream", "application/json"


class CodexProvider(HttpProvider):
    """The upstream always streams; a client that does not gets the completed response object."""

    key = "codex"
    upstream_format = CODEX

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One response, or one compaction."""
        self.require(call, RESPONSES)
        sent = base_name(model)
        if call.compact:
            return self._compact(credential, call, sent)
        cache_id = _cache_id(call)
        headers = identity(_headers(credential, call, cache_id, _SSE))
        reply = self.fetch(credential, _url(credential, "responses"), headers, self._body(call, sent))
        stream = ResponsesStream(call.client_model, sent, _instructions(call))
        body = CompletedCollector(stream).collect(reply.body)
        return Answer(body, stream.upstream_model, stream.tokens)

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """A streamed response."""
        self.require(call, RESPONSES)
        sent = base_name(model)
        headers = identity(_headers(credential, call, _cache_id(call), _SSE))
        transform = ResponsesStream(call.client_model, sent, _instructions(call))
        return self.start(credential, _url(credential, "responses"), headers, self._body(call, sent), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """Count locally (providers.md 8)."""
        self.require(call, RESPONSES)
        sent = base_name(model)
        number = count_codex(call.body, sent)
        counts = {"prompt_tokens": number, "completion_tokens": 0, "total_tokens": number}
        return Answer(orjson.dumps({"usage": counts}), sent)

    def _body(self, call: Call, sent: str) -> bytes:
        settings = self._settings()
        instructions = ""
        if settings.codex_instructions_enabled and settings.codex_instructions_file:
            instructions = self._file_text(settings.codex_instructions_file)
        return codex_body(call.payload, call.body, sent, instructions)

    def _file_text(self, path: str) -> str:
        try:
            stamp = os.stat(path).st_mtime_ns
            if self._instructions_cache[:2] != (path, stamp):
                with open(path, encoding="utf-8") as file:
                    self._instructions_cache = (path, stamp, file.read())
        except (OSError, UnicodeDecodeError) as error:
            log.warning("codex-instructions-file cannot be read: %s", error)
            return ""
        return self._instructions_cache[2]

    _instructions_cache: tuple[str, int, str] = ("", 0, "")

    def _compact(self, credential: Credential, call: Call, sent: str) -> Answer:
        headers = _headers(credential, call, _cache_id(call), _JSON)
        headers.setdefault("Accept-Encoding", "gzip")
        body = compact_body(call.payload, sent)
        reply = self.fetch(credential, _url(credential, "responses/compact"), headers, body)
        return Answer(reply.body, sent, usage.openai(load(reply.body) or {}))


def _url(credential: Credential, path: str) -> str:
    base = credential.attributes.get("base_url", "").strip() or BASE
    return f"{base.removesuffix('/')}/{path}"


def _instructions(call: Call) -> str:
    text = call.body.get("instructions")
    return text if isinstance(text, str) else ""


def _cache_id(call: Call) -> str:
    """The prompt-cache id of a Responses client: its own ``prompt_cache_key`` (12.3), if a header can carry it."""
    key = call.body.get("prompt_cache_key")
    return key if isinstance(key, str) and key.isascii() and key.isprintable() else ""


def _headers(credential: Credential, call: Call, cache_id: str, accept: str) -> dict[str, str]:
    api_key = credential.attributes.get("api_key", "")
    secret = api_key or credential.metadata.get("access_token")
    headers = {
        "Content-Type": _JSON,
        "Session_id": ensure(call, "session-id", cache_id or str(uuid.uuid4())),
        "Version": ensure(call, "version", identification.CODEX_VERSION),
        "Openai-Beta": ensure(call, "openai-beta", identification.CODEX_BETA),
        "User-Agent": ensure(call, "user-agent", identification.CODEX_USER_AGENT),
        "Accept": accept,
        "Connection": "Keep-Alive",
    }
    if isinstance(secret, str) and secret:
        headers["Authorization"] = f"Bearer {secret}"
    if cache_id:
        headers["Conversation_id"] = cache_id
    if not api_key:
        headers["Originator"] = identification.CODEX_ORIGINATOR
        if isinstance(account := credential.metadata.get("account_id"), str):
            headers["Chatgpt-Account-Id"] = account
    return with_custom(headers, credential)

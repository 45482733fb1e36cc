"""Codex: the Responses dialect of the ChatGPT back end, or of a configured base URL (providers.md 12)."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Mapping
from typing import Any

from cliproxy.errors import RequestError, UpstreamStatus
from cliproxy.providers import headers as identification
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import SettingsGetter, base_name, ensure, identity, with_custom
from cliproxy.providers.codex_cache import PromptCacheIds
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.providers.pipeline import Pipeline, Prepared
from cliproxy.providers.renewing import RenewingProvider
from cliproxy.providers.tokens import codex as tokens
from cliproxy.providers.tokens.apps import OAuthApp
from cliproxy.providers.tokens.client import TokenClient, text_of
from cliproxy.translation import usage
from cliproxy.translation.draft import Draft
from cliproxy.translation.edits import Body, drop, put
from cliproxy.translation.formats import CODEX, RESPONSES
from cliproxy.translation.passthrough import load
from cliproxy.translation.reading import text
from cliproxy.translation.responses.answer_decoder import ResponsesDecoder
from cliproxy.translation.responses.codex_request import to_compact
from cliproxy.translation.responses.passthrough import CUT_SHORT, CompletedCollector, ResponsesStream
from cliproxy.translation.token_count import count_codex

log = logging.getLogger(__name__)

BASE = "https://chatgpt.com/backend-api/codex"
_SSE, _JSON = "text/event-stream", "application/json"
_REFUSED = ("previous_response_id", "prompt_cache_retention", "safety_identifier")


class CodexProvider(RenewingProvider):
    """The upstream always streams; a client that does not gets the completed response object."""

    key = "codex"
    upstream_format = CODEX

    def __init__(
        self,
        http: HttpClient,
        settings: SettingsGetter,
        pipeline: Pipeline,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__(http, settings, pipeline, environment)
        self._cache_ids = PromptCacheIds(time.monotonic)

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One response, or one compaction."""
        if call.compact:
            return self._compact(credential, call, model)
        sent = base_name(model)
        prepared, cache_id = self._prepared(call, model)
        headers = identity(_headers(credential, call, cache_id, _SSE))
        reply = self.fetch(credential, _url(credential, "responses"), headers, prepared.encode())
        if prepared.exchange is None:
            stream = ResponsesStream(call.client_model, sent, _instructions(call, prepared))
            body = CompletedCollector(stream).collect(reply.body)
            return Answer(body, stream.upstream_model, stream.tokens)
        decoder = self._pipeline.collected(prepared.exchange, reply.body)
        assert isinstance(decoder, ResponsesDecoder)
        if decoder.error is None and not decoder.completed:
            raise UpstreamStatus(CUT_SHORT, status=408)
        return self._pipeline.encoded(prepared.exchange, decoder)

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """A streamed response."""
        prepared, cache_id = self._prepared(call, model)
        headers = identity(_headers(credential, call, cache_id, _SSE))
        transform = self._pipeline.transform(
            prepared, lambda: ResponsesStream(call.client_model, base_name(model), _instructions(call, prepared))
        )
        return self.start(credential, _url(credential, "responses"), headers, prepared.encode(), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """Count locally (providers.md 8)."""
        prepared = self._pipeline.translate(call, CODEX, model, stream=False, instructions=self._configured())
        prepared = self._pipeline.think(prepared, call, model, self.key, CODEX)
        sent = base_name(model)
        return Answer(self._pipeline.count(call, count_codex(prepared.body, sent)), sent)

    def renewed(self, client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """With the refresh token (12.4)."""
        return tokens.refreshed(client, app, metadata)

    def _prepared(self, call: Call, model: str) -> tuple[Prepared, str]:
        """(the call with all steps of 12.2 done, its prompt-cache id)."""
        pipeline = self._pipeline
        prepared = pipeline.translate(call, CODEX, model, stream=True, instructions=self._configured())
        prepared = pipeline.think(prepared, call, model, self.key, CODEX)
        prepared = pipeline.rules(prepared, call, model, CODEX)
        cache_id = self._cache_ids.of(call, model)
        return prepared.edited(lambda body: _final(body, base_name(model), cache_id)), cache_id

    def _configured(self) -> str:
        """The configured instructions, empty when the switch is off."""
        settings = self._settings()
        if settings.codex_instructions_enabled and settings.codex_instructions_file:
            return self._file_text(settings.codex_instructions_file)
        return ""

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

    def _compact(self, credential: Credential, call: Call, model: str) -> Answer:
        if call.format != RESPONSES:
            raise RequestError("/responses/compact takes Responses requests only", status=501)
        sent, body = base_name(model), call.body
        cache_id = self._cache_ids.of(call, model)
        headers = _headers(credential, call, cache_id, _JSON)
        headers.setdefault("Accept-Encoding", "gzip")
        prepared = Prepared(Draft(to_compact(body, sent), body, call.payload), body)
        prepared = self._pipeline.rules(prepared, call, model, RESPONSES)
        reply = self.fetch(credential, _url(credential, "responses/compact"), headers, prepared.encode())
        return Answer(reply.body, sent, usage.openai(load(reply.body) or {}))


def _final(body: Body, model: str, cache_id: str) -> Body:
    """What the endpoint wants and refuses, whatever payload rules said (12.2, 12.3)."""
    for key, value in (("model", model), ("stream", True)):
        body = put(body, (key,), value)
    for key in _REFUSED:
        body = drop(body, (key,))
    if "instructions" not in body:
        body = put(body, ("instructions",), "")
    return put(body, ("prompt_cache_key",), cache_id) if cache_id else body


def _url(credential: Credential, path: str) -> str:
    base = credential.attributes.get("base_url", "").strip() or BASE
    return f"{base.removesuffix('/')}/{path}"


def _instructions(call: Call, prepared: Prepared) -> str:
    """What the answer echoes: the client's own; OpenCode wants those that were sent (translation.md 4.8)."""
    sent = "opencode/" in call.headers.get("user-agent", "").lower()
    return text((prepared.body if sent else call.body).get("instructions"))


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
        if account := text_of(credential.metadata, "account_id"):  # empty in files of accounts that have none
            headers["Chatgpt-Account-Id"] = account
    return with_custom(headers, credential)

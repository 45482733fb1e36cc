"""OpenAI-compatible services: Chat Completions upstream (providers.md 13)."""

from __future__ import annotations

import logging

from cliproxy.errors import RequestError, UpstreamStatus
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import HttpProvider, SettingsGetter, base_name, identity, with_custom
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.providers.pipeline import Pipeline, Prepared
from cliproxy.translation import usage
from cliproxy.translation.chat import passthrough
from cliproxy.translation.draft import Draft
from cliproxy.translation.edits import Body, put
from cliproxy.translation.formats import OPENAI, RESPONSES
from cliproxy.translation.passthrough import load
from cliproxy.translation.responses.codex_request import to_compact
from cliproxy.translation.token_count import count_chat

log = logging.getLogger(__name__)

_USER_AGENT = "cli-proxy-openai-compat"
_USAGE_FIELD = "stream_options"
_REFUSALS = (400, 422)


class OpenAICompatProvider(HttpProvider):
    """One configured service, or any provider without an implementation of its own; ``key`` is its name."""

    upstream_format = OPENAI

    def __init__(self, key: str, http: HttpClient, settings: SettingsGetter, pipeline: Pipeline) -> None:
        super().__init__(http, settings, pipeline)
        self.key = key
        self._without_usage: set[str] = set()
        """Services that refuse to be asked for usage, by URL."""

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One chat completion, or one compaction."""
        if call.compact:
            return self._compact(credential, call, model)
        sent = base_name(model)
        prepared = self._prepared(call, model, stream=False)
        url, headers = _url(credential, "chat/completions"), _headers(credential, "gzip")
        reply = self.fetch(credential, url, headers, prepared.encode())
        return self._pipeline.whole(prepared, reply.body, lambda body: passthrough.body(body, call.client_model, sent))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """A streamed chat completion."""
        url = _url(credential, "chat/completions")
        asking = url not in self._without_usage and not self._pipeline.passes(call, OPENAI)
        try:
            return self._start(credential, call, model, url, asking=asking)
        except UpstreamStatus as error:
            if not asking or error.status not in _REFUSALS or _USAGE_FIELD not in error.text:
                raise
        log.info("%s refuses %s: streams from there come without usage", self.key, _USAGE_FIELD)
        self._without_usage.add(url)
        return self._start(credential, call, model, url, asking=False)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """Count locally: these services have no counter (providers.md 8)."""
        prepared = self._pipeline.translate(call, OPENAI, model, stream=False)
        prepared = self._pipeline.think(prepared, call, model, self.key, OPENAI)
        sent = base_name(model)
        return Answer(self._pipeline.count(call, count_chat(prepared.body, sent)), sent)

    def _start(self, credential: Credential, call: Call, model: str, url: str, *, asking: bool) -> AnswerStream:
        prepared = self._prepared(call, model, stream=True, asking=asking)
        headers = _headers(credential, "identity")
        headers["Accept"] = "text/event-stream"
        headers["Cache-Control"] = "no-cache"
        transform = self._pipeline.transform(
            prepared, lambda: passthrough.ChatStream(call.client_model, base_name(model))
        )
        return self.start(credential, url, identity(headers), prepared.encode(), transform)

    def _prepared(self, call: Call, model: str, *, stream: bool, asking: bool = False) -> Prepared:
        """Thinking comes last here, so that a suffix outranks the rules (13). ``asking``: for usage in a stream."""
        prepared = self._pipeline.translate(call, OPENAI, model, stream=stream)
        if asking:
            prepared = prepared.edited(_asking_for_usage)
        prepared = self._pipeline.rules(prepared, call, model, OPENAI)
        return self._pipeline.think(prepared, call, model, self.key, OPENAI)

    def _compact(self, credential: Credential, call: Call, model: str) -> Answer:
        if call.format != RESPONSES:
            raise RequestError("/responses/compact takes Responses requests only", status=501)
        sent, body = base_name(model), call.body
        prepared = Prepared(Draft(to_compact(body, sent), body, call.payload), body)
        prepared = self._pipeline.rules(prepared, call, model, RESPONSES)
        url = _url(credential, "responses/compact")
        reply = self.fetch(credential, url, _headers(credential, "gzip"), prepared.encode())
        return Answer(reply.body, sent, usage.openai(load(reply.body) or {}))


def _asking_for_usage(body: Body) -> Body:
    """Clients of other formats always get usage, and Chat services send it in a stream only when asked."""
    return put(body, (_USAGE_FIELD, "include_usage"), True)


def _url(credential: Credential, path: str) -> str:
    base = credential.attributes.get("base_url", "").strip()
    if not base:
        raise UpstreamStatus("missing provider baseURL", status=401)
    return f"{base.removesuffix('/')}/{path}"


def _headers(credential: Credential, encoding: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": _USER_AGENT, "Accept-Encoding": encoding}
    if key := credential.attributes.get("api_key", ""):
        headers["Authorization"] = f"Bearer {key}"
    return with_custom(headers, credential)

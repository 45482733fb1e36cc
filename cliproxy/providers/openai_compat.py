"""OpenAI-compatible services: Chat Completions upstream (providers.md 13)."""

from __future__ import annotations

import orjson

from cliproxy.errors import UpstreamStatus
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import HttpProvider, SettingsGetter, answer, base_name, identity, with_custom
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.translation import model_name, rawjson, usage
from cliproxy.translation.chat import passthrough
from cliproxy.translation.formats import OPENAI, RESPONSES
from cliproxy.translation.passthrough import load
from cliproxy.translation.token_count import count_chat

_USER_AGENT = "cli-proxy-openai-compat"


class OpenAICompatProvider(HttpProvider):
    """One configured service, or any provider without an implementation of its own; ``key`` is its name."""

    upstream_format = OPENAI

    def __init__(self, key: str, http: HttpClient, settings: SettingsGetter) -> None:
        super().__init__(http, settings)
        self.key = key

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One chat completion, or one compaction."""
        if call.compact:
            return self._compact(credential, call, base_name(model))
        self.require(call, OPENAI)
        sent = base_name(model)
        body = model_name.set_model(call.payload, call.body, sent)
        reply = self.fetch(credential, _url(credential, "chat/completions"), _headers(credential, "gzip"), body)
        return answer(passthrough.body(reply.body, call.client_model, sent))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """A streamed chat completion."""
        self.require(call, OPENAI)
        sent = base_name(model)
        body = model_name.set_model(call.payload, call.body, sent)
        headers = _headers(credential, "identity")
        headers["Accept"] = "text/event-stream"
        headers["Cache-Control"] = "no-cache"
        transform = passthrough.ChatStream(call.client_model, sent)
        return self.start(credential, _url(credential, "chat/completions"), identity(headers), body, transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """Count locally: these services have no counter (providers.md 8)."""
        self.require(call, OPENAI)
        sent = base_name(model)
        number = count_chat(call.body, sent)
        counts = {"prompt_tokens": number, "completion_tokens": 0, "total_tokens": number}
        return Answer(orjson.dumps({"usage": counts}), sent)

    def _compact(self, credential: Credential, call: Call, sent: str) -> Answer:
        self.require(call, RESPONSES)
        root = rawjson.parse(call.payload)
        root.set_value("model", sent)
        root.delete("stream")
        url = _url(credential, "responses/compact")
        reply = self.fetch(credential, url, _headers(credential, "gzip"), root.encode())
        parsed = load(reply.body) or {}
        return Answer(reply.body, sent, usage.openai(parsed))


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

"""The Gemini API with a key or bearer token (providers.md 10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cliproxy.errors import UpstreamStatus
from cliproxy.providers import image_ratio
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import HttpProvider, base_name, identity, no_compact, with_custom
from cliproxy.providers.credential import Credential
from cliproxy.providers.pipeline import Pipeline, Prepared, Same
from cliproxy.translation.edits import drop
from cliproxy.translation.formats import GEMINI, OPENAI, RESPONSES
from cliproxy.translation.gemini import passthrough
from cliproxy.translation.gemini.spelling import spelled
from cliproxy.translation.passthrough import load
from cliproxy.translation.reading import integer

BASE = "https://generativelanguage.googleapis.com"
_NOT_COUNTED = frozenset({"tools", "generationConfig", "safetySettings", "session_id", "model"})


class GeminiProvider(HttpProvider):
    """Google's own endpoint, or the one of the credential's ``base_url``."""

    key = "gemini"
    upstream_format = GEMINI

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One generateContent."""
        no_compact(call)
        url = self.url(credential, base_name(model), "generateContent")
        if call.alt:
            url = f"{url}?$alt={call.alt}"
        prepared = self.prepared(call, model, stream=False)
        reply = self.fetch(credential, url, self.headers(credential, "gzip"), prepared.encode())
        return self._pipeline.whole(prepared, reply.body, same_of(call, model))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """One streamGenerateContent, always as SSE whatever the client's ``alt``."""
        no_compact(call)
        sent = base_name(model)
        url = f"{self.url(credential, sent, 'streamGenerateContent')}?alt=sse"
        prepared = self.prepared(call, model, stream=True)
        headers = identity(self.headers(credential, "identity"))
        transform = self._pipeline.transform(prepared, lambda: passthrough.GeminiStream(call.client_model, sent))
        return self.start(credential, url, headers, prepared.encode(), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """One countTokens."""
        sent = base_name(model)
        prepared = countable(self._pipeline, call, model, self.key).edited(lambda body: self.counted(body, sent))
        url, headers = self.url(credential, sent, "countTokens"), self.headers(credential, "gzip")
        reply = self.fetch(credential, url, headers, prepared.encode())
        return Answer(count_body(self._pipeline, call, reply.body), sent)

    def prepared(self, call: Call, model: str, *, stream: bool) -> Prepared:
        """The call with the steps of providers.md 10 done."""
        return prepare(self._pipeline, call, model, self.key, stream=stream)

    def counted(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        """The body of a count as the endpoint takes it."""
        return with_system_inside(body, model)

    def url(self, credential: Credential, model: str, action: str) -> str:
        """Where an action on a model goes."""
        base = credential.attributes.get("base_url", "").strip().rstrip("/") or BASE
        return f"{base}/v1beta/models/{model}:{action}"

    def headers(self, credential: Credential, encoding: str) -> dict[str, str]:
        """The key when there is one, else the token."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": encoding}
        if key := credential.attributes.get("api_key", ""):
            headers["x-goog-api-key"] = key
        elif token := bearer_of(credential):
            headers["Authorization"] = f"Bearer {token}"
        return with_custom(headers, credential)


def bearer_of(credential: Credential) -> str:
    """The access token of an auth file: ``token.access_token``, else ``access_token``."""
    inner = credential.metadata.get("token")
    nested = inner.get("access_token") if isinstance(inner, dict) else None
    token = nested or credential.metadata.get("access_token")
    return token if isinstance(token, str) else ""


def prepare(pipeline: Pipeline, call: Call, model: str, provider: str, *, stream: bool) -> Prepared:
    """A call as a Gemini body: translated, with thinking, picture ratio and payload rules (providers.md 10)."""
    prepared = _with_thinking(pipeline, call, model, provider, stream=stream)
    prepared = pipeline.rules(prepared, call, model, GEMINI)
    return prepared.edited(lambda body: {**drop(body, ("session_id",)), "model": base_name(model)})


def countable(pipeline: Pipeline, call: Call, model: str, provider: str) -> Prepared:
    """A call as the body of a token count, without a model."""

    def counted(body: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in body.items() if key not in _NOT_COUNTED}

    return _with_thinking(pipeline, call, model, provider, stream=False).edited(counted)


def _with_thinking(pipeline: Pipeline, call: Call, model: str, provider: str, *, stream: bool) -> Prepared:
    prepared = pipeline.translate(call, GEMINI, model, stream=stream)
    prepared = pipeline.think(prepared, call, model, provider, GEMINI)
    return prepared.edited(image_ratio.apply) if image_ratio.wanted(base_name(model), prepared.body) else prepared


def with_system_inside(body: dict[str, Any], model: str) -> dict[str, Any]:
    """A count of more than contents: the Gemini API takes system text only inside a whole request."""
    key = spelled(body, "systemInstruction")
    if key is None:
        return {**body, "model": model}
    inner = {"model": f"models/{model}", "contents": body.get("contents"), "systemInstruction": body[key]}
    return {"generateContentRequest": inner}


def same_of(call: Call, model: str) -> Callable[[bytes], Same]:
    """Reads a whole answer for a Gemini client."""
    return lambda body: passthrough.body(body, call.client_model, base_name(model))


def count_body(pipeline: Pipeline, call: Call, data: bytes) -> bytes:
    """The count in the client's shape; OpenAI's clients know none and get the upstream's (translation.md 7).

    :raises UpstreamStatus: the upstream's answer has no count.
    """
    total = integer((load(data.strip()) or {}).get("totalTokens"))
    if total is None:
        raise UpstreamStatus("upstream answered without totalTokens", status=502)
    return data if call.format in (OPENAI, RESPONSES) else pipeline.count(call, total)

"""The Gemini API with a key or bearer token (providers.md 10)."""

from __future__ import annotations

import orjson

from cliproxy.errors import UpstreamStatus
from cliproxy.providers import image_ratio
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import HttpProvider, answer, base_name, identity, no_compact, with_custom
from cliproxy.providers.credential import Credential
from cliproxy.translation import rawjson
from cliproxy.translation.formats import GEMINI
from cliproxy.translation.gemini import passthrough
from cliproxy.translation.gemini.normalise import normalise
from cliproxy.translation.passthrough import load

BASE = "https://generativelanguage.googleapis.com"


class GeminiProvider(HttpProvider):
    """Google's own endpoint, or the one of the credential's ``base_url``."""

    key = "gemini"
    upstream_format = GEMINI

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One generateContent."""
        no_compact(call)
        self.require(call, GEMINI)
        sent = base_name(model)
        url = self.url(credential, sent, "generateContent")
        if call.alt:
            url = f"{url}?$alt={call.alt}"
        reply = self.fetch(credential, url, self.headers(credential, "gzip"), body_of(call, sent))
        return answer(passthrough.body(reply.body, call.client_model, sent))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """One streamGenerateContent, always as SSE whatever the client's ``alt``."""
        no_compact(call)
        self.require(call, GEMINI)
        sent = base_name(model)
        url = f"{self.url(credential, sent, 'streamGenerateContent')}?alt=sse"
        headers = identity(self.headers(credential, "identity"))
        transform = passthrough.GeminiStream(call.client_model, sent)
        return self.start(credential, url, headers, body_of(call, sent), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """One countTokens."""
        self.require(call, GEMINI)
        sent = base_name(model)
        body = body_of(call, sent, counting=True)
        url, headers = self.url(credential, sent, "countTokens"), self.headers(credential, "gzip")
        reply = self.fetch(credential, url, headers, body)
        return Answer(count_body(reply.body), sent)

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


def body_of(call: Call, model: str, *, counting: bool = False) -> bytes:
    """The upstream body, with the upstream's model name."""
    root = edited(call, model, counting=counting)
    root.set_value("model", model)
    return root.encode()


def edited(call: Call, model: str, *, counting: bool = False) -> rawjson.RawObject:
    """The client's body as Gemini takes it (translation.md 4.2, providers.md 9); untouched parts keep their bytes."""
    root = rawjson.parse(call.payload)
    normalise(root, call.body)
    if image_ratio.wanted(model, call.body):
        image_ratio.apply(root, call.body)
    if counting:
        root.delete("tools", "generationConfig", "safetySettings")
    root.delete("session_id")
    return root


def count_body(data: bytes) -> bytes:
    """The count in Gemini's shape.

    :raises UpstreamStatus: the upstream's answer has no count.
    """
    found = load(data.strip()) or {}
    total = found.get("totalTokens")
    if not isinstance(total, int):
        raise UpstreamStatus("upstream answered without totalTokens", status=502)
    details = [{"modality": "TEXT", "tokenCount": total}]
    return orjson.dumps({"totalTokens": total, "promptTokensDetails": details})

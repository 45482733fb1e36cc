"""Vertex AI with an API key or a service account, Imagen included (providers.md 14)."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from cliproxy.errors import RequestError, UpstreamError, UpstreamStatus
from cliproxy.providers.base import Answer, AnswerStream, Call, Transform
from cliproxy.providers.calls import SettingsGetter, base_name, identity, no_compact, with_custom
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini import BASE, GeminiProvider, bearer_of, same_of
from cliproxy.providers.http import HttpClient, Reply
from cliproxy.providers.pipeline import Pipeline, Prepared
from cliproxy.providers.tokens.client import text_of
from cliproxy.providers.tokens.private_key import UnusableKey
from cliproxy.providers.tokens.service_account import ServiceAccountTokens
from cliproxy.translation import sse
from cliproxy.translation.formats import GEMINI
from cliproxy.translation.gemini import passthrough
from cliproxy.translation.passthrough import load

log = logging.getLogger(__name__)

SERVICE_HOST = "https://{location}-aiplatform.googleapis.com"
GLOBAL_HOST = "https://aiplatform.googleapis.com"
_DEFAULT_LOCATION = "us-central1"
_LOCATION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class VertexProvider(GeminiProvider):
    """Publisher models under an API key, or in the project of a service account. ``clock`` gives Unix seconds."""

    key = "vertex"

    def __init__(
        self,
        http: HttpClient,
        settings: SettingsGetter,
        pipeline: Pipeline,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(http, settings, pipeline)
        self._tokens = ServiceAccountTokens(http, clock)

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One generateContent, or one Imagen prediction."""
        sent = base_name(model)
        if not _is_imagen(sent):
            return super().execute(credential, call, model)
        no_compact(call)
        prepared = self._pipeline.translate(call, GEMINI, model, stream=False)
        return self._pipeline.whole(prepared, self._predict(credential, call, prepared, sent), same_of(call, model))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """One stream; an Imagen answer comes as its only chunk."""
        sent = base_name(model)
        if not _is_imagen(sent):
            return super().stream(credential, call, model)
        no_compact(call)
        prepared = self._pipeline.translate(call, GEMINI, model, stream=True)
        transform = self._pipeline.transform(prepared, lambda: passthrough.GeminiStream(call.client_model, sent))
        answer = self._predict(credential, call, prepared, sent)
        return AnswerStream(_OneBlock(sse.frame(answer.replace(b"\n", b" "))), transform)

    def counted(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        """Vertex counts system text beside the contents."""
        return {**body, "model": model}

    def url(self, credential: Credential, model: str, action: str) -> str:
        """Where an action on a publisher model goes.

        :raises UpstreamError: a service account that is not complete.
        """
        place = f"publishers/google/models/{model}:{action}"
        if not _has_key(credential):
            return f"{_Account.of(credential).base}/{place}"
        base = credential.attributes.get("base_url", "").strip().rstrip("/") or BASE
        return f"{base}/v1/{place}"

    def headers(self, credential: Credential, encoding: str) -> dict[str, str]:
        """As the Gemini API's, with a token of its own for a service account.

        :raises UpstreamError: the account gets no token.
        """
        if _has_key(credential):
            return super().headers(credential, encoding)
        authorization = f"Bearer {self._token(credential)}"
        headers = {"Content-Type": "application/json", "Accept-Encoding": encoding, "Authorization": authorization}
        return with_custom(headers, credential)

    def fetch(self, credential: Credential, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send and read a whole answer."""
        try:
            return super().fetch(credential, url, headers, body)
        except UpstreamStatus as error:
            renewed = self._renewed(credential, headers, error)
        return super().fetch(credential, url, renewed, body)

    def start(
        self, credential: Credential, url: str, headers: Mapping[str, str], body: bytes, transform: Transform
    ) -> AnswerStream:
        """Send and hand back the stream once the upstream has answered 2xx."""
        try:
            return super().start(credential, url, headers, body, transform)
        except UpstreamStatus as error:
            renewed = self._renewed(credential, headers, error)
        return super().start(credential, url, renewed, body, transform)

    def _renewed(self, credential: Credential, headers: Mapping[str, str], error: UpstreamStatus) -> Mapping[str, str]:
        """The headers with another token, when the API did not take the one of a service account.

        :raises UpstreamStatus: ``error``, when that is no way out.
        """
        if error.status != 401 or _has_key(credential):
            raise error
        self._tokens.forget(_Account.of(credential).key)
        return {**headers, "Authorization": f"Bearer {self._token(credential)}"}

    def _token(self, credential: Credential) -> str:
        account = _Account.of(credential)
        try:
            return self._tokens.of(account.key, credential.proxy_url)
        except UnusableKey as error:
            raise UpstreamError(f"vertex executor: {error}") from error
        except UpstreamError as error:
            log.error("vertex executor: no access token for %s: %s", credential.id, error.text[:500])
            raise UpstreamError("internal server error", status=500) from error

    def _predict(self, credential: Credential, call: Call, prepared: Prepared, model: str) -> bytes:
        url = self.url(credential, model, "predict")
        body = orjson.dumps(_imagen_request(call.body, prepared.body))
        reply = self.fetch(credential, url, identity(self.headers(credential, "identity")), body)
        return _imagen_answer(reply.body, model)


@dataclass(frozen=True, slots=True)
class _Account:
    """A service account as its auth file has it. ``key``: what the key file says; ``base``: where its models are."""

    base: str
    key: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, credential: Credential) -> _Account:
        """The account of a credential.

        :raises UpstreamError: something is missing.
        """
        metadata = credential.metadata
        if not metadata:
            raise UpstreamError("vertex executor: missing auth metadata")
        project = text_of(metadata, "project_id") or text_of(metadata, "project")
        if not project:
            raise UpstreamError("vertex executor: missing project_id in credentials")
        key = metadata.get("service_account")
        if not isinstance(key, Mapping):
            raise UpstreamError("vertex executor: missing service_account in credentials")
        location = text_of(metadata, "location").lower() or _DEFAULT_LOCATION
        if not _LOCATION.fullmatch(location):  # it goes into the name of the host that gets the token
            raise UpstreamError("vertex executor: unusable location in credentials")
        host = GLOBAL_HOST if location == "global" else SERVICE_HOST.format(location=location)
        return cls(f"{host}/v1/projects/{quote(project, safe=':')}/locations/{location}", key)


def _has_key(credential: Credential) -> bool:
    """True for the mode of providers.md 14.1."""
    return bool(credential.attributes.get("api_key") or bearer_of(credential))


class _OneBlock:
    """A source with a single block that is already there."""

    def __init__(self, block: bytes) -> None:
        self.keepalive = 0.0
        self._block: bytes | None = block

    def read(self) -> bytes | None:
        """The block, once."""
        block, self._block = self._block, None
        return block

    def close(self) -> None:
        """Nothing is open."""

    def release(self) -> None:
        """Nothing is open."""


def _is_imagen(model: str) -> bool:
    return "imagen" in model.lower()


def _imagen_request(body: Mapping[str, Any], translated: Mapping[str, Any]) -> dict[str, Any]:
    instance: dict[str, Any] = {"prompt": _prompt(body, translated)}
    if isinstance(body.get("negativePrompt"), str):
        instance["negativePrompt"] = body["negativePrompt"]
    parameters: dict[str, Any] = {"sampleCount": 1}
    for key in ("aspectRatio", "sampleCount"):
        if key in body:
            parameters[key] = body[key]
    return {"instances": [instance], "parameters": parameters}


def _prompt(body: Mapping[str, Any], translated: Mapping[str, Any]) -> str:
    """The client's own words; of clients whose text lies deeper (content parts, ``input``), what the hub made of it."""
    messages = body.get("messages")
    texts = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    for text in (_first_text(body), *texts, body.get("prompt"), _first_text(translated)):
        if isinstance(text, str) and text:
            return text
    raise RequestError("imagen: no prompt found in request")


def _first_text(body: Mapping[str, Any]) -> object:
    """``contents[0].parts[0].text``."""
    try:
        return body["contents"][0]["parts"][0]["text"]
    except (KeyError, IndexError, TypeError):
        return None


def _imagen_answer(data: bytes, model: str) -> bytes:
    """Predictions as a Gemini response; anything else as it is."""
    parsed = load(data.strip())
    predictions = parsed.get("predictions") if parsed else None
    if not isinstance(predictions, list):
        return data
    parts = [
        {"inlineData": {"mimeType": item.get("mimeType") or "image/png", "data": item["bytesBase64Encoded"]}}
        for item in predictions
        if isinstance(item, dict) and item.get("bytesBase64Encoded")
    ]
    return orjson.dumps(
        {
            "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
            "responseId": f"imagen-{time.time_ns()}",
            "modelVersion": model,
            "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0},
        }
    )

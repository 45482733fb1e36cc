"""Vertex AI with an API key, Imagen included (providers.md 14.1, 14.3)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from cliproxy.errors import RequestError, UpstreamStatus
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import base_name, identity, no_compact
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini import BASE, GeminiProvider, bearer_of, same_of
from cliproxy.translation import sse
from cliproxy.translation.formats import GEMINI
from cliproxy.translation.gemini import passthrough
from cliproxy.translation.passthrough import load


class VertexProvider(GeminiProvider):
    """Publisher models under an API key. Service accounts are refused with words until they can be logged in."""

    key = "vertex"

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One generateContent, or one Imagen prediction."""
        sent = base_name(model)
        if not _is_imagen(sent):
            return super().execute(credential, call, model)
        prepared = self._pipeline.translate(call, GEMINI, model, stream=False)
        return self._pipeline.whole(prepared, self._predict(credential, call, sent), same_of(call, model))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """One stream; an Imagen answer comes as its only chunk."""
        sent = base_name(model)
        if not _is_imagen(sent):
            return super().stream(credential, call, model)
        prepared = self._pipeline.translate(call, GEMINI, model, stream=True)
        transform = self._pipeline.transform(prepared, lambda: passthrough.GeminiStream(call.client_model, sent))
        return AnswerStream(_OneBlock(sse.frame(self._predict(credential, call, sent))), transform)

    def counted(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        """Vertex counts system text beside the contents."""
        return {**body, "model": model}

    def url(self, credential: Credential, model: str, action: str) -> str:
        """Where an action on a publisher model goes."""
        base = credential.attributes.get("base_url", "").strip().rstrip("/") or BASE
        return f"{base}/v1/publishers/google/models/{model}:{action}"

    def headers(self, credential: Credential, encoding: str) -> dict[str, str]:
        """As the Gemini API's.

        :raises UpstreamStatus: a service account, which needs a token exchange.
        """
        if not credential.attributes.get("api_key") and not bearer_of(credential):
            text = "vertex executor: this credential has neither an API key nor an access token"
            raise UpstreamStatus(text, status=401)
        return super().headers(credential, encoding)

    def _predict(self, credential: Credential, call: Call, model: str) -> bytes:
        no_compact(call)
        body = orjson.dumps(_imagen_request(call.body))
        headers = identity(self.headers(credential, "identity"))
        reply = self.fetch(credential, self.url(credential, model, "predict"), headers, body)
        return _imagen_answer(reply.body, model)


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


def _imagen_request(body: Mapping[str, Any]) -> dict[str, Any]:
    instance: dict[str, Any] = {"prompt": _prompt(body)}
    if isinstance(body.get("negativePrompt"), str):
        instance["negativePrompt"] = body["negativePrompt"]
    parameters: dict[str, Any] = {"sampleCount": 1}
    for key in ("aspectRatio", "sampleCount"):
        if key in body:
            parameters[key] = body[key]
    return {"instances": [instance], "parameters": parameters}


def _prompt(body: Mapping[str, Any]) -> str:
    try:
        found = body["contents"][0]["parts"][0]["text"]
    except (KeyError, IndexError, TypeError):
        found = None
    messages = body.get("messages")
    texts = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    for text in (found, *texts, body.get("prompt")):
        if isinstance(text, str) and text:
            return text
    raise RequestError("imagen: no prompt found in request")


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

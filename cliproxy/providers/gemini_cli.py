"""Google's Code Assist API with accounts that are logged in by Gemini CLI (providers.md 15)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from cliproxy.errors import UpstreamError
from cliproxy.providers import image_ratio
from cliproxy.providers.base import Answer, AnswerStream, Call, TokenKeeper, Transform
from cliproxy.providers.calls import (
    HttpProvider,
    SettingsGetter,
    base_name,
    ensure,
    identity,
    no_compact,
    with_custom,
)
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini import count_body
from cliproxy.providers.gemini_cli_token import client_of, overlaid, owner_of, project_of, token_of
from cliproxy.providers.google_delay import google_delays
from cliproxy.providers.headers import GOOGLE_NODE
from cliproxy.providers.http import HttpClient, Reply
from cliproxy.providers.pipeline import Pipeline, Prepared
from cliproxy.providers.tokens import google
from cliproxy.providers.tokens.apps import APPS, app_of
from cliproxy.providers.tokens.client import TokenClient
from cliproxy.translation.edits import drop
from cliproxy.translation.formats import GEMINI, GEMINI_CLI
from cliproxy.translation.gemini import envelope

T = TypeVar("T")

BASE = "https://cloudcode-pa.googleapis.com"
PREVIEWS: Mapping[str, tuple[str, ...]] = {"gemini-2.5-pro": (), "gemini-2.5-flash": (), "gemini-2.5-flash-lite": ()}
"""Models to try in turn when one has no quota left. None of them has a preview at present."""

_NOT_COUNTED = (("project",), ("model",), ("request", "safetySettings"), ("request", "safety_settings"))


class GeminiCliProvider(HttpProvider):
    """Requests go out in an envelope with the credential's project.

    Tokens are renewed when a request needs one; all projects of a file share them. ``clock`` gives Unix seconds.
    """

    key = "gemini-cli"
    upstream_format = GEMINI_CLI

    def __init__(
        self,
        http: HttpClient,
        settings: SettingsGetter,
        pipeline: Pipeline,
        tokens: TokenKeeper,
        environment: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(http, settings, pipeline)
        self._tokens, self._environment, self._clock = tokens, environment, clock

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One generateContent."""
        no_compact(call)
        prepared = self._prepared(call, model, stream=False)
        url, headers = _url("generateContent", call.alt), self._headers(credential, call)

        def send(name: str) -> Answer:
            sent = _addressed(prepared, project_of(credential), name)
            reply = self.fetch(credential, url, headers, sent.encode())
            return self._pipeline.whole(
                sent, reply.body, lambda body: envelope.body(call.format, body, call.client_model, name)
            )

        return _first_with_quota(base_name(model), send)

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """One streamGenerateContent, always as SSE whatever the client's ``alt``."""
        no_compact(call)
        prepared = self._prepared(call, model, stream=True)
        url, headers = _url("streamGenerateContent") + "?alt=sse", self._headers(credential, call, stream=True)

        def send(name: str) -> AnswerStream:
            sent = _addressed(prepared, project_of(credential), name)
            transform = self._pipeline.transform(sent, lambda: envelope.stream(call.format, call.client_model, name))
            return self.start(credential, url, headers, sent.encode(), transform)

        return _first_with_quota(base_name(model), send)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """One countTokens."""
        sent = base_name(model)
        prepared = self._with_thinking(call, model, stream=False).edited(_countable)
        prepared = prepared.edited(lambda body: _with_ratio(body, sent))
        url, headers = _url("countTokens", call.alt), self._headers(credential, call)
        reply = self.fetch(credential, url, headers, prepared.encode())
        return Answer(count_body(self._pipeline, call, reply.body), sent)

    def refresh(self, credential: Credential) -> Credential:
        """The file's record with a new access token; one without a refresh token as it is.

        :raises RefreshRejected: the login is over.
        :raises UpstreamError: it failed this time.
        :raises LoginError: nobody knows the client secret.
        """
        metadata = credential.metadata
        token = token_of(metadata)
        if not token.refresh_token:
            return credential
        client_id, client_secret = client_of(metadata) or self._client()
        with google_delays():
            answer = google.renew(
                TokenClient(self._http, credential.proxy_url), APPS["gemini"].token_url, client_id=client_id,
                client_secret=client_secret, refresh_token=token.refresh_token,
            )  # fmt: skip
        return replace(credential, metadata=overlaid(metadata, answer, self._clock()))

    def access_token(self, credential: Credential) -> str:
        """A token that is good now, renewed and saved if need be.

        :raises UpstreamError: there is none; status 401 when only a new login helps.
        """
        owner = owner_of(credential)
        record = self._tokens.current(owner)
        if record is None and owner == credential.id:
            record = credential
        if record is None or not record.metadata:
            raise UpstreamError("gemini-cli auth metadata missing")
        token = token_of(record.metadata)
        if token.is_valid(self._clock()):
            return token.access_token
        if not token.refresh_token:
            raise UpstreamError(f"log in again: {owner} has no valid token and no refresh token", status=401)
        renewed = token_of(self._tokens.renewed(owner).metadata).access_token
        if not renewed:
            raise UpstreamError(f"log in again: {owner} has no token", status=401)
        return renewed

    def fetch(self, credential: Credential, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send and read a whole answer."""
        with google_delays():
            return super().fetch(credential, url, headers, body)

    def start(
        self, credential: Credential, url: str, headers: Mapping[str, str], body: bytes, transform: Transform
    ) -> AnswerStream:
        """Send and hand back the stream once the upstream has answered 2xx."""
        with google_delays():
            return super().start(credential, url, headers, body, transform)

    def _client(self) -> tuple[str, str]:
        app = app_of("gemini", self._settings(), self._environment)
        return app.client_id, app.secret

    def _prepared(self, call: Call, model: str, *, stream: bool) -> Prepared:
        """The call in an envelope with all steps done but the address."""
        prepared = self._with_thinking(call, model, stream=stream)
        prepared = prepared.edited(lambda body: _with_ratio(body, base_name(model)))
        return self._pipeline.rules(prepared, call, model, GEMINI, "request")

    def _with_thinking(self, call: Call, model: str, *, stream: bool) -> Prepared:
        prepared = self._pipeline.translate(call, GEMINI_CLI, model, stream=stream)
        return self._pipeline.think(prepared, call, model, self.key, GEMINI_CLI)

    def _headers(self, credential: Credential, call: Call, *, stream: bool = False) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {self.access_token(credential)}",
            **{name: ensure(call, name, value) for name, value in GOOGLE_NODE.items()},
            "Accept": "text/event-stream" if stream else "application/json",
            "Accept-Encoding": "gzip",
        }
        headers = with_custom(headers, credential)
        return identity(headers) if stream else headers


def _url(action: str, alt: str = "") -> str:
    return f"{BASE}/v1internal:{action}" + (f"?$alt={alt}" if alt else "")


def _addressed(prepared: Prepared, project: str, model: str) -> Prepared:
    """The envelope for one attempt."""
    prepared = prepared.edited(lambda body: {**body, "project": project, "model": model})
    if prepared.exchange is None or prepared.exchange.sent_model == model:
        return prepared
    return replace(prepared, exchange=replace(prepared.exchange, sent_model=model))


def _with_ratio(body: dict[str, Any], model: str) -> dict[str, Any]:
    request = body.get("request")
    if not isinstance(request, dict) or not image_ratio.wanted(model, request):
        return body
    return {**body, "request": image_ratio.apply(request)}


def _countable(body: dict[str, Any]) -> dict[str, Any]:
    for path in _NOT_COUNTED:
        body = drop(body, path)
    return body


def _first_with_quota(model: str, send: Callable[[str], T]) -> T:
    """The answer of the model, or of the first of its previews that is not out of quota.

    :raises UpstreamError: of the last one that was asked.
    """
    *others, last = (model, *PREVIEWS.get(model, ()))
    for name in others:
        try:
            return send(name)
        except UpstreamError as error:
            if error.status != 429:
                raise
    return send(last)

"""Antigravity: Google's Code Assist under an account of its own kind (providers.md 16)."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import quote_plus

from cliproxy.errors import LoginError, UpstreamError, UpstreamStatus
from cliproxy.providers import antigravity_answers as answers
from cliproxy.providers import antigravity_models as models
from cliproxy.providers.antigravity_attempts import first_answer, patient_answer
from cliproxy.providers.antigravity_body import Envelope, collects, countable, final
from cliproxy.providers.base import Answer, AnswerStream, Call, Source, TokenKeeper
from cliproxy.providers.calls import (
    HttpProvider,
    SettingsGetter,
    base_name,
    errors_of,
    identity,
    no_compact,
    with_custom,
)
from cliproxy.providers.credential import Credential
from cliproxy.providers.gemini import count_body
from cliproxy.providers.google_delay import google_delays
from cliproxy.providers.headers import ANTIGRAVITY_USER_AGENT
from cliproxy.providers.http import HttpClient
from cliproxy.providers.pipeline import Pipeline, Prepared
from cliproxy.providers.tokens import antigravity as login
from cliproxy.providers.tokens.apps import app_of
from cliproxy.providers.tokens.client import TokenClient, text_of
from cliproxy.providers.tokens.deadline import Deadline
from cliproxy.translation.formats import ANTIGRAVITY, GEMINI_CLI

log = logging.getLogger(__name__)

DAILY_BASE = "https://daily-cloudcode-pa.googleapis.com"
SANDBOX_BASE = "https://daily-cloudcode-pa.sandbox.googleapis.com"
_LEAD, _LEAST = 3000.0, 30.0
"""Seconds before its end at which a token is renewed for a request, and at which it counts as ended."""
_REFRESH_SECONDS = 25.0
_JSON, _SSE = "application/json", "text/event-stream"


class AntigravityProvider(HttpProvider):
    """``tokens`` renews what ends while a request runs; ``environment`` may have the client secret.

    ``sleep`` waits between rounds, ``clock`` gives Unix seconds, ``rng`` invents ids.
    """

    key = "antigravity"
    upstream_format = ANTIGRAVITY

    def __init__(
        self,
        http: HttpClient,
        settings: SettingsGetter,
        pipeline: Pipeline,
        tokens: TokenKeeper,
        environment: Mapping[str, str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(http, settings, pipeline)
        self._tokens, self._environment = tokens, environment
        self._sleep, self._clock, self._rng = sleep, clock, rng or random.SystemRandom()

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One generateContent; for some models one stream, collected (16.3)."""
        no_compact(call)
        sent, keep = base_name(model), call.format == GEMINI_CLI
        from_stream = collects(sent)
        prepared = self._prepared(call, model, stream=from_stream)
        source = self._generate(self._fresh(credential), call, prepared, sent, stream=from_stream)
        with errors_of(ANTIGRAVITY):
            data = _read(source)
            whole = answers.collected(data) if from_stream else data
            return self._pipeline.whole(prepared, whole, lambda body: answers.body(body, call.client_model, sent, keep))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """One streamGenerateContent."""
        no_compact(call)
        sent, keep = base_name(model), call.format == GEMINI_CLI
        prepared = self._prepared(call, model, stream=True)
        transform = self._pipeline.transform(prepared, lambda: answers.EnvelopeStream(call.client_model, sent, keep))
        return AnswerStream(self._generate(self._fresh(credential), call, prepared, sent, stream=True), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """One countTokens."""
        prepared = self._pipeline.translate(call, ANTIGRAVITY, model, stream=False)
        prepared = self._pipeline.think(prepared, call, model, self.key, ANTIGRAVITY).edited(countable)
        body, credential = prepared.encode(), self._fresh(credential)
        target, headers = f"countTokens{_alt(call)}", _headers(credential, _JSON)
        with _errors():
            data = first_answer(bases_of(credential), lambda base: self._fetch(credential, base, target, headers, body))
        return Answer(count_body(self._pipeline, call, data), base_name(model))

    def refresh(self, credential: Credential) -> Credential:
        """With new tokens; with a project too, when the account had none and the time allows it.

        :raises RefreshRejected: the login is over.
        :raises UpstreamError: it failed this time.
        """
        app = app_of(self.key, self._settings(), self._environment)
        client = TokenClient(Deadline(self._http, _REFRESH_SECONDS), credential.proxy_url)
        try:
            found = login.refreshed(client, app, credential.metadata, clock=self._clock, sleep=self._sleep)
        except LoginError as error:
            raise UpstreamError(error.text) from error
        return replace(credential, metadata=found)

    def access_token(self, credential: Credential) -> str:
        """A token that is good for half a minute at least, renewed and saved if need be (management-api.md 18).

        :raises UpstreamError: there is none; status 401 when only a new login helps.
        """
        token, ends = text_of(credential.metadata, "access_token"), login.ends_at(credential.metadata)
        if token and ends is not None and ends - self._clock() > _LEAST:
            return token
        return text_of(self._renewed(credential).metadata, "access_token")

    def fetch_models(self, credential: Credential) -> tuple[models.ListedModel, ...]:
        """The account's models, none after any failure. Waits up to 15 s, and longer when the token must be renewed."""
        try:
            credential = self._fresh(credential)
        except UpstreamError as error:
            log.warning("antigravity: the models of %s cannot be listed: %s", credential.id, error.text[:200])
            return ()
        headers = _headers(credential, "")
        return models.fetch(Deadline(self._http, models.SECONDS), bases_of(credential), headers, credential.proxy_url)

    def _prepared(self, call: Call, model: str, *, stream: bool) -> Prepared:
        """The call with the steps that all attempts share."""
        prepared = self._pipeline.translate(call, ANTIGRAVITY, model, stream=stream)
        prepared = self._pipeline.think(prepared, call, model, self.key, ANTIGRAVITY)
        return self._pipeline.rules(prepared, call, model, ANTIGRAVITY, "request")

    def _generate(self, credential: Credential, call: Call, prepared: Prepared, model: str, *, stream: bool) -> Source:
        """The body of the first 2xx answer."""
        target = "streamGenerateContent?alt=sse" if stream else f"generateContent{_alt(call)}"
        headers = identity(_headers(credential, _SSE)) if stream else _headers(credential, _JSON)
        prefix = self._settings().oauth_system_prefix.get(self.key, "")
        project = text_of(credential.metadata, "project_id")

        def send(base: str) -> Source:
            envelope = Envelope.of(prepared.body, model, project, self._rng)
            body = prepared.edited(lambda body: final(body, envelope, prefix)).encode()
            return self._http.stream(self.outgoing(credential, f"{base}/v1internal:{target}", headers, body))

        rounds = 1 + credential.request_retry(self._settings().request_retry)
        with _errors():
            return patient_answer(bases_of(credential), send, rounds, self._sleep)

    def _fetch(self, credential: Credential, base: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        return self._http.fetch(self.outgoing(credential, f"{base}/v1internal:{target}", headers, body)).body

    def _fresh(self, credential: Credential) -> Credential:
        """The credential with a token that lasts for a while.

        :raises UpstreamError: the token has ended and cannot be renewed.
        """
        metadata = credential.metadata
        ends = login.ends_at(metadata) if text_of(metadata, "access_token") else None
        left = (ends or 0.0) - self._clock()
        if left > _lead(login.lives_for(metadata)):
            return credential
        try:
            return self._renewed(credential)
        except UpstreamError as error:
            if left < _LEAST:
                raise
            log.info("antigravity: %s goes on with the token it has: %s", credential.id, error.text[:200])
            return credential

    def _renewed(self, credential: Credential) -> Credential:
        if not text_of(credential.metadata, "refresh_token"):
            raise UpstreamStatus("missing refresh token", status=401)
        renewed = self._tokens.renewed(credential.id)
        if not text_of(renewed.metadata, "access_token"):
            raise UpstreamStatus("missing access token", status=401)
        return renewed


def bases_of(credential: Credential) -> tuple[str, ...]:
    """The hosts in the order in which they are asked; a credential's own base replaces them."""
    own = credential.attributes.get("base_url", "").strip() or text_of(credential.metadata, "base_url")
    return (own.removesuffix("/"),) if own else (DAILY_BASE, SANDBOX_BASE)


@contextmanager
def _errors() -> Iterator[None]:
    """Errors raised inside are the upstream's, with the delay that Google names."""
    with errors_of(ANTIGRAVITY), google_delays():
        yield


def _lead(lives: float) -> float:
    """How long before its end a token is renewed: half of the life of one that lives shorter than the usual lead."""
    return lives / 2 if 0 < lives <= _LEAD else _LEAD


def _headers(credential: Credential, accept: str) -> dict[str, str]:
    agent = credential.attributes.get("user_agent", "").strip() or text_of(credential.metadata, "user_agent")
    headers = {
        "Content-Type": _JSON,
        "Authorization": f"Bearer {text_of(credential.metadata, 'access_token')}",
        "User-Agent": agent or ANTIGRAVITY_USER_AGENT,
        **({"Accept": accept} if accept else {}),
        "Accept-Encoding": "gzip",
    }
    return with_custom(headers, credential)


def _alt(call: Call) -> str:
    return f"?$alt={quote_plus(call.alt)}" if call.alt else ""


def _read(source: Source) -> bytes:
    """The whole body."""
    blocks = []
    try:
        while (block := source.read()) is not None:
            blocks.append(block)
    finally:
        source.close()
    return b"".join(blocks)

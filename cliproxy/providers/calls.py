"""What every HTTP provider needs around its own rules: limits, headers, the check of the formats, streams.

``HttpProvider`` is the pipeline of providers.md 1.3 for one kind of upstream. A provider subclass says where to send
what; this class sends it and turns the answer into the client's format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from cliproxy.config.settings import Settings
from cliproxy.errors import RequestError, UpstreamError
from cliproxy.providers.base import AnswerStream, Call, Transform
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient, Outgoing, Reply
from cliproxy.providers.pipeline import Pipeline
from cliproxy.records.request_log.exchange import current_attempts
from cliproxy.translation.formats import Format
from cliproxy.translation.names import base_name

SettingsGetter = Callable[[], Settings]


class HttpProvider:
    """Base of the providers that speak HTTP. ``key`` is the provider key, ``upstream_format`` what it speaks."""

    key: str
    upstream_format: Format

    def __init__(self, http: HttpClient, settings: SettingsGetter, pipeline: Pipeline) -> None:
        self._http = http
        self._settings = settings
        self._pipeline = pipeline

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.key!r}>"

    def outgoing(self, credential: Credential, url: str, headers: Mapping[str, str], body: bytes) -> Outgoing:
        """One upstream request with this provider's limits and the credential's proxy."""
        limits = self._settings().timeouts.of(self.key)
        return Outgoing(url, headers, body, limits, credential.proxy_url, log=current_attempts())

    def fetch(self, credential: Credential, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send and read a whole answer."""
        with errors_of(self.upstream_format):
            return self._http.fetch(self.outgoing(credential, url, headers, body))

    def start(
        self, credential: Credential, url: str, headers: Mapping[str, str], body: bytes, transform: Transform
    ) -> AnswerStream:
        """Send and hand back the stream once the upstream has answered 2xx."""
        with errors_of(self.upstream_format):
            source = self._http.stream(self.outgoing(credential, url, headers, body))
        return AnswerStream(source, transform)


@contextmanager
def errors_of(upstream: Format) -> Iterator[None]:
    """Errors raised inside were written by an upstream of this format: the client gets them in its own shape."""
    try:
        yield
    except UpstreamError as error:
        error.format = upstream
        raise


def no_compact(call: Call) -> None:
    """Refuse /v1/responses/compact (client-api.md 6.3)."""
    if call.compact:
        raise RequestError("/responses/compact not supported", status=501)


def ensure(call: Call, name: str, default: str = "") -> str:
    """The client's value of a header when it sent a non-blank one, else ``default`` (providers.md 3)."""
    return call.headers.get(name.lower(), "").strip() or default


def with_custom(headers: dict[str, str], credential: Credential) -> dict[str, str]:
    """``headers`` with the credential's ``header:<Name>`` attributes set last, replacing whatever the case."""
    for attribute, value in credential.attributes.items():
        if not attribute.startswith("header:"):
            continue
        name = attribute[7:].strip()
        if name and value.strip():
            for present in [key for key in headers if key.lower() == name.lower()]:
                del headers[present]
            headers[name] = value
    return headers


def identity(headers: dict[str, str]) -> dict[str, str]:
    """``headers`` of a stream: never a compressed answer, whatever custom headers say (providers.md 2.2)."""
    for present in [key for key in headers if key.lower() == "accept-encoding"]:
        del headers[present]
    headers["Accept-Encoding"] = "identity"
    return headers


__all__ = [
    "HttpProvider",
    "SettingsGetter",
    "base_name",
    "ensure",
    "errors_of",
    "identity",
    "no_compact",
    "with_custom",
]

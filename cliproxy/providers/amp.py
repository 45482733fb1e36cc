"""Amp's own server: requests go there as they came, with another key; answers come back byte for byte (10).

The only change to an answer is the repair of gzip data that does not say so (10.3). Facts: amp-routing.md 10.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus, urlsplit

from urllib3.util import SKIP_HEADER

from cliproxy.blocking import off_hub
from cliproxy.compression import BadEncoding, TooLarge, decompress
from cliproxy.config.settings import TimeLimits
from cliproxy.providers.amp_secrets import AmpSecrets, SecretUnreadable
from cliproxy.providers.http import HttpClient, Outgoing, PassedThrough
from cliproxy.providers.source import BodySource

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, str]]

_OF_ONE_CONNECTION = frozenset(
    {
        "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_OF_CLIENT = frozenset({"authorization", "x-api-key", "x-goog-api-key", "host", "x-forwarded-for"})
"""What says who the client is to us, and what is written anew."""
_SET_BY_SERVER = frozenset({"server", "date"})
_KEY_PARAMETERS = ("key", "auth_token")
_NO_LIMITS = TimeLimits(first_byte=0, idle=0)
_GZIP = b"\x1f\x8b"
_MOST_HELD, _MOST_UNPACKED = 64 << 20, 256 << 20


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """One request as a client sent it. ``target`` is path and query with their percent-encoding.

    ``body`` as an iterable is sent as it comes; with a ``Content-Length`` among the headers or else in chunks.
    ``client_key`` is the key that the client authenticated with, empty when it had none; ``peer`` its address.
    """

    method: str
    target: str
    headers: Headers
    body: bytes | Iterable[bytes] | None = None
    client_key: str = ""
    peer: str = ""


class AmpAnswer:
    """An answer that has begun. Iterate over ``blocks`` once; ``close`` aborts what is not read yet."""

    def __init__(self, status: int, headers: Headers, begun: Sequence[bytes], source: BodySource) -> None:
        self.status, self.headers = status, headers
        self._begun, self._source = begun, source

    def __repr__(self) -> str:
        return f"<AmpAnswer {self.status} from {self._source!r}>"

    def blocks(self) -> Iterator[bytes]:
        """The body as it arrives.

        :raises UpstreamError: it broke off.
        """
        yield from self._begun
        while (block := self._source.read()) is not None:
            if block:
                yield block

    def close(self) -> None:
        """Close the connection to the upstream, unless the answer was read to its end."""
        self._source.close()


class AmpUpstream:
    """One address of Amp's server.

    :raises ValueError: ``url`` is no http(s) address.
    """

    def __init__(self, url: str, secrets: AmpSecrets, http: HttpClient) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or (parts.port or 1) < 1:
            raise ValueError(f"amp upstream-url {url!r} is not an http or https address")
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._path, self._query = parts.path, parts.query
        self._secrets, self._http = secrets, http

    def __repr__(self) -> str:
        return f"<AmpUpstream {self._origin.rpartition('@')[2]}>"

    def send(self, request: ClientRequest) -> AmpAnswer:
        """Send a client's request on; returns when the answer has begun. Redirects are not followed.

        :raises UpstreamError: no answer.
        """
        outgoing = Outgoing(
            self.url(request.target, request.client_key), self._headers(request), request.body, _NO_LIMITS,
            method=request.method,
        )  # fmt: skip
        reply = self._http.pass_through(outgoing)
        headers = _passed(reply.headers, _OF_ONE_CONNECTION | _SET_BY_SERVER)
        try:
            return _repaired(reply, headers)
        except BaseException:
            reply.source.close()
            raise

    def url(self, target: str, client_key: str = "") -> str:
        """Where a request for ``target`` goes (10.1), without the client's key in its query (10.2)."""
        path, _, query = target.partition("?")
        joined = f"{self._path.removesuffix('/')}/{path.removeprefix('/')}"
        queries = "&".join(filter(None, (self._query, _without_key(query, client_key))))
        return f"{self._origin}{joined}?{queries}" if queries else f"{self._origin}{joined}"

    def _headers(self, request: ClientRequest) -> dict[str, str]:
        headers = dict(_passed(request.headers, _OF_ONE_CONNECTION | _OF_CLIENT))
        names = {name.lower(): value for name, value in request.headers}
        if names.get("te", "").strip().lower() == "trailers":
            headers["Te"] = "trailers"
        forwarded = names.get("x-forwarded-for", "").strip()
        if request.peer:
            headers["X-Forwarded-For"] = f"{forwarded}, {request.peer}" if forwarded else request.peer
        if "accept-encoding" not in names:
            headers["Accept-Encoding"] = "identity"
        if "user-agent" not in names:
            headers["User-Agent"] = SKIP_HEADER
        if secret := self._secret(request.client_key):
            headers["X-Api-Key"], headers["Authorization"] = secret, f"Bearer {secret}"
        return headers

    def _secret(self, client_key: str) -> str:
        try:
            return self._secrets.secret(client_key)
        except SecretUnreadable as error:
            log.warning("amp upstream secret: %s: request goes on without one", error)
            return ""


def _passed(headers: Headers, without: frozenset[str]) -> list[tuple[str, str]]:
    """The headers that go on: not those of one connection, nor what ``Connection`` names, nor ``without``."""
    named = {
        name.strip().lower() for key, value in headers if key.lower() == "connection" for name in value.split(",")
    }  # fmt: skip
    dropped = without | named
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def _without_key(query: str, client_key: str) -> str:
    """The query without parameters that hold the client's key; everything else stays as it was written."""
    if not client_key or not query:
        return query
    return "&".join(part for part in query.split("&") if not _holds_key(part, client_key))


def _holds_key(part: str, client_key: str) -> bool:
    name, _, value = part.partition("=")
    return unquote_plus(name) in _KEY_PARAMETERS and unquote_plus(value) == client_key


def _repaired(reply: PassedThrough, headers: list[tuple[str, str]]) -> AmpAnswer:
    """The answer, its body unpacked if it is gzip data that does not say so (10.3)."""
    names = {name.lower(): value for name, value in headers}
    kind = names.get("content-type", "").lower()
    source, begun = reply.source, b""
    if not 200 <= reply.status < 300 or names.get("content-encoding") or "text/event-stream" in kind:
        return AmpAnswer(reply.status, headers, (), source)
    while len(begun) < 2 and (block := source.read()) is not None:
        begun += block
    if not begun.startswith(_GZIP):
        return AmpAnswer(reply.status, headers, (begun,) if begun else (), source)
    blocks, size = [begun], len(begun)
    while size <= _MOST_HELD and (block := source.read()) is not None:
        blocks.append(block)
        size += len(block)
    if size > _MOST_HELD:
        log.warning("amp upstream: gzip data without Content-Encoding is too long to be unpacked")
        return AmpAnswer(reply.status, headers, blocks, source)
    packed = b"".join(blocks)
    try:
        plain = off_hub(lambda: decompress(packed, "gzip", _MOST_UNPACKED))
    except (BadEncoding, TooLarge) as error:
        log.warning("amp upstream: gzip data without Content-Encoding cannot be unpacked: %s", error)
        return AmpAnswer(reply.status, headers, (packed,), source)
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return AmpAnswer(reply.status, [*kept, ("Content-Length", str(len(plain)))], (plain,), source)

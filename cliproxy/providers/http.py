"""Calls to upstreams: which way out, the two time limits, redirects, decoding, and one border for foreign errors.

``HttpClient`` is the only thing in providers that knows `requests` and urllib3. Everything it raises is an
``UpstreamError`` (providers.md 2 and 4).
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http.client import RemoteDisconnected
from urllib.parse import urljoin, urlsplit

from requests.utils import should_bypass_proxies
from urllib3.exceptions import ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from cliproxy.config.settings import Settings, TimeLimits
from cliproxy.errors import FirstByteTimeout, UpstreamError, UpstreamStatus, UpstreamTransport
from cliproxy.providers.retry_delay import delay_in_body
from cliproxy.providers.source import TRANSPORT_FAULTS, BodySource
from cliproxy.providers.transport import Transport, tls_context
from cliproxy.records.request_log.attempts import Attempt, Attempts

log = logging.getLogger(__name__)

_PROXY_SCHEMES = {"http", "https", "socks5", "socks5h"}
_MAX_TRANSPORTS = 64
_MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses whose Location is followed."""
_MAX_ERROR_BODY = 1 << 20
_STALE_AFTER = 1.0
"""Seconds without a request after which a kept-alive connection may have been closed by the upstream unnoticed."""
_HANDSHAKE = 10.0
"""Seconds for each step of the TLS handshake where answers may take as long as they like (amp-routing.md 10.4)."""
_FOLD = re.compile(r"[\r\n]+[ \t]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""No server would send such a header on."""
_STALE = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One upstream request. ``proxy_url`` is the credential's own proxy, empty = the global one; ``direct`` = none.

    A ``body`` that is no bytes is sent piece by piece, and only once. ``log`` is where the call is written down.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes | Iterable[bytes] | None
    limits: TimeLimits
    proxy_url: str = ""
    method: str = "POST"
    direct: bool = False
    log: Attempts | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole 2xx answer, decoded. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class PassedThrough:
    """An answer of any status that has begun: headers in order as they came, the body undecoded."""

    status: int
    headers: Sequence[tuple[str, str]]
    source: BodySource


class HttpClient:
    """Sends requests through kept-alive connections, one ``Transport`` per proxy."""

    def __init__(self, settings: Callable[[], Settings], environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = {name.lower(): value for name, value in environment.items() if value}
        self._context = tls_context()
        self._transports: dict[tuple[str, float], Transport] = {}
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        return f"<HttpClient {list(self._transports.values())}>"

    def fetch(self, request: Outgoing) -> Reply:
        """Send and read the whole answer.

        :raises UpstreamStatus: any answer outside 200-299, with its body as text.
        :raises UpstreamError: transport faults and time limits.
        """
        response, source = self._open(request)
        body = source.read_all()
        return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, body)

    def stream(self, request: Outgoing) -> BodySource:
        """Send and return the body's source once the status is known to be 2xx. Raises as ``fetch``."""
        return self._open(request)[1]

    def pass_through(self, request: Outgoing, *, configured: bool = False) -> PassedThrough:
        """Send and return whatever the upstream answers, nothing followed, nothing decoded.

        Of the proxies only those of the environment count (config.md 22.1); or, ``configured``, only that of the
        request and the global one.

        :raises UpstreamError: transport faults and time limits.
        """
        started = time.monotonic()
        if configured:
            transport = self._through(self._configured_proxy(request.proxy_url))
        else:
            transport = self._through(self._environment_proxy(request.url), _HANDSHAKE)
        response = self._exchange(request, transport)
        headers = tuple(
            (name, _FOLD.sub(" ", value)) for name, value in response.headers.iteritems() if not _CONTROL.search(value)
        )
        return PassedThrough(response.status, headers, BodySource(response, request.limits, started, decode=False))

    def transport(self, proxy_url: str, url: str) -> Transport:
        """The connections to use for ``url`` by a credential with ``proxy_url`` (config.md 22.1)."""
        return self._through(self._configured_proxy(proxy_url) or self._environment_proxy(url))

    def _configured_proxy(self, proxy_url: str) -> str:
        return self._usable(proxy_url) or self._usable(self._settings().proxy_url)

    def _through(self, proxy: str, handshake_seconds: float = 0.0) -> Transport:
        """The connections through a proxy, empty = none."""
        key = proxy, handshake_seconds
        transport = self._transports.get(key)
        if transport is None:
            if len(self._transports) >= _MAX_TRANSPORTS:
                self._transports.pop(next(iter(self._transports))).close()
            transport = self._transports[key] = Transport(self._context, proxy, handshake_seconds)
        return transport

    def close(self) -> None:
        """Close all idle connections."""
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    def _open(self, request: Outgoing) -> tuple[BaseHTTPResponse, BodySource]:
        started = time.monotonic()
        for _ in range(_MAX_REDIRECTS + 1):
            attempt = _written_down(request)
            try:
                response = self._exchange(request)
            except UpstreamError as error:
                if attempt is not None:
                    attempt.failed(error.text)
                raise
            if attempt is not None:
                attempt.answered(response.status, tuple(response.headers.iteritems()))
            source = BodySource(response, request.limits, started, log=attempt)
            status = response.status
            if 200 <= status < 300:
                return response, source
            location = response.headers.get("location")
            if status in REDIRECTS and location:
                source.close()
                request = redirected(request, status, location)
                continue
            raise _read_error(response, source)
        raise UpstreamTransport(f"too many redirects at {_place(request.url)}")

    def _exchange(self, request: Outgoing, transport: Transport | None = None) -> BaseHTTPResponse:
        try:
            if transport is None:
                transport = self._through("") if request.direct else self.transport(request.proxy_url, request.url)
            made, idle = transport.connections_made(request.url), transport.idle_seconds(request.url)
        except ValueError as error:
            raise UpstreamTransport(f"not a usable address: {_place(request.url)}: {error}") from error
        try:
            return self._attempt(transport, request)
        except UpstreamTransport as error:
            # A kept-alive connection that the upstream had closed meanwhile: nothing was answered on it, and the
            # request never began there. Once more on a fresh one.
            stale = idle >= _STALE_AFTER and isinstance(_innermost(error.__cause__), _STALE)
            again = request.body is None or isinstance(request.body, bytes)
            if not stale or not again or transport.connections_made(request.url) != made:
                raise
            return self._attempt(transport, request)

    @staticmethod
    def _attempt(transport: Transport, request: Outgoing) -> BaseHTTPResponse:
        limit = request.limits.first_byte
        try:
            return transport.exchange(request.method, request.url, request.headers, request.body, limit or None)
        except ReadTimeoutError as error:
            if not limit:  # a TLS handshake with a limit of its own
                raise UpstreamTransport(f"cannot reach {_place(request.url)}: timed out") from error
            raise FirstByteTimeout(limit) from error
        except TRANSPORT_FAULTS as error:
            raise UpstreamTransport(_describe(error, request.url)) from error
        except ValueError as error:  # an unusable URL or header value
            raise UpstreamTransport(f"cannot send request to {_place(request.url)}: {error}") from error

    def _usable(self, proxy_url: str) -> str:
        """As ``usable_proxy``, with a warning for one that makes no sense."""
        proxy = proxy_url.strip()
        if proxy and not usable_proxy(proxy):
            self._warn_once(proxy)
        return usable_proxy(proxy)

    def _warn_once(self, proxy: str) -> None:
        if proxy not in self._warned and len(self._warned) < 1000:
            self._warned.add(proxy)
            scheme = proxy.split("://", 1)[0] if "://" in proxy else "none"
            log.warning("proxy-url with unusable scheme or host ignored (scheme %s): direct connection", scheme[:20])

    def _environment_proxy(self, url: str) -> str:
        environment = self._environment
        scheme = "https" if url.startswith("https") else "http"
        proxy = environment.get(f"{scheme}_proxy", "")
        if not proxy or should_bypass_proxies(url, no_proxy=environment.get("no_proxy", "")):
            return ""
        return self._usable(proxy if "://" in proxy else f"http://{proxy}")


def usable_proxy(proxy_url: str) -> str:
    """A proxy URL in the form our transports take; empty when there is none or it makes no sense (config.md 22.1)."""
    proxy = proxy_url.strip()
    try:
        parts = urlsplit(proxy)
        if parts.scheme.lower() not in _PROXY_SCHEMES or not parts.hostname or (parts.port or 1) <= 0:
            return ""
    except ValueError:
        return ""
    scheme = {"socks5": "socks5h"}.get(parts.scheme.lower(), parts.scheme.lower())
    return scheme + proxy[len(parts.scheme) :]


def _written_down(request: Outgoing) -> Attempt | None:
    if request.log is None:
        return None
    body = request.body if isinstance(request.body, bytes) else b""
    return request.log.begin(request.url, request.method, request.headers, body)


def redirected(request: Outgoing, status: int, location: str, secrets: Collection[str] = ()) -> Outgoing:
    """The request that follows a redirect: 307 and 308 repeat it, the others become GET; secrets stay at home.

    ``secrets`` are names of more headers, as they are spelled, that must not go elsewhere.

    :raises UpstreamTransport: the redirect leads nowhere.
    """
    headers = dict(request.headers)
    try:
        url = urljoin(request.url, location)
        stays = _same_place(request.url, url)
    except ValueError as error:
        raise UpstreamTransport(f"redirected to no usable address: {error}") from error
    if not stays:
        headers = {name: value for name, value in headers.items() if not (_is_secret(name) or name in secrets)}
    if status in (307, 308):
        return replace(request, url=url, headers=headers)
    headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    method = "HEAD" if request.method == "HEAD" else "GET"
    return replace(request, url=url, headers=headers, method=method, body=None)


def _same_place(old: str, new: str) -> bool:
    """True when secrets for ``old`` may go to ``new``: the same origin, or its step up to TLS on the usual ports."""
    before, after = _origin(old), _origin(new)
    return before == after or (before[1:] == after[1:] and before[0] == "http" and after[0] == "https")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """(scheme, host, port), the scheme's usual port as None."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, None if parts.port == usual else parts.port


def _is_secret(name: str) -> bool:
    """True for headers whose values are masked in logs too (providers.md 27)."""
    return any(word in name.lower() for word in ("authorization", "api-key", "apikey", "token", "secret", "cookie"))


def _read_error(response: BaseHTTPResponse, source: BodySource) -> UpstreamStatus:
    """What an answer outside 200-299 means."""
    try:
        body = source.read_all()
    except UpstreamError as error:  # the status says more than a body that cannot be read
        log.debug("error body of status %d could not be read: %s", response.status, error)
        body = b""
    return status_error(response.status, response.headers, body)


def status_error(status: int, headers: Mapping[str, str], body: bytes) -> UpstreamStatus:
    """An answer outside 200-299: its body is the text, byte for byte (providers.md 4).

    ``headers`` are the upstream's, found by lower-case name; of a 429 its Retry-After goes on to the client, also when
    only the body says when to come back.
    """
    text = body[:_MAX_ERROR_BODY].decode("utf-8", "replace")
    wait = None
    if status == 429:
        wait = parse_retry_after(headers.get("retry-after", ""))
        wait = delay_in_body(text) if wait is None else wait
    passed = {"Retry-After": str(math.ceil(wait))} if wait is not None else {}
    return UpstreamStatus(text if text.strip() else f"status {status}", status=status, retry_after=wait, headers=passed)


def parse_retry_after(value: str, now: float | None = None) -> float | None:
    """Seconds of a Retry-After header (a number or an HTTP date), None when absent or senseless."""
    value = value.strip()
    if not value:
        return None
    try:
        seconds = float(value)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return max(0.0, moment.timestamp() - (time.time() if now is None else now))


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _describe(error: Exception, url: str) -> str:
    """What a person needs: where, and the innermost reason; never the whole URL (it may hold a key)."""
    reason = _innermost(error)
    return f"cannot reach {_place(url)}: {reason or type(reason).__name__}"


def _innermost(error: BaseException | None) -> BaseException | None:
    """The error that caused all others; urllib3 keeps it in ``reason``, in ``args`` or as the cause."""
    while error is not None:
        inner = [getattr(error, "reason", None), *error.args, error.__cause__]
        cause = next((item for item in inner if isinstance(item, BaseException)), None)
        if cause is None:
            return error
        error = cause
    return None

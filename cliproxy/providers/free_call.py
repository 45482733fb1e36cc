"""One HTTP request as somebody wrote it, and whatever answers (management-api.md 18): no provider's rules apply."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import gevent
from gevent import monkey

from cliproxy.compression import BadEncoding, TooLarge, decompress, encodings_of
from cliproxy.config.settings import TimeLimits
from cliproxy.errors import UpstreamError, UpstreamTransport
from cliproxy.providers.http import REDIRECTS, HttpClient, Outgoing, PassedThrough, redirected

_REDIRECTS = 10
_LARGEST = 64 << 20
"""Bytes of a body that are taken, before and after decompression."""
_WITHOUT_BODY = (204, 304)
_OF_THE_ENCODED = ("content-encoding", "content-length")


class BodyLost(UpstreamTransport):
    """The answer had begun, but its body could not be read."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer of any status. Headers as they came, in order."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


def call(http: HttpClient, request: Outgoing, seconds: float, secrets: Collection[str] = ()) -> Answered:
    """Send and read the answer, all within ``seconds``; redirects are followed, ten at most.

    The request's own limits do not count, and proxies of the environment neither. The body is decompressed unless the
    request asks for an encoding itself; then the headers about it are left out. ``secrets``: names of headers, as they
    are spelled, that no redirect may take elsewhere.

    :raises BodyLost: the body broke off, is damaged or too large.
    :raises UpstreamError: no answer, or not in time.
    """
    end = time.monotonic() + seconds
    decode = not any(name.lower() == "accept-encoding" for name in request.headers)
    if decode:
        request = replace(request, headers={**request.headers, "Accept-Encoding": "gzip"})
    with _at_most(seconds):
        answer = _last(http, request, end, seconds, secrets)
    body = b""
    if request.method != "HEAD" and answer.status not in _WITHOUT_BODY:
        body = _whole(answer, end, seconds)
    answer.source.close()
    return _decoded(answer, body) if decode else Answered(answer.status, answer.headers, body)


def _last(http: HttpClient, request: Outgoing, end: float, seconds: float, secrets: Collection[str]) -> PassedThrough:
    """The answer at the end of all redirects."""
    for _ in range(_REDIRECTS + 1):
        left = end - time.monotonic()
        if left <= 0:
            raise _late(seconds)
        answer = http.pass_through(replace(request, limits=TimeLimits(left, left)), configured=True)
        location = next((value for name, value in answer.headers if name.lower() == "location"), "")
        if answer.status not in REDIRECTS or not location:
            return answer
        answer.source.close()
        request = redirected(request, answer.status, location, (*secrets, "Host"))
    raise UpstreamTransport(f"more than {_REDIRECTS} redirects")


def _whole(answer: PassedThrough, end: float, seconds: float) -> bytes:
    try:
        with _at_most(end - time.monotonic()):
            return b"".join(_blocks(answer, end, seconds))
    except UpstreamError as error:
        raise BodyLost(error.text) from error
    finally:
        answer.source.close()


def _blocks(answer: PassedThrough, end: float, seconds: float) -> Iterator[bytes]:
    size = 0
    while (block := answer.source.read()) is not None:
        size += len(block)
        if size > _LARGEST:
            raise UpstreamTransport(f"the body is larger than {_LARGEST >> 20} MiB")
        if time.monotonic() >= end:
            raise _late(seconds)
        yield block


def _decoded(answer: PassedThrough, body: bytes) -> Answered:
    header = ",".join(value for name, value in answer.headers if name.lower() == "content-encoding")
    layers = encodings_of(header)
    if not layers:
        return Answered(answer.status, answer.headers, body)
    if body:
        try:
            for layer in reversed(layers):
                body = decompress(body, layer, _LARGEST)
        except (BadEncoding, TooLarge) as error:
            raise BodyLost(str(error)) from error
    headers = tuple(header for header in answer.headers if header[0].lower() not in _OF_THE_ENCODED)
    return Answered(answer.status, headers, body)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Ends what runs inside wherever it waits; without gevent's patches only the checks in between do."""
    if not monkey.is_module_patched("socket"):
        yield
        return
    limit = gevent.Timeout(max(0.001, seconds))
    try:
        with limit:
            yield
    except gevent.Timeout as expired:
        if expired is not limit:
            raise
        raise _late(seconds) from None


def _late(seconds: float) -> UpstreamError:
    return UpstreamError(f"not answered completely within {seconds:g}s")

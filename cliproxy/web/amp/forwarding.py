"""A request to Amp's server and its answer, streamed both ways under the WSGI server (amp-routing.md 10)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Response

from cliproxy.errors import UpstreamError
from cliproxy.providers.amp import AmpAnswer, AmpUpstream, ClientRequest
from cliproxy.web.access_log import access_of
from cliproxy.web.disconnect import ClientWatch, cut
from cliproxy.web.headers import headers_of
from cliproxy.web.mounted import prefix_of
from cliproxy.web.protocols import JSON
from cliproxy.web.proxied import ProxiedResponse
from cliproxy.web.streaming import Body

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, str]]

_UNREACHABLE = b'{"error":"amp_upstream_proxy_error","message":"Failed to reach Amp upstream"}'
_LOCAL_PATH = re.compile("/(?!/)")
_STEP, _CHUNKED_STEP = 1 << 14, 1 << 12
_BUFFERED = 1 << 16
"""Bodies up to this size are read at once: they can be sent again when a kept-alive connection turns out to be dead."""


def forward(upstream: AmpUpstream, environ: Mapping[str, Any], client_key: str, body: bytes | None = None) -> Response:
    """Amp's answer to the current request. ``body`` as it was sent, if it was read already; else it is streamed."""
    access_of(environ).silent_abort = True
    upload = _Upload(environ, body)
    request = ClientRequest(
        environ["REQUEST_METHOD"], target_of(environ), headers_of(environ), upload.content, client_key,
        environ.get("REMOTE_ADDR", ""),
    )  # fmt: skip
    try:
        answer = upstream.send(request)
    except UpstreamError as error:
        upload.watch.stop()
        log.error("amp upstream proxy error for %s %s: %s", request.method, environ.get("PATH_INFO", ""), error.text)
        return Response(_UNREACHABLE, status=502, content_type=JSON)
    except BaseException:
        upload.watch.stop()
        raise
    return _response(answer, environ, upload.watch)


def target_of(environ: Mapping[str, Any]) -> str:
    """Path and query as the client wrote them, without the prefix that the application is mounted at."""
    raw, prefix = _target_as_sent(environ), prefix_of(environ)
    if raw and raw.startswith(prefix):
        rest = raw[len(prefix) :]
        return rest if rest.startswith("/") else f"/{rest}"
    path = quote(environ.get("PATH_INFO", "/").encode("latin-1"))
    query = environ.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path


def _target_as_sent(environ: Mapping[str, Any]) -> str:
    """Empty when the server does not tell."""
    raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if not raw or raw.startswith("/"):
        return raw.partition("#")[0]
    parts = urlsplit(raw)  # the absolute form, meant for proxies
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _located(headers: Headers, prefix: str) -> Headers:
    """Headers whose ``Location``, where it is a path of Amp's server, leads to the same path of ours."""
    return [
        (name, f"{prefix}{value}" if name.lower() == "location" and _LOCAL_PATH.match(value) else value)
        for name, value in headers
    ]


class _Upload:
    """The client's body on its way; ``watch`` notices a client that leaves while the answer is awaited.

    The watch begins when the body has been read: before, bytes that arrive are no news.
    """

    def __init__(self, environ: Mapping[str, Any], body: bytes | None) -> None:
        self._environ = environ
        self._length = int(environ.get("CONTENT_LENGTH") or 0)
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        self.content: bytes | Iterator[bytes] | None = body
        if body is None and not chunked and self._length <= _BUFFERED:
            self.content = self._read(self._length) if self._length else None
        elif body is None:
            self.content = self._pieces(_CHUNKED_STEP if chunked else _STEP)
        self.watch = ClientWatch({} if isinstance(self.content, Iterator) else environ)

    def _pieces(self, step: int) -> Iterator[bytes]:
        sent = 0
        while piece := self._read(step, partly=True):
            sent += len(piece)
            yield piece
        if sent < self._length:
            raise cut(self._environ)
        self.watch = ClientWatch(self._environ)

    def _read(self, size: int, *, partly: bool = False) -> bytes:
        try:
            data: bytes = self._environ["wsgi.input"].read(size)
        except (OSError, ValueError) as error:  # the server's parser: a broken chunk, a closed connection
            log.debug("amp upstream: the client's body broke off: %s", error)
            raise cut(self._environ) from None
        if len(data) < size and not partly:
            raise cut(self._environ)
        return data


def _response(answer: AmpAnswer, environ: Mapping[str, Any], watch: ClientWatch) -> Response:
    response = ProxiedResponse(status=answer.status)
    response.headers.clear()
    for name, value in _located(answer.headers, prefix_of(environ)):
        response.headers.add(name, value)
    if environ["REQUEST_METHOD"] == "HEAD" or answer.status in (204, 304):
        for _ in answer.blocks():  # nothing, but that ends it, and its connection stays
            pass
        watch.stop()
        return response

    def close() -> None:
        watch.stop()
        answer.close()

    response.response = Body(_blocks(answer, environ), close)
    response.direct_passthrough = True
    return response


def _blocks(answer: AmpAnswer, environ: Mapping[str, Any]) -> Iterator[bytes]:
    try:
        yield from answer.blocks()
    except UpstreamError as error:
        log.debug("amp upstream: the answer broke off: %s", error.text)
        raise cut(environ) from None

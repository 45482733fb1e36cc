"""The outermost layer: names each request; when it is over, writes its line and tells the metrics (logging.md 2, 3).

Nothing is paid per chunk: the server iterates the response itself, and the end is its ``close``.
"""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any, cast

import gevent

from cliproxy.masking import mask_query
from cliproxy.records.access_log import AccessRecord, access_level, access_line, client_address, shown_path
from cliproxy.records.applog import NO_REQUEST, set_request_id
from cliproxy.web.client_request import answered

log = logging.getLogger(__name__)

_KEY = "cliproxy.access"
_WITH_ID = (
    "/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses", "/v1beta/models/", "/api/provider/",
)  # fmt: skip
_NO_RANDOMNESS = "00000000"
_LEFT = 499
_LEFT_WORDS = "the client left"
_SWITCHED = 101

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Finished = Callable[[AccessRecord], object]


class Access:
    """What the layers below may say of a request's line: ``silent`` = write none, ``errors`` = append these texts.

    ``silent_abort`` = write none when its client leaves before the end (an answer that is only passed on).
    """

    __slots__ = ("errors", "request_id", "route", "silent", "silent_abort", "status")

    def __init__(self, request_id: str = NO_REQUEST) -> None:
        self.request_id = request_id
        self.silent = self.silent_abort = False
        self.errors: list[str] = []
        self.status = 0
        """0 until the answer begins."""
        self.route = ""
        """The pattern of the route that answers, known when the answer begins."""

    def __repr__(self) -> str:
        return f"<Access {self.request_id} {self.status} {self.route}>"


def access_of(environ: Mapping[str, Any]) -> Access:
    """The object of a request (it lies in its environ as ``cliproxy.access``); without the middleware a fresh one."""
    found = environ.get(_KEY)
    return found if isinstance(found, Access) else Access()


def new_request_id(path: str) -> str:
    """Eight random hex digits for model calls, eight hyphens for all other paths (logging.md 3)."""
    if not path.startswith(_WITH_ID):
        return NO_REQUEST
    try:
        return secrets.token_hex(4)
    except (OSError, NotImplementedError):  # the system has no randomness
        return _NO_RANDOMNESS


class AccessLog:
    """WSGI middleware, to be the outermost. ``finished`` is called once per request, line or not; it must not wait."""

    def __init__(
        self, application: Application, finished: Finished | None = None, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._application, self._finished, self._clock = application, finished, clock

    def __repr__(self) -> str:
        return f"<AccessLog around {self._application!r}>"

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        access = Access(new_request_id(environ.get("PATH_INFO", "")))
        environ[_KEY] = access
        set_request_id(access.request_id)
        ending = _Ending(environ, access, self._clock, self._finished)

        def begin(status: str, headers: Any, *more: Any) -> Any:
            access.status = int(status[:3])
            answered(environ, access.status)
            ending.begun()
            # Flask takes its request away before the body is sent.
            rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
            access.route = rule.rule if rule is not None else ""
            return start_response(status, headers, *more)

        try:
            body = self._application(environ, begin)
        except BaseException as error:
            ending.broken(error)
            raise
        return _Response(body, ending)


class _Response:
    """The response as the server sees it: the blocks of the layer below, and our end after its end."""

    __slots__ = ("_body", "_ending")

    def __init__(self, body: Iterable[bytes], ending: _Ending) -> None:
        self._body, self._ending = body, ending

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """The response was sent, or was not; the server calls this either way."""
        # Whatever ended the iteration is still on its way to the server.
        aborted = isinstance(sys.exc_info()[1], gevent.GreenletExit)
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._ending.over(aborted=aborted)


class _Ending:
    """Writes the line, once. What the request looked like is kept from its arrival: handlers rewrite paths."""

    __slots__ = (
        "_access", "_arrived", "_clock", "_environ", "_finished", "_first", "_method", "_over", "_path", "_query",
    )  # fmt: skip

    def __init__(
        self, environ: dict[str, Any], access: Access, clock: Callable[[], float], finished: Finished | None
    ) -> None:
        self._environ, self._access, self._clock, self._finished = environ, access, clock, finished
        self._method: str = environ.get("REQUEST_METHOD", "")
        self._path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        self._query: str = environ.get("QUERY_STRING", "")
        self._over = False
        self._first: float | None = None
        self._arrived = clock()

    def begun(self) -> None:
        """The answer begins. A stream of ours does so with its first bytes at hand."""
        self._first = self._clock() - self._arrived

    def broken(self, error: BaseException) -> None:
        """The application did not answer: the client left, a socket was taken over, or it crashed."""
        if isinstance(error, StopIteration):
            self._access.status = self._access.status or _SWITCHED
        elif isinstance(error, Exception):
            self._access.status = 500
        self.over(aborted=isinstance(error, gevent.GreenletExit))

    def over(self, *, aborted: bool) -> None:
        """The request is over. ``aborted``: its connection was cut on purpose, or because the client had left."""
        if self._over:
            return
        self._over = True
        access, environ = self._access, self._environ
        seconds = self._clock() - self._arrived
        status = access.status or (_LEFT if aborted else 500)
        path, query = shown_path(self._path), mask_query(self._query)
        client = client_address(
            environ.get("HTTP_X_FORWARDED_FOR", ""), environ.get("HTTP_X_REAL_IP", ""), environ.get("REMOTE_ADDR", "")
        )
        if aborted:
            access.silent = access.silent or access.silent_abort
            access.errors.append(_LEFT_WORDS)
        if not access.silent:
            target = f"{path}?{query}" if query else path
            errors = "; ".join(access.errors)
            set_request_id(access.request_id)
            log.log(access_level(status), access_line(status, seconds, client, self._method, target, errors))
        set_request_id(NO_REQUEST)  # the connection's greenlet lives on
        if self._finished is not None:
            first = self._first
            self._tell(AccessRecord(
                self._method, path, access.route, status, seconds, first, client, access.request_id, aborted, query,
            ))  # fmt: skip

    def _tell(self, record: AccessRecord) -> None:
        try:
            cast(Finished, self._finished)(record)
        except Exception:
            log.exception("counting a request failed")

"""What every protocol's views share: authentication first, errors in the protocol's own shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, request

from cliproxy.errors import CliproxyError
from cliproxy.web.authentication import Refused
from cliproxy.web.execution import Execution, arrive
from cliproxy.web.protocols import Protocol
from cliproxy.web.services import Services, services

JSON_UTF8 = "application/json; charset=utf-8"

View = Callable[..., Response]
Handler = Callable[..., Response]


def model_view(protocol: Protocol) -> Callable[[Handler], View]:
    """Make a view of ``handler(execution, body, **path)``: key checked, body read, errors in the protocol's shape."""

    def decorate(handler: Handler) -> View:
        @wraps(handler)
        def view(**path: Any) -> Response:
            found, environ = services(), request.environ
            try:
                principal = found.authenticator.check(environ)
                arrival = arrive(found, environ, principal)
                return handler(Execution(found, protocol, arrival), arrival.body, **path)
            except Refused as refusal:
                return refusal.response
            except CliproxyError as error:
                return protocol.error(error)

        return view

    return decorate


def key_view(handler: Callable[..., Response]) -> View:
    """Make a view of ``handler(services, **path)`` that needs a client key and no body."""

    @wraps(handler)
    def view(**path: Any) -> Response:
        found = services()
        try:
            found.authenticator.check(request.environ)
        except Refused as refusal:
            return refusal.response
        return handler(found, **path)

    return view


def fixed(body: bytes, status: int) -> Response:
    """A body that the specification writes out in full."""
    return Response(body, status=status, content_type=JSON_UTF8)


__all__ = ["Services", "fixed", "key_view", "model_view"]

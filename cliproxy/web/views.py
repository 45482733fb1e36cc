"""What every protocol's views share: authentication first, errors in the protocol's own shape.

Views are objects that know their handler, so that other paths can serve the same handler behind guards of their own
(``web/amp``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from flask import Response, request

from cliproxy.errors import CliproxyError
from cliproxy.web.authentication import Refused
from cliproxy.web.context import read_request
from cliproxy.web.execution import Execution
from cliproxy.web.protocols import Protocol
from cliproxy.web.services import Services, services

JSON_UTF8 = "application/json; charset=utf-8"

Handler = Callable[..., Response]


class ModelView:
    """A view of ``handler(execution, body, **path)``: key checked, body read, errors in the protocol's shape."""

    def __init__(self, protocol: Protocol, handler: Handler) -> None:
        self.protocol, self.handler = protocol, handler
        update_wrapper(self, handler)

    def __repr__(self) -> str:
        return f"<ModelView {self.handler.__qualname__}>"

    def __call__(self, **path: Any) -> Response:
        """Answer the current request."""
        found, environ = services(), request.environ
        try:
            principal = found.authenticator.check(environ)
            context = read_request(environ, principal, found.settings())
            return self.handler(Execution(found, self.protocol, context), context.body, **path)
        except Refused as refusal:
            return refusal.response
        except CliproxyError as error:
            return self.protocol.error(error)


def model_view(protocol: Protocol) -> Callable[[Handler], ModelView]:
    """Make a ``ModelView`` of a handler."""
    return lambda handler: ModelView(protocol, handler)


class KeyView:
    """A view of ``handler(services, **path)`` that needs a client key and no body."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        update_wrapper(self, handler)

    def __repr__(self) -> str:
        return f"<KeyView {self.handler.__qualname__}>"

    def __call__(self, **path: Any) -> Response:
        """Answer the current request."""
        found = services()
        try:
            found.authenticator.check(request.environ)
        except Refused as refusal:
            return refusal.response
        return self.handler(found, **path)


def fixed(body: bytes, status: int) -> Response:
    """A body that the specification writes out in full."""
    return Response(body, status=status, content_type=JSON_UTF8)


__all__ = ["KeyView", "ModelView", "Services", "fixed", "model_view"]

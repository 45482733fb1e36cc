"""Lists of models under a provider's name; the name only decides the shape (amp-routing.md 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request

from cliproxy.web import gemini, models
from cliproxy.web.amp.gateway import Gateway
from cliproxy.web.authentication import Refused
from cliproxy.web.services import Services


class ListingView:
    """A view of ``handler(services, provider, **path)`` that needs a client key."""

    def __init__(self, gateway: Gateway, handler: Callable[..., Response]) -> None:
        self._gateway, self._handler = gateway, handler

    def __repr__(self) -> str:
        return f"<ListingView {self._handler.__qualname__}>"

    def __call__(self, **path: Any) -> Response:
        """Answer the current request."""
        try:
            self._gateway.authenticate(request.environ)
        except Refused as refusal:
            return refusal.response
        return self._handler(self._gateway.services, **path)


def _list_models(services: Services, provider: str) -> Response:
    shapes = {"anthropic": models.in_claude_shape, "google": gemini.in_gemini_shape}
    return shapes.get(provider.lower(), models.in_openai_shape)(services)


def _list_gemini_models(services: Services, provider: str) -> Response:
    return gemini.in_gemini_shape(services)


def _gemini_model(services: Services, provider: str, name: str = "") -> Response:
    return gemini.one_model(services, name)


LISTINGS: tuple[tuple[str, Callable[..., Response]], ...] = (
    ("/models", _list_models),
    ("/v1/models", _list_models),
    ("/v1beta/models", _list_gemini_models),
    ("/v1beta/models/", _gemini_model),
    ("/v1beta/models/<path:name>", _gemini_model),
)
"""Paths below ``/api/provider/<provider>``, and what answers there."""

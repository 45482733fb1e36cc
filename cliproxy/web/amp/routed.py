"""The wrapper around a model endpoint: who answers this call, and under which name (amp-routing.md 4-6, 8, 9)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from flask import Response, request

from cliproxy.errors import CliproxyError, RequestError
from cliproxy.routing.decision import RoutingDecision
from cliproxy.routing.decision_log import log_decision
from cliproxy.routing.extraction import extract_model, replace_model
from cliproxy.routing.rewriting import Rewriter, filtered_betas, rewriter_for, with_model
from cliproxy.web import bodies
from cliproxy.web.amp.forwarding import forward
from cliproxy.web.amp.gateway import Gateway
from cliproxy.web.authentication import Principal, Refused
from cliproxy.web.context import RequestContext
from cliproxy.web.execution import Execution
from cliproxy.web.streaming import Body
from cliproxy.web.views import ModelView

log = logging.getLogger(__name__)

_BETAS = "HTTP_ANTHROPIC_BETA"


class RoutedView:
    """A model endpoint behind routing: the view's own handler, another model through it, or Amp's server."""

    def __init__(self, gateway: Gateway, view: ModelView) -> None:
        self._gateway, self._protocol, self._handler = gateway, view.protocol, view.handler
        self.__name__ = view.handler.__name__

    def __repr__(self) -> str:
        return f"<RoutedView of {self._handler.__qualname__}>"

    def __call__(self, **path: Any) -> Response:
        """Answer the current request, once it has passed the key check."""
        path.pop("provider", None)
        try:
            return self.serve(self._gateway.authenticate(request.environ), **path)
        except Refused as refusal:
            return refusal.response

    def serve(self, principal: Principal, *, path: str = "", **arguments: str) -> Response:
        """Answer an authenticated request. ``path`` is that of the Vertex-like route, for the model's name only."""
        try:
            return self._serve(request.environ, principal, path, arguments)
        except CliproxyError as error:
            return self._protocol.error(error)

    def _serve(
        self, environ: Mapping[str, Any], principal: Principal, path: str, arguments: dict[str, str]
    ) -> Response:
        gateway = self._gateway
        limit = gateway.services.settings().max_request_body_mb << 20
        try:
            sent = bodies.read_raw(environ, limit)
        except RequestError as error:
            log.error("amp routing: the body of the request could not be read: %s", error.text)
            raise
        payload, body, unusable = _parsed(sent, environ, limit)
        model = extract_model(body, arguments.get("action", ""), path)
        if not model:
            if unusable is not None:
                raise unusable
            return self._handle(RequestContext(environ, principal, payload, body), arguments)
        decision = gateway.decide(model)
        log_decision(decision, environ.get("PATH_INFO", ""))
        upstream = gateway.upstream
        if decision.should_proxy and upstream is not None:
            return forward(upstream, environ, principal.key, sent)
        if unusable is not None:
            raise unusable
        return self._local(RequestContext(environ, principal, payload, body, decision), decision, arguments)

    def _local(self, context: RequestContext, decision: RoutingDecision, arguments: dict[str, str]) -> Response:
        if not decision.is_local:
            return self._handle(context, arguments)
        context = replace(context, environ=_without_long_context(context.environ))
        if not decision.is_mapped:
            return self._handle(context, arguments)
        mapped = context.mapped_model
        context = replace(
            context,
            payload=with_model(context.payload, context.body, mapped),
            body={**context.body, "model": mapped} if "model" in context.body else context.body,
        )
        if "action" in arguments:
            arguments = {**arguments, "action": replace_model(arguments["action"], mapped)}
        try:
            response = self._handle(context, arguments)
        except CliproxyError as error:
            response = self._protocol.error(error)
        kind = response.headers.get("Content-Type", "")
        return restored(response, rewriter_for(decision.requested_model, mapped, kind))

    def _handle(self, context: RequestContext, arguments: dict[str, str]) -> Response:
        return self._handler(Execution(self._gateway.services, self._protocol, context), context.body, **arguments)


def _parsed(sent: bytes, environ: Mapping[str, Any], limit: int) -> tuple[bytes, dict[str, Any], RequestError | None]:
    """(body decoded, the same parsed, why it cannot be used): the way to Amp's server is open to any body."""
    try:
        payload = bodies.decoded(sent, environ, limit)
        return payload, bodies.parsed(payload), None
    except RequestError as error:
        return sent, {}, error


def _without_long_context(environ: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request without the feature that local accounts refuse (6.2)."""
    betas = environ.get(_BETAS)
    if betas is None:
        return environ
    kept = filtered_betas(betas)
    changed = {name: value for name, value in environ.items() if name != _BETAS}
    return {**changed, _BETAS: kept} if kept else changed


def restored(response: Response, rewriter: Rewriter | None) -> Response:
    """The answer as the rewriter changes it; status and headers stay (8.2)."""
    if rewriter is None:
        return response
    body = response.response
    if isinstance(body, Body):
        response.headers.pop("Content-Length", None)
        response.response = Body(_rewritten(iter(body), rewriter), body.close)
    else:
        data = response.get_data()
        response.set_data(rewriter.feed(data) + rewriter.finish())
    return response


def _rewritten(blocks: Iterator[bytes], rewriter: Rewriter) -> Iterator[bytes]:
    for block in blocks:
        if out := rewriter.feed(block):
            yield out
    if out := rewriter.finish():
        yield out

"""The module that adds Amp's routes to an application (amp-routing.md 2, 15)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response
from werkzeug.routing import BaseConverter

from cliproxy.config.settings import Settings
from cliproxy.providers.amp_secrets import AmpSecrets
from cliproxy.providers.http import HttpClient
from cliproxy.routing.executor import Routing
from cliproxy.web import claude, gemini, openai, responses
from cliproxy.web.amp import paths
from cliproxy.web.amp.gateway import Gateway
from cliproxy.web.amp.listings import LISTINGS, ListingView
from cliproxy.web.amp.management import GeminiBridge, ManagementView
from cliproxy.web.amp.routed import RoutedView
from cliproxy.web.authentication import Principal
from cliproxy.web.modules import ModuleContext
from cliproxy.web.views import ModelView

log = logging.getLogger(__name__)

_PROVIDER = "/api/provider/<provider>"
_MODEL_CALLS: tuple[tuple[str, ModelView], ...] = (
    ("/chat/completions", openai.chat_completions),
    ("/v1/chat/completions", openai.chat_completions),
    ("/completions", openai.completions),
    ("/v1/completions", openai.completions),
    ("/responses", responses.responses),
    ("/v1/responses", responses.responses),
    ("/v1/messages", claude.messages),
    ("/v1/messages/count_tokens", claude.count_tokens),
    ("/v1beta/models/<path:action>", gemini.act),
)


class AmpModule:
    """Registers its routes once, whatever is configured; ``on_config_updated`` follows the configuration."""

    name = "amp-routing"

    def __init__(self, routing: Routing, secrets: AmpSecrets, http: HttpClient) -> None:
        self._routing, self._secrets, self._http = routing, secrets, http
        self.gateway: Gateway | None = None

    def __repr__(self) -> str:
        return f"<AmpModule {self.gateway or 'not registered'}>"

    def register(self, context: ModuleContext) -> None:
        """Add the routes to the application; a second call does nothing."""
        if self.gateway is not None:
            return
        authenticate = context.authenticate
        if authenticate is None:
            log.warning("amp: no authentication hook: all requests pass")
            authenticate = _everybody
        gateway = Gateway(context.services, self._routing, self._secrets, self._http, authenticate)
        gateway.configure(context.settings)
        context.application.url_map.converters["rest"] = _Rest
        context.application.register_blueprint(_blueprint(gateway))
        self.gateway = gateway

    def on_config_updated(self, settings: Settings) -> None:
        """Take over a configuration; nothing before ``register``."""
        if self.gateway is not None:
            self._routing.update(settings)
            self.gateway.configure(settings)


def _everybody(environ: Mapping[str, Any]) -> Principal:
    return Principal()


class _Rest(BaseConverter):
    """Everything up to the end of the path, maybe nothing; werkzeug's ``path`` begins with no slash."""

    regex = ".*"
    part_isolating = False


def _blueprint(gateway: Gateway) -> Blueprint:
    blueprint = Blueprint("amp", __name__)
    management = ManagementView(gateway)
    for name in paths.API:
        _add_tree(blueprint, f"/api/{name}", management, paths.ANY_METHOD)
    for name in paths.API_ALONE:
        _add(blueprint, f"/api/{name}", management, paths.ANY_METHOD)
    for name in paths.PAGES:
        _add_tree(blueprint, f"/{name}", management, ("GET",))
    _add_tree(blueprint, f"/{paths.SIGN_IN}", management, paths.ANY_METHOD)
    for name in paths.FEEDS:
        _add(blueprint, f"/{name}", management, ("GET",))
    bridge = GeminiBridge(management, RoutedView(gateway, gemini.act))
    _add(blueprint, f"{paths.GEMINI}<rest:rest>", bridge, paths.ANY_METHOD)
    for path, view in _MODEL_CALLS:
        _add(blueprint, _PROVIDER + path, RoutedView(gateway, view), ("POST",))
    for path, listing in LISTINGS:
        _add(blueprint, _PROVIDER + path, ListingView(gateway, listing), ("GET",))
    return blueprint


def _add_tree(blueprint: Blueprint, path: str, view: Callable[..., Response], methods: tuple[str, ...]) -> None:
    """The path, and everything below."""
    for rule in (path, f"{path}/<rest:rest>"):
        _add(blueprint, rule, view, methods)


def _add(blueprint: Blueprint, path: str, view: Callable[..., Response], methods: tuple[str, ...]) -> None:
    endpoint = f"{methods[0]} {path}".replace(".", "_")
    blueprint.add_url_rule(path, endpoint, view, methods=methods)

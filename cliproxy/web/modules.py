"""Parts that add routes of their own to the application and follow its configuration (amp-routing.md 15)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Flask

from cliproxy.config.settings import Settings
from cliproxy.web.authentication import Principal
from cliproxy.web.services import Services

log = logging.getLogger(__name__)

Authenticate = Callable[[Mapping[str, Any]], Principal]
"""The principal of a request by its environ; raises ``Refused`` for nobody we know."""


@dataclass(frozen=True, slots=True)
class ModuleContext:
    """What a module gets when it registers. Without ``authenticate`` everybody passes (tests only)."""

    application: Flask
    services: Services
    settings: Settings
    authenticate: Authenticate | None


class Module(Protocol):
    """One such part."""

    name: str

    def register(self, context: ModuleContext) -> None:
        """Add the routes; a second call does nothing."""

    def on_config_updated(self, settings: Settings) -> None:
        """Take over a configuration; nothing before ``register``."""


def register_all(modules: Iterable[Module], context: ModuleContext) -> None:
    """Register modules; one that fails does not keep the server from starting."""
    for module in modules:
        try:
            module.register(context)
        except Exception:
            log.exception("module %s could not be registered", module.name)

"""The parts that request handlers need, in one place. Made by ``create_app``; handlers get it with ``services()``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

from cliproxy.config.settings import Settings
from cliproxy.web.authentication import Authenticator

if TYPE_CHECKING:
    from cliproxy.pool.dispatch import Dispatcher
    from cliproxy.providers.code_assist import CodeAssist
    from cliproxy.providers.relay import Relays
    from cliproxy.routing.registry import ModelRegistry
    from cliproxy.routing.resolver import Resolver

EXTENSION = "cliproxy"


@dataclass(slots=True)
class Services:
    """What a request needs. ``authenticator`` is replaced when the keys change; the rest stays."""

    settings: Callable[[], Settings]
    authenticator: Authenticator
    resolver: Resolver
    registry: ModelRegistry
    dispatcher: Dispatcher
    relays: Relays
    code_assist: CodeAssist


def services() -> Services:
    """The services of the current application."""
    return cast(Services, current_app.extensions[EXTENSION])

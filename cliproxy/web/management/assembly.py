"""All groups of routes of the management API, with what each of them needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cliproxy.web.management.api import Route
from cliproxy.web.management.scalars import ScalarRoutes

if TYPE_CHECKING:
    from cliproxy.config.editing import ConfigEditor


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the program that the management API shows and changes."""

    editor: ConfigEditor


def all_routes(parts: Parts) -> Iterator[Route]:
    """Every route of management-api.md 4."""
    yield from ScalarRoutes(parts.editor).routes()

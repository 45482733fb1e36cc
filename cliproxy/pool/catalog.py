"""What the pool wants to know about models; implemented by routing's registry (imports go the other way)."""

from __future__ import annotations

from collections.abc import Set
from typing import Protocol

from cliproxy.config.settings import Settings
from cliproxy.providers.credential import Credential


class Catalog(Protocol):
    """Which credential offers which model, and the marks that listings show."""

    def supports(self, client: str, model: str) -> bool:
        """True when the credential offers the model."""

    def names_of(self, client: str) -> Set[str]:
        """All models that it offers, in lower case."""

    def providers_of(self, model: str) -> tuple[str, ...]:
        """Provider keys that offer the model."""

    def mark_quota(self, client: str, model: str) -> None:
        """Its quota is used up."""

    def clear_quota(self, client: str, model: str) -> None:
        """It is not."""

    def suspend(self, client: str, model: str, reason: str) -> None:
        """Leave it out of listings."""

    def resume(self, client: str, model: str) -> None:
        """Show it again."""

    def unregister(self, client: str) -> None:
        """The credential is gone."""


class Registrar(Protocol):
    """Registers the models of a credential under the current settings; None at all unregisters it."""

    def __call__(self, credential: Credential, settings: Settings) -> None:
        """Register or unregister."""

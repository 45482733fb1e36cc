"""``oauth-model-alias`` read the other way round: from an upstream's name to its aliases (amp-routing.md 7, 13.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cliproxy.config.settings import OAuthAlias


class OAuthAliases:
    """The aliases of each name over all channels, in config order; equal ones (ignoring case) once. Immutable."""

    def __init__(self, channels: Mapping[str, Sequence[OAuthAlias]] | None = None) -> None:
        found: dict[str, dict[str, str]] = {}
        for entries in (channels or {}).values():
            for entry in entries:
                name, alias = entry.name.strip(), entry.alias.strip()
                if name and alias and name.lower() != alias.lower():
                    found.setdefault(name.lower(), {}).setdefault(alias.lower(), alias)
        self._aliases = {name: tuple(aliases.values()) for name, aliases in found.items()}

    def __repr__(self) -> str:
        return f"<OAuthAliases of {len(self._aliases)} models>"

    def of(self, name: str) -> tuple[str, ...]:
        """The aliases of a base name, whatever its case."""
        return self._aliases.get(name.lower(), ())

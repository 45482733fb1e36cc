"""Model mappings: what answers instead of a model that a client asks for (amp-routing.md 7)."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable

from cliproxy.config.settings import AmpMapping
from cliproxy.routing.oauth_aliases import OAuthAliases
from cliproxy.translation.names import split_suffix

log = logging.getLogger(__name__)


class _Table:
    """One configuration's mappings: exact names before patterns. Immutable."""

    def __init__(self, mappings: Iterable[AmpMapping] = ()) -> None:
        self.exact: dict[str, str] = {}
        self.patterns: list[tuple[re.Pattern[str], str]] = []
        for mapping in mappings:
            source, target = mapping.from_model.strip(), mapping.to_model.strip()
            if not source or not target:
                log.warning("amp model-mappings: entry without from or to is left out: %r -> %r", source, target)
            elif mapping.regex:
                self._add_pattern(source, target)
            else:
                self.exact[source.lower()] = target

    def _add_pattern(self, source: str, target: str) -> None:
        try:
            self.patterns.append((re.compile(source, re.IGNORECASE), target))
        except re.error as error:
            log.warning("amp model-mappings: %r is not a regular expression and is left out: %s", source, error)

    def target(self, base: str) -> str | None:
        """The configured target of a base name."""
        found = self.exact.get(base.lower())
        if found is not None:
            return found
        return next((target for pattern, target in self.patterns if pattern.search(base)), None)


class ModelMapper:
    """Maps names by the configured table, which ``update`` replaces as a whole.

    ``offers`` tells whether somebody offers a base name; a mapping to what nobody offers is none.
    """

    def __init__(
        self,
        offers: Callable[[str], bool],
        mappings: Iterable[AmpMapping] = (),
        aliases: OAuthAliases | None = None,
    ) -> None:
        self._offers = offers
        self._table = _Table(mappings)
        self.aliases = aliases or OAuthAliases()

    def __repr__(self) -> str:
        return f"<ModelMapper {len(self._table.exact)} names, {len(self._table.patterns)} patterns>"

    def update(self, mappings: Iterable[AmpMapping]) -> None:
        """Replace all mappings."""
        self._table = _Table(mappings)

    def update_aliases(self, aliases: OAuthAliases) -> None:
        """Replace the alias table."""
        self.aliases = aliases

    def mappings(self) -> dict[str, str]:
        """A copy of the exact mappings, by lower-case source."""
        return dict(self._table.exact)

    def map(self, requested: str) -> tuple[str, ...]:
        """The models that answer instead of ``requested``, in order, with the suffixes they are to be asked with.

        Empty when there is no mapping, when it leads back to the same model, or when nobody offers its target.
        """
        base, suffix = split_suffix(requested)
        base = base.strip()
        target = self._table.target(base) if base else None
        if target is None:
            return ()
        name, configured = split_suffix(target)
        offered = (name,) if self._offers(name) else tuple(filter(self._offers, self.aliases.of(name)))
        if not offered:
            log.debug("amp model-mappings: %s -> %s is skipped: nobody offers the target", requested, target)
        if not offered or offered[0] == base:
            return ()
        return tuple(with_suffix(found, configured or suffix) for found in offered)


def with_suffix(name: str, suffix: str | None) -> str:
    """``name`` with the suffix, unless it has one of its own; an empty one is dropped."""
    if not suffix or split_suffix(name)[1] is not None:
        return name
    return f"{name}({suffix})"

"""The ``payload`` section of the configuration at work: defaults, overrides, deletions (providers.md 7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

from cliproxy.config.settings import Payload, PayloadFilter, PayloadModel, PayloadRule
from cliproxy.providers import json_path
from cliproxy.translation import exactjson
from cliproxy.translation.edits import MISSING, Body
from cliproxy.translation.names import split_suffix

Rule = TypeVar("Rule", PayloadRule, PayloadFilter)

_NO_RULES = Payload()


def candidates(upstream_base: str, requested: str) -> tuple[str, ...]:
    """The names that rules are compared with: the upstream's, then the client's without and with its suffix.

    Trimmed, no blanks, and the first of those that differ in letter case only.
    """
    requested = requested.strip()
    base, suffix = split_suffix(requested)
    kept: dict[str, str] = {}
    for name in (upstream_base.strip(), base.strip(), "" if suffix is None else requested):
        if name:
            kept.setdefault(name.lower(), name)
    return tuple(kept.values())


def apply(payload: Payload, body: Body, *, protocol: str, root: str, models: Sequence[str], untouched: Body) -> Body:
    """``body`` after the rules for ``protocol`` (a lower-case id) and one of ``models``.

    Paths start at the member ``root``, or at the body itself when that is empty. ``untouched`` is the body as
    translated, before thinking: defaults keep off what the client had set there. The same object comes back when
    nothing changes; what cannot be applied is left out.
    """
    if payload == _NO_RULES:
        return body
    scope = _Scope(protocol, root, models)
    settled: set[str] = set()
    for path, value in chain(scope.values(payload.default, _plain), scope.values(payload.default_raw, _raw)):
        if path not in settled and not json_path.exists(untouched, path):
            body = json_path.put(body, path, value)
            settled.add(path)
    for path, value in chain(scope.values(payload.override, _plain), scope.values(payload.override_raw, _raw)):
        body = json_path.put(body, path, value)
    for rule in scope.matching(payload.filter):
        for path in filter(None, map(scope.full, rule.params)):
            body = json_path.drop(body, path)
    return body


@dataclass(frozen=True, slots=True)
class _Scope:
    """What one request offers to rules."""

    protocol: str
    root: str
    models: Sequence[str]

    def matching(self, rules: Iterable[Rule]) -> Iterator[Rule]:
        """The rules for this request, in their order."""
        return (rule for rule in rules if any(map(self._fits, rule.models)))

    def values(self, rules: Iterable[PayloadRule], read: Callable[[Any], Any]) -> Iterator[tuple[str, Any]]:
        """(full path, value) of all matching rules; blank paths and unreadable values left out."""
        for rule in self.matching(rules):
            for path, written in rule.params.items():
                full, value = self.full(path), read(written)
                if full and value is not MISSING:
                    yield full, value

    def full(self, path: str) -> str:
        """The path from the body's own root; empty when there is none."""
        path = path.strip().removeprefix(".")
        return f"{self.root}.{path}" if self.root and path else path or self.root

    def _fits(self, entry: PayloadModel) -> bool:
        name = entry.name.strip()
        if not name or entry.protocol.strip().lower() not in ("", self.protocol):
            return False
        return any(map(_pattern(name).fullmatch, self.models))


@lru_cache(maxsize=256)
def _pattern(name: str) -> re.Pattern[str]:
    """``*`` stands for anything, all else for itself."""
    return json_path.wildcard([re.escape(piece) for piece in name.split("*")])


def _plain(value: Any) -> Any:
    return value


def _raw(value: Any) -> Any:
    """The value of a raw section: JSON text, or what YAML gave; ``MISSING`` for neither."""
    if isinstance(value, str):
        return _parsed(value)
    return MISSING if value is None else value


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    try:
        return exactjson.loads(text.strip())
    except ValueError:
        return MISSING  # the loader dropped such rules; this one was built by hand

"""Which projects a Gemini login uses, as rules without any I/O (oauth-login.md 4.2 and 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cliproxy.errors import LoginError

_ALL = "all"
_MANAGED = "gen-lang-client-"
"""How the ids of projects begin that AI Studio made for people: the visible half of a free-tier pair."""
_FREE = frozenset({"free", "legacy"})
_FREE_IN_ANSWERS = frozenset({"free-tier", "legacy-tier"})


@dataclass(frozen=True, slots=True)
class Project:
    """A Google Cloud project as the account's list has it."""

    id: str
    name: str = ""


class Person(Protocol):
    """Whoever decides during the set-up; a web login has nobody to ask."""

    def show(self, projects: Sequence[Project]) -> None:
        """Show what there is to choose from; maybe nothing."""

    def pick(self, default: str) -> str:
        """An id, a number from 1, ``ALL`` or ids joined by ``,``; empty takes the default."""

    def prefers_backend(self, frontend: str, backend: str) -> bool:
        """Whether a free-tier account uses Google's managed project instead of the one that people see."""

    def note(self, text: str) -> None:
        """Hear how it goes."""

    def warn(self, text: str) -> None:
        """Hear what may be a surprise."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The final project of a candidate. ``warning`` is empty when there is nothing to say."""

    project: str
    warning: str = ""


def select(projects: Sequence[Project], preset: str, person: Person) -> tuple[str, ...]:
    """The candidates: what ``preset`` names, else what the person picks.

    :raises LoginError: ``no_project``.
    """
    preset = preset.strip()
    person.show(projects)
    if not projects:
        return candidates(projects, preset)
    text = _understood(projects, preset)
    if preset and text is None:
        person.warn(f"{preset} is not among the projects of this account")
    while text is None:
        answer = person.pick(projects[0].id).strip() or projects[0].id
        text = _understood(projects, answer) or _by_number(projects, answer)
        if text is None:
            person.warn(f"{answer} is neither a project id, nor a number from 1 to {len(projects)}, nor ALL")
    return candidates(projects, text)


def candidates(projects: Sequence[Project], text: str) -> tuple[str, ...]:
    """``ALL`` = every listed id, else the ids of a list joined by ``,``; each once, in order.

    :raises LoginError: there is none, or one is not listed although there is a list.
    """
    if text.strip().lower() == _ALL:
        found = _distinct(project.id for project in projects)
        if not found:
            raise LoginError("no projects for ALL: the account has none", code="no_project")
        return found
    found, listed = _distinct(text.split(",")), {project.id for project in projects}
    if not found:
        raise LoginError("no project selected", code="no_project")
    if listed and (unknown := [project for project in found if project not in listed]):
        raise LoginError(f"not among the projects of this account: {', '.join(unknown)}", code="no_project")
    return found


def is_free_user(requested: str, tier: str, tier_from_response: bool) -> bool:
    """Whether Google maps the account's projects to managed ones (4.4, design D5).

    ``tier_from_response``: the answer's ``allowedTiers`` named the tier. The ``legacy-tier`` that stands in for a
    missing one says nothing about the account.
    """
    tier = tier.strip().lower()
    return requested.startswith(_MANAGED) or tier in _FREE or (tier_from_response and tier in _FREE_IN_ANSWERS)


def decide(
    requested: str, named: str, *, explicit: bool, free: bool, prefers_backend: Callable[[str, str], bool]
) -> Decision:
    """The final project when ``requested`` was onboarded and Google's answer ``named`` a project (or none, empty).

    ``explicit``: somebody asked for ``requested``. ``prefers_backend``: asked with both ids where there is a choice.
    """
    if not named:
        return Decision(requested)
    if not explicit or named.lower() == requested.lower():
        return Decision(named)
    if not free:
        return Decision(requested, f"Google answered with project {named} instead of {requested}: keeping {requested}")
    if prefers_backend(requested, named):
        return Decision(named)
    return Decision(requested, f"preview models may be unavailable with the frontend project {requested}")


def _understood(projects: Sequence[Project], text: str) -> str | None:
    """``text`` if it names listed projects only, or all of them."""
    listed = {project.id for project in projects}
    parts = _distinct(text.split(","))
    return text if text.lower() == _ALL or (parts and listed.issuperset(parts)) else None


def _by_number(projects: Sequence[Project], text: str) -> str | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return projects[number - 1].id if 1 <= number <= len(projects) else None


def _distinct(ids: Iterable[str]) -> tuple[str, ...]:
    """Trimmed, without blanks, each once, in order."""
    return tuple(dict.fromkeys(trimmed for text in ids if (trimmed := text.strip())))

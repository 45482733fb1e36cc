"""The rules about projects of a Gemini login, without any I/O (oauth-login.md 4.2, 4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from cliproxy.errors import LoginError
from cliproxy.oauth.gemini_choice import Project, decide, is_free_user, select

FRONT = "gen-lang-client-0123"


@dataclass
class Answers:
    """A person with prepared answers."""

    answers: list[str]
    warnings: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def show(self, projects: Sequence[Project]) -> None: ...

    def pick(self, default: str) -> str:
        self.asked.append(default)
        return self.answers.pop(0)

    def prefers_backend(self, frontend: str, backend: str) -> bool:
        raise AssertionError

    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def listed(ids: str) -> list[Project]:
    return [Project(project) for project in ids.split()]


@pytest.mark.parametrize(
    ("ids", "preset", "answers", "expected", "warnings"),
    [
        pytest.param("a b c", "", [""], "a", 0, marks=pytest.mark.case("oauth-login:S1")),
        pytest.param("a b c", "", ["2"], "b", 0, marks=pytest.mark.case("oauth-login:S2")),
        pytest.param("a b c", "", ["x", "c"], "c", 1, marks=pytest.mark.case("oauth-login:S3")),
        pytest.param("a b c", "", ["all"], "a b c", 0, marks=pytest.mark.case("oauth-login:S4")),
        pytest.param("a b a", "ALL", [], "a b", 0, marks=pytest.mark.case("oauth-login:S5")),
        pytest.param("a b", "b", [], "b", 0, marks=pytest.mark.case("oauth-login:S6")),
        pytest.param("a b", "zz", [""], "a", 1, marks=pytest.mark.case("oauth-login:S7")),
        pytest.param("", "zz", [], "zz", 0, marks=pytest.mark.case("oauth-login:S8")),
        pytest.param("", "x, y,,x", [], "x y", 0, marks=pytest.mark.case("oauth-login:S11")),
        pytest.param("a b", "a,b", [], "a b", 0, marks=pytest.mark.case("oauth-login:S12")),
        ("a b", " aLL ", [], "a b", 0),
        ("a b", " b ", [], "b", 0),
        ("a b", "B", ["b"], "b", 1),
        ("a b", "2", ["2"], "b", 1),
        ("a b", "a,zz", ["b,a , b"], "b a", 1),
        ("a b", "", ["a,zz", "0", "3", "-1", "²", "99999999999", " 1 "], "a", 6),
        ("a 1", "", ["1"], "1", 0),
        ("a b", ",", [""], "a", 1),
    ],
)  # fmt: skip
def test_selection(ids: str, preset: str, answers: list[str], expected: str, warnings: int) -> None:
    person = Answers(list(answers))
    assert select(listed(ids), preset, person) == tuple(expected.split())
    assert person.answers == []
    assert person.asked == [ids.split()[0]] * len(answers) if ids else person.asked == []
    assert len(person.warnings) == warnings


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        pytest.param("", "no project selected", marks=pytest.mark.case("oauth-login:S9")),
        pytest.param("ALL", "no projects for ALL", marks=pytest.mark.case("oauth-login:S10")),
        (" , ", "no project selected"),
    ],
)  # fmt: skip
def test_nothing_to_select(preset: str, words: str) -> None:
    with pytest.raises(LoginError, match=words) as caught:
        select([], preset, Answers([]))
    assert caught.value.code == "no_project"


@pytest.mark.parametrize(
    ("requested", "tier", "from_response", "free"),
    [
        (FRONT, "standard-tier", True, True),
        (FRONT, "legacy-tier", False, True),
        ("Gen-Lang-Client-1", "standard-tier", True, False),
        ("my-proj", "FREE", True, True),
        ("my-proj", "legacy", True, True),
        ("my-proj", "Free-Tier", True, True),
        ("my-proj", "legacy-tier", True, True),
        ("my-proj", "legacy-tier", False, False),
        ("my-proj", "standard-tier", True, False),
        ("my-proj", "", False, False),
    ],
)  # fmt: skip
def test_who_is_free(requested: str, tier: str, from_response: bool, free: bool) -> None:
    assert is_free_user(requested, tier, from_response) is free


@pytest.mark.parametrize(
    ("named", "explicit", "free", "backend", "project", "warned"),
    [
        ("", True, True, None, "r", ""),
        ("R", True, True, None, "R", ""),
        ("p", False, False, None, "p", ""),
        ("p", True, True, True, "p", ""),
        ("p", True, True, False, "r", "preview models may be unavailable"),
        ("p", True, False, None, "r", "project p instead of r"),
    ],
)  # fmt: skip
def test_decisions(named: str, explicit: bool, free: bool, backend: bool | None, project: str, warned: str) -> None:
    asked: list[tuple[str, str]] = []

    def prefers_backend(frontend: str, managed: str) -> bool:
        asked.append((frontend, managed))
        return backend is True

    decision = decide("r", named, explicit=explicit, free=free, prefers_backend=prefers_backend)
    assert decision.project == project
    assert (warned in decision.warning) if warned else decision.warning == ""
    assert asked == ([] if backend is None else [("r", "p")])

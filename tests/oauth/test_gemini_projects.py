"""Projects of a Gemini login: selection, set-up, frontend and backend, for CLI and web (oauth-login.md 4)."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from oauth.authority import Answer
from oauth.gemini_cloud import SERVICE, THREE, TWO, GeminiCloud, facts, onboarded, refused

from cliproxy.cli.logins.gemini import PersonAtTerminal
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import LoginError
from cliproxy.oauth.flow import TokenFile
from cliproxy.oauth.gemini import GoogleSession
from cliproxy.oauth.gemini_choice import Project
from cliproxy.oauth.gemini_projects import (
    Nobody,
    Pace,
    list_projects,
    set_up_for_command,
    set_up_project,
)

FRONT, BACK = "gen-lang-client-0123", "mystic-victor-77"
AS_F1, AS_F3 = f"user@example.com-{BACK}.json", f"user@example.com-{FRONT}.json"
QUESTION = "Enter choice [1]: "


@dataclass
class Desk:
    """A login at the command line, after the account has logged in. What was typed is the whole input."""

    session: GoogleSession
    type: Callable[[str], None]
    printed: Callable[[], str]
    pauses: list[float] = field(default_factory=list)
    output: str = ""

    def run(self, preset: str = "", typed: str = "", choice: str = "ask") -> TokenFile:
        self.type(typed)
        try:
            return set_up_for_command(
                self.session, preset, PersonAtTerminal(Terminal(), choice), Pace(self.pauses.append)
            )
        finally:
            self.output += self.printed()

    def fails(self, preset: str = "", typed: str = "") -> LoginError:
        with pytest.raises(LoginError) as caught:
            self.run(preset, typed)
        return caught.value

    @property
    def questions(self) -> int:
        return self.output.count(QUESTION)

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.startswith("warning: ")]


@pytest.fixture
def desk(session: GoogleSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(
        session,
        lambda typed: monkeypatch.setattr(sys, "stdin", io.StringIO(typed)),
        lambda: "\n".join(capsys.readouterr()),
    )


# the list and the prompt


def test_the_list_is_read_page_by_page(cloud: GeminiCloud, session: GoogleSession) -> None:
    cloud.pages = [
        [{"projectId": " a ", "name": "A", "lifecycleState": "DELETE_REQUESTED"}, {"projectId": ""}, "odd"],
        [],
        [{"projectId": "b", "projectNumber": "1"}],
    ]
    assert list_projects(session) == [Project("a", "A"), Project("b")]
    assert [dict(asked.query) for asked in cloud.requests("/v1/projects")] == [
        {}, {"pageToken": "page 1"}, {"pageToken": "page 2"},
    ]  # fmt: skip


def test_a_list_without_an_end_ends(cloud: GeminiCloud, session: GoogleSession) -> None:
    cloud.routes["GET /v1/projects"] = lambda asked: {"projects": [{"projectId": "a"}], "nextPageToken": "same"}
    assert list_projects(session) == [Project("a"), Project("a")]


def test_no_list(cloud: GeminiCloud, desk: Desk) -> None:
    cloud.routes["GET /v1/projects"] = lambda asked: Answer(b" no such luck\n", 403)
    error = desk.fails("a")
    assert error.text == "failed to get project list: api request failed with status 403: no such luck"
    assert len(cloud.asked) == 1


def test_the_prompt_shows_what_there_is(cloud: GeminiCloud, desk: Desk) -> None:
    cloud.has("a", "b")
    cloud.manages({"b": "b"})
    cloud.service("b")
    assert facts(desk.run(typed="x\n2\n")) == ("user@example.com-b.json", "b", False)
    assert "  [1] a (Project a)\n  [2] b (Project b)\n  ALL selects every project.\n" in desk.output
    assert desk.output.count("Project id, number, or ALL [a]: ") == 2


def test_the_end_of_input_takes_the_first_project(cloud: GeminiCloud, desk: Desk) -> None:
    cloud.has("a", "b")
    cloud.manages({"a": "a"})
    cloud.service("a")
    assert facts(desk.run())[1] == "a"


# frontend and backend


def one(cloud: GeminiCloud, requested: str, tier: str, *answers: Any, final: str) -> None:
    """An account with one project; exactly the final one may be looked at."""
    cloud.has(requested)
    cloud.tier(tier)
    cloud.managed[requested] = list(answers)
    cloud.service(final)


CASES = [
    ("F1", FRONT, "free-tier", BACK, "\n", 1, BACK, 0),
    ("F2", FRONT, "free-tier", BACK, "1\n", 1, BACK, 0),
    ("F3", FRONT, "free-tier", BACK, "2\n", 1, FRONT, 1),
    ("F4", FRONT, "free-tier", BACK, " 2 \n", 1, FRONT, 1),
    ("F5", FRONT, "free-tier", BACK, "3\n", 1, BACK, 0),
    ("F5", FRONT, "free-tier", BACK, "frontend\n", 1, BACK, 0),
    ("F5", FRONT, "free-tier", BACK, "22\n", 1, BACK, 0),
    ("F6", FRONT, "free-tier", BACK, "", 1, BACK, 0),
    ("F7", FRONT, "standard-tier", BACK, "\n", 1, BACK, 0),
    ("F8", "my-proj", "FREE", BACK, "\n", 1, BACK, 0),
    ("F8", "my-proj", "free", BACK, "\n", 1, BACK, 0),
    ("F9", "my-proj", "LEGACY", BACK, "2\n", 1, "my-proj", 1),
    ("F10", "my-proj", "free-tier", BACK, "\n", 1, BACK, 0),
    ("F11", "my-proj", "standard-tier", "other-proj", "2\n", 0, "my-proj", 1),
    ("F13", "my-proj", "free-tier", "my-proj", "2\n", 0, "my-proj", 0),
    ("F13", "my-proj", "standard-tier", "my-proj", "2\n", 0, "my-proj", 0),
    ("F14", "my-proj", "LEGACY", "My-Proj", "2\n", 0, "My-Proj", 0),
    ("F14", "my-proj", "standard-tier", "My-Proj", "2\n", 0, "My-Proj", 0),
]


@pytest.mark.parametrize(
    ("requested", "tier", "named", "typed", "questions", "final", "warnings"),
    [pytest.param(*case, id=f"{name}-{number}", marks=pytest.mark.case(f"oauth-login:{name}"))
     for number, (name, *case) in enumerate(CASES)],
)  # fmt: skip
def test_one_project(
    cloud: GeminiCloud, desk: Desk, requested: str, tier: str, named: str, typed: str, questions: int, final: str,
    warnings: int,
) -> None:  # fmt: skip
    one(cloud, requested, tier, onboarded({"id": named}), final=final)
    made = desk.run(requested, typed)
    assert facts(made) == (f"user@example.com-{final}.json", final, False)
    assert desk.questions == questions
    assert len(desk.warnings) == warnings
    assert all(requested in warning for warning in desk.warnings)
    assert [body["tierId"] for body in cloud.onboardings()] == [tier]
    assert [asked.json["cloudaicompanionProject"] for asked in cloud.requests("/v1internal:loadCodeAssist")] == [
        requested
    ]
    assert cloud.checked() == [final]


@pytest.mark.case("oauth-login:F1", "oauth-login:F3")
def test_the_question_says_what_it_is_about(cloud: GeminiCloud, desk: Desk) -> None:
    one(cloud, FRONT, "free-tier", onboarded({"id": BACK}), final=FRONT)
    desk.run(FRONT, "2\n")
    for words in (
        FRONT,
        BACK,
        "preview models",
        "normal for the free tier",
        "[1] Backend (recommended)",
        "[2] Frontend",
    ):
        assert words in desk.output.partition(QUESTION)[0]
    assert "preview models may be unavailable" in desk.warnings[0]


@pytest.mark.case("oauth-login:F11")
def test_the_warning_names_both_projects(cloud: GeminiCloud, desk: Desk) -> None:
    one(cloud, "my-proj", "standard-tier", onboarded({"id": "other-proj"}), final="my-proj")
    desk.run("my-proj")
    (warning,) = desk.warnings
    assert "my-proj" in warning
    assert "other-proj" in warning


@pytest.mark.case("oauth-login:F12")
@pytest.mark.parametrize(
    "load",
    [
        {"allowedTiers": [{"id": "free-tier"}, {"id": "free-tier", "isDefault": False}]},
        {"allowedTiers": [{"id": "free-tier", "isDefault": "true"}, {"id": " ", "isDefault": True}, 5]},
        {"allowedTiers": {"id": "free-tier", "isDefault": True}},
        {},
    ],
)  # fmt: skip
def test_a_tier_that_stands_in_is_not_free(cloud: GeminiCloud, desk: Desk, load: Any) -> None:
    one(cloud, "my-proj", "-", onboarded({"id": "other-proj"}), final="my-proj")
    cloud.load = load
    assert facts(desk.run("my-proj", "1\n")) == ("user@example.com-my-proj.json", "my-proj", False)
    assert (desk.questions, len(desk.warnings)) == (0, 1)
    assert [body["tierId"] for body in cloud.onboardings()] == ["legacy-tier"]


@pytest.mark.case("oauth-login:F15")
def test_the_project_as_a_plain_string(cloud: GeminiCloud, desk: Desk) -> None:
    one(cloud, FRONT, "free-tier", onboarded(f" {BACK} "), final=BACK)
    assert facts(desk.run(FRONT, "\n")) == (AS_F1, BACK, False)
    assert desk.questions == 1


@pytest.mark.case("oauth-login:F16")
@pytest.mark.parametrize(
    "answer",
    [onboarded(""), onboarded("  "), onboarded({}), onboarded({"id": 5}), onboarded({"id": " "}), onboarded(None),
     {"done": True}, {"done": True, "response": "x"}],
)  # fmt: skip
def test_no_project_in_the_answer(cloud: GeminiCloud, desk: Desk, answer: Any) -> None:
    one(cloud, FRONT, "free-tier", answer, final=FRONT)
    assert facts(desk.run(FRONT)) == (AS_F3, FRONT, False)
    assert (desk.questions, desk.warnings) == (0, [])


@pytest.mark.case("oauth-login:F17")
def test_onboarding_is_asked_again(cloud: GeminiCloud, desk: Desk) -> None:
    one(
        cloud,
        FRONT,
        "free-tier",
        {"name": "operations/1", "done": False},
        {"done": False},
        onboarded({"id": BACK}),
        final=BACK,
    )
    assert facts(desk.run(FRONT, "\n")) == (AS_F1, BACK, False)
    bodies = [asked.body for asked in cloud.requests("/v1internal:onboardUser")]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert desk.pauses == [5.0, 5.0]
    assert desk.questions == 1


@pytest.mark.case("oauth-login:F18")
def test_onboarding_has_a_bound(cloud: GeminiCloud, desk: Desk) -> None:
    one(cloud, FRONT, "free-tier", {**onboarded({"id": BACK}), "done": "true"}, final=BACK)
    error = desk.fails(FRONT, "\n")
    assert "onboarding timed out" in error.text
    assert len(cloud.onboardings()) == 60
    assert desk.pauses == [5.0] * 59
    assert desk.questions == 0
    assert cloud.checked() == []


@pytest.mark.case("oauth-login:F19")
def test_onboarding_is_refused(cloud: GeminiCloud, desk: Desk) -> None:
    one(cloud, FRONT, "free-tier", Answer(b'{"error": "not you"}\n', 403), final=BACK)
    error = desk.fails(FRONT)
    assert error.text == 'onboard user: api request failed with status 403: {"error": "not you"}'
    assert (desk.questions, cloud.checked(), len(cloud.onboardings())) == (0, [], 1)


@pytest.mark.case("oauth-login:F20")
def test_loading_fails(cloud: GeminiCloud, desk: Desk) -> None:
    one(cloud, FRONT, "free-tier", onboarded({"id": BACK}), final=BACK)
    cloud.load = Answer(b"oops", 500)
    assert desk.fails(FRONT).text == "load code assist: api request failed with status 500: oops"
    assert (cloud.onboardings(), cloud.checked()) == ([], [])


@pytest.mark.case("oauth-login:F21")
def test_the_default_tier_counts(cloud: GeminiCloud, desk: Desk) -> None:
    one(cloud, FRONT, "-", onboarded({"id": BACK}), final=BACK)
    cloud.load = {"allowedTiers": [
        {"id": "standard-tier", "isDefault": False}, {"id": " free-tier ", "isDefault": True}, {"id": "x", "isDefault": True},
    ]}  # fmt: skip
    assert facts(desk.run(FRONT, "\n")) == (AS_F1, BACK, False)
    assert desk.questions == 1
    assert [body["tierId"] for body in cloud.onboardings()] == ["free-tier"]


@pytest.mark.case("oauth-login:F22")
def test_the_api_cannot_be_enabled(cloud: GeminiCloud, desk: Desk) -> None:
    one(cloud, FRONT, "free-tier", onboarded({"id": BACK}), final=BACK)
    cloud.service(BACK, {"state": "DISABLED"}, Answer({"error": {"message": "denied"}}, 403))
    assert desk.fails(FRONT, "\n").text == "project activation required: denied"
    assert desk.questions == 1
    assert len(cloud.requests(f"/v1/projects/{BACK}/services/{SERVICE}:enable")) == 1


@pytest.mark.parametrize("choice", ["backend", "frontend"])
def test_a_choice_without_a_question(cloud: GeminiCloud, desk: Desk, choice: str) -> None:
    final = BACK if choice == "backend" else FRONT
    one(cloud, FRONT, "free-tier", onboarded({"id": BACK}), final=final)
    typed = "2\n" if choice == "backend" else "1\n"
    assert facts(desk.run(FRONT, typed, choice))[1] == final
    assert (desk.questions, len(desk.warnings)) == (0, int(choice == "frontend"))


@pytest.mark.parametrize(
    ("load", "project"),
    [({"cloudaicompanionProject": " mine "}, "mine"), ({"cloudaicompanionProject": {"id": "mine"}}, "mine")],
)  # fmt: skip
def test_a_project_that_google_proposes(cloud: GeminiCloud, session: GoogleSession, load: Any, project: str) -> None:
    cloud.load = load
    cloud.managed[project] = [onboarded({"id": "theirs"})]
    assert set_up_project(session, " ", Nobody(), Pace()) == "theirs"
    (asked,) = cloud.requests("/v1internal:loadCodeAssist")
    assert "cloudaicompanionProject" not in asked.json


@pytest.mark.parametrize("load", [{}, {"cloudaicompanionProject": 5}, {"cloudaicompanionProject": {"id": " "}}])
def test_a_project_is_required(cloud: GeminiCloud, session: GoogleSession, load: Any) -> None:
    cloud.load = load
    with pytest.raises(LoginError, match=r"^project selection required$") as caught:
        set_up_project(session, "", Nobody(), Pace())
    assert caught.value.code == "project_selection_required"


# the Cloud AI API


@pytest.mark.parametrize(
    ("state", "enable", "words"),
    [
        ({"state": "DISABLED"}, {"name": "operations/x"}, None),
        ({"state": "DISABLED"}, Answer({}, 201), None),
        ({"state": "DISABLED"}, Answer(b"", 200), None),
        (Answer({"state": "ENABLED"}, 500), {}, None),
        (refused(403, "no look"), {}, None),
        ({"state": "DISABLED"}, refused(400, "The API is Already Enabled."), None),
        ({"state": "DISABLED"}, refused(409, "already enabled"), "already enabled"),
        ({"state": "DISABLED"}, refused(400, "billing is off"), "billing is off"),
        ({}, Answer(b"gone fishing", 503), "gone fishing"),
        ({}, Answer({"error": "plain"}, 500), '{"error": "plain"}'),
    ],
)  # fmt: skip
def test_the_api_check(cloud: GeminiCloud, desk: Desk, state: Any, enable: Any, words: str | None) -> None:
    one(cloud, "my-proj", "standard-tier", onboarded({"id": "my-proj"}), final="my-proj")
    cloud.service("my-proj", state, enable)
    if words is None:
        assert facts(desk.run("my-proj"))[1] == "my-proj"
    else:
        assert desk.fails("my-proj").text == f"project activation required: {words}"
    assert len(cloud.requests(f"/v1/projects/my-proj/services/{SERVICE}:enable")) == 1


# several projects


@pytest.mark.case("oauth-login:F23")
@pytest.mark.parametrize(("preset", "typed"), [("ALL", "\n\n\n"), ("", "all\n\n\n\n")])
def test_all_projects(cloud: GeminiCloud, desk: Desk, preset: str, typed: str) -> None:
    cloud.several(THREE, "b1", "b2")
    assert facts(desk.run(preset, typed)) == ("gemini-user@example.com-all.json", "b1,b2", False)
    assert desk.questions == 3
    assert cloud.checked() == ["b1", "b2"]
    assert [body["cloudaicompanionProject"] for body in cloud.onboardings()] == list(THREE)


@pytest.mark.case("oauth-login:F24")
def test_all_projects_that_are_one(cloud: GeminiCloud, desk: Desk) -> None:
    cloud.several(TWO, "b1")
    assert facts(desk.run("ALL", "\n\n")) == ("user@example.com-b1.json", "b1", False)
    assert desk.questions == 2
    assert cloud.checked() == ["b1"]


@pytest.mark.case("oauth-login:F25")
def test_answers_to_several_questions_are_not_lost(cloud: GeminiCloud, desk: Desk) -> None:
    cloud.several(TWO, "gen-lang-client-1", "b1")
    assert facts(desk.run("ALL", "2\n\n")) == ("gemini-user@example.com-all.json", "gen-lang-client-1,b1", False)
    assert cloud.checked() == ["gen-lang-client-1", "b1"]


@pytest.mark.case("oauth-login:F26")
def test_all_projects_of_a_paid_account(cloud: GeminiCloud, desk: Desk) -> None:
    cloud.several({"my-a": "my-a", "my-b": "zz"}, "my-a", "my-b", tier="standard-tier")
    assert facts(desk.run("ALL")) == ("gemini-user@example.com-all.json", "my-a,my-b", False)
    assert (desk.questions, len(desk.warnings)) == (0, 1)


@pytest.mark.case("oauth-login:F27")
def test_one_failure_fails_all(cloud: GeminiCloud, desk: Desk) -> None:
    cloud.several({"a": "a"}, tier="standard-tier")
    cloud.has("a", "b")
    cloud.managed["b"] = [Answer(b"no", 403)]
    assert desk.fails("ALL").text == "onboard user: api request failed with status 403: no"
    assert cloud.checked() == []


@pytest.mark.case("oauth-login:F28")
def test_not_as_before_the_change(cloud: GeminiCloud, desk: Desk) -> None:
    """Before, the frontend ids were kept: both, in a file for several projects. Now the result is that of F24."""
    cloud.several(TWO, "b1")
    made = desk.run("gen-lang-client-1,gen-lang-client-2", "\n\n")
    assert made.content["project_id"] != "gen-lang-client-1,gen-lang-client-2"
    assert facts(made) == ("user@example.com-b1.json", "b1", False)

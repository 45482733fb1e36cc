"""The table of logins from the web, names and states (management-api.md 12.3)."""

from __future__ import annotations

import pytest

from cliproxy.oauth.sessions import LIFETIME, LoginSessions, is_state, session_name


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> LoginSessions:
    return LoginSessions(clock)


def test_pending_until_it_fails(sessions: LoginSessions) -> None:
    sessions.register("s", "codex")
    found = sessions.get("s")
    assert found is not None
    assert (found.provider, found.failure, found.pending) == ("codex", "", True)
    assert sessions.is_pending("s")
    sessions.fail("s", "Bad Request")
    found = sessions.get("s")
    assert found is not None
    assert (found.failure, found.pending) == ("Bad Request", False)
    assert not sessions.is_pending("s")


def test_a_failure_without_words(sessions: LoginSessions) -> None:
    sessions.register("s", "codex")
    sessions.fail("s", "")
    found = sessions.get("s")
    assert found is not None
    assert found.failure == "Authentication failed"


def test_unknown_states(sessions: LoginSessions) -> None:
    sessions.fail("s", "no")
    sessions.remove("s")
    assert sessions.get("s") is None
    assert not sessions.keep("s")
    assert repr(sessions) == "<LoginSessions 0>"


def test_only_the_finished_one_goes(sessions: LoginSessions) -> None:
    sessions.register("a", "codex")
    sessions.register("b", "codex")
    sessions.remove("a")
    assert sessions.get("a") is None
    assert sessions.is_pending("b")
    sessions.clear()
    assert sessions.get("b") is None


def test_it_expires(sessions: LoginSessions, clock: Clock) -> None:
    sessions.register("s", "codex")
    clock.now += LIFETIME - 1
    assert sessions.is_pending("s")
    clock.now += 1
    assert sessions.get("s") is None


def test_a_failure_lives_as_long_again(sessions: LoginSessions, clock: Clock) -> None:
    sessions.register("s", "codex")
    clock.now += 599
    sessions.fail("s", "no")
    clock.now += 599
    assert sessions.get("s") is not None
    clock.now += 1
    assert sessions.get("s") is None


def test_one_that_goes_on_is_kept(sessions: LoginSessions, clock: Clock) -> None:
    sessions.register("s", "codex")
    clock.now += 599
    assert sessions.keep("s")
    clock.now += 599
    assert sessions.is_pending("s")
    sessions.fail("s", "no")
    assert not sessions.keep("s")
    clock.now += 600
    assert not sessions.keep("s")


def test_old_entries_are_dropped_on_every_access(sessions: LoginSessions, clock: Clock) -> None:
    for number in range(5):
        sessions.register(f"s{number}", "codex")
    clock.now += 600
    sessions.register("new", "codex")
    assert repr(sessions) == "<LoginSessions 1>"


@pytest.mark.parametrize("text", ["a", "gem-0af", "A.b_c-9", "x" * 128])
def test_states(text: str) -> None:
    assert is_state(text)


@pytest.mark.parametrize("text", ["", "x" * 129, "a..b", "a/b", "a\\b", "a b", "a\n", "ä", "a%2f", "\0"])
def test_no_states(text: str) -> None:
    assert not is_state(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("anthropic", "anthropic"), (" Claude ", "anthropic"), ("codex", "codex"), ("OpenAI", "codex"),
        ("gemini", "gemini"), ("google", "gemini"), ("iflow", "iflow"), ("i-Flow", "iflow"),
        ("antigravity", "antigravity"), ("Anti-Gravity", "antigravity"), ("qwen", "qwen"), ("", ""), ("vertex", ""),
    ],
)  # fmt: skip
def test_names(text: str, name: str) -> None:
    assert session_name(text) == name

"""When a Qwen login asks again, and when it gives up (oauth-login.md 7.1, 17.5)."""

from __future__ import annotations

import pytest

from cliproxy.errors import LoginError
from cliproxy.oauth.qwen import DeviceLogin, Pace, wait_for
from cliproxy.providers.tokens.qwen import Poll, PollState


class Clock:
    """Time that passes by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def waited(pace: Pace, *states: PollState) -> list[float]:
    """The pauses; the last state goes on for ever."""
    clock, left = Clock(), list(states)

    def poll() -> Poll:
        return Poll(left.pop(0) if len(left) > 1 else left[0])

    try:
        assert wait_for(poll, pace, clock=clock, sleep=clock.sleep).state is PollState.DONE
    except LoginError as error:
        clock.slept.append(-error.status if error.code == "callback_timeout" else 0)
    return clock.slept


def begun(interval: float = 0.0, lifetime: float = 0.0) -> DeviceLogin:
    return DeviceLogin("u", "c", "d", "v", interval, lifetime)


P, S, U, D = PollState.PENDING, PollState.SLOW_DOWN, PollState.UNREACHABLE, PollState.DONE


@pytest.mark.parametrize(
    ("pace", "states", "pauses"),
    [
        (Pace(begun()), [D], []),
        (Pace(begun()), [P, U, P, D], [5, 5, 5]),
        (Pace(begun()), [S, S, P, S, D], [7.5, 10, 10, 10]),
        (Pace(begun(interval=3)), [P, D], [5]),
        (Pace(begun(interval=20)), [P, S, D], [20, 20]),
        (Pace(begun()), [U], [5] * 59 + [-408]),
        (Pace(begun(lifetime=12)), [P], [5, 5, 2, -408]),
        (Pace(begun(lifetime=900)), [S], [7.5] + [10] * 29 + [2.5, -408]),
        (Pace(begun(), patience=12), [P, P, P, D], [5, 5, 2]),
        (Pace(begun(lifetime=900), patience=600), [P], [5] * 119 + [-408]),
    ],
)
def test_pauses(pace: Pace, states: list[PollState], pauses: list[float]) -> None:
    assert waited(pace, *states) == pauses


def test_reports() -> None:
    seen: list[str] = []
    outcomes = [Poll(P), Poll(U, trouble="no route"), Poll(D)]
    clock = Clock()
    wait_for(
        lambda: outcomes.pop(0), Pace(begun()), clock=clock, sleep=clock.sleep,
        report=lambda outcome: seen.append(outcome.trouble),
    )  # fmt: skip
    assert seen == ["", "no route"]

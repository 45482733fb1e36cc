"""A fake of Amp's own server: records everything, answers with whatever was planned."""

from __future__ import annotations

from upstream.plan import Plan
from upstream.server import FakeUpstream, Recorded

HELLO = Plan(body=b'{"from":"amp"}')


class FakeAmp(FakeUpstream):
    """Knows no protocol: every request is fine."""

    def __init__(self) -> None:
        super().__init__()
        self.always(HELLO)

    def understand(self, request: Recorded) -> None:
        """Nothing to understand."""

    def reset(self) -> None:
        """Forget plans and records."""
        super().reset()
        self.always(HELLO)

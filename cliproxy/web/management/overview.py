"""Live figures for the control panel; routes of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from cliproxy import __version__
from cliproxy.records.recent import KEPT, RecentRequest, RecentRequests
from cliproxy.records.timeline import LONGEST, Timeline
from cliproxy.web.management.api import Route
from cliproxy.web.management.queries import number

_TOTALS = ("requests", "errors", "input_tokens", "output_tokens")


class OverviewRoutes:
    """Their routes."""

    def __init__(self, timeline: Timeline, recent: RecentRequests) -> None:
        self._timeline, self._recent = timeline, recent

    def routes(self) -> Iterator[Route]:
        """GET ``overview`` and ``requests``."""
        yield Route("overview", ("GET",), self._overview)
        yield Route("requests", ("GET",), self._requests)

    def _overview(self) -> Any:
        """The last ``minutes`` (15 to 1440, else 60); ``totals`` are those of all points."""
        found = self._timeline.overview(number("minutes", 60, 15, LONGEST))
        return {
            "step": found.step,
            "points": [asdict(point) for point in found.points],
            "totals": {name: sum(getattr(point, name) for point in found.points) for name in _TOTALS},
            "started_at": int(self._timeline.started_at),
            "version": __version__,
        }

    def _requests(self) -> Any:
        """Those later than number ``after``, at most ``limit`` (1 to 500, else 100), newest first."""
        after, limit = number("after", 0, 0, 10**15), number("limit", 100, 1, KEPT)
        latest = self._recent.latest
        return {"requests": [_shown(one) for one in self._recent.after(after, limit)], "latest": latest}


def _shown(one: RecentRequest) -> dict[str, Any]:
    done = one.done
    return {
        "seq": one.seq, "id": done.request_id, "at": round(one.at, 3), "method": done.method, "path": done.target,
        "status": done.status, "duration_ms": _milliseconds(done.seconds),
        "ttfb_ms": _milliseconds(done.first_byte) if done.first_byte is not None else None,
        "client": done.client, "aborted": done.aborted,
    }  # fmt: skip


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)

"""Usage statistics in a folder, and records to put in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cliproxy.records.usage import ClientRequest, Tokens, UsageQueue, UsageRecord, UsageStatistics, UsageStore

MOMENT = 1_767_323_045.678
"""2026-01-02T03:04:05.678 in UTC."""


def record(key: str = "client-key-1", model: str = "gpt-5", **values: Any) -> UsageRecord:
    """One attempt; ``tokens`` as a tuple, ``route`` and ``status`` of the client's request."""
    route, status = values.pop("route", ""), values.pop("status", 0)
    tokens = Tokens(*values.pop("tokens", (10, 20, 0, 0, 30)))
    given: dict[str, Any] = {
        "provider": "codex", "auth_id": "me.json", "auth_index": "0f1e2d3c4b5a6978", "source": "me@example.com",
        "failed": False, "requested_at": MOMENT, **values,
    }  # fmt: skip
    return UsageRecord(model=model, client_key=key, tokens=tokens, request=ClientRequest(route, status), **given)


class Usage(UsageStatistics):
    """The statistics of one process; ``put`` records, ``usage`` is the parsed snapshot."""

    def put(self, *records: UsageRecord) -> None:
        for one in records:
            self.record(one)

    @property
    def body(self) -> Any:
        return json.loads(self.usage_body())

    @property
    def usage(self) -> Any:
        return self.body["usage"]

    def load(self, body: Any) -> Any:
        return json.loads(self.import_body(body if isinstance(body, bytes) else json.dumps(body).encode()))

    def details(self, key: str = "client-key-1", model: str = "gpt-5") -> list[Any]:
        found: list[Any] = self.usage["apis"][key]["models"][model]["details"]
        return found


@contextmanager
def running(path: Path, **options: Any) -> Iterator[Usage]:
    """Statistics that are stopped at the end."""
    usage = Usage(UsageQueue(), UsageStore(path, **options))
    try:
        yield usage
    finally:
        usage.stop()
        task = usage.queue._task
        assert task is None or not task.is_alive()

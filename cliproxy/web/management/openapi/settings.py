"""Settings of one value (management-api.md 6, 10): described from the table that their routes are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cliproxy.web.management.openapi.operation import Answer, Body, Group, Operation, change
from cliproxy.web.management.openapi.schemas import BOOLEAN, INTEGER, STRING, answer, body
from cliproxy.web.management.scalars import SCALARS, Scalar

KINDS = {bool: BOOLEAN, int: INTEGER, str: STRING}

MEANING: dict[str, tuple[str, Any]] = {
    "debug": ("Debug messages in the log.", True),
    "logging-to-file": ("The log goes to `logs/main.log` instead of standard output.", True),
    "logs-max-total-size-mb": ("Most that the log folder may hold, in MB; 0 = no limit. Negative becomes 0.", 100),
    "error-logs-max-files": ("How many error logs are kept; 0 = all. Negative becomes 10.", 20),
    "usage-statistics-enabled": ("Usage is recorded. What is recorded already stays.", True),
    "request-log": ("Every model call is written to a file of its own, not only failed ones.", True),
    "ws-auth": ("`/v1/ws` needs a client key. Switching it on closes the sessions there.", True),
    "request-retry": ("Rounds over the credentials after the first one failed.", 3),
    "max-retry-interval": ("Longest wait for a cooldown to end before another round, in seconds.", 30),
    "force-model-prefix": ("Credentials with a prefix answer only to names with that prefix.", True),
    "quota-exceeded/switch-project": ("Another project is tried when a Gemini project is out of quota.", True),
    "quota-exceeded/switch-preview-model": ("The preview model is tried when a Gemini model is out of quota.", True),
    "proxy-url": (
        "Proxy for everything sent upstream: `http`, `https` or `socks5`. Stored as given.",
        "socks5://127.0.0.1:1080",
    ),
    "routing/strategy": (
        "Which credential is next: `round-robin` (also `rr`) or `fill-first` (also `ff`).",
        "fill-first",
    ),
    "ampcode/upstream-url": ("Amp's server. Trimmed.", "https://ampcode.com"),
    "ampcode/upstream-api-key": ("The key for Amp's server. Trimmed, shown in clear.", "amp-key"),
    "ampcode/restrict-management-to-localhost": ("Amp's management paths answer only this machine.", True),
    "ampcode/force-model-mappings": ("Mappings come before models of our own.", True),
}
"""Path -> what it means, and a value."""


def _operations(scalar: Scalar) -> Iterator[Operation]:
    says, value = MEANING[scalar.path]
    kind = KINDS[scalar.kind]
    shown = Answer("The value in force.", answer({scalar.name: kind}), {scalar.name: value})
    yield Operation("GET", scalar.path, says, shows=(shown,))
    errors = {400: "`invalid strategy`"} if scalar.path == "routing/strategy" else {}
    for method in ("PUT", "PATCH"):
        sent = Body(body({"value": kind}), {"value": value})
        yield change(method, scalar.path, f"Set `{scalar.path}`", sent, errors=errors)
    if scalar.deletable:
        yield change("DELETE", scalar.path, f"Set `{scalar.path}` to the empty text")


GROUP = Group(
    "Settings",
    'One value each. `GET` answers `{"<name>": value}` with the last part of the path as name; `PUT` and `PATCH` take '
    '`{"value": value}` and are the same. Types are exact: `"true"` or `1` is no boolean, `1.0` no integer.',
    tuple(operation for scalar in SCALARS for operation in _operations(scalar)),
)

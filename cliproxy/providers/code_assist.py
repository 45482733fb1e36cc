"""Google's Code Assist endpoint, for calls of a Gemini CLI that are no model calls (client-api.md 12)."""

from __future__ import annotations

from collections.abc import Mapping

from cliproxy.config.settings import TimeLimits
from cliproxy.providers.http import HttpClient, Outgoing, Reply

BASE = "https://cloudcode-pa.googleapis.com"
_LIMITS = TimeLimits()
_OURS = frozenset(
    {
        "host", "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade", "content-length", "accept-encoding",
    }
)  # fmt: skip
"""Headers that belong to one connection, or to how we read the answer."""
_SPENT = _OURS | {"content-encoding"}
"""Headers of the answer that no longer hold for the decoded body."""


class CodeAssist:
    """Forwards calls as they are; ``base`` is another address for tests."""

    def __init__(self, http: HttpClient, base: str = BASE) -> None:
        self._http, self._base = http, base

    def __repr__(self) -> str:
        return f"<CodeAssist {self._base}>"

    def forward(self, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST ``body`` to ``target`` (path and query); the 2xx answer, decoded.

        :raises UpstreamError: no answer, or one outside 2xx (``UpstreamStatus``).
        """
        sent = {name: value for name, value in headers.items() if name.lower() not in _OURS}
        sent["Accept-Encoding"] = "gzip"
        reply = self._http.fetch(Outgoing(self._base + target, sent, body, _LIMITS))
        kept = {name: value for name, value in reply.headers.items() if name not in _SPENT}
        return Reply(reply.status, kept, reply.body)

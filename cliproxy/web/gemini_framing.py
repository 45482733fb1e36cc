"""Other framings of a Gemini stream than SSE (client-api.md 11.4). Events in, bytes out; no keep-alives."""

from __future__ import annotations

from cliproxy.translation import sse
from cliproxy.web.errors import gemini_body


class RawFraming:
    """Units written one after another, without SSE headers."""

    headers: tuple[tuple[str, str], ...] = ()
    keepalive = b""

    def convert(self, events: bytes) -> bytes:
        """The JSON of the events."""
        return b"".join(filter(None, map(sse.data_of, sse.split(events))))

    def error(self, status: int, text: str, last: bytes) -> bytes:
        """The error, appended."""
        return gemini_body(status, text)

    def end(self) -> bytes:
        """Nothing."""
        return b""


class ArrayFraming:
    """One well-formed JSON array, element by element (``alt=json``)."""

    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    keepalive = b""

    def __init__(self) -> None:
        self._before = b"["

    def convert(self, events: bytes) -> bytes:
        """The next elements."""
        return b"".join(self._element(data) for event in sse.split(events) if (data := sse.data_of(event)))

    def error(self, status: int, text: str, last: bytes) -> bytes:
        """The error object as last element, and the end."""
        return self._element(gemini_body(status, text)) + b"]"

    def end(self) -> bytes:
        """The closing bracket; of an empty stream the whole array."""
        return b"]" if self._before == b"," else b"[]"

    def _element(self, data: bytes) -> bytes:
        before, self._before = self._before, b","
        return before + data

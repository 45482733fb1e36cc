"""How long an HTTP/1.1 body is: chunked, counted or until the connection closes. Bytes in, bytes out, no I/O.

Our own chunk decoder instead of http.client's, because it takes everything that one socket read brought at once: a
burst of a hundred small chunks becomes one block and one write to the client (anchors.md 3.2).
"""

from __future__ import annotations

from typing import Protocol

_MAX_SIZE_LINE = 4096
"""Longest chunk-size line, extensions included, before it counts as an attack (http.client allows 65536)."""


class FramingError(ValueError):
    """The body does not follow its framing."""


class Framing(Protocol):
    """Finds the end of a body."""

    done: bool
    """True once the whole body was seen; the connection can carry another request."""

    def feed(self, data: bytes) -> bytes:
        """The body bytes in ``data``."""

    def at_eof(self) -> bool:
        """Tell whether a closed connection here means that the body is complete."""


class UntilClose:
    """A body that ends with its connection."""

    done = False

    def feed(self, data: bytes) -> bytes:
        """All of it."""
        return data

    def at_eof(self) -> bool:
        """Always: nothing else can end it, so the protocol above must know its terminal event."""
        return True


class Counted:
    """A body with a Content-Length."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length <= 0

    def feed(self, data: bytes) -> bytes:
        """At most what is left."""
        data = data[: self._left]
        self._left -= len(data)
        self.done = self._left <= 0
        return data

    def at_eof(self) -> bool:
        """False: the connection was cut."""
        return self.done


class Chunked:
    """A body in chunks; extensions and trailers are read over."""

    def __init__(self) -> None:
        self.done = False
        self._rest = b""  # bytes of an incomplete size line, or of the trailer
        self._left = 0  # bytes of the current chunk still to come, its CRLF included
        self._trailer = False

    def feed(self, data: bytes) -> bytes:
        """The payload of all chunks in ``data``, joined.

        :raises FramingError: a chunk size is not a number, or its line has no end.
        """
        if not (self._rest or self._left or self._trailer):
            # The usual case, one small chunk per read, without loops.
            line_end = data.find(b"\r\n")
            if 0 < line_end <= 8:
                size = self._size(data[:line_end])
                if size and line_end + size + 4 == len(data):
                    return data[line_end + 2 : -2]
        if self._rest:
            data, self._rest = self._rest + data, b""
        if self._trailer:
            self._skip_trailer(data, 0)
            return b""
        out: list[bytes] = []
        position = self._finish_chunk(data, out) if self._left else 0
        end = len(data)
        while position < end:
            line_end = data.find(b"\r\n", position)
            if line_end < 0:
                self._keep(data[position:])
                break
            size = self._size(data[position:line_end])
            position = line_end + 2
            if not size:
                self._skip_trailer(data, position)
                break
            stop = position + size
            out.append(data[position:stop])
            position = stop + 2
            if position > end:
                self._left = position - end
        return out[0] if len(out) == 1 else b"".join(out)

    def at_eof(self) -> bool:
        """False: the last chunk never came."""
        return self.done

    def _finish_chunk(self, data: bytes, out: list[bytes]) -> int:
        left = self._left
        if left > 2:
            out.append(data[: left - 2])
        self._left = max(0, left - len(data))
        return min(left, len(data))

    def _keep(self, rest: bytes) -> None:
        if len(rest) > _MAX_SIZE_LINE:
            raise FramingError("chunk size line is too long")
        self._rest = rest

    @staticmethod
    def _size(line: bytes) -> int:
        try:
            return int(line, 16)
        except ValueError:
            pass
        try:
            return int(line.partition(b";")[0], 16)
        except ValueError:
            raise FramingError(f"bad chunk size {line[:40]!r}") from None

    def _skip_trailer(self, data: bytes, position: int) -> None:
        self._trailer = True
        rest = data[position:]
        if rest.startswith(b"\r\n") or b"\r\n\r\n" in rest:
            self.done = True
        else:
            self._rest = rest[-65536:]

"""Request bodies: read, undo Content-Encoding, limit, parse (client-api.md 2.3, 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.compression import KNOWN, BadEncoding, TooLarge, decompress, encodings_of
from cliproxy.errors import RequestError
from cliproxy.translation import exactjson

_STEP = 1 << 20
_MAX_LAYERS = 4


def read_raw(environ: Mapping[str, Any], limit: int) -> bytes:
    """The whole body as it was sent. ``limit`` in bytes; 0 = none.

    :raises RequestError: 413 too large, 400 unreadable.
    """
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    try:
        if length:
            size = int(length)
            if limit and size > limit:
                raise too_large(limit)
            data: bytes = stream.read(size)
            if len(data) < size:
                raise invalid(f"body ended after {len(data)} of {size} bytes")
            return data
        if not environ.get("wsgi.input_terminated"):
            return b""
        return _read_chunked(stream, limit)
    except (OSError, ValueError) as error:
        raise invalid(str(error)) from error


def decoded(data: bytes, environ: Mapping[str, Any], limit: int) -> bytes:
    """A body without its Content-Encoding. ``limit`` as above, for the result.

    :raises RequestError: 413 too large, 415 unknown encoding, 400 damaged.
    """
    header = environ.get("HTTP_CONTENT_ENCODING")
    return _decoded(data, header, limit) if header else data


def parsed(data: bytes) -> dict[str, Any]:
    """A body that has to be a JSON object.

    :raises RequestError: 400, it is not.
    """
    try:
        body = exactjson.loads(data)
    except ValueError as error:
        raise invalid(f"body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise invalid("body is not a JSON object")
    return body


def read_body(environ: Mapping[str, Any], limit: int) -> bytes:
    """The whole body, decoded. Raises as ``read_raw`` and ``decoded``."""
    return decoded(read_raw(environ, limit), environ, limit)


def read_json(environ: Mapping[str, Any], limit: int) -> tuple[bytes, dict[str, Any]]:
    """(body, the same parsed): a JSON object. Raises as ``read_body`` and ``parsed``."""
    data = read_body(environ, limit)
    return data, parsed(data)


def invalid(detail: str) -> RequestError:
    """The 400 of a body that cannot be used; ``detail`` says why."""
    return RequestError(f"Invalid request: {detail}")


def too_large(limit: int) -> RequestError:
    """The 413, with the limit that applies."""
    return RequestError(
        f"Invalid request: body is larger than {limit / 1048576:g} MiB (max-request-body-mb)", status=413
    )


def _read_chunked(stream: Any, limit: int) -> bytes:
    pieces, size = [], 0
    while piece := stream.read(_STEP):
        size += len(piece)
        if limit and size > limit:
            raise too_large(limit)
        pieces.append(piece)
    return b"".join(pieces)


def _decoded(data: bytes, header: str, limit: int) -> bytes:
    layers = encodings_of(header)
    for unknown in [name for name in layers if name not in KNOWN]:
        raise RequestError(
            f"Invalid request: Content-Encoding {unknown[:40]!r} is not supported; send one of {', '.join(KNOWN)}",
            status=415,
        )
    if len(layers) > _MAX_LAYERS:
        raise RequestError("Invalid request: too many Content-Encoding layers", status=415)
    try:
        for name in reversed(layers):
            data = decompress(data, name, limit)
    except TooLarge:
        raise too_large(limit) from None
    except BadEncoding as error:
        raise invalid(f"body cannot be decoded: {error}") from None
    return data

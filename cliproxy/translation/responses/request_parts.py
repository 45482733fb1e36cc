"""Parts of Responses input items: texts, pictures, files (translation.md 2.2, client-api.md 15.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.translation.chat.request_decoder import file_of, image_of_url
from cliproxy.translation.media import standard_base64
from cliproxy.translation.model import File, Image, Part, Refusal, Text, ToolResult
from cliproxy.translation.reading import get, obj, objects, text

_TEXTS = ("input_text", "output_text", "text", None)
_IMAGES = ("input_image", "image_url")


def read_part(part: Mapping[str, Any]) -> Part | None:
    """One part of a message or of a tool's output; None for what only Responses know, an uploaded picture say."""
    kind = part.get("type")
    if kind in _TEXTS:
        found = part.get("text")
        return Text(found) if isinstance(found, str) else None
    if kind == "refusal":
        return Refusal(text(part.get("refusal")))
    if kind in _IMAGES:
        url = get(part, "image_url", "url")
        nested = obj(url)  # the shape of Chat, which some clients keep
        return image_of_url(text(url) or text(nested.get("url")), text(part.get("detail") or nested.get("detail")))
    if kind == "input_file":
        filename, data = text(part.get("filename")), text(part.get("file_data"))
        return file_of(filename, data, url=text(part.get("file_url")), file_id=text(part.get("file_id")))
    return _audio(obj(part.get("input_audio"))) if kind == "input_audio" else None


def is_empty(part: Part) -> bool:
    """True for a text without text: no upstream needs it, some refuse it (translation.md 1.2)."""
    return isinstance(part, Text | Refusal) and not part.text


def read_result(call_id: str, output: Any, *, custom: bool) -> ToolResult:
    """A tool's output: text, parts, or whatever JSON value the client sent."""
    if output is None or isinstance(output, str):
        return ToolResult(call_id, (Text(output),) if output else (), custom=custom)
    read = [part for item in objects(output) if isinstance(part := read_part(item), Text | Image | File)]
    has_media = any(not isinstance(part, Text) for part in read)
    if not isinstance(output, list) or (len(read) < len(output) and not has_media):
        return ToolResult(call_id, raw=output, custom=custom)
    return ToolResult(call_id, tuple(part for part in read if not is_empty(part)), custom=custom)


def _audio(audio: Mapping[str, Any]) -> File | None:
    data = standard_base64(text(audio.get("data")))
    return File(mime=f"audio/{text(audio.get('format')) or 'wav'}", data=data) if data else None

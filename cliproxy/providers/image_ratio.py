"""Aspect ratio of ``gemini-2.5-flash-image-preview``: a white picture of that shape to paint over (providers.md 9)."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cliproxy.translation.reading import items, text

MODEL = "gemini-2.5-flash-image-preview"
SIZES = {
    "1:1": (1024, 1024), "2:3": (832, 1248), "3:2": (1248, 832), "3:4": (864, 1184), "4:3": (1184, 864),
    "4:5": (896, 1152), "5:4": (1152, 896), "9:16": (768, 1344), "16:9": (1344, 768), "21:9": (1536, 672),
}  # fmt: skip
"""Width and height in pixels by ratio; any other ratio is square."""

_ORDER = (
    "Paint over the whole of the uploaded picture and keep its exact proportions; leave no part of it blank. "
    "The picture to draw:"
)


def wanted(model: str, body: Mapping[str, Any]) -> bool:
    """True when a request is for that model and names an aspect ratio."""
    if model != MODEL:
        return False
    config = body.get("generationConfig")
    image = config.get("imageConfig") if isinstance(config, dict) else None
    return isinstance(image, dict) and "aspectRatio" in image


def apply(body: dict[str, Any]) -> dict[str, Any]:
    """With the white picture in the first content, unless the request brings one, and without ``imageConfig``."""
    ratio = text(body["generationConfig"]["imageConfig"].get("aspectRatio"))
    config = {key: value for key, value in body["generationConfig"].items() if key != "imageConfig"}
    contents = items(body.get("contents"))
    if contents and not _has_picture(contents):
        if isinstance(contents[0], dict):
            picture = {"inlineData": {"mime_type": "image/png", "data": white_png(ratio)}}
            parts = [{"text": _ORDER}, picture, *items(contents[0].get("parts"))]
            body = {**body, "contents": [{**contents[0], "parts": parts}, *contents[1:]]}
        config["responseModalities"] = ["IMAGE", "TEXT"]
    return {**body, "generationConfig": config}


def _has_picture(contents: Any) -> bool:
    parts = [
        part
        for content in contents or []
        if isinstance(content, dict) and isinstance(content.get("parts"), list)
        for part in content["parts"]
    ]
    return any(isinstance(part, dict) and ("inlineData" in part or "inline_data" in part) for part in parts)


@lru_cache(maxsize=16)
def white_png(ratio: str) -> str:
    """A white PNG of the ratio's size, in base64."""
    width, height = SIZES.get(ratio, (1024, 1024))
    rows = (b"\0" + b"\xff" * ((width + 7) // 8)) * height  # one bit per pixel, filter 0
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")
    data = b"\x89PNG\r\n\x1a\n" + chunks
    return base64.b64encode(data).decode()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

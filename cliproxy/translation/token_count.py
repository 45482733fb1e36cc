"""Token counts without an upstream (providers.md 8): which texts count, and a BPE tokenizer that brings its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import gevent
from gevent import monkey

from cliproxy.translation import exactjson

_LONG = 20_000
"""Characters above which counting leaves the hub: 100 k tokens take tens of milliseconds."""

_ENCODINGS = ("o200k_base", "cl100k_base")
_O200K = ("gpt-5", "gpt-4.1", "gpt-4o")
_CL100K = ("gpt-4", "gpt-3.5", "gpt-3")
_REASONING = ("o1", "o3", "o4")


def encoding_for(model: str, *, codex: bool = False) -> str:
    """The tokenizer for a model name: ``o200k_base`` or ``cl100k_base``."""
    name = model.strip().lower()
    if name.startswith(_O200K):
        return "o200k_base"
    if not name or name.startswith(_CL100K) or codex:
        return "cl100k_base"
    return "o200k_base"


@lru_cache(maxsize=2)
def _tokenizer(name: str) -> Any:
    """The tokenizer with its tables: 0.7 s and 100 MB, so only for those who count."""
    import bpe_openai

    return bpe_openai.get_encoding(name)


def count_text(text: str, encoding: str) -> int:
    """The number of tokens; text that looks like special tokens counts as plain text.

    Under gevent the tables are loaded, and long texts counted, in a real thread.
    """
    if not text:
        return 0
    quick = len(text) <= _LONG and _tokenizer.cache_info().currsize == len(_ENCODINGS)
    if quick or not monkey.is_module_patched("threading"):
        return _count(text, encoding)
    counted: int = gevent.get_hub().threadpool.apply(_count, (text, encoding))
    return counted


def _count(text: str, encoding: str) -> int:
    for name in _ENCODINGS:
        _tokenizer(name)
    return len(_tokenizer(encoding).encode_ordinary(text))


def count_chat(body: Mapping[str, Any], model: str) -> int:
    """Tokens of a Chat Completions request."""
    return count_text(_joined(_chat(body)).strip(), encoding_for(model))


def count_codex(body: Mapping[str, Any], model: str) -> int:
    """Tokens of a Responses request in the Codex dialect."""
    return count_text(_joined(_codex(body)), encoding_for(model, codex=True))


def _joined(segments: Iterator[Any]) -> str:
    return "\n".join(text for segment in segments if isinstance(segment, str) and (text := segment.strip()))


def _raw(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else exactjson.text(value)


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _chat(body: Mapping[str, Any]) -> Iterator[Any]:
    for message in _items(body.get("messages")):
        yield message.get("role")
        yield message.get("name")
        yield from _content(message.get("content"))
        for call in _items(message.get("tool_calls")):
            yield call.get("id")
            yield call.get("type")
            yield from _function(call.get("function"), "name", "description", "arguments")
        yield from _function(message.get("function_call"), "name", "arguments", parameters=False)
    tools = body.get("tools")
    for tool in _items([tools] if isinstance(tools, dict) else tools):
        yield from (tool.get("type"), tool.get("name"), tool.get("description"))
        yield from _function(tool.get("function"), "name", "description")
    for function in _items(body.get("functions")):
        yield from _function(function, "name", "description")
    yield _raw(body.get("tool_choice"))
    shape = body.get("response_format")
    if isinstance(shape, dict):
        yield from (shape.get("type"), shape.get("name"), _raw(shape.get("json_schema")), _raw(shape.get("schema")))
    yield _raw(body.get("input"))
    yield _raw(body.get("prompt"))


def _function(function: Any, *keys: str, parameters: bool = True) -> Iterator[Any]:
    if isinstance(function, dict):
        for key in keys:
            yield function.get(key)
        if parameters:
            yield _raw(function.get("parameters"))


def _content(content: Any) -> Iterator[Any]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        yield _raw(content)
    elif isinstance(content, list):
        for part in content:
            yield from _part(part) if isinstance(part, dict) else _content(part)


def _part(part: Mapping[str, Any]) -> Iterator[Any]:
    kind = part.get("type")
    if kind in ("text", "input_text", "output_text"):
        yield part.get("text")
    elif kind == "image_url":
        image = part.get("image_url")
        yield image.get("url") if isinstance(image, dict) else None
    elif kind in ("input_audio", "output_audio", "audio"):
        yield part.get("id")
    elif kind == "tool_result":
        yield part.get("name")
        yield from _content(part.get("content"))
    else:
        yield _raw(dict(part))


def _codex(body: Mapping[str, Any]) -> Iterator[Any]:
    yield body.get("instructions")
    for item in _items(body.get("input")):
        kind = item.get("type")
        if kind == "message":
            for part in _items(item.get("content")):
                yield part.get("text")
        elif kind == "function_call":
            yield from (item.get("name"), item.get("arguments"))
        elif kind == "function_call_output":
            yield _raw(item.get("output"))
        else:
            yield item.get("text")
    for tool in _items(body.get("tools")):
        yield from (tool.get("name"), tool.get("description"), _raw(tool.get("parameters")))
    text = body.get("text")
    shape = text.get("format") if isinstance(text, dict) else None
    if isinstance(shape, dict):
        yield from (shape.get("name"), _raw(shape.get("schema")))

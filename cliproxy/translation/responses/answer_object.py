"""The ``response`` object that Responses clients get: ids, echo of the request, usage (translation.md 3.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cliproxy.translation import exactjson
from cliproxy.translation.events import Usage
from cliproxy.translation.function_names import short_call_id
from cliproxy.translation.reading import integer, number, obj


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return integer(value) is not None


def _is_number(value: Any) -> bool:
    return number(value) is not None


def _is_there(value: Any) -> bool:
    return value is not None


_ECHOED: Mapping[str, Callable[[Any], bool]] = {
    "instructions": _is_text, "max_output_tokens": _is_integer, "max_tool_calls": _is_integer,
    "parallel_tool_calls": _is_flag, "previous_response_id": _is_text, "prompt_cache_key": _is_text,
    "reasoning": _is_there, "safety_identifier": _is_text, "service_tier": _is_text, "store": _is_flag,
    "temperature": _is_number, "text": _is_there, "tool_choice": _is_there, "tools": _is_there,
    "top_logprobs": _is_integer, "top_p": _is_number, "truncation": _is_text, "user": _is_there, "metadata": _is_there,
}  # fmt: skip
_EXPECTED: Mapping[str, Any] = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
"""What the vendor's SDK wants in every response, in the vendor's words for not said."""


def members(**values: Any) -> bytes:
    """The members of a JSON object, without its braces; bytes are JSON already."""
    return b",".join(
        b'"%b":%b' % (key.encode(), value if isinstance(value, bytes) else exactjson.dumps(value))
        for key, value in values.items()
    )


def json_object(**values: Any) -> bytes:
    """A JSON object; bytes are JSON already."""
    return b"{%b}" % members(**values)


def echo(request: Mapping[str, Any], client_model: str) -> bytes:
    """The members that repeat the client's request; of an envelope, the request in it."""
    inner = request.get("request")
    body = inner if isinstance(inner, dict) and "input" not in request else request
    said = {key: body[key] for key, fits in _ECHOED.items() if fits(body.get(key))}
    return members(model=client_model, **{**_EXPECTED, **said})


def usage_of(usage: Usage | None) -> dict[str, Any]:
    """The usage object. Clients read all its fields, so zeros are written too."""
    usage = usage or Usage()
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_creation},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.sum,
    }


def item_id(prefix: str, *parts: Any) -> str:
    """An item's id, ``fc_call_1``; no longer than the vendor takes when it comes back (clients.md 2)."""
    return short_call_id(prefix + "_".join(str(part) for part in parts))


def free_text(arguments: str) -> str:
    """The free text of a custom tool out of the arguments of the function that stood for it."""
    try:
        found = obj(exactjson.loads(arguments)).get("input")
    except ValueError:
        return arguments
    if found is None:
        return arguments
    return found if isinstance(found, str) else exactjson.text(found)


def annotation_of(raw: Mapping[str, Any], length: int) -> dict[str, Any] | None:
    """A source as ``url_citation`` for the first ``length`` characters; None when it has no address."""
    url, title = raw.get("url"), raw.get("title")
    if not isinstance(url, str) or not url:
        return None
    start, end = integer(raw.get("start_index")), integer(raw.get("end_index"))
    return {
        "type": "url_citation", "url": url, "title": title if isinstance(title, str) else "",
        "start_index": 0 if start is None else start, "end_index": length if end is None else end,
    }  # fmt: skip

"""Small questions about parsed JSON that the checks of several upstreams ask."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

Reasons = Iterator[str]
"""Why a request is refused, one sentence each; nothing when it is taken."""

_DATA_URL = re.compile(r"data:([^;,]+)?(?:;[^,]*)?;base64,(.*)", re.DOTALL)


def objects(value: object) -> list[dict[str, Any]]:
    """The objects of a list; anything else counts as none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def member(value: object, name: str) -> Any:
    """A member of an object, None of anything else."""
    return value.get(name) if isinstance(value, dict) else None


def ids(values: Iterable[Any]) -> list[str]:
    """Identifiers as texts, so that odd ones can be compared too."""
    return [value if isinstance(value, str) else repr(value) for value in values]


def fields(value: object) -> dict[str, Any]:
    """The members of an object, their names in camelCase."""
    return {camel(name): member for name, member in value.items()} if isinstance(value, dict) else {}


def camel(name: str) -> str:
    """``snake_case`` as ``snakeCase``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def strangers(value: Mapping[str, Any], known: Collection[str], where: str) -> Reasons:
    """One reason per field that is not known."""
    for name in value:
        if name not in known:
            yield f"{where}: unknown field {name!r}"


def repeated(values: Iterable[Any]) -> list[str]:
    """The texts that occur more than once."""
    return [value for value, count in Counter(v for v in values if isinstance(v, str)).items() if count > 1]


def is_text(value: object) -> bool:
    """True for a string with something in it."""
    return isinstance(value, str) and value != ""


def is_base64(value: object) -> bool:
    """True for standard, padded base64 of at least one byte."""
    if not isinstance(value, str) or not value:
        return False
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_any_base64(value: object) -> bool:
    """The same in one of the two alphabets, padded or not, as protobuf reads it."""
    if not isinstance(value, str) or (("-" in value or "_" in value) and ("+" in value or "/" in value)):
        return False
    text = value.replace("-", "+").replace("_", "/").rstrip("=")
    return is_base64(text + "=" * (-len(text) % 4))


def is_json(value: object) -> bool:
    """True for a string that holds JSON."""
    try:
        json.loads(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def is_picture_url(value: object) -> bool:
    """True for an http URL and for a data URL with standard base64."""
    if not isinstance(value, str):
        return False
    if not value.startswith("data:"):
        return value.startswith(("http://", "https://"))
    return is_data_url(value)


def is_data_url(value: object) -> bool:
    """True for a data URL with standard base64."""
    match = _DATA_URL.fullmatch(value) if isinstance(value, str) else None
    return match is not None and bool(match[1]) and is_base64(match[2])


def is_object_schema(value: object) -> bool:
    """True for a JSON Schema of an object."""
    return isinstance(value, dict) and value.get("type") == "object"

"""Identifiers that the proxy makes where a format needs one and the source had none (translation.md 1.11)."""

from __future__ import annotations

import itertools
import secrets
import string
import time

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 24
_counter = itertools.count(1)


def random_id(prefix: str) -> str:
    """``prefix`` and 24 random letters and digits: ``toolu_``, ``call_``, ``msg_``, ``chatcmpl-``."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def tool_id(name: str) -> str:
    """``<name>-<nanoseconds>-<counter>``: clients send it back, and the name is found in it again (4.6)."""
    return f"{name}-{time.time_ns()}-{next(_counter)}"


def call_id() -> str:
    """``call_<nanoseconds>_<counter>`` for Responses clients of Gemini-family upstreams."""
    return f"call_{time.time_ns()}_{next(_counter)}"


def name_in_tool_id(identifier: str) -> str:
    """The function name in an id made by ``tool_id``; empty when it is not one."""
    name, _, counter = identifier.rpartition("-")
    name, _, nanoseconds = name.rpartition("-")
    return name if name and counter.isdecimal() and nanoseconds.isdecimal() else ""


def response_id(upstream: str) -> str:
    """``resp_...``: the upstream's id, with the prefix added; made up when there is none."""
    if not upstream:
        return f"resp_{time.time_ns():x}_{next(_counter)}"
    return upstream if upstream.startswith("resp_") else f"resp_{upstream}"

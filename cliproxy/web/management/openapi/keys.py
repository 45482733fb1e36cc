"""Lists of keys: of clients and of providers (management-api.md 7, 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cliproxy.web.management.openapi.operation import Answer, Body, Group, Operation, Parameter, change
from cliproxy.web.management.openapi.schemas import (
    ANY_OBJECT,
    INTEGER,
    SENT_STRING_MAP,
    SENT_STRINGS,
    STRING,
    STRING_MAP,
    STRINGS,
    Schema,
    answer,
    array,
    body,
    either,
    nullable,
    ref,
)

_MODEL = answer({"name": STRING, "alias": STRING})
_COMMON = {"priority?": INTEGER, "prefix?": STRING, "headers?": STRING_MAP}
_CLAUDE = {
    **_COMMON,
    "api-key": STRING,
    "base-url": STRING,
    "proxy-url": STRING,
    "models": nullable(array(_MODEL)),
    "excluded-models?": STRINGS,
}

SCHEMAS: dict[str, Schema] = {
    "GeminiKey": answer(
        {
            **_COMMON,
            "api-key": STRING,
            "base-url?": STRING,
            "proxy-url?": STRING,
            "models?": array(_MODEL),
            "excluded-models?": STRINGS,
        }
    ),
    "ClaudeKey": answer({**_CLAUDE, "cloak?": ANY_OBJECT}),
    "CodexKey": answer(_CLAUDE),
    "VertexKey": answer(
        {**_COMMON, "api-key": STRING, "base-url?": STRING, "proxy-url?": STRING, "models?": array(_MODEL)}
    ),
    "OpenAICompatibility": answer(
        {
            **_COMMON,
            "name": STRING,
            "base-url": STRING,
            "api-key-entries": nullable(array(answer({"api-key": STRING, "proxy-url?": STRING}))),
            "models": nullable(array(_MODEL)),
        }
    ),
}

_SENT_MODELS = array(body({"name?": STRING, "alias?": STRING}))
_SENT_COMMON = {"prefix?": STRING, "headers?": SENT_STRING_MAP, "base-url?": STRING}
_SENT_KEY = {**_SENT_COMMON, "api-key?": STRING, "proxy-url?": STRING}
_WITH_MODELS = {"models?": _SENT_MODELS}
_SENT_EXCLUSIONS = {"excluded-models?": SENT_STRINGS}
_SENT_ENTRIES = {"api-key-entries?": array(body({"api-key?": STRING, "proxy-url?": STRING}))}
_PRIORITY = {"priority?": INTEGER}


@dataclass(frozen=True, slots=True)
class _List:
    """A list of provider keys: what it is called, what an entry consists of, and what chooses one."""

    name: str
    title: str
    schema: str
    fields: dict[str, Schema]
    """Those that PATCH may change."""
    example: dict[str, Any]
    dropped: str
    put_only: dict[str, Schema] = field(default_factory=dict)
    selector: str = "api-key"
    named: str = "match"
    unmatched: int = 200


_LISTS = (
    _List(
        "gemini-api-key",
        "Gemini API keys",
        "GeminiKey",
        {**_SENT_KEY, **_SENT_EXCLUSIONS},
        {"api-key": "gemini-key-1", "prefix": "team"},
        "Entries without `api-key` are dropped, of equal keys the first stays.",
        put_only=_WITH_MODELS,
        unmatched=404,
    ),
    _List(
        "claude-api-key",
        "Claude API keys",
        "ClaudeKey",
        {**_SENT_KEY, **_SENT_EXCLUSIONS, **_WITH_MODELS},
        {
            "api-key": "claude-key-1",
            "base-url": "",
            "proxy-url": "",
            "models": [{"name": "claude-sonnet-4-5", "alias": "sonnet"}],
        },
        "No entry is ever dropped.",
        put_only={"cloak?": ANY_OBJECT},
    ),
    _List(
        "codex-api-key",
        "Codex API keys",
        "CodexKey",
        {**_SENT_KEY, **_SENT_EXCLUSIONS, **_WITH_MODELS},
        {"api-key": "codex-key-1", "base-url": "https://codex.example.com/v1", "proxy-url": "", "models": None},
        "Entries without `base-url` are dropped.",
    ),
    _List(
        "vertex-api-key",
        "Vertex API keys",
        "VertexKey",
        {**_SENT_KEY, **_WITH_MODELS},
        {"api-key": "vertex-key-1", "base-url": "https://vertex.example.com"},
        "Entries without `api-key` or `base-url` are dropped, of equal pairs of both the first stays.",
    ),
    _List(
        "openai-compatibility",
        "Services that speak OpenAI's API",
        "OpenAICompatibility",
        {**_SENT_COMMON, **_SENT_ENTRIES, **_WITH_MODELS, "name?": STRING},
        {
            "name": "local",
            "base-url": "http://127.0.0.1:11434/v1",
            "api-key-entries": [{"api-key": "local-key"}],
            "models": [{"name": "llama3", "alias": "llama"}],
        },
        "Entries without `base-url` are dropped.",
        selector="name",
        named="name",
    ),
)

_UNREADABLE = "`failed to read body`"
_INDEX = Parameter("index", "Position in the list, from 0. Ignored when it is no number or out of range.")


def wrapped(items: Schema) -> Schema:
    """The list itself, or ``{"items": [...]}`` with at least one."""
    return either(nullable(array(items)), body({"items": {**array(items), "minItems": 1}}))


def _provider_operations(kind: _List) -> Iterator[Operation]:
    name, entry = kind.name, kind.example
    shown = Answer(
        "`null` or `[]` when there is none.", answer({name: nullable(array(ref(kind.schema)))}), {name: [entry]}
    )
    yield Operation("GET", name, f"{kind.title}, in clear", shows=(shown,))
    sent = body({**kind.fields, **kind.put_only, **_PRIORITY})
    yield change(
        "PUT", name, f"Replace the whole list. {kind.dropped}", Body(wrapped(sent), [entry]), errors={400: _UNREADABLE}
    )
    choice = {"index?": INTEGER, f"{kind.named}?": STRING}
    selected = {kind.named: entry[kind.selector], "value": {"prefix": "team-b"}}
    yield change(
        "PATCH",
        name,
        f"Change fields of one entry, chosen by `index` or by `{kind.named}` (its `{kind.selector}`). "
        "Only the fields in `value` change; lists and maps are replaced whole.",
        Body(body({**choice, "value": {**body(kind.fields), "type": "object"}}), selected),
        errors={404: "`item not found`"},
    )
    missing = {400: f"`missing {kind.selector} or index`"}
    yield change(
        "DELETE",
        name,
        f"Remove all entries with this `{kind.selector}`, or the one at `index`",
        parameters=(
            Parameter(kind.selector, f"The `{kind.selector}` of the entries.", example=entry[kind.selector]),
            _INDEX,
        ),
        errors=missing if kind.unmatched == 200 else {**missing, 404: "`item not found`"},
    )


_KEYS = Answer(
    "`null` or `[]` when there is none.", answer({"api-keys": nullable(STRINGS)}), {"api-keys": ["client-key-1"]}
)

CLIENT_KEYS = Group(
    "Client keys",
    "The keys that clients of the proxy use. Values are kept as given.",
    (
        Operation("GET", "api-keys", "The keys", shows=(_KEYS,)),
        change(
            "PUT",
            "api-keys",
            "Replace the list; `[]` or `null` clears it",
            Body(wrapped(nullable(STRING)), ["client-key-1", "client-key-2"]),
            errors={400: _UNREADABLE},
        ),
        change(
            "PATCH",
            "api-keys",
            "Replace the key at `index`, or the first one equal to `old`; if there is none, `new` is appended",
            Body(
                body({"index?": INTEGER, "value?": STRING, "old?": STRING, "new?": STRING}),
                {"old": "client-key-1", "new": "client-key-3"},
            ),
            errors={400: "`missing fields`"},
        ),
        change(
            "DELETE",
            "api-keys",
            "Remove the key at `index`, or every one equal to `value`",
            parameters=(_INDEX, Parameter("value", "The key. Trimmed.", example="client-key-1")),
            errors={400: "`missing index or value`"},
        ),
    ),
)

PROVIDER_KEYS = Group(
    "Provider keys",
    "Keys of your own for the providers' APIs. Headers, exclusions and prefixes are trimmed after each change, empty "
    "and repeated ones dropped.",
    tuple(operation for kind in _LISTS for operation in _provider_operations(kind)),
)

"""The description as a page for people: ``python -m cliproxy.web.management.openapi.page > docs/management-api.md``."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from cliproxy.web.management.openapi import settings
from cliproxy.web.management.openapi.document import ABOUT, GROUPS, SCHEMAS
from cliproxy.web.management.openapi.operation import (
    CHANGED,
    FORM,
    INVALID_BODY,
    JSON,
    SAVE_FAILED,
    YAML,
    Group,
    Operation,
)
from cliproxy.web.management.openapi.schemas import Schema
from cliproxy.web.management.scalars import SCALARS

_HEAD = f"""\
# The management API

{ABOUT}

Paths are below `/v0/management` unless they begin with `/`. In the examples `$URL` is the server, `$M` is
`$URL/v0/management`, and `$KEY` the management key:

    curl -H "Authorization: Bearer $KEY" $M/debug

The key goes into `Authorization: Bearer <key>` or `X-Management-Key: <key>`. What every route may answer beside its own
errors: 401 without a key or with a wrong one (five in a row from one remote address lock it out for half an hour), 403
when the address may not, 404 when management is off, 413 and 415 for bodies that are too large or encoded in an unknown
way, 400 `invalid body` for those that cannot be read or have the wrong types. A change of the configuration answers
`{{"status": "ok"}}`, or 500 `failed to save config: <reason>`, and then nothing was changed.

`?` behind a name says that it may be absent. This page is made from the description that the server itself gives at
`openapi.json` (OpenAPI 3.1). [management-curl.md](management-curl.md) goes through all groups with `curl`.
"""


def page() -> str:
    """The whole page, Markdown."""
    parts = [_HEAD, *itertools.chain.from_iterable(map(_group, GROUPS)), "## Shapes", *map(_shape_section, SCHEMAS)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _group(group: Group) -> Iterator[str]:
    yield f"## {group.name}"
    yield group.about
    if group is settings.GROUP:
        yield _scalars()
        return
    for path, operations in itertools.groupby(group.operations, key=lambda operation: operation.path):
        yield from _path(path, list(operations))


def _scalars() -> str:
    """One table for all; ``DELETE`` in its column where there is one."""
    rows = ["| Path | Type | Methods | |", "|---|---|---|---|"]
    for scalar in SCALARS:
        methods = "GET, PUT, PATCH" + (", DELETE" if scalar.deletable else "")
        kind = shape(settings.KINDS[scalar.kind])
        rows.append(f"| `{scalar.path}` | {kind} | {methods} | {settings.MEANING[scalar.path][0]} |")
    operations = [operation for operation in settings.GROUP.operations if operation.path == "request-retry"]
    return "\n".join(rows) + "\n\n" + _examples(operations)


def _path(path: str, operations: list[Operation]) -> Iterator[str]:
    yield f"### `{path}`"
    yield "\n\n".join(map(_operation, operations))
    yield _examples(operations)


def _operation(operation: Operation) -> str:
    lines = [f"`{operation.method}`: {operation.summary}.".replace("..", ".")]
    for parameter in operation.parameters:
        where = "" if parameter.where == "query" else f" ({parameter.where})"
        lines.append(f"* `{parameter.name}`{where}: {parameter.says}")
    if operation.body is not None:
        form = f", or the form `{shape(operation.body.form)}`" if operation.body.form is not None else ""
        lines.append(f"* takes {_content(operation.body.kinds, operation.body.schema)}{form}")
    for shown in operation.shows:
        if shown is CHANGED or shown.status in _PARTS:
            continue
        content = _content(shown.kinds, shown.schema) if shown.kinds else "an empty body"
        lines.append(f"* {shown.status}: {content}. {shown.says}")
    errors = {status: text.removeprefix(INVALID_BODY).strip("; ") for status, text in operation.errors.items()}
    lines += [f"* {status}: {text}" for status, text in sorted(errors.items()) if text and text != SAVE_FAILED]
    return "\n".join([lines[0], "", *lines[1:]])


_PARTS = (206, 304, 416)
"""What files answer to ``RANGE`` and ``SINCE``, which say so themselves."""


def _content(kinds: Iterable[str], schema: Schema) -> str:
    others = [kind for kind in kinds if kind != JSON]
    return " or ".join(f"`{kind}`" for kind in others) if others else f"`{shape(schema)}`"


def _examples(operations: list[Operation]) -> str:
    """What the path shows, and the first change with a body."""
    shown = [operation for operation in operations if operation.method == "GET"][:1]
    changed = [operation for operation in operations if operation.method != "GET" and operation.body is not None][:1]
    lines = [line for operation in (shown + changed or operations[:1]) for line in _example(operation)]
    return "\n".join(["```sh", *lines, "```"])


def _example(operation: Operation) -> Iterator[str]:
    answer = operation.shows[0]
    yield f"$ {command(operation)}"
    if answer.kinds:
        yield from written(answer.kinds[0], answer.example).splitlines()


def command(operation: Operation) -> str:
    """A shell line that makes the request of the example."""
    words = ["curl"]
    if operation.method != "GET":
        words.append(f"-X {operation.method}")
    if not operation.open:
        words.append('-H "Authorization: Bearer $KEY"')
    if operation.body is not None:
        words.append(_sent(operation.body.kinds[0], operation.body.example))
    return " ".join([*words, _address(operation)])


def _address(operation: Operation) -> str:
    examples = {p.name: p.example for p in operation.parameters if p.example is not None and p.where == "query"}
    path = operation.path.format_map({p.name: p.example for p in operation.parameters if p.where == "path"})
    base = "$URL" if operation.open and operation.path.startswith("/") else "$M/"
    query = "&".join(f"{name}={quote(str(value), safe='@')}" for name, value in examples.items())
    return f'"{base}{path}?{query}"' if query else f"{base}{path}"


def _sent(kind: str, example: Any) -> str:
    if kind == FORM:
        return " ".join(f"-F {name}={'@key.json' if name == 'file' else value}" for name, value in example.items())
    if kind == YAML:
        return "--data-binary @config.yaml"
    return "-d '" + written(kind, example).replace("'", "'\\''") + "'"


def written(kind: str, example: Any) -> str:
    """An example as it is sent: JSON, YAML of one level, or text as it is."""
    if kind == JSON:
        return json.dumps(example, ensure_ascii=False)
    if kind == YAML:
        return "".join(f"{name}: {json.dumps(value)}\n" for name, value in example.items())
    return str(example)


def _shape_section(name: str) -> str:
    schema = SCHEMAS[name]
    required = schema.get("required", [])
    rows = [
        f"| `{field}{'' if field in required else '?'}` | {_cell(shape(found))} |"
        for field, found in schema["properties"].items()
    ]
    return "\n".join([f"### {name}", "", "| Field | Type |", "|---|---|", *rows])


def _cell(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def shape(schema: Schema) -> str:
    """A schema in short: ``{"a": string, "b"?: [integer] or null}``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(shape(found) for found in schema["anyOf"])
    kinds = schema.get("type", "anything")
    if isinstance(kinds, list):
        return " or ".join(shape({**schema, "type": kind}) for kind in kinds)
    return _structure(kinds, schema)


def _structure(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"[{shape(schema['items'])}]"
    if kind != "object":
        return kind
    if properties := schema.get("properties"):
        required = schema.get("required", [])
        fields = (_field(name, found, name in required) for name, found in properties.items())
        return "{" + ", ".join(fields) + "}"
    values = schema.get("additionalProperties")
    return f"{{name: {shape(values)}}}" if isinstance(values, dict) else "object"


def _field(name: str, schema: Schema, required: bool) -> str:
    return f'"{name}": {shape(schema)}' if required else f'"{name}"?: {shape(schema).removesuffix(" or null")}'


if __name__ == "__main__":
    sys.stdout.write(page())

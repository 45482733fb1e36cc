"""What is written down about one route, and how OpenAPI says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cliproxy.web.management.api import BASE
from cliproxy.web.management.openapi.components import (
    BODY_REFUSED,
    ERROR,
    FORBIDDEN,
    OFF,
    UNAUTHORIZED,
    VERSION_HEADERS,
    response_ref,
)
from cliproxy.web.management.openapi.schemas import STRING, Schema, answer, constant

JSON = "application/json"
FORM = "multipart/form-data"
YAML = "application/yaml"
INVALID_BODY = "`invalid body`"
SAVE_FAILED = "`failed to save config: <reason>`; nothing was changed"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or of the ``path`` or ``header``. Those with an ``example`` are in the example."""

    name: str
    says: str
    schema: Schema = field(default_factory=lambda: STRING)
    example: Any = None
    where: str = "query"

    def described(self) -> dict[str, Any]:
        """The parameter object."""
        found: dict[str, Any] = {"name": self.name, "in": self.where, "required": self.where == "path"}
        found |= {"description": self.says, "schema": self.schema}
        return found if self.example is None else {**found, "example": self.example}


@dataclass(frozen=True, slots=True)
class Body:
    """A request body: its content types with one schema, or else a ``form``. ``limited``: may be too large."""

    schema: Schema
    example: Any
    kinds: tuple[str, ...] = (JSON,)
    required: bool = True
    limited: bool = True
    form: Schema | None = None

    def described(self) -> dict[str, Any]:
        """The request body object."""
        content: dict[str, Any] = {kind: {"schema": self.schema, "example": self.example} for kind in self.kinds}
        if self.form is not None:
            content[FORM] = {"schema": self.form}
        return {"required": self.required, "content": content}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error. ``kinds``: its possible content types; none: its body is of no interest."""

    says: str
    schema: Schema
    example: Any
    kinds: tuple[str, ...] = (JSON,)
    status: int = 200
    headers: Mapping[str, Any] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """The response object."""
        found: dict[str, Any] = {"description": self.says}
        if self.headers:
            found["headers"] = dict(self.headers)
        if self.kinds:
            found["content"] = {kind: {"schema": self.schema, "example": self.example} for kind in self.kinds}
        return found


CHANGED = Answer("Done.", answer({"status": constant("ok")}), {"status": "ok"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    :param path: below ``/v0/management``, or from the root if it begins with ``/``; parameters in braces.
    :param errors: status -> the texts of ``error`` and when they are sent (Markdown). Those that all routes share
        (401, 403, management switched off) are added for routes with a key.
    :param open: needs no management key; below ``/v0/management`` the API must be available all the same.
    :param shows: the answer; more than one for several statuses.
    """

    method: str
    path: str
    summary: str
    shows: tuple[Answer, ...] = (CHANGED,)
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    errors: Mapping[int, str] = field(default_factory=dict)
    error_schemas: Mapping[int, Schema] = field(default_factory=dict)
    open: bool = False

    @property
    def full_path(self) -> str:
        """From the root."""
        return f"{BASE}/{self.path}" if self._below else self.path

    @property
    def _below(self) -> bool:
        return not self.path.startswith("/")

    def described(self, group: str) -> dict[str, Any]:
        """The operation object."""
        found: dict[str, Any] = {"tags": [group], "summary": self.summary, "operationId": self._id}
        if self.open:
            found["security"] = []
        if self.parameters:
            found["parameters"] = [parameter.described() for parameter in self.parameters]
        if self.body is not None:
            found["requestBody"] = self.body.described()
        return {**found, "responses": self._responses()}

    @property
    def _id(self) -> str:
        words = self.path.replace("{", "").replace("}", "").replace(".", "-").strip("/").split("/")
        return "-".join((self.method.lower(), *words))

    def _responses(self) -> dict[str, Any]:
        found = {str(shown.status): self._success(shown) for shown in self.shows}
        found |= {str(status): self._error(status, text) for status, text in self.errors.items()}
        if self._below:
            found.setdefault("404", response_ref(OFF))
        if not self.open:
            found |= {"401": response_ref(UNAUTHORIZED), "403": response_ref(FORBIDDEN)}
        if self.body is not None and self.body.limited:
            found |= {"413": response_ref(BODY_REFUSED), "415": response_ref(BODY_REFUSED)}
        return found

    def _success(self, shown: Answer) -> dict[str, Any]:
        return response_ref("Changed") if shown is CHANGED else self._with_versions(shown.described())

    def _error(self, status: int, text: str) -> dict[str, Any]:
        """An error of its own; a 404 may also mean that management is off, in plain text and without headers."""
        if shared := {SAVE_FAILED: "SaveFailed", INVALID_BODY: "InvalidBody"}.get(text):
            return response_ref(shared)
        content: dict[str, Any] = {JSON: {"schema": self.error_schemas.get(status, ERROR)}}
        if status == 404 and self._below:
            content["text/plain"] = {"schema": STRING}
            return {"description": f"{text}; or management is switched off", "content": content}
        return self._with_versions({"description": text, "content": content})

    def _with_versions(self, response: dict[str, Any]) -> dict[str, Any]:
        return {**response, "headers": {**response.get("headers", {}), **VERSION_HEADERS}} if self._below else response


@dataclass(frozen=True, slots=True)
class Group:
    """Routes that belong together, in a section of their own. ``about``: Markdown."""

    name: str
    about: str
    operations: tuple[Operation, ...]


RANGE = Parameter("Range", "Only a part of the file: `bytes=0-99`.", where="header")
SINCE = Parameter("If-Modified-Since", "Only if it is younger than this.", where="header")


def file_answers(
    says: str, schema: Schema, example: Any, kinds: tuple[str, ...], headers: Mapping[str, Any] | None = None
) -> tuple[Answer, ...]:
    """How a file is answered that ``RANGE`` and ``SINCE`` can be asked of."""
    return (
        Answer(says, schema, example, kinds, headers=headers or {}),
        Answer("The part that was asked for.", {}, "", kinds, status=206),
        Answer("Nothing has changed.", STRING, "", (), status=304),
        Answer("There is no such part.", STRING, "", (), status=416),
    )


def change(
    method: str,
    path: str,
    summary: str,
    body: Body | None = None,
    *,
    parameters: Iterable[Parameter] = (),
    errors: Mapping[int, str] | None = None,
) -> Operation:
    """A change of the configuration: answers ``{"status":"ok"}``, or says why it could not be made or saved."""
    found = dict(errors or {})
    if body is not None:
        found[400] = "; ".join(filter(None, (INVALID_BODY, found.get(400, ""))))
    return Operation(method, path, summary, parameters=tuple(parameters), body=body, errors={**found, 500: SAVE_FAILED})

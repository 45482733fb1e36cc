"""What all routes share: how one logs in, the answers of routes with a key, headers (management-api.md 1, 2)."""

from __future__ import annotations

from typing import Any

from cliproxy.web.management.openapi.schemas import STRING, Schema, answer, constant, ref

ERROR: Schema = ref("Error")

_ERROR: Schema = {
    "type": "object",
    "description": "An error. `error` says what is wrong; some routes add `message`, `status` or other fields.",
    "properties": {"error": STRING, "message": STRING, "status": {"const": "error"}},
    "required": ["error"],
}
VERSION_HEADERS: dict[str, Any] = {
    name: {"$ref": f"#/components/headers/{name}"} for name in ("X-CPA-VERSION", "X-CPA-COMMIT", "X-CPA-BUILD-DATE")
}
UNAUTHORIZED, FORBIDDEN, OFF, BODY_REFUSED = "Unauthorized", "Forbidden", "Off", "BodyRefused"


def response_ref(name: str) -> dict[str, Any]:
    """A response of ``components``."""
    return {"$ref": f"#/components/responses/{name}"}


def components(schemas: dict[str, Schema]) -> dict[str, Any]:
    """The components object; ``schemas``: those that the groups name."""
    return {
        "securitySchemes": _SECURITY,
        "headers": _HEADERS,
        "responses": _RESPONSES,
        "schemas": {"Error": _ERROR, **schemas},
    }


SECURITY: list[dict[str, Any]] = [{"bearer": []}, {"header": []}]
"""Either of them."""

_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The key: `Authorization: Bearer <key>`. A value without a scheme is taken as the key.",
    },
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Management-Key",
        "description": "The management key. Only looked at when there is no `Authorization` header.",
    },
}
_HEADERS = {
    "X-CPA-VERSION": {"description": "Version of the server.", "required": True, "schema": STRING},
    "X-CPA-COMMIT": {"description": "Commit that it was built from, or `none`.", "required": True, "schema": STRING},
    "X-CPA-BUILD-DATE": {"description": "When it was built, or `unknown`.", "required": True, "schema": STRING},
}


def _error(says: str, *examples: str) -> dict[str, Any]:
    named = {text: {"value": {"error": text}} for text in examples}
    return {
        "description": says,
        "headers": VERSION_HEADERS,
        "content": {"application/json": {"schema": ERROR, "examples": named}},
    }


_RESPONSES = {
    UNAUTHORIZED: _error(
        "No key, or a wrong one. The fifth from one remote address locks it out for 30 minutes.",
        "missing management key",
        "invalid management key",
    ),
    FORBIDDEN: _error(
        "Not from this address, whatever the key.",
        "remote management disabled",
        "IP banned due to too many failed attempts. Try again in 29m59s",
    ),
    OFF: {
        "description": "Management is switched off: no `secret-key`, no `MANAGEMENT_PASSWORD`. Also any unknown path.",
        "content": {"text/plain": {"schema": STRING, "example": "404 page not found"}},
    },
    "Changed": {
        "description": "Done.",
        "headers": VERSION_HEADERS,
        "content": {
            "application/json": {"schema": answer({"status": constant("ok")}), "example": {"status": "ok"}},
        },
    },
    "InvalidBody": _error("The body cannot be used.", "invalid body"),
    "SaveFailed": _error(
        "The configuration could not be written; nothing was changed.",
        "failed to save config: Permission denied",
    ),
    BODY_REFUSED: _error(
        "The body is too large, or has a `Content-Encoding` that is not known.",
    ),
}

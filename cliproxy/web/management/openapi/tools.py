"""Calls with a credential, versions, built-in models, this description (management-api.md 18, 19)."""

from __future__ import annotations

from cliproxy.web.management.openapi.credentials import INDEX
from cliproxy.web.management.openapi.operation import Answer, Body, Group, Operation, Parameter
from cliproxy.web.management.openapi.schemas import (
    ANY_OBJECT,
    BOOLEAN,
    INTEGER,
    STRING,
    STRING_MAP,
    STRINGS,
    Schema,
    answer,
    array,
    body,
    map_of,
    ref,
)

SCHEMAS: dict[str, Schema] = {
    "BuiltInModel": answer(
        {
            "id": STRING,
            "object": STRING,
            "created": INTEGER,
            "owned_by": STRING,
            "type": STRING,
            "display_name?": STRING,
            "name?": STRING,
            "version?": STRING,
            "description?": STRING,
            "inputTokenLimit?": INTEGER,
            "outputTokenLimit?": INTEGER,
            "supportedGenerationMethods?": STRINGS,
            "context_length?": INTEGER,
            "max_completion_tokens?": INTEGER,
            "supported_parameters?": STRINGS,
            "thinking?": answer(
                {
                    "min?": INTEGER,
                    "max?": INTEGER,
                    "zero_allowed?": BOOLEAN,
                    "dynamic_allowed?": BOOLEAN,
                    "levels?": STRINGS,
                }
            ),
        }
    ),
}

_CALL = {
    "auth_index?": STRING,
    "authIndex?": STRING,
    "AuthIndex?": STRING,
    "method": STRING,
    "url": STRING,
    "header?": STRING_MAP,
    "data?": STRING,
}

GROUP = Group(
    "Tools",
    "A request with a credential's token, and facts about the server.",
    (
        Operation(
            "POST",
            "api-call",
            "Send one HTTP request from the server. `$TOKEN$` in header values becomes the credential's token, renewed "
            "if need be",
            body=Body(
                body(_CALL),
                {
                    "auth_index": INDEX,
                    "method": "GET",
                    "url": "https://api.example.com/v1/usage",
                    "header": {"Authorization": "Bearer $TOKEN$"},
                },
            ),
            shows=(
                Answer(
                    "Whatever the other server answered.",
                    answer({"status_code": INTEGER, "header": map_of(STRINGS), "body": STRING}),
                    {"status_code": 200, "header": {"Content-Type": ["application/json"]}, "body": "{}"},
                ),
            ),
            errors={
                400: "`invalid body`; `missing method`; `missing url`; `invalid url`; `failed to build request`; "
                "`auth token refresh failed`; `auth token not found`",
                502: "`request failed`; `failed to read response`",
            },
        ),
        Operation(
            "GET",
            "latest-version",
            "The latest release of CLIProxyAPI, asked from GitHub",
            shows=(Answer("Its name.", answer({"latest-version": STRING}), {"latest-version": "v6.6.0"}),),
            errors={
                502: "`request_failed`, `unexpected_status`, `decode_failed`, `invalid_response` with `message`",
            },
        ),
        Operation(
            "GET",
            "model-definitions/{channel}",
            "The built-in models of a channel, whatever the credentials",
            parameters=(
                Parameter(
                    "channel",
                    "One of `claude`, `gemini`, `vertex`, `gemini-cli`, `aistudio`, `codex`, `qwen`, `iflow`, "
                    "`antigravity`.",
                    example="claude",
                    where="path",
                ),
            ),
            shows=(
                Answer(
                    "The models.",
                    answer({"channel": STRING, "models": array(ref("BuiltInModel"))}),
                    {
                        "channel": "claude",
                        "models": [
                            {
                                "id": "claude-sonnet-4-5",
                                "object": "model",
                                "created": 1759104000,
                                "owned_by": "anthropic",
                                "type": "claude",
                            }
                        ],
                    },
                ),
            ),
            errors={400: "`unknown channel`: `channel` repeats it; `channel is required`"},
        ),
        Operation(
            "GET",
            "openapi.json",
            "This description, as OpenAPI 3.1",
            shows=(Answer("The document.", ANY_OBJECT, {"openapi": "3.1.0"}),),
        ),
    ),
)

"""Credentials: auth files, their state, quotas (management-api.md 11, 15, 23)."""

from __future__ import annotations

from cliproxy.web.management.openapi.operation import (
    FORM,
    JSON,
    RANGE,
    SINCE,
    Answer,
    Body,
    Group,
    Operation,
    Parameter,
    file_answers,
)
from cliproxy.web.management.openapi.schemas import (
    ANY_OBJECT,
    ANYTHING,
    BOOLEAN,
    INTEGER,
    STRING,
    STRINGS,
    TIMESTAMP,
    Schema,
    answer,
    array,
    body,
    constant,
    map_of,
    one_of,
    ref,
)

FILE = "claude-ann@example.com.json"
INDEX = "a07d3e1d6a3b0b0b"
_CONTENT = {"type": "claude", "email": "ann@example.com", "access_token": "token"}

SCHEMAS: dict[str, Schema] = {
    "Step": answer({"time": STRING, "success": INTEGER, "failed": INTEGER}),
    "KeyUsage": answer({"success": INTEGER, "failed": INTEGER, "recent_requests": array(ref("Step"))}),
    "Cooldown": answer({"model": STRING, "reason": STRING, "message": STRING, "until": TIMESTAMP}),
    "AuthFile": answer(
        {
            "id": STRING,
            "auth_index": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            "name": STRING,
            "type": STRING,
            "provider": STRING,
            "label": STRING,
            "status": one_of("unknown", "active", "pending", "refreshing", "error", "disabled"),
            "status_message": STRING,
            "disabled": BOOLEAN,
            "unavailable": BOOLEAN,
            "runtime_only": BOOLEAN,
            "source": one_of("file", "memory"),
            "size": INTEGER,
            "email?": STRING,
            "account_type?": one_of("oauth", "api_key"),
            "account?": STRING,
            "created_at?": TIMESTAMP,
            "updated_at?": TIMESTAMP,
            "modtime?": TIMESTAMP,
            "last_refresh?": TIMESTAMP,
            "path?": STRING,
            "next_retry_after?": TIMESTAMP,
            "cooldowns?": array(ref("Cooldown")),
            "expires_at?": TIMESTAMP,
            "prefix?": STRING,
            "proxy_url?": STRING,
            "priority?": ANYTHING,
            "note?": ANYTHING,
            "headers?": ANYTHING,
            "project_id?": ANYTHING,
            "success": INTEGER,
            "failed": INTEGER,
            "recent_requests": array(ref("Step")),
            "id_token?": answer(
                {
                    "chatgpt_account_id?": STRING,
                    "plan_type?": STRING,
                    "chatgpt_subscription_active_start?": ANYTHING,
                    "chatgpt_subscription_active_until?": ANYTHING,
                }
            ),
        }
    ),
    "CredentialModel": answer({"id": STRING, "display_name?": STRING, "type?": STRING, "owned_by?": STRING}),
}

_STEP = {"time": "15:00-15:10", "success": 3, "failed": 1}
_NAME = Parameter("name", "File name, ending in `.json`.", example=FILE)
_JSON_FILE: Schema = {"type": "string", "contentMediaType": "application/json"}
_BAD_NAME = "`invalid name`; `name must end with .json`"
_DOWNLOADED = {
    "Content-Disposition": {"description": "`attachment` with the file's name.", "required": True, "schema": STRING}
}
_NO_CREDENTIAL = "`auth file not found`"
_NAMED = "`invalid request body`; `name is required`"

GROUP = Group(
    "Credentials",
    "Files in `auth-dir`, one per account, and what the server knows about them.",
    (
        Operation(
            "GET",
            "auth-files",
            "All credentials but the keys of the configuration, with their state",
            parameters=(Parameter("all", "`true`: the keys of the configuration too."),),
            shows=(
                Answer(
                    "Sorted by name.",
                    answer({"files": array(ref("AuthFile"))}),
                    {
                        "files": [
                            {
                                "id": FILE,
                                "auth_index": INDEX,
                                "name": FILE,
                                "type": "claude",
                                "provider": "claude",
                                "label": "ann@example.com",
                                "status": "active",
                                "status_message": "",
                                "disabled": False,
                                "unavailable": False,
                                "runtime_only": False,
                                "source": "file",
                                "size": 72,
                                "success": 3,
                                "failed": 1,
                                "recent_requests": [_STEP],
                                "email": "ann@example.com",
                                "account_type": "oauth",
                                "account": "ann@example.com",
                                "modtime": "2026-11-02T15:04:05.123Z",
                                "path": f"/srv/cliproxy/auths/{FILE}",
                            }
                        ]
                    },
                ),
            ),
        ),
        Operation(
            "POST",
            "auth-files",
            "Upload a file: as a form with the file field `file`, or as the body with `name` in the query",
            parameters=(Parameter("name", "File name, ending in `.json`; not for forms.", example=FILE),),
            body=Body(ANY_OBJECT, _CONTENT, form=body({"file": _JSON_FILE})),
            errors={
                400: f"{_BAD_NAME}; `file must be .json`; `failed to read body`",
                500: "`invalid auth file: <reason>`; `failed to write file: <reason>`; `failed to save file: <reason>`",
            },
        ),
        Operation(
            "DELETE",
            "auth-files",
            "Remove a file, or all of them; its models are gone at once",
            parameters=(_NAME, Parameter("all", "`true`, `1` or `*`: all files.")),
            shows=(
                Answer(
                    "`deleted`: how many, only with `all`.",
                    answer({"status": constant("ok"), "deleted?": INTEGER}),
                    {"status": "ok"},
                ),
            ),
            errors={
                400: _BAD_NAME,
                404: "`file not found`",
                500: "`failed to remove file: <reason>`, `failed to read auth dir: <reason>`",
            },
        ),
        Operation(
            "GET",
            "auth-files/models",
            "The models that a credential offers now",
            parameters=(Parameter("name", "File name or id. An unknown one has no models.", example=FILE),),
            shows=(
                Answer(
                    "In the order of their registration.",
                    answer({"models": array(ref("CredentialModel"))}),
                    {
                        "models": [
                            {
                                "id": "claude-sonnet-4-5",
                                "display_name": "Claude 4.5 Sonnet",
                                "type": "claude",
                                "owned_by": "anthropic",
                            }
                        ]
                    },
                ),
            ),
            errors={400: "`name is required`"},
        ),
        Operation(
            "GET",
            "auth-files/download",
            "One file, byte by byte",
            parameters=(_NAME, RANGE, SINCE),
            shows=file_answers("The file.", ANY_OBJECT, _CONTENT, (JSON,), _DOWNLOADED),
            errors={400: _BAD_NAME, 404: "`file not found`", 500: "`failed to read file: <reason>`"},
        ),
        Operation(
            "PATCH",
            "auth-files/status",
            "Disable a credential without removing it, or enable it again",
            body=Body(body({"name": STRING, "disabled": BOOLEAN}), {"name": FILE, "disabled": True}),
            shows=(
                Answer(
                    "In force, and in the file.",
                    answer({"status": constant("ok"), "disabled": BOOLEAN}),
                    {"status": "ok", "disabled": True},
                ),
            ),
            errors={
                400: f"{_NAMED}; `disabled is required`",
                404: _NO_CREDENTIAL,
                409: "`failed to update auth: enable its file <name> first`",
                500: "`failed to update auth: <reason>`",
            },
        ),
        Operation(
            "PATCH",
            "auth-files/fields",
            "Change fields of a file, such as `prefix`, `proxy_url`, `headers`, `priority`, `note`; `null` removes one",
            body=Body(
                {**body({"name": STRING}), "additionalProperties": True},
                {"name": FILE, "prefix": "team", "note": "Ann's"},
            ),
            errors={
                400: f"{_NAMED}; `no fields to update`; `<field> cannot be changed: <reason>`",
                404: _NO_CREDENTIAL,
                500: "`failed to update auth: <reason>`",
            },
        ),
        Operation(
            "POST",
            "reset-quota",
            "End every cooldown of a credential",
            body=Body(body({"auth_index": STRING}), {"auth_index": INDEX}),
            shows=(
                Answer(
                    "`models`: those that were blocked.",
                    answer({"status": constant("ok"), "auth_index": STRING, "models": STRINGS}),
                    {"status": "ok", "auth_index": INDEX, "models": ["claude-sonnet-4-5"]},
                ),
            ),
            errors={400: "`invalid body`", 404: "`auth not found`"},
        ),
        Operation(
            "GET",
            "api-key-usage",
            "How often keys of the configuration have worked and failed",
            shows=(
                Answer(
                    "By provider, then by `base-url|key`; `recent_requests`: the last steps of ten minutes.",
                    map_of(map_of(ref("KeyUsage"))),
                    {"gemini": {"|gemini-key-1": {"success": 3, "failed": 1, "recent_requests": [_STEP]}}},
                ),
            ),
        ),
        Operation(
            "POST",
            "vertex/import",
            "Make a credential from a Google service account's key",
            parameters=(
                Parameter("location", "Region; the form field of this name comes first. Default `us-central1`."),
            ),
            body=Body(
                body({"file": _JSON_FILE, "location?": STRING}),
                {"file": '{"type":"service_account","project_id":"my-project"}', "location": "europe-west4"},
                kinds=(FORM,),
            ),
            shows=(
                Answer(
                    "Saved and in use.",
                    answer(
                        {
                            "status": constant("ok"),
                            "auth-file": STRING,
                            "project_id": STRING,
                            "email": STRING,
                            "location": STRING,
                        }
                    ),
                    {
                        "status": "ok",
                        "auth-file": "/srv/cliproxy/auths/vertex-my-project.json",
                        "project_id": "my-project",
                        "email": "sa@my-project.iam.gserviceaccount.com",
                        "location": "europe-west4",
                    },
                ),
            ),
            errors={
                400: "`file required`; `failed to read file: <reason>`; `invalid json`; `invalid service account`; "
                "`invalid location`; `project_id missing`",
                500: "`save_failed` with `message`",
                503: "`auth directory not configured`",
            },
        ),
    ),
)

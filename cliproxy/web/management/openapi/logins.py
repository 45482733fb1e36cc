"""Logins through the web (management-api.md 12-14, 23)."""

from __future__ import annotations

from collections.abc import Iterator

from cliproxy.web.management.openapi.operation import Answer, Body, Group, Operation, Parameter
from cliproxy.web.management.openapi.schemas import BOOLEAN, STRING, answer, body, constant, either

STATE = "0123456789abcdef0123456789abcdef"
_FAILED = answer({"status": constant("error"), "error": STRING, "message?": STRING})
_FAILED_LOGIN = answer({"status": constant("error"), "error": STRING, "existing_file?": STRING})
_STATE = Parameter("state", "The state that the start of the login answered.", example=STATE)

_STARTS = (
    ("anthropic-auth-url", "Claude", "https://claude.ai/oauth/authorize?client_id=..."),
    ("codex-auth-url", "Codex (ChatGPT)", "https://auth.openai.com/oauth/authorize?client_id=..."),
    ("gemini-cli-auth-url", "Gemini CLI", "https://accounts.google.com/o/oauth2/auth?client_id=..."),
    ("antigravity-auth-url", "Antigravity", "https://accounts.google.com/o/oauth2/v2/auth?client_id=..."),
    (
        "qwen-auth-url",
        "Qwen (device flow: the code is part of the address)",
        "https://chat.qwen.ai/authorize?user_code=...",
    ),
    ("iflow-auth-url", "iFlow", "https://iflow.cn/oauth?client_id=..."),
)
_WEB_UI = Parameter(
    "is_webui",
    "`1`, `true`, `yes` or `on`: a listener on this machine takes the callback, for a browser that runs here.",
)
_PROJECT = Parameter("project_id", "A project, `ALL`, or nothing for the first one.")


_NOT_STARTED = "`failed to generate authorization url`; a client secret that is missing"
_NO_LISTENER = "with `is_webui` also `callback server unavailable`, `failed to start callback server`"


def _starts() -> Iterator[Operation]:
    for path, title, url in _STARTS:
        parameters = () if path == "qwen-auth-url" else (_WEB_UI,)
        if path == "gemini-cli-auth-url":
            parameters = (*parameters, _PROJECT)
        yield Operation(
            "GET",
            path,
            f"Start a login with {title}",
            parameters=parameters,
            shows=(
                Answer(
                    "Open `url` in a browser, then ask `get-auth-status` with `state`.",
                    answer({"status": constant("ok"), "url": STRING, "state": STRING}),
                    {"status": "ok", "url": url, "state": STATE},
                ),
            ),
            errors={500: _NOT_STARTED if path == "qwen-auth-url" else f"{_NOT_STARTED}; {_NO_LISTENER}"},
        )


_CALLBACK_ERRORS = {
    400: "`invalid body`; `unsupported provider`; `invalid redirect_url`; `state is required`; `invalid state`; "
    "`code or error is required`; `provider does not match state`",
    404: "`unknown or expired state`",
    409: "`oauth flow is not pending`",
    500: "`failed to persist oauth callback`",
}

GROUP = Group(
    "Logins",
    "A login is started, goes on in a browser, and ends in the background; the credential is in use as soon as "
    "`get-auth-status` says `ok`. When the browser runs on another machine, the address that it ends up at "
    "(`http://localhost:...`) is handed to `oauth-callback`.",
    (
        *_starts(),
        Operation(
            "POST",
            "iflow-auth-url",
            "Log in to iFlow with the cookie of its web site",
            body=Body(body({"cookie": STRING}), {"cookie": "BXAuth=abc;"}),
            shows=(
                Answer(
                    "Saved and in use.",
                    answer(
                        {
                            "status": constant("ok"),
                            "saved_path": STRING,
                            "email": STRING,
                            "expired": STRING,
                            "type": constant("iflow"),
                        }
                    ),
                    {
                        "status": "ok",
                        "saved_path": "/srv/cliproxy/auths/iflow-ann-1793629445.json",
                        "email": "ann",
                        "expired": "2027-01-01 00:00",
                        "type": "iflow",
                    },
                ),
            ),
            errors={
                400: "`cookie is required`; `cookie missing BXAuth field`; `iflow cookie authentication: <reason>`; "
                "`failed to extract email from token`",
                409: "`duplicate BXAuth found`: `existing_file` names it",
                500: "`failed to check duplicate`; `failed to save authentication tokens`",
            },
            error_schemas=dict.fromkeys((400, 409, 500), _FAILED_LOGIN),
        ),
        Operation(
            "POST",
            "oauth-callback",
            "Hand over what the browser came back with: the whole address, or its parts",
            body=Body(
                body(
                    {"provider": STRING, "redirect_url?": STRING, "code?": STRING, "state?": STRING, "error?": STRING}
                ),
                {"provider": "anthropic", "redirect_url": f"http://localhost:54545/callback?code=abc&state={STATE}"},
            ),
            errors=_CALLBACK_ERRORS,
            error_schemas=dict.fromkeys(_CALLBACK_ERRORS, _FAILED),
        ),
        Operation(
            "GET",
            "oauth-callback",
            "The same as a query, without the management key: the state protects it",
            parameters=(
                Parameter("provider", "As in the body.", example="anthropic"),
                Parameter("redirect_url", "As in the body."),
                Parameter("code", "As in the body.", example="abc"),
                _STATE,
                Parameter("error", "As in the body."),
                Parameter("error_description", "Instead of `error`."),
            ),
            errors=_CALLBACK_ERRORS,
            error_schemas=dict.fromkeys(_CALLBACK_ERRORS, _FAILED),
            open=True,
        ),
        Operation(
            "GET",
            "get-auth-status",
            "How a login is getting on",
            parameters=(_STATE,),
            shows=(
                Answer(
                    "`wait`: not done. `ok`: done; also for states that are unknown or expired. `error`: it failed.",
                    either(answer({"status": {"enum": ["ok", "wait"]}}), _FAILED),
                    {"status": "wait"},
                ),
            ),
            errors={400: "`invalid state`"},
            error_schemas={400: _FAILED},
        ),
        Operation(
            "DELETE",
            "oauth-session",
            "Give a login up",
            parameters=(_STATE,),
            shows=(
                Answer(
                    "`cancelled`: there was one.",
                    answer({"status": constant("ok"), "cancelled": BOOLEAN}),
                    {"status": "ok", "cancelled": True},
                ),
            ),
            errors={400: "`state is required`; `invalid state`"},
            error_schemas={400: _FAILED},
        ),
    ),
)

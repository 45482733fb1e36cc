"""Pages outside the API: no management key (management-api.md 12.4, 20, 21)."""

from __future__ import annotations

from cliproxy.web.management.openapi.operation import RANGE, SINCE, Answer, Group, Operation, Parameter, file_answers
from cliproxy.web.management.openapi.schemas import STRING, answer, constant

_HTML = "<!doctype html>..."
_NO_PANEL = Answer("There is none.", STRING, "", (), status=404)
_SCRIPTS = ("text/javascript", "text/css", "image/svg+xml")
_CALLBACK = tuple(
    Operation(
        "GET",
        f"/{page}/callback",
        f"Where a browser ends up after a login with {title}",
        parameters=(
            Parameter("code", "The code."),
            Parameter("state", "The state of the login."),
            Parameter("error", "Why it failed."),
            Parameter("error_description", "The same in words, if `error` is empty."),
        ),
        shows=(
            Answer("A page that says how it went, also for an unknown state.", STRING, _HTML, kinds=("text/html",)),
        ),
        open=True,
    )
    for page, title in (
        ("anthropic", "Claude"),
        ("codex", "Codex"),
        ("google", "Gemini CLI"),
        ("iflow", "iFlow"),
        ("antigravity", "Antigravity"),
    )
)

GROUP = Group(
    "Pages",
    "No management key is needed here.",
    (
        *_CALLBACK,
        Operation(
            "GET",
            "/management.html",
            "The control panel. 404 with `remote-management.disable-control-panel`",
            parameters=(RANGE, SINCE),
            shows=(*file_answers("The page.", STRING, _HTML, ("text/html",)), _NO_PANEL),
            open=True,
        ),
        Operation(
            "GET",
            "/management/{name}",
            "A script, style sheet or picture of the control panel",
            parameters=(Parameter("name", "Its path.", example="app.js", where="path"), RANGE, SINCE),
            shows=(*file_answers("The file.", STRING, "import ...", _SCRIPTS), _NO_PANEL),
            open=True,
        ),
        Operation(
            "GET",
            "/keep-alive",
            "Only with `CLIPROXY_PASSWORD`, which is the key: the server ends when this was not called for 10 seconds",
            shows=(Answer("Goes on.", answer({"status": constant("ok")}), {"status": "ok"}),),
            errors={401: "`invalid password`"},
            open=True,
        ),
    ),
)

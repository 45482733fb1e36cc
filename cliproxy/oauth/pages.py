"""What the browser sees at the end of a login (oauth-login.md 1.5)."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

from cliproxy.oauth.flow import Callback
from cliproxy.providers.tokens.apps import OAuthApp

_HTML = "text/html; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """What the browser is shown."""

    status: int
    body: str = ""
    location: str = ""
    kind: str = _HTML


def page_of(app: OAuthApp, callback: Callback) -> Page:
    """The answer of a provider's listener to a callback."""
    return _PAGES[app.provider](callback)


def _gemini(callback: Callback) -> Page:
    if callback.error:
        return Page(200, f"authentication failed: {callback.error}", kind=_TEXT)
    if not callback.code:
        return Page(200, "authentication failed: no code was found", kind=_TEXT)
    return Page(200, "<html><body><h1>Authentication successful</h1><p>You can close this window.</p></body></html>")


def _with_success_page(callback: Callback) -> Page:
    if callback.error:
        return Page(400, f"OAuth error: {callback.error}", kind=_TEXT)
    if not callback.code:
        return Page(400, "no authorization code received", kind=_TEXT)
    if not callback.state:
        return Page(400, "no state parameter received", kind=_TEXT)
    return Page(302, location="/success")


def _iflow(callback: Callback) -> Page:
    outcome = "error" if callback.error or not callback.code else "success"
    return Page(302, location=f"https://iflow.cn/oauth/{outcome}")


def _antigravity(callback: Callback) -> Page:
    if callback.error or not callback.code:
        return Page(200, "<html><body><h1>Login failed</h1><p>See the output of the command.</p></body></html>")
    return Page(200, "<html><body><h1>Login successful</h1><p>You may close this window.</p></body></html>")


_PAGES: dict[str, Callable[[Callback], Page]] = {
    "gemini": _gemini,
    "claude": _with_success_page,
    "codex": _with_success_page,
    "iflow": _iflow,
    "antigravity": _antigravity,
}

_PLATFORMS = {"claude": "https://console.anthropic.com/", "codex": "https://platform.openai.com"}

_SUCCESS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}: authentication successful</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 32rem; margin: 15vh auto; padding: 0 1rem }}
button {{ font: inherit; padding: .4rem 1rem }}
</style></head>
<body><h1>Authentication successful</h1>
<p>You are logged in to {title}. You may close this window and return to the terminal.</p>{notice}
<p><button id="close" autofocus onclick="window.close()">Close window</button>
<a href="{platform}">{title} platform</a></p>
<p>This window closes in <span id="left">10</span> s.</p>
<script>
let left = 10;
const timer = setInterval(() => {{
  document.getElementById("left").textContent = --left;
  if (left <= 0) {{ clearInterval(timer); window.close(); }}
}}, 1000);
addEventListener("keydown", (event) => {{ if (event.key === "Escape") window.close(); }});
</script></body></html>
"""


def success_page(app: OAuthApp, query: dict[str, list[str]]) -> str:
    """What Claude's and Codex's listeners show at ``/success``."""
    given = query.get("platform_url", [""])[0]
    platform = given if given.startswith("https://") else _PLATFORMS[app.provider]
    link = html.escape(platform, quote=True)
    notice = ""
    if query.get("setup_required", [""])[0] == "true":
        notice = f'\n<p>Your account needs further setup: <a href="{link}">go on there</a>.</p>'
    return _SUCCESS.format(title=html.escape(app.title), notice=notice, platform=link)

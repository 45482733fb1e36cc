"""``POST iflow-auth-url``: log in to iFlow with the cookie of a browser (management-api.md 14)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cliproxy.errors import LoginError
from cliproxy.oauth.desk import LoginDesk
from cliproxy.oauth.iflow import CookieLogin, KnownCookie
from cliproxy.web.management.answers import OK, ManagementError
from cliproxy.web.management.api import Route
from cliproxy.web.management.bodies import field, json_object
from cliproxy.web.management.logins import LoginFailed

_NO_COOKIE = "cookie is required"
_UNSAVED = "failed to save authentication tokens"
_ANSWERS = {
    "no_cookie": (400, _NO_COOKIE), "no_bxauth": (400, "cookie missing BXAuth field"),
    "duplicate_check_failed": (500, "failed to check duplicate"),
    "missing_account": (400, "failed to extract email from token"), "save_failed": (500, _UNSAVED),
    "no_auth_dir": (500, _UNSAVED),
}  # fmt: skip
"""Status and text by the code of the failure; all others have their own text."""


class IflowCookieRoute:
    """The route; answers when the login is done."""

    def __init__(self, desk: LoginDesk) -> None:
        self._desk = desk

    def routes(self) -> Iterator[Route]:
        """One."""
        yield Route("iflow-auth-url", ("POST",), self._log_in)

    def _log_in(self) -> Any:
        cookie = _cookie()
        try:
            _ = self._desk.auth_dir
            made = CookieLogin(self._desk.client, self._desk.store).run(cookie)
            path = self._desk.save(made)
        except KnownCookie as error:
            raise LoginFailed("duplicate BXAuth found", 409, existing_file=error.file) from error
        except LoginError as error:
            status, text = _ANSWERS.get(error.code, (400, ""))
            raise LoginFailed(text or error.text, status) from error
        content = made.content
        return {
            **OK, "saved_path": path, "email": content["email"], "expired": content["expired"], "type": content["type"],
        }  # fmt: skip


def _cookie() -> str:
    try:
        return field(json_object(), "cookie", str) or ""
    except ManagementError as error:
        raise LoginFailed(_NO_COOKIE) from error

"""The pages to which providers send browsers back (client-api.md 4.3, management-api.md 12.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cliproxy.oauth.flow import Callback
from cliproxy.web.callbacks import callbacks_blueprint

PAGES = {
    "/anthropic/callback": "anthropic", "/codex/callback": "codex", "/google/callback": "gemini",
    "/iflow/callback": "iflow", "/antigravity/callback": "antigravity",
}  # fmt: skip
EVERY = pytest.mark.parametrize(("path", "name"), PAGES.items())


class Logins:
    """Takes what is handed over. ``failure`` is raised instead, if there is one."""

    def __init__(self) -> None:
        self.delivered: list[tuple[str, Callback]] = []
        self.failure: OSError | None = None
        self.waits = True

    def deliver(self, name: str, callback: Callback) -> bool:
        """As ``WebLogins.deliver``."""
        if self.failure is not None:
            raise self.failure
        self.delivered.append((name, callback))
        return self.waits


@pytest.fixture
def logins() -> Logins:
    return Logins()


@pytest.fixture
def client(logins: Any) -> FlaskClient:
    app = Flask("test")
    app.register_blueprint(callbacks_blueprint(logins))
    return app.test_client()


def shown(client: FlaskClient, target: str) -> str:
    answer = client.get(target)
    assert answer.status_code == 200
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "setTimeout(() => window.close(), 5000)" in answer.text
    return answer.text


@EVERY
def test_what_came_back_is_handed_over(client: FlaskClient, logins: Logins, path: str, name: str) -> None:
    text = shown(client, f"{path}?code=%204%2Fc%20&state=%20s1%20")
    assert "<title>Authentication successful</title>" in text
    assert "<h1>Authentication successful</h1>" in text
    assert "You can close this window" in text
    assert logins.delivered == [(name, Callback("4/c", "s1"))]


@EVERY
def test_a_refusal(client: FlaskClient, logins: Logins, path: str, name: str) -> None:
    text = shown(client, f"{path}?error=<b>%22no%22&error_description=more&state=s")
    assert "Authentication successful" not in text
    assert "The login failed: &lt;b&gt;&quot;no&quot;" in text
    assert "<b>" not in text
    assert logins.delivered == [(name, Callback("", "s", '<b>"no"'))]


def test_a_description_instead_of_an_error(client: FlaskClient, logins: Logins) -> None:
    assert "The login failed: denied" in shown(client, "/codex/callback?error_description=denied&state=s")
    assert logins.delivered == [("codex", Callback("", "s", "denied"))]


@pytest.mark.parametrize("query", ["", "?code=c", "?code=c&state=", "?code=c&state=a..b", "?code=c&state=a%2Fb"])
def test_no_state_that_could_be_known(client: FlaskClient, logins: Logins, query: str) -> None:
    shown(client, f"/codex/callback{query}")
    assert logins.delivered == []


def not_waiting(logins: Logins) -> None:
    logins.waits = False


def full(logins: Logins) -> None:
    logins.failure = OSError("disk full")


@pytest.mark.parametrize("fault", [not_waiting, full])
def test_the_page_is_the_same_whatever_happens(
    client: FlaskClient, logins: Logins, caplog: pytest.LogCaptureFixture, fault: Callable[[Logins], None]
) -> None:
    expected = shown(client, "/codex/callback?code=secret-code&state=s")
    fault(logins)
    assert shown(client, "/codex/callback?code=secret-code&state=s") == expected
    assert "secret-code" not in caplog.text


def test_a_page_that_could_not_hand_over_is_logged(
    client: FlaskClient, logins: Logins, caplog: pytest.LogCaptureFixture
) -> None:
    full(logins)
    shown(client, "/codex/callback?code=c&state=s")
    assert "the callback of a login with codex could not be handed over: disk full" in caplog.text


def test_only_get(client: FlaskClient, logins: Logins) -> None:
    assert client.post("/codex/callback?code=c&state=s").status_code == 405
    assert client.get("/qwen/callback?code=c&state=s").status_code == 404
    assert logins.delivered == []

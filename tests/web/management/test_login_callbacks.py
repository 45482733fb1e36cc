"""Handing a callback over through the management API: ``oauth-callback`` (management-api.md 12.5, 23)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from management.conftest import BASE
from management.dashboard import OK, Visit, error
from oauth.authority import Answer
from oauth.sites import ANTHROPIC, CODEX, browse


def test_the_order_of_the_checks(visit: Visit) -> None:
    """Each body repairs what the one before was refused for (12.5)."""
    visitor = visit(CODEX)
    _, state = visitor.start()
    wrong = "claude"
    steps: list[tuple[dict[str, Any], int, str]] = [
        ({"provider": 7}, 400, "invalid body"),
        ({"provider": " vertex ", "redirect_url": "word"}, 400, "unsupported provider"),
        ({"provider": wrong, "redirect_url": "word"}, 400, "invalid redirect_url"),
        ({"provider": wrong, "redirect_url": "http://[::1/?code=c"}, 400, "invalid redirect_url"),
        ({"provider": wrong, "redirect_url": "http://localhost/?x=1"}, 400, "state is required"),
        ({"provider": wrong, "state": " a..b "}, 400, "invalid state"),
        ({"provider": wrong, "redirect_url": f"http://localhost/?state={'x' * 129}"}, 400, "invalid state"),
        ({"provider": wrong, "state": "unknown"}, 400, "code or error is required"),
        ({"provider": wrong, "state": "unknown", "code": "c"}, 404, "unknown or expired state"),
        ({"provider": wrong, "state": state, "code": "c"}, 400, "provider does not match state"),
    ]
    for body, status, text in steps:
        assert visitor.post(**body) == (status, error(text)), body
    assert visitor.status(state) == {"status": "wait"}
    assert visitor.post(provider="codex", state=state, error="access_denied") == (200, OK)
    assert visitor.ended(state) == error("Bad Request")
    assert visitor.post(provider=wrong, state=state, code="c") == (409, error("oauth flow is not pending"))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"'])
def test_unparsable_bodies(visit: Visit, body: bytes) -> None:
    answer = visit(CODEX).manager.ask("POST", "oauth-callback", body)
    assert (answer.status_code, answer.json) == (400, error("invalid body"))


@pytest.mark.parametrize("body", [b"null", b"{}", b'{"provider": null, "state": "s"} trailing'])
def test_bodies_without_a_provider(visit: Visit, body: bytes) -> None:
    answer = visit(CODEX).manager.ask("POST", "oauth-callback", body)
    assert (answer.status_code, answer.json) == (400, error("unsupported provider"))


def test_qwen_has_no_callback(visit: Visit) -> None:
    assert visit(CODEX).post(provider="qwen", state="s", code="c") == (400, error("unsupported provider"))


@pytest.mark.parametrize(
    "copied",
    [
        "{back}", "?{query}", "{query}", "localhost:1455/auth/callback?{query}", "http://localhost/cb#{query}",
    ],
)  # fmt: skip
def test_whatever_people_copy(visit: Visit, copied: str) -> None:
    visitor = visit(CODEX)
    url, state = visitor.start()
    back = browse(visitor.authority, url)
    text = copied.format(back=back, query=urlsplit(back).query)
    assert visitor.post(provider="codex", redirect_url=text) == (200, OK)
    assert visitor.ended(state) == OK


def test_claudes_code_as_its_console_shows_it(visit: Visit) -> None:
    visitor = visit(ANTHROPIC)
    url, state = visitor.start()
    code = browse(visitor.authority, url).partition("code=")[2].partition("&")[0]
    assert visitor.post(provider="claude", redirect_url=f"{code}#{state}") == (200, OK)
    assert visitor.ended(state) == OK


def test_what_is_named_wins_over_what_is_copied(visit: Visit) -> None:
    visitor = visit(CODEX)
    url, state = visitor.start()
    code = browse(visitor.authority, url).partition("code=")[2].partition("&")[0]
    copied = "http://localhost/?code=other&state=other"
    assert visitor.post(provider="codex", redirect_url=copied, code=f" {code} ", state=f" {state} ") == (200, OK)
    assert visitor.ended(state) == OK


def test_a_description_is_an_error(visit: Visit) -> None:
    visitor = visit(CODEX)
    _, state = visitor.start()
    copied = f"http://localhost/?error_description=No&state={state}"
    assert visitor.post(provider="codex", redirect_url=copied) == (200, OK)
    assert visitor.ended(state) == error("Bad Request")


def test_the_session_ends_meanwhile(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = visit(CODEX)
    _, state = visitor.start()
    monkeypatch.setattr("cliproxy.oauth.web_login.WebLogins.deliver", lambda logins, name, callback: False)
    assert visitor.post(provider="codex", state=state, code="c") == (409, error("oauth flow is not pending"))


def test_the_file_cannot_be_written(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = visit(CODEX)
    _, state = visitor.start()

    def full(*arguments: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("cliproxy.oauth.handover.atomic_write", full)
    status, found = visitor.post(provider="codex", state=state, code="c")
    assert (status, found) == (500, {**error("failed to persist oauth callback"), "message": "disk full"})
    assert visitor.status(state) == {"status": "wait"}


def test_half_a_character_in_a_code(visit: Visit) -> None:
    visitor = visit(CODEX)
    _, state = visitor.start()
    visitor.authority.routes["POST /oauth/token"] = lambda asked: Answer(b"no", 400)
    assert visitor.post(provider="codex", state=state, code="a\ud800") == (200, OK)
    assert visitor.ended(state)["status"] == "error"


# The query form, without a key


def test_the_query_form_needs_no_key(visit: Visit) -> None:
    visitor = visit(CODEX)
    url, state = visitor.start()
    back = browse(visitor.authority, url)
    client = visitor.manager.app.test_client()
    answer = client.get(f"{BASE}oauth-callback?provider=codex&{urlsplit(back).query}")
    assert (answer.status_code, answer.json) == (200, OK)
    assert "X-CPA-VERSION" in answer.headers
    assert visitor.ended(state) == OK
    again = client.get(f"{BASE}oauth-callback?provider=codex&{urlsplit(back).query}")
    assert (again.status_code, again.json) == (404, error("unknown or expired state"))


def test_the_query_form_takes_a_copied_url(visit: Visit) -> None:
    visitor = visit(CODEX)
    url, state = visitor.start()
    back = quote(browse(visitor.authority, url), safe="")
    answer = visitor.manager.app.test_client().get(f"{BASE}oauth-callback?provider=codex&redirect_url={back}")
    assert answer.json == OK
    assert visitor.ended(state) == OK


def test_the_query_form_of_a_refusal(visit: Visit) -> None:
    visitor = visit(CODEX)
    _, state = visitor.start()
    query = f"provider=codex&state={state}&error_description=No"
    assert visitor.manager.app.test_client().get(f"{BASE}oauth-callback?{query}").json == OK
    assert visitor.ended(state) == error("Bad Request")


def test_all_others_need_the_key(visit: Visit) -> None:
    visitor = visit(CODEX)
    client = visitor.manager.app.test_client()
    requests = [
        ("POST", "oauth-callback"),
        ("GET", "get-auth-status"),
        ("DELETE", "oauth-session"),
        ("GET", CODEX.path),
    ]
    for method, path in requests:
        assert client.open(BASE + path, method=method).status_code == 401


def test_without_a_management_api_there_is_no_query_form(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANAGEMENT_PASSWORD")
    answer = visit(CODEX).manager.app.test_client().get(f"{BASE}oauth-callback?provider=codex&state=s&code=c")
    assert answer.status_code == 404
    assert "X-CPA-VERSION" not in answer.headers

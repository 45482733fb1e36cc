"""``api-call``: requests with a credential's token (management-api.md 18, 22)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from management.auths import index_of, pool_of, write
from management.conftest import Manage, Manager
from oauth.authority import Answer, Asked, Authority
from providers.forwarding import HttpProxy, Scripted, read_head

from cliproxy.providers.tokens import apps
from cliproxy.web.management.answers import ManagementError
from cliproxy.web.management.api_call import ApiCallRoutes, wanted_of

INDEX = index_of("file:x.json")


class Place(Authority):
    """A server that says what it was asked, and Google's token endpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.routes = {f"{method} /echo": self.echo for method in ("GET", "POST")}
        self.routes["POST /token"] = self.token
        self.token_answer = Answer({"access_token": "new", "expires_in": 3600, "refresh_token": "next"})

    def echo(self, asked: Asked) -> Answer:
        return Answer(asked.body or b"nothing", 201, {"x-tWO": "1", "ETag": "e", "Content-Type": "text/plain"})

    def token(self, asked: Asked) -> Answer:
        return self.token_answer

    @property
    def forms(self) -> list[dict[str, str]]:
        """What the token endpoint was asked for."""
        return [asked.form for asked in self.requests("/token")]


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with Place() as found:
        for name in ("antigravity", "gemini"):
            moved = replace(
                apps.APPS[name], token_url=f"{found.url}/token", client_id=f"{name}-id", client_secret="sec"
            )
            monkeypatch.setitem(apps.APPS, name, moved)
        monkeypatch.setattr("cliproxy.providers.antigravity.AntigravityProvider.fetch_models", lambda *_: ())
        yield found
        assert found.refusals == []


def api(manager: Manager, place: Place, **body: Any) -> Any:
    return manager.done("POST", "api-call", {"method": "GET", "url": f"{place.url}/echo", **body})


def sent(place: Place) -> str:
    """The Authorization of the last echo."""
    return place.requests("/echo")[-1].headers["authorization"]


def with_token(manager: Manager, place: Place, index: str = INDEX) -> str:
    api(manager, place, auth_index=index, header={"Authorization": "Bearer $TOKEN$"})
    return sent(place)


def refused(manager: Manager, place: Place, **body: Any) -> tuple[int, str]:
    status, answer = manager.refused("POST", "api-call", {"method": "GET", "url": f"{place.url}/echo", **body})
    return status, answer["error"]


def test_any_request_and_any_answer(manage: Manage, place: Place) -> None:
    manager = manage()
    answer = api(
        manager,
        place,
        method=" post ",
        url=f" {place.url}/echo?a=b%20c ",
        data="h\u00e4\n",
        header={"X-One": "1", "x-utf": "\u20ac"},
    )
    headers = answer["header"]
    assert (answer["status_code"], answer["body"]) == (201, "h\u00e4\n")
    assert (headers["X-Two"], headers["Etag"], headers["Content-Type"]) == (["1"], ["e"], ["text/plain"])
    (asked,) = place.asked
    assert (asked.method, asked.query, asked.body.decode()) == ("POST", {"a": "b c"}, "h\u00e4\n")
    assert (asked.headers["x-one"], asked.headers["x-utf"].encode("latin-1").decode()) == ("1", "\u20ac")


def test_values_of_one_name_stay_together(manage: Manage) -> None:
    with Scripted(lambda connection: None) as server:
        server._scripts = [
            server.answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 2\r\n\r\n\xff!")
        ]
        answer = manage().done("POST", "api-call", {"method": "GET", "url": server.url})
    assert answer["header"]["Set-Cookie"] == ["a", "b"]
    assert answer["body"] == "\ufffd!"


def test_headers_that_are_ours(manage: Manage, place: Place) -> None:
    """The host may be named; what follows from the body may not."""
    header = {"hOST": "named.example", "Content-Length": "99", "transfer-encoding": "chunked", "Trailer": "x"}
    api(manage(), place, method="POST", data="four", header=header)
    (asked,) = place.asked
    assert (asked.headers["host"], asked.headers["content-length"], asked.body) == ("named.example", "4", b"four")
    assert not {"transfer-encoding", "trailer"} & set(asked.headers)


@pytest.mark.parametrize("field", ["auth_index", "authIndex", "AuthIndex"])
def test_the_token_goes_everywhere(manage: Manage, place: Place, field: str) -> None:
    manager = manage()
    write(manager, "x.json", type="claude", access_token="tok")
    api(
        manager,
        place,
        **{field: INDEX},
        header={"Authorization": "Bearer $TOKEN$", "X-Two": "$TOKEN$-$TOKEN$", "X-Not": "TOKEN"},
    )
    (asked,) = place.asked
    assert [asked.headers[name] for name in ("authorization", "x-two", "x-not")] == ["Bearer tok", "tok-tok", "TOKEN"]


def test_the_first_index_that_is_not_blank(manage: Manage, place: Place) -> None:
    manager = manage()
    write(manager, "x.json", type="claude", access_token="tok")
    api(manager, place, auth_index=" ", authIndex=INDEX, AuthIndex="0", header={"Authorization": "$TOKEN$"})
    assert sent(place) == "tok"


@pytest.mark.parametrize("index", ["", "0123456789abcdef"])
def test_without_a_credential_the_text_goes_out(manage: Manage, place: Place, index: str) -> None:
    assert with_token(manage(), place, index) == "Bearer $TOKEN$"


def test_a_key_of_the_configuration(manage: Manage, place: Place) -> None:
    manager = manage("claude-api-key: [{api-key: the-key}]\n")
    assert with_token(manager, place, index_of("api_key:the-key")) == "Bearer the-key"


def test_no_token(manage: Manage, place: Place) -> None:
    manager = manage()
    write(manager, "x.json", type="claude", email="a@x")
    wish = {"auth_index": INDEX, "header": {"Authorization": "$TOKEN$"}}
    assert refused(manager, place, **wish) == (400, "auth token not found")
    api(manager, place, auth_index=INDEX, header={"X": "no place for one"})
    assert len(place.asked) == 1


def antigravity(left: float, **more: Any) -> dict[str, Any]:
    """A login whose token has so many seconds left."""
    now = time.time()
    return {
        "type": "antigravity", "access_token": "old", "refresh_token": "ref", "project_id": "p", "note": "mine",
        "timestamp": int((now + left - 3600) * 1000), "expires_in": 3600, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    "login", [antigravity(-5), antigravity(20), antigravity(0, timestamp=None), antigravity(900, access_token="")]
)
def test_an_expired_token_is_renewed_once(manage: Manage, place: Place, login: dict[str, Any]) -> None:
    manager = manage()
    write(manager, "x.json", **login)
    assert with_token(manager, place) == "Bearer new"
    assert with_token(manager, place) == "Bearer new"
    assert place.forms == [
        {"client_id": "antigravity-id", "client_secret": "sec", "grant_type": "refresh_token", "refresh_token": "ref"},
    ]
    entry = pool_of(manager).get("x.json")
    assert entry is not None
    assert entry.credential.metadata["access_token"] == "new"
    saved = json.loads((manager.auths / "x.json").read_text())
    assert (saved["access_token"], saved["refresh_token"], saved["expires_in"], saved["note"]) == (
        "new",
        "next",
        3600,
        "mine",
    )
    assert (saved["type"], saved["timestamp"] > time.time() * 1000 - 60_000, "expired" in saved) == (
        "antigravity",
        True,
        True,
    )


@pytest.mark.parametrize("left", [1800.0, 40.0])
def test_a_good_token_is_used_as_it_is(manage: Manage, place: Place, left: float) -> None:
    manager = manage()
    monitored = pool_of(manager)
    write(manager, "x.json", **antigravity(left), disabled=True)  # nobody renews it in the background
    assert with_token(manager, place) == "Bearer old"
    assert place.forms == []
    assert monitored.get("x.json") is not None


def test_renewed_while_it_is_switched_off(manage: Manage, place: Place) -> None:
    manager = manage()
    write(manager, "x.json", **antigravity(-5), disabled=True)
    assert with_token(manager, place) == "Bearer new"
    assert json.loads((manager.auths / "x.json").read_text())["disabled"] is True


@pytest.mark.parametrize("login", [antigravity(-5), antigravity(-5, refresh_token="")])
def test_a_renewal_that_fails(manage: Manage, place: Place, login: dict[str, Any]) -> None:
    place.token_answer = Answer({"error": "invalid_grant"}, 400)
    manager = manage()
    write(manager, "x.json", **login, disabled=True)
    wish = {"auth_index": INDEX, "header": {"Authorization": "$TOKEN$"}}
    assert refused(manager, place, **wish) == (400, "auth token refresh failed")
    assert place.requests("/echo") == []


def test_gemini_cli(manage: Manage, place: Place) -> None:
    """The projects of a file share its token, which is renewed once, where it ended."""
    manager = manage()
    token = {"access_token": "old", "refresh_token": "ref", "expiry": "2020-01-01T00:00:00Z", "scopes": ["s"]}
    write(manager, "x.json", type="gemini", project_id="one,two", token=token)
    for index in (index_of("id:x.json::one"), index_of("id:x.json::two"), INDEX):
        assert with_token(manager, place, index) == "Bearer new"
    assert [form["client_id"] for form in place.forms] == ["gemini-id"]
    saved = json.loads((manager.auths / "x.json").read_text())
    assert (saved["access_token"], saved["token"]["access_token"], saved["token"]["scopes"]) == ("new", "new", ["s"])


def test_gemini_cli_as_long_as_it_is_good(manage: Manage, place: Place) -> None:
    manager = manage()
    write(manager, "x.json", type="gemini", project_id="one", access_token="flat")
    assert with_token(manager, place) == "Bearer flat"
    assert place.forms == []


def test_the_credentials_proxy(manage: Manage, place: Place) -> None:
    with HttpProxy() as proxy:
        manager = manage()
        write(manager, "x.json", type="claude", proxy_url=f"http://{proxy.address}")
        api(manager, place, auth_index=INDEX)
        assert proxy.lines == [f"GET {place.url}/echo HTTP/1.1"]
        api(manager, place)
        assert len(proxy.lines) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "invalid body"), (b"[]", "invalid body"), (b"null", "missing method"), ({"method": 5}, "invalid body"), ({"method": "GET", "header": []}, "invalid body"),
        ({"method": "GET", "header": {"A": 5}}, "invalid body"), ({"method": "GET", "data": {}}, "invalid body"), ({"auth_index": 5, "method": "GET"}, "invalid body"),
        ({"url": "http://x"}, "missing method"), ({"method": " ", "url": "http://x"}, "missing method"), ({"method": "GET"}, "missing url"),
        ({"method": "GET", "url": " "}, "missing url"), ({"method": "GET", "url": "/path"}, "invalid url"), ({"method": "GET", "url": "host/path"}, "invalid url"),
        ({"method": "GET", "url": "http://"}, "invalid url"), ({"method": "GET", "url": "http://[::1"}, "invalid url"), ({"method": "A B", "url": "http://x"}, "failed to build request"),
        ({"method": "GET", "url": "http://x", "header": {"A B": "c"}}, "failed to build request"), ({"method": "GET", "url": "http://x", "header": {"A": "b\r\nc: d"}}, "failed to build request"),
        ({"method": "GET", "url": "http://x", "data": "\ud800"}, "invalid body"), ({"method": "GET", "url": "http://x", "header": {"A": "\ud800"}}, "invalid body"),
        ({"method": "GET", "url": "http://\ud800/"}, "invalid body"),
    ],
)  # fmt: skip
def test_bodies_that_are_refused(manage: Manage, body: Any, error: str) -> None:
    status, answer = manage().refused("POST", "api-call", body)
    assert (status, answer["error"]) == (400, error)


def test_null_is_nothing() -> None:
    wanted = wanted_of({"method": "get", "url": "http://x", "header": {"A": None}, "data": None, "auth_index": None})
    assert (wanted.method, wanted.headers, wanted.data, wanted.index) == ("GET", {"A": ""}, None, "")
    assert wanted_of({"method": "get", "url": "http://x", "data": ""}).data is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "http://127.0.0.1:99999/"])
def test_nobody_answers(manage: Manage, url: str) -> None:
    status, answer = manage().refused("POST", "api-call", {"method": "GET", "url": url})
    assert (status, answer["error"]) == (502, "request failed")
    assert answer["message"]


def test_an_answer_that_breaks_off(manage: Manage) -> None:
    def cut(connection: Any) -> None:
        read_head(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    with Scripted(cut) as server:
        status, answer = manage().refused("POST", "api-call", {"method": "GET", "url": server.url})
    assert (status, answer["error"]) == (502, "failed to read response")


def test_the_limit(manage: Manage) -> None:
    def silent(connection: Any) -> None:
        read_head(connection)
        connection.recv(1)

    manager = manage()
    with Scripted(silent) as server:
        source = manager.app.extensions["cliproxy.lifecycle"]
        routes = ApiCallRoutes(pool_of(manager), source._http, seconds=0.2)
        (route,) = routes.routes()
        body = json.dumps({"method": "GET", "url": server.url})
        with manager.app.test_request_context(method="POST", data=body), pytest.raises(ManagementError) as caught:
            route.view()
    assert (caught.value.status, caught.value.text) == (502, "request failed")

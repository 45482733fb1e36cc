"""``latest-version`` and ``model-definitions`` (management-api.md 19)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from management.conftest import Manage
from oauth.authority import Answer, Authority
from providers.forwarding import HttpProxy

from cliproxy.config.settings import Settings
from cliproxy.providers.http import HttpClient
from cliproxy.routing.tables import TABLES
from cliproxy.web.management.answers import ManagementError
from cliproxy.web.management.versions import LATEST, VersionRoutes, definitions


@pytest.fixture
def place() -> Iterator[Authority]:
    with Authority() as authority:
        yield authority


def latest(url: str, proxy_url: str = "", seconds: float = 10) -> Any:
    client = HttpClient(lambda: Settings(proxy_url=proxy_url), {})
    try:
        return next(VersionRoutes(client, url, seconds).routes()).view()
    finally:
        client.close()


def fails(url: str) -> tuple[int | None, str, str]:
    with pytest.raises(ManagementError) as caught:
        latest(url)
    return caught.value.status, caught.value.text, caught.value.more["message"]


@pytest.mark.parametrize(
    ("answer", "version"),
    [({"tag_name": "v6.6.1", "name": "x"}, "v6.6.1"), ({"tag_name": " ", "name": " v7 "}, "v7"), ({"tag_name": None, "name": "n"}, "n")],
)  # fmt: skip
def test_the_newest_release(place: Authority, answer: dict[str, Any], version: str) -> None:
    place.routes["GET /latest"] = lambda asked: answer
    assert latest(f"{place.url}/latest") == {"latest-version": version}
    (asked,) = place.asked
    assert (asked.headers["accept"], asked.headers["user-agent"]) == ("application/vnd.github+json", "CLIProxyAPI")


def test_where_it_is_asked() -> None:
    assert LATEST == "https://api.github.com/repos/router-for-me/CLIProxyAPI/releases/latest"


def test_through_the_global_proxy(place: Authority) -> None:
    place.routes["GET /latest"] = lambda asked: {"name": "v"}
    with HttpProxy() as proxy:
        latest(f"{place.url}/latest", f"http://{proxy.address}")
        assert len(proxy.lines) == 1


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (Answer(b" " + b"x" * 2000, 403), "unexpected_status", f"status 403: {'x' * 1023}"), (Answer(b"{", 200), "decode_failed", ""),
        (Answer([], 200), "decode_failed", "the answer is not a JSON object"), (Answer({"tag_name": ""}), "invalid_response", "missing release version"),
        (Answer({}), "invalid_response", "missing release version"),
    ],
)  # fmt: skip
def test_what_goes_wrong(place: Authority, answer: Answer, error: str, message: str) -> None:
    place.routes["GET /latest"] = lambda asked: answer
    status, found, words = fails(f"{place.url}/latest")
    assert (status, found) == (502, error)
    assert words
    assert not message or words == message


def test_nobody_there() -> None:
    status, error, words = fails("http://127.0.0.1:1/latest")
    assert (status, error) == (502, "request_failed")
    assert "127.0.0.1:1" in words


def test_over_http_too(manage: Manage) -> None:
    """The server's own route; its way out is shut."""
    manager = manage("proxy-url: http://127.0.0.1:1\n")
    status, answer = manager.refused("GET", "latest-version")
    assert (status, answer["error"]) == (502, "request_failed")


@pytest.mark.parametrize("channel", [name for name in TABLES if name != "demo"])
def test_definitions(manage: Manage, channel: str) -> None:
    answer = manage().get(f"model-definitions/{channel.upper()}")
    assert answer["channel"] == channel
    models = answer["models"]
    assert {model["id"] for model in models} == {model.id for model in TABLES[channel]}
    assert all({"id", "object", "created", "owned_by", "type"} <= set(model) for model in models)
    if channel == "antigravity":
        assert [model["id"] for model in models] == sorted(model["id"] for model in models)
        assert {(model["object"], model["owned_by"], model["type"], model["created"]) for model in models} == {
            ("model", "antigravity", "antigravity", 0)
        }


def test_one_definition() -> None:
    models = {model["id"]: model for model in definitions(" Gemini ")["models"]}
    assert models["gemini-2.5-pro"] == {
        "id": "gemini-2.5-pro", "object": "model", "created": 1750118400, "owned_by": "google", "type": "gemini",
        "display_name": "Gemini 2.5 Pro", "name": "models/gemini-2.5-pro", "version": "2.5", "description": "Gemini 2.5 Pro",
        "inputTokenLimit": 1048576, "outputTokenLimit": 65536,
        "supportedGenerationMethods": ["generateContent", "countTokens", "createCachedContent", "batchGenerateContent"],
        "thinking": {"min": 128, "max": 32768, "dynamic_allowed": True},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "answer"),
    [("Nope", {"error": "unknown channel", "channel": "Nope"}), ("demo", {"error": "unknown channel", "channel": "demo"}), ("%20", {"error": "channel is required"})],
)  # fmt: skip
def test_no_such_channel(manage: Manage, path: str, answer: dict[str, str]) -> None:
    assert manage().refused("GET", f"model-definitions/{path}") == (400, answer)

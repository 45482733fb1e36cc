"""The way out: whose proxy is used, with which login, and what is never told (providers.md 2.1)."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from providers.forwarding import HttpProxy, SocksProxy
from upstream.server import FakeUpstream

from cliproxy.config.settings import Settings, TimeLimits
from cliproxy.errors import UpstreamTransport
from cliproxy.providers.http import HttpClient, Outgoing

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer k"}
DEAD = "http://dead.invalid:9"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake
        assert fake.refusals == []


def ask(url: str, proxy_url: str = "", config: str = "", environment: dict[str, str] | None = None) -> int:
    client = HttpClient(lambda: Settings(proxy_url=config), environment or {})
    try:
        return client.fetch(
            Outgoing(f"{url}/v1/chat/completions", HEADERS, BODY, TimeLimits(), proxy_url=proxy_url)
        ).status
    finally:
        client.close()


@pytest.mark.parametrize(
    ("credential", "config", "environment", "through"),
    [
        ("PROXY", DEAD, {"HTTP_PROXY": DEAD}, True), (" PROXY ", "", {}, True), ("", " PROXY ", {"HTTP_PROXY": DEAD}, True),
        ("", "", {"HTTP_PROXY": "PROXY"}, True), ("", "", {"http_proxy": "PROXY"}, True), ("", "", {"HTTP_PROXY": ""}, False),
        ("", "", {"HTTPS_PROXY": DEAD}, False), ("", "", {"HTTP_PROXY": DEAD, "NO_PROXY": "127.0.0.1"}, False),
        ("", "", {"HTTP_PROXY": DEAD, "no_proxy": "example.com,127.0.0.0/8"}, False), ("", "", {"HTTP_PROXY": DEAD, "NO_PROXY": "*"}, False),
        ("", "PROXY", {"NO_PROXY": "127.0.0.1"}, True), ("  ", "", {}, False),
        ("gopher://x", "PROXY", {}, True), ("://", "", {"HTTP_PROXY": "PROXY"}, True), ("http://", "", {}, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("spelling", ["http://{}", "HTTP://{}", "http://{}/"])
def test_who_decides(
    upstream: FakeUpstream, credential: str, config: str, environment: dict[str, str], through: bool, spelling: str
) -> None:
    with HttpProxy() as proxy:
        url = spelling.format(proxy.address)
        filled = {name: value.replace("PROXY", url) for name, value in environment.items()}
        assert ask(upstream.url, credential.replace("PROXY", url), config.replace("PROXY", url), filled) == 200
        assert proxy.lines == ([f"POST {upstream.url}/v1/chat/completions HTTP/1.1"] if through else [])
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("login", ["me:word", "m%40e:w%3Aord%2F"])
def test_an_http_proxys_login(upstream: FakeUpstream, login: str) -> None:
    with HttpProxy() as proxy:
        assert ask(upstream.url, f"http://{login}@{proxy.address}") == 200
        plain = {"me:word": b"me:word", "m%40e:w%3Aord%2F": b"m@e:w:ord/"}[login]
        assert proxy.credentials == [f"Basic {base64.b64encode(plain).decode()}"]
    headers = upstream.requests[0].headers
    assert headers["authorization"] == "Bearer k"
    assert "proxy-authorization" not in headers


def test_https_goes_through_a_tunnel_with_the_login_outside() -> None:
    """The proxy refuses here: it must have been asked for a tunnel, and have seen nothing of the call."""
    with HttpProxy() as proxy:
        with pytest.raises(UpstreamTransport) as caught:
            ask("https://upstream.invalid", f"http://me:word@{proxy.address}")
        assert [line.rsplit(" ", 1)[0] for line in proxy.lines] == ["CONNECT upstream.invalid:443"]
        assert proxy.credentials == [f"Basic {base64.b64encode(b'me:word').decode()}"]
    assert "word" not in caught.value.text
    assert "https://upstream.invalid" in caught.value.text


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS5"])
def test_socks_resolves_names_at_the_proxy(upstream: FakeUpstream, scheme: str) -> None:
    with SocksProxy({"upstream.invalid": upstream.port}) as proxy:
        assert ask("http://upstream.invalid:8080", f"{scheme}://127.0.0.1:{proxy.port}") == 200
        assert proxy.asked == [("upstream.invalid", 8080)]
    assert upstream.requests[0].headers["host"] == "upstream.invalid:8080"


def test_a_socks_proxys_login(upstream: FakeUpstream) -> None:
    with SocksProxy({"upstream.invalid": upstream.port}, login=("m@e", "w:ord")) as proxy:
        assert ask("http://upstream.invalid", f"socks5://m%40e:w%3Aord@127.0.0.1:{proxy.port}") == 200
        with pytest.raises(UpstreamTransport) as caught:
            ask("http://upstream.invalid", f"socks5://me:guess@127.0.0.1:{proxy.port}")
        assert proxy.logins == [("m@e", "w:ord"), ("me", "guess")]
    assert "guess" not in caught.value.text
    assert len(upstream.requests) == 1


def test_a_socks_proxy_that_cannot_reach_it() -> None:
    with SocksProxy({}) as proxy:
        with pytest.raises(UpstreamTransport) as caught:
            ask("http://upstream.invalid", f"socks5://127.0.0.1:{proxy.port}")
        assert proxy.asked == [("upstream.invalid", 80)]
    assert caught.value.status is None


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_is_not_there(scheme: str) -> None:
    """No silent direct connection: the upstream must not see our address."""
    with HttpProxy() as gone:
        port = gone.port
    with FakeUpstream() as upstream, pytest.raises(UpstreamTransport) as caught:
        ask(upstream.url, f"{scheme}://me:word@127.0.0.1:{port}")
    assert upstream.requests == []
    assert "word" not in caught.value.text
    assert caught.value.status is None


def test_credentials_with_different_proxies_do_not_share_connections(upstream: FakeUpstream) -> None:
    client = HttpClient(Settings, {})
    with HttpProxy() as first, HttpProxy() as second:
        for proxy in ("", f"http://{first.address}", f"http://{second.address}", ""):
            client.fetch(Outgoing(f"{upstream.url}/v1/chat/completions", HEADERS, BODY, TimeLimits(), proxy_url=proxy))
        assert (len(first.lines), len(second.lines)) == (1, 1)
    assert [request.connection for request in upstream.requests] == [0, 1, 2, 0]
    client.close()


def test_many_proxies_are_not_kept_for_ever(upstream: FakeUpstream) -> None:
    """A dashboard that changes proxies all day must not collect sockets."""
    client = HttpClient(Settings, {})
    for port in range(1, 300):
        client.transport(f"http://127.0.0.1:{port}", upstream.url)
    assert repr(client).count("<Transport") <= 64
    client.close()
    assert repr(client).count("<Transport") == 0


def test_a_proxy_changed_in_the_configuration_counts_at_once(upstream: FakeUpstream) -> None:
    with HttpProxy() as proxy:
        settings = [Settings()]
        client = HttpClient(lambda: settings[0], {})
        request = Outgoing(f"{upstream.url}/v1/chat/completions", HEADERS, BODY, TimeLimits())
        client.fetch(request)
        settings[0] = Settings(proxy_url=f"http://{proxy.address}")
        client.fetch(request)
        settings[0] = Settings()
        client.fetch(request)
        assert len(proxy.lines) == 1
        client.close()

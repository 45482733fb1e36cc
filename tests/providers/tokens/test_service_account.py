"""Tokens of service accounts: what is signed, what is sent, what is kept (oauth-login.md 10.2)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import rsa
from upstream.waiting import eventually

from cliproxy.errors import UpstreamError, UpstreamStatus, UpstreamTransport
from cliproxy.providers.http import Outgoing, Reply
from cliproxy.providers.tokens.client import TokenClient
from cliproxy.providers.tokens.private_key import UnusableKey
from cliproxy.providers.tokens.service_account import ServiceAccountTokens, assertion, fetch

NOW = 1_790_000_000.75
URI = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def key_text() -> str:
    return key().private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()).decode()


def account(**more: Any) -> dict[str, Any]:
    own = {"client_email": "sa@p.example", "private_key_id": "kid-1", "private_key": key_text(), "token_uri": URI}
    return {**own, **more}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Google:
    """A ``Fetcher`` that is a token endpoint: it numbers its tokens, and waits at ``gate``."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.answer: dict[str, Any] = {"expires_in": 3600}

    def fetch(self, request: Outgoing) -> Reply:
        self.sent.append(request)
        number = len(self.sent)
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        return Reply(200, {}, json.dumps({"access_token": f"token-{number}", **self.answer}).encode())


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(google: Google, clock: Clock) -> ServiceAccountTokens:
    return ServiceAccountTokens(google, clock)


def read(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(header, claims) of a JWT whose signature is right."""
    claims = jwt.decode(
        text, key().public_key(), algorithms=["RS256"], options={"verify_exp": False, "verify_aud": False,
                                                                  "verify_iat": False},
    )  # fmt: skip
    return jwt.get_unverified_header(text), claims


def test_what_is_signed() -> None:
    header, claims = read(assertion(account(), NOW))
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assert claims == {
        "iss": "sa@p.example", "scope": SCOPE, "aud": URI, "iat": 1_789_999_990, "exp": 1_790_003_590,
    }  # fmt: skip


def test_defaults() -> None:
    header, claims = read(assertion(account(private_key_id=" ", token_uri=""), NOW))
    assert header == {"alg": "RS256", "typ": "JWT"}
    assert claims["aud"] == URI
    _, claims = read(assertion(account(token_uri="http://other/t"), NOW))
    assert claims["aud"] == "http://other/t"


def test_a_key_that_has_suffered_still_signs() -> None:
    escaped = key_text().replace("\n", "\\n")
    read(assertion(account(private_key=f"\x1b[1m{escaped}"), NOW))


def test_what_is_sent(google: Google) -> None:
    found = fetch(TokenClient(google, "socks5://p:1"), account(token_uri="http://tokens/here"), NOW)
    assert (found.text, found.ends, found.renew_at) == ("token-1", NOW + 3600, NOW + 3300)
    (sent,) = google.sent
    assert (sent.method, sent.url, sent.proxy_url) == ("POST", "http://tokens/here", "socks5://p:1")
    assert sent.headers == {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    assert (sent.limits.first_byte, sent.limits.idle) == (30, 30)
    form = dict(parse_qsl((sent.body or b"").decode(), strict_parsing=True))
    assert form.pop("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    _, claims = read(form.pop("assertion"))
    assert claims["aud"] == "http://tokens/here"
    assert form == {}


def test_no_secret_in_repr(google: Google, tokens: ServiceAccountTokens) -> None:
    tokens.of(account())
    assert "token-1" not in f"{tokens!r}{fetch(TokenClient(google), account(), NOW)!r}"


def test_kept_until_shortly_before_its_end(google: Google, clock: Clock, tokens: ServiceAccountTokens) -> None:
    assert [tokens.of(account()) for _ in range(3)] == ["token-1"] * 3
    clock.now += 3299
    assert tokens.of(account(note="other keys do not matter")) == "token-1"
    clock.now += 1
    assert [tokens.of(account()) for _ in range(2)] == ["token-2"] * 2
    _, claims = read(dict(parse_qsl((google.sent[1].body or b"").decode()))["assertion"])
    assert claims["iat"] == 1_790_003_290


@pytest.mark.parametrize(("life", "kept"), [(600, 300), (100, 50), ("100", 50), (0, 0), (None, 0), ("x", 0), (-5, 0)])
def test_short_lives(google: Google, clock: Clock, tokens: ServiceAccountTokens, life: Any, kept: float) -> None:
    google.answer = {"expires_in": life}
    tokens.of(account())
    if kept:
        clock.now += kept - 1
        assert tokens.of(account()) == "token-1"
        clock.now += 1
    assert tokens.of(account()) == "token-2"


@pytest.mark.parametrize(
    "other",
    [
        {"client_email": "b@p"}, {"private_key_id": "k2"}, {"token_uri": "http://x/"},
        {"private_key": f"Key:\n{key_text()}"},
    ],
    ids=["email", "key id", "endpoint", "key"],
)  # fmt: skip
def test_another_account_has_another_token(google: Google, tokens: ServiceAccountTokens, other: dict[str, Any]) -> None:
    assert [tokens.of(account()), tokens.of(account(**other)), tokens.of(account())] == ["token-1", "token-2", "token-1"]


def test_a_token_that_was_refused_is_forgotten(tokens: ServiceAccountTokens) -> None:
    tokens.of(account())
    tokens.forget(account())
    assert tokens.of(account()) == "token-2"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UpstreamStatus('{"error":"invalid_grant"}', status=400), '{"error":"invalid_grant"}'),
        (UpstreamTransport("cannot reach http://x: refused"), "cannot reach http://x: refused"),
    ],
)
def test_failures_are_not_kept(google: Google, tokens: ServiceAccountTokens, error: Exception, text: str) -> None:
    google.error = error
    for _ in range(2):
        with pytest.raises(UpstreamError) as caught:
            tokens.of(account())
        assert (caught.value.text, caught.value.status) == (text, None)
    assert len(google.sent) == 2
    google.error = None
    assert tokens.of(account()) == "token-3"


@pytest.mark.parametrize("answer", [{"access_token": ""}, {"access_token": 5}, {"access_token": None}])
def test_an_answer_without_a_token(google: Google, tokens: ServiceAccountTokens, answer: dict[str, Any]) -> None:
    google.answer = answer
    with pytest.raises(UpstreamError, match="without an access token"):
        tokens.of(account())


def test_an_early_renewal_that_fails_costs_nothing(google: Google, clock: Clock, tokens: ServiceAccountTokens) -> None:
    tokens.of(account())
    google.error = UpstreamStatus("down", status=503)
    clock.now = NOW + 3400
    assert [tokens.of(account()) for _ in range(3)] == ["token-1"] * 3
    assert len(google.sent) == 2  # tried once, then left alone for a minute
    clock.now += 60
    assert tokens.of(account()) == "token-1"
    assert len(google.sent) == 3
    clock.now = NOW + 3600
    with pytest.raises(UpstreamError, match=r"^down$"):
        tokens.of(account())


def test_a_key_that_cannot_sign(google: Google, tokens: ServiceAccountTokens) -> None:
    for _ in range(2):
        with pytest.raises(UnusableKey, match="missing private_key"):
            tokens.of(account(private_key=""))
    assert google.sent == []


def test_one_request_at_a_time_in_threads(google: Google, tokens: ServiceAccountTokens) -> None:
    google.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(tokens.of, account()) for _ in range(8)]
        eventually(lambda: google.sent, "somebody asks")
        google.gate.set()
        assert [one.result(10) for one in waiting] == ["token-1"] * 8
    assert len(google.sent) == 1


def test_a_failure_is_everybodys_who_waited_for_it(google: Google, tokens: ServiceAccountTokens) -> None:
    google.gate.clear()
    google.error = UpstreamStatus("no", status=400)
    slot = tokens._slot(account())
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(tokens.of, account())
        eventually(lambda: google.sent, "somebody asks")
        held = slot.lock

        class Counted:
            waiting = 0

            def acquire(self, blocking: bool = True) -> bool:
                Counted.waiting += 1
                return held.acquire(blocking)

            def release(self) -> None:
                held.release()

        slot.lock = Counted()  # type: ignore[assignment]
        others = [pool.submit(tokens.of, account()) for _ in range(3)]
        eventually(lambda: Counted.waiting == 3, "three wait")
        google.gate.set()
        assert [str(one.exception(10)) for one in (first, *others)] == ["no"] * 4
    assert len(google.sent) == 1


def test_nobody_waits_for_an_early_renewal(google: Google, clock: Clock, tokens: ServiceAccountTokens) -> None:
    tokens.of(account())
    clock.now += 3400
    google.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(tokens.of, account())
        eventually(lambda: len(google.sent) == 2, "one renews")
        assert tokens.of(account()) == "token-1"
        google.gate.set()
        assert renewing.result(10) == "token-2"
    assert tokens.of(account()) == "token-2"


def test_accounts_do_not_wait_for_each_other(google: Google, tokens: ServiceAccountTokens) -> None:
    google.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(tokens.of, account(client_email=name)) for name in ("a", "b")]
        eventually(lambda: len(google.sent) == 2, "both ask")
        google.gate.set()
        assert sorted(one.result(10) for one in waiting) == ["token-1", "token-2"]


def test_memory_is_bounded(clock: Clock, tokens: ServiceAccountTokens) -> None:
    for number in range(1000):
        tokens._slot(account(client_email=str(number)))
    tokens.of(account(client_email="7"))
    tokens.forget(account(client_email="new"))
    assert len(tokens._slots) <= 3
    assert tokens.of(account(client_email="7")) == "token-1"


def in_greenlets() -> None:
    """A hundred greenlets want a token of one account while one of them, the asker, is killed."""
    import gevent

    google, clock = Google(), Clock()
    tokens = ServiceAccountTokens(google, clock)
    google.gate.clear()
    crowd = [gevent.spawn(tokens.of, account()) for _ in range(100)]
    _spin(lambda: bool(google.sent))
    crowd[0].kill()
    _spin(lambda: len(google.sent) == 2)
    google.gate.set()
    gevent.joinall(crowd, timeout=10)
    assert [one.value for one in crowd[1:]] == ["token-2"] * 99
    assert len(google.sent) == 2


def _spin(condition: Callable[[], bool]) -> None:
    import gevent

    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.005)


def test_one_request_at_a_time_in_greenlets() -> None:
    code = "from gevent import monkey; monkey.patch_all(); import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code, __file__], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


if __name__ == "__main__":
    in_greenlets()

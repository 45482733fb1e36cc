"""Who may use the management API (management-api.md 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from cliproxy.config.management_key import hash_key
from cliproxy.config.settings import RemoteManagement, Settings
from cliproxy.web.management.authentication import (
    ManagementAuthenticator,
    ManagementRefused,
    clock_time,
    presented_key,
    remote_address,
)

FAR = "203.0.113.9"


@dataclass
class World:
    """An authenticator, its clock, and a hash check that is quick: the hash of ``x`` is ``#x``."""

    secret: str = ""
    allow_remote: bool = True
    environ: dict[str, str] = field(default_factory=dict)
    now: float = 1000.0
    checked: list[str] = field(default_factory=list)
    meanwhile: Any = None

    def __post_init__(self) -> None:
        self.authenticator = ManagementAuthenticator(self.settings, self.environ, lambda: self.now, self.verify)

    def settings(self) -> Settings:
        return Settings(remote_management=RemoteManagement(self.allow_remote, self.secret))

    def verify(self, key: str, hashed: str) -> bool:
        self.checked.append(key)
        if self.meanwhile is not None:
            hook, self.meanwhile = self.meanwhile, None
            hook()
        return hashed == f"#{key}"

    def ask(self, authorization: str | None = None, *, peer: str = "127.0.0.1", **more: str) -> tuple[int, str]:
        """(status, error words); (200, "") when let in."""
        environ: dict[str, Any] = {"REMOTE_ADDR": peer, **more}
        if authorization is not None:
            environ["HTTP_AUTHORIZATION"] = authorization
        try:
            self.authenticator.check(environ)
        except ManagementRefused as refusal:
            response = refusal.response
            if response.status_code != 404:
                assert response.content_type == "application/json; charset=utf-8"
                assert {"X-CPA-VERSION", "X-CPA-COMMIT", "X-CPA-BUILD-DATE"} <= set(response.headers.keys())
                exposed = response.headers["Access-Control-Expose-Headers"]
                assert exposed == "X-CPA-VERSION, X-CPA-COMMIT, X-CPA-BUILD-DATE"
                return response.status_code, response.get_json()["error"]
            assert not [name for name in dict(response.headers) if name.startswith("X-CPA")]
            return 404, response.get_data(as_text=True)
        return 200, ""


OK, MISSING, INVALID = (200, ""), (401, "missing management key"), (401, "invalid management key")
DISABLED = (403, "remote management disabled")


def test_without_any_secret_there_is_nothing() -> None:
    world = World()
    assert world.ask("Bearer x") == (404, "404 page not found")
    world.secret = "#x"
    assert world.ask("Bearer x") == OK
    world.secret = ""
    assert world.ask("Bearer x") == (404, "")
    assert not world.authenticator.available


@pytest.mark.parametrize("secret", ["#x", ""])
def test_each_secret_makes_it_available(secret: str) -> None:
    assert World(secret).authenticator.available is bool(secret)
    assert World(environ={"MANAGEMENT_PASSWORD": " p "}).ask("Bearer p") == OK
    assert World(environ={"CLIPROXY_PASSWORD": "p"}).ask("Bearer p") == OK
    assert not World(environ={"MANAGEMENT_PASSWORD": "  ", "CLIPROXY_PASSWORD": ""}).authenticator.available


def test_variables_are_read_once() -> None:
    world = World()
    world.environ["MANAGEMENT_PASSWORD"] = "p"
    assert not world.authenticator.available


@pytest.mark.parametrize(
    ("authorization", "more", "answer"),
    [
        ("Bearer x", {}, OK), ("bEaReR x", {}, OK), ("x", {}, OK), (None, {"HTTP_X_MANAGEMENT_KEY": "x"}, OK),
        ("", {"HTTP_X_MANAGEMENT_KEY": "x"}, OK), ("Bearer ", {"HTTP_X_MANAGEMENT_KEY": "x"}, OK),
        ("Bearer y", {"HTTP_X_MANAGEMENT_KEY": "x"}, INVALID), ("Basic x", {}, INVALID), ("Bearer  x", {}, INVALID),
        ("Bearer", {}, INVALID), (None, {}, MISSING), ("", {}, MISSING), ("Bearer ", {}, MISSING),
        (None, {"QUERY_STRING": "key=x", "HTTP_COOKIE": "key=x"}, MISSING), ("Bearer \xff", {}, INVALID),
    ],
)  # fmt: skip
def test_where_the_key_is(authorization: str | None, more: dict[str, str], answer: tuple[int, str]) -> None:
    assert World("#x").ask(authorization, **more) == answer


def test_keys_beyond_ascii() -> None:
    assert World("#schlüssel").ask("Bearer " + "schlüssel".encode().decode("latin-1")) == OK
    assert presented_key({"HTTP_AUTHORIZATION": "Bearer " + "é".encode().decode("latin-1")}) == "é".encode()


def test_a_long_key_is_cut_as_bcrypt_does() -> None:
    world = World("#" + "x" * 72)
    assert world.ask("Bearer " + "x" * 100) == OK
    assert world.checked == ["x" * 72]
    assert World("#x").ask("Bearer " + "x" * 71 + "é".encode().decode("latin-1")) == INVALID


def test_the_accepted_pair_is_remembered() -> None:
    world = World("#x")
    assert [world.ask("Bearer x") for _ in range(3)] == [OK] * 3
    assert world.checked == ["x"]
    assert [world.ask("Bearer y") for _ in range(2)] == [INVALID] * 2
    assert world.ask("Bearer x") == OK
    assert world.checked == ["x", "y", "y"]
    world.secret = "#z"
    assert world.ask("Bearer x") == INVALID
    assert world.ask("Bearer z") == OK


def test_the_real_hash() -> None:
    world = World(hash_key("open sesame"))
    world.authenticator = ManagementAuthenticator(world.settings, {})
    assert world.ask("Bearer open sesame") == OK
    assert world.ask("Bearer open") == INVALID
    assert world.ask("Bearer open\x00sesame") == INVALID


def test_remote_access() -> None:
    assert World("#x", allow_remote=False).ask("Bearer x", peer=FAR) == DISABLED
    assert World("#x", allow_remote=False).ask("Bearer x") == OK
    assert World("#x").ask("Bearer x", peer=FAR) == OK
    assert World("#x", allow_remote=False, environ={"MANAGEMENT_PASSWORD": "p"}).ask("Bearer p", peer=FAR) == OK
    assert World("#x", allow_remote=False, environ={"MANAGEMENT_PASSWORD": "p"}).ask("Bearer x", peer=FAR) == OK
    local = World(environ={"CLIPROXY_PASSWORD": "p"})
    assert local.ask("Bearer p", peer=FAR) == INVALID
    assert World(allow_remote=False, environ={"CLIPROXY_PASSWORD": "p"}).ask("Bearer p", peer=FAR) == DISABLED


@pytest.mark.parametrize(
    ("peer", "forwarded"),
    [("127.0.0.1", FAR), (FAR, "127.0.0.1"), ("", ""), ("::1", f"127.0.0.1, {FAR}")],
)
def test_who_is_remote(peer: str, forwarded: str) -> None:
    world = World("#x", allow_remote=False)
    assert world.ask("Bearer x", peer=peer, HTTP_X_FORWARDED_FOR=forwarded) == DISABLED
    assert world.ask("Bearer x", peer="::1", HTTP_X_FORWARDED_FOR="127.0.0.1") == OK


@pytest.mark.parametrize("wrong", ["Bearer y", None])
def test_five_failures_are_a_ban(wrong: str | None) -> None:
    world = World("#x", environ={"MANAGEMENT_PASSWORD": "p"})
    refused = INVALID if wrong else MISSING
    assert [world.ask(wrong, peer=FAR) for _ in range(5)] == [refused] * 5
    words = "IP banned due to too many failed attempts. Try again in "
    assert world.ask("Bearer x", peer=FAR) == (403, words + "30m0s")
    world.now += 1.4
    assert world.ask("Bearer p", peer=FAR) == (403, words + "29m59s")
    assert world.ask("Bearer x", peer="203.0.113.8") == OK
    world.now += 1800
    assert [world.ask(wrong, peer=FAR) for _ in range(4)] == [refused] * 4  # the counter began anew
    assert world.ask("Bearer x", peer=FAR) == OK
    assert [world.ask(wrong, peer=FAR) for _ in range(4)] == [refused] * 4
    assert world.ask("Bearer p", peer=FAR) == OK


def test_a_ban_comes_before_everything_else() -> None:
    world = World("#x")
    for _ in range(5):
        world.ask(None, peer=FAR)
    world.allow_remote = False
    assert world.ask(None, peer=FAR)[1].startswith("IP banned")


def test_what_counts_as_no_failure() -> None:
    world = World("#x", allow_remote=False)
    assert [world.ask("Bearer y", peer=FAR) for _ in range(6)] == [DISABLED] * 6
    world.allow_remote = True
    assert world.ask("Bearer x", peer=FAR) == OK
    assert [world.ask("Bearer y") for _ in range(9)] == [INVALID] * 9
    assert world.ask("Bearer x") == OK


def test_guesses_that_run_at_once_do_not_get_past_the_ban() -> None:
    world = World("#x")

    def others() -> None:
        for _ in range(5):
            world.ask("Bearer y", peer=FAR)

    world.meanwhile = others
    assert world.ask("Bearer x", peer=FAR)[0] == 403


def test_failures_do_not_end_by_themselves_but_are_swept() -> None:
    world = World("#x")
    for _ in range(4):
        world.ask(None, peer=FAR)
    world.now += 6000
    assert world.ask(None, peer="203.0.113.1") == MISSING
    assert world.ask(None, peer=FAR) == MISSING  # the fifth
    assert world.ask("Bearer x", peer=FAR)[0] == 403
    world.now += 7201
    world.ask(None, peer="203.0.113.2")
    assert len(world.authenticator._bans) == 1


@pytest.mark.parametrize(
    ("peer", "forwarded", "real", "address"),
    [
        (FAR, "198.51.100.1", "", FAR), ("127.0.0.1", "198.51.100.1", "", "198.51.100.1"),
        ("::1", "6.6.6.6, 198.51.100.1, 127.0.0.1", "", "198.51.100.1"), ("127.0.0.1", "", "198.51.100.2", "198.51.100.2"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.2", "198.51.100.1"), ("", "198.51.100.1", "", "198.51.100.1"),
        ("", "", "", "unknown"), ("::ffff:127.0.0.1", "2001:db8::1", "", "2001:db8::1"),
    ],
)  # fmt: skip
def test_whom_failures_count_against(peer: str, forwarded: str, real: str, address: str) -> None:
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded, "HTTP_X_REAL_IP": real}
    assert remote_address(environ) == address


@pytest.mark.parametrize(
    ("seconds", "text"), [(1799.4, "29m59s"), (60, "1m0s"), (45.2, "45s"), (0.3, "0s"), (1799.6, "30m0s")]
)
def test_spans(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text

"""Client keys and who is local (client-api.md 2.6, 3)."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.web.authentication import Authenticator, Principal, Refused, candidates, is_local

PLACES = [
    ({"HTTP_AUTHORIZATION": "Bearer k1"}, "authorization"),
    ({"HTTP_AUTHORIZATION": "bEaReR   k1  "}, "authorization"),
    ({"HTTP_AUTHORIZATION": "k1"}, "authorization"),
    ({"HTTP_X_GOOG_API_KEY": "k1"}, "x-goog-api-key"),
    ({"HTTP_X_API_KEY": "k1"}, "x-api-key"),
    ({"QUERY_STRING": "a=b&key=k1"}, "query-key"),
    ({"QUERY_STRING": "auth_token=k1&key="}, "query-auth-token"),
]


@pytest.mark.parametrize(("environ", "source"), PLACES)
def test_each_place(environ: dict[str, str], source: str) -> None:
    assert Authenticator(["other", "k1"]).check(environ) == Principal("k1", source)


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_AUTHORIZATION": "Basic k1"}, {"HTTP_AUTHORIZATION": "Bearer K1"}, {"HTTP_X_API_KEY": "k11"},
        {"QUERY_STRING": "key=k"}, {"HTTP_X_API_KEY": "k\xc3\xa4"},
    ],
)  # fmt: skip
def test_wrong_key(environ: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        Authenticator(["k1"]).check(environ)
    assert refused.value.response.get_data() == b'{"error":"Invalid API key"}'
    assert refused.value.response.status_code == 401


def test_a_good_key_wins_over_a_bad_one_before_it() -> None:
    environ = {"HTTP_AUTHORIZATION": "Bearer no", "HTTP_X_GOOG_API_KEY": "placeholder", "QUERY_STRING": "key=k1"}
    assert Authenticator(["k1"]).check(environ) == Principal("k1", "query-key")


def test_all_places_in_order() -> None:
    environ = {
        "HTTP_AUTHORIZATION": "Bearer a", "HTTP_X_GOOG_API_KEY": "b", "HTTP_X_API_KEY": "c",
        "QUERY_STRING": "auth_token=e&key=d",
    }  # fmt: skip
    assert [key for key, _ in candidates(environ)] == ["a", "b", "c", "d", "e"]


def test_missing_key() -> None:
    with pytest.raises(Refused) as refused:
        Authenticator(["k1"]).check({"HTTP_AUTHORIZATION": "", "QUERY_STRING": "x=1"})
    assert refused.value.response.get_data() == b'{"error":"Missing API key"}'


def test_no_keys_open_and_blank_keys_closed() -> None:
    assert Authenticator([]).check({}) == Principal()
    for environ in ({}, {"HTTP_AUTHORIZATION": "Bearer x"}):
        with pytest.raises(Refused, match="Missing API key"):
            Authenticator(["", ""]).check(environ)


def test_keys_beyond_ascii() -> None:
    header = "Bearer schlüssel".encode().decode("latin-1")  # as WSGI hands it over
    assert Authenticator(["schlüssel"]).check({"HTTP_AUTHORIZATION": header}).key == "schlüssel"


@pytest.mark.parametrize(
    ("environ", "local"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "127.9.9.9"}, True),
        ({"REMOTE_ADDR": "::1"}, True),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1"}, True),
        ({"REMOTE_ADDR": "::ffff:10.0.0.1"}, False),
        ({"REMOTE_ADDR": "10.0.0.1"}, False),
        ({"REMOTE_ADDR": ""}, False),
        ({}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1, 203.0.113.9"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "203.0.113.9"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "::1", "HTTP_X_REAL_IP": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "nonsense"}, False),
    ],
)
def test_who_is_local(environ: dict[str, Any], local: bool) -> None:
    assert is_local(environ) is local

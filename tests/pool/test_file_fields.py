"""Which fields of an auth file may be changed, and to what."""

from __future__ import annotations

from typing import Any

import pytest

from cliproxy.pool.file_fields import FieldError, changed, checked


@pytest.mark.parametrize(
    "name",
    [
        "type", "Type", "token", "access_token", "accessToken", "refresh-token", "id_token", "api_key", "cookie", "expired",
        "expires_at", "last_refresh", "service_account", "client_secret", " type ", "disabled", "virtual",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["x", None, {"a": 1}])
def test_the_login_itself_stays(name: str, value: object) -> None:
    with pytest.raises(FieldError, match=name.strip()) as caught:
        checked({"note": "fine", name: value})
    assert (caught.value.field, caught.value.status) == (name, 400)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prefix", 5), ("prefix", "a/b"), ("prefix", "/"), ("proxy_url", "host:1080"), ("proxy_url", "ftp://h"), ("proxy_url", 1),
        ("note", ["x"]), ("priority", "3"), ("priority", 1.0), ("priority", True), ("priority", 2**31), ("headers", ["a"]),
        ("headers", {"a b": "c"}), ("headers", {"a": 5}), ("headers", {"a": "x\ny"}), ("headers", {"": "x"}), ("request_retry", "2"),
        ("disable_cooling", 1), ("project_id", 5), ("email", {}), ("mine", 2**70), ("mine", "\ud800"), ("", 1), ("\ud800", 1),
    ],
)  # fmt: skip
def test_values_that_make_no_sense(name: str, value: object) -> None:
    with pytest.raises(FieldError) as caught:
        checked({name: value})
    assert caught.value.text.encode()
    assert "cannot be changed" in caught.value.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prefix", "team"), ("prefix", "/team/"), ("proxy_url", "socks5://u:p@h:1"), ("note", "x"), ("priority", -3),
        ("headers", {"X-A": "b", "X-B": None, "X-C": ""}), ("request_retry", 0), ("disable_cooling", False), ("mine", {"a": [1]}),
        *((name, gone) for name in ("prefix", "proxy_url", "priority", "headers", "disable_cooling") for gone in (None, "")),
    ],
)  # fmt: skip
def test_values_that_do(name: str, value: object) -> None:
    checked({name: value})


@pytest.mark.parametrize(
    ("old", "changes", "new"),
    [
        ({"a": 1}, {"note": "n", "b": False, "c": 0}, {"a": 1, "note": "n", "b": False, "c": 0}),
        ({"note": "n", "prefix": "p", "k": 1}, {"note": None, "prefix": "", "none": None}, {"k": 1}),
        ({}, {"headers": {"A": "1", "B": None}}, {"headers": {"A": "1"}}),
        ({"headers": {"a": "1", "B": "2", "C": "3"}}, {"headers": {"A": "4", "b": ""}}, {"headers": {"C": "3", "A": "4"}}),
        ({"headers": {"A": "1"}}, {"headers": {"A": None}}, {}), ({"headers": {"A": "1"}}, {"headers": None}, {}),
        ({"headers": "odd"}, {"headers": {"A": "1"}}, {"headers": {"A": "1"}}),
    ],
)  # fmt: skip
def test_changes(old: dict[str, Any], changes: dict[str, Any], new: dict[str, Any]) -> None:
    before = dict(old)
    assert changed(old, changes) == new
    assert old == before

"""Whose token is shown (management-api.md 18)."""

from __future__ import annotations

from typing import Any

import pytest
from pool.bench import Bench

from cliproxy.errors import UpstreamError
from cliproxy.pool.bearer import bearer_of
from cliproxy.providers.credential import Credential


def bearer(metadata: dict[str, Any], bench: Bench | None = None, **attributes: str) -> str:
    bench = bench or Bench()
    bench.pool.put(Credential("a", "p", attributes=attributes, metadata=metadata))
    entry = bench.pool.get("a")
    assert entry is not None
    return bearer_of(bench.pool, entry)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"accessToken": "1", "access_token": "2"}, "1"), ({"accessToken": " ", "access_token": " 2 "}, "2"),
        ({"access_token": 5, "token": "3"}, "3"), ({"token": {"access_token": "4", "accessToken": "5"}}, "4"),
        ({"token": {"accessToken": "5"}}, "5"), ({"token": {"access_token": ""}, "id_token": "6", "cookie": "7"}, "6"),
        ({"cookie": "7"}, "7"), ({}, "key"), ({"token": ["x"], "cookie": None}, "key"),
    ],
)  # fmt: skip
def test_the_first_that_there_is(metadata: dict[str, Any], expected: str) -> None:
    assert bearer(metadata, api_key=" key ") == expected


def test_none() -> None:
    assert bearer({"email": "x"}) == ""


def test_of_the_parent() -> None:
    bench = Bench()
    bench.pool.put(Credential("parent", "p", metadata={"access_token": "shared"}))
    assert bearer({}, bench, gemini_virtual_parent="parent") == "shared"
    assert bearer({}, bench, gemini_virtual_parent="gone") == ""


def test_a_provider_that_looks_after_them_decides() -> None:
    """Also for one that is switched off."""

    class Careful:
        key = "p"

        def access_token(self, credential: Credential) -> str:
            if not credential.metadata:
                raise UpstreamError("no metadata")
            return f"of {credential.id}"

    bench = Bench()
    bench.provider = Careful()  # type: ignore[assignment]
    assert bearer({"access_token": "other"}, bench) == "of a"
    bench.pool.put(Credential("off", "p", disabled=True, metadata={"x": 1}))
    entry = bench.pool.get("off")
    assert entry is not None
    assert bearer_of(bench.pool, entry) == "of off"
    with pytest.raises(UpstreamError, match="no metadata"):
        bearer({}, bench)

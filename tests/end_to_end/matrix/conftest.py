"""One server for the whole matrix, and one client per SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from end_to_end.matrix.sdks import SDKS, Begin, Sdk
from end_to_end.matrix.talk import Talk, Wish
from end_to_end.matrix.targets import Spare, Target, settings
from end_to_end.proxy import Proxy
from upstream.server import FakeUpstream


@pytest.fixture(scope="session")
def matrix_server(session_servers: Callable[[str, Mapping[str, Any]], Proxy], shared_upstream: FakeUpstream) -> Proxy:
    return session_servers("matrix", settings(shared_upstream.url))


@pytest.fixture(scope="session")
def clients(matrix_server: Proxy) -> Iterator[Mapping[str, Any]]:
    """SDK clients by the name of their SDK."""
    made = {sdk.name: sdk.connect(matrix_server.base_url) for sdk in SDKS}
    yield made
    for client in made.values():
        client.close()


@pytest.fixture
def matrix(matrix_server: Proxy, upstream: FakeUpstream) -> Iterator[Proxy]:
    """The server for one test, which fails when the server logs a traceback meanwhile."""
    before = len(matrix_server.log)
    yield matrix_server
    assert "Traceback" not in matrix_server.log[before:], matrix_server.log[before:][-4000:]


@pytest.fixture
def begin(matrix: Proxy, clients: Mapping[str, Any]) -> Begin:
    def start(sdk: Sdk, where: Target | str, **wishes: Any) -> Talk:
        model = where if isinstance(where, str) else where.model
        return sdk.talk(clients[sdk.name], model, Wish(**wishes))

    return start


@pytest.fixture
def spare(numbers: dict[str, Iterator[int]]) -> Spare:
    return lambda target: target.spare(next(numbers[f"matrix {target} spare"]))

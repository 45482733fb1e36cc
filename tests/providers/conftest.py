"""What provider tests share."""

from __future__ import annotations

import pytest
from providers.fake_http import FakeHttp, Live


@pytest.fixture
def http() -> FakeHttp:
    return FakeHttp()


@pytest.fixture
def live() -> Live:
    return Live()

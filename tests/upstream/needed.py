"""Programs that some tests need and that a newcomer's machine may lack."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(words: str) -> NoReturn:
    """Skip the test, saying what it needs; in CI, which installs everything, it fails."""
    if os.environ.get("CLIPROXY_TESTS_NEED_ALL"):
        pytest.fail(words, pytrace=False)
    pytest.skip(words)

"""What all tests share: the helpers of this folder can be imported, numbered cases can be claimed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_TESTS = str(Path(__file__).parent)
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)


def pytest_configure(config: pytest.Config) -> None:
    """Declare our marks, also where no setup.cfg is read."""
    config.addinivalue_line("markers", "case(*ids): numbered case of the specification, such as client-api:4")

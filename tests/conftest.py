"""What all tests share: the helpers of this folder can be imported, numbered cases can be claimed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cliproxy.records.applog import Output

_TESTS = str(Path(__file__).parent)
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)


def pytest_configure(config: pytest.Config) -> None:
    """Declare our marks, also where no setup.cfg is read."""
    config.addinivalue_line("markers", "case(*ids): numbered case of the specification, such as client-api:4")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """``create_app`` sends the log of the process through a handler of its own, with levels of its own: put it back."""
    root = logging.getLogger()
    loggers = [root, logging.getLogger("cliproxy")]
    levels, handlers = [logger.level for logger in loggers], set(root.handlers)
    yield
    for handler in [one for one in root.handlers if isinstance(one, Output) and one not in handlers]:
        root.removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)

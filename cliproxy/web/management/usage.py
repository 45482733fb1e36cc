"""Usage statistics: shown, exported, imported (management-api.md 17)."""

from __future__ import annotations

from collections.abc import Iterator

from flask import request

from cliproxy.blocking import off_hub
from cliproxy.errors import RequestError
from cliproxy.records.usage.statistics import UsageStatistics
from cliproxy.web.bodies import decoded, read_raw
from cliproxy.web.management.answers import ManagementError
from cliproxy.web.management.api import Route


class UsageRoutes:
    """Their routes."""

    def __init__(self, usage: UsageStatistics) -> None:
        self._usage = usage

    def routes(self) -> Iterator[Route]:
        """GET ``usage`` and ``usage/export``, POST ``usage/import``."""
        yield Route("usage", ("GET",), self._usage.usage_body)
        yield Route("usage/export", ("GET",), self._usage.export_body)
        yield Route("usage/import", ("POST",), self._import)

    def _import(self) -> bytes:
        return self._usage.import_body(_whole_body())


def _whole_body() -> bytes:
    """The body without its Content-Encoding, however large: an export of 100000 attempts has some 25 MB."""
    environ = request.environ
    try:
        sent = read_raw(environ, 0)
        return off_hub(lambda: decoded(sent, environ, 0))
    except RequestError as error:
        raise ManagementError("failed to read request body", message=error.text) from error

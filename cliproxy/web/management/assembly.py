"""All groups of routes of the management API, with what each of them needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cliproxy.web.management.ampcode import AmpcodeRoutes
from cliproxy.web.management.api import Route
from cliproxy.web.management.api_call import ApiCallRoutes
from cliproxy.web.management.api_keys import ApiKeyRoutes
from cliproxy.web.management.auth_files import AuthFileRoutes
from cliproxy.web.management.auth_listing import AuthListRoutes
from cliproxy.web.management.credential_changes import CredentialChangeRoutes
from cliproxy.web.management.iflow_cookie import IflowCookieRoute
from cliproxy.web.management.logins import LoginRoutes
from cliproxy.web.management.logs import LogRoutes
from cliproxy.web.management.oauth_maps import OAuthMapRoutes
from cliproxy.web.management.openapi.document import DescriptionRoutes
from cliproxy.web.management.overview import OverviewRoutes
from cliproxy.web.management.provider_keys import ProviderKeyRoutes
from cliproxy.web.management.scalars import ScalarRoutes
from cliproxy.web.management.usage import UsageRoutes
from cliproxy.web.management.versions import VersionRoutes
from cliproxy.web.management.vertex_import import VertexImportRoute
from cliproxy.web.management.whole_config import WholeConfigRoutes

if TYPE_CHECKING:
    from cliproxy.config.editing import ConfigEditor
    from cliproxy.oauth.web_login import WebLogins
    from cliproxy.pool.lifecycle import CredentialSource
    from cliproxy.pool.pool import Pool
    from cliproxy.providers.http import HttpClient
    from cliproxy.records.output import LogOutput
    from cliproxy.records.recent import RecentRequests
    from cliproxy.records.timeline import Timeline
    from cliproxy.records.usage.statistics import UsageStatistics
    from cliproxy.routing.registry import ModelRegistry


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the program that the management API shows and changes."""

    editor: ConfigEditor
    output: LogOutput
    usage: UsageStatistics
    timeline: Timeline
    recent: RecentRequests
    logins: WebLogins
    pool: Pool
    source: CredentialSource
    registry: ModelRegistry
    http: HttpClient


def all_routes(parts: Parts) -> Iterator[Route]:
    """Every route of management-api.md 4."""
    for group in (WholeConfigRoutes, ScalarRoutes, ApiKeyRoutes, ProviderKeyRoutes, OAuthMapRoutes, AmpcodeRoutes):
        yield from group(parts.editor).routes()
    yield from LogRoutes(parts.editor.live, lambda: parts.output.directory).routes()
    yield from UsageRoutes(parts.usage).routes()
    yield from OverviewRoutes(parts.timeline, parts.recent).routes()
    yield from DescriptionRoutes().routes()
    yield from LoginRoutes(parts.logins, parts.editor.live).routes()
    yield from IflowCookieRoute(parts.logins.desk).routes()
    yield from VertexImportRoute(parts.logins.desk).routes()
    yield from AuthListRoutes(parts.pool, parts.registry).routes()
    yield from AuthFileRoutes(parts.source).routes()
    yield from CredentialChangeRoutes(parts.pool, parts.source).routes()
    yield from ApiCallRoutes(parts.pool, parts.http).routes()
    yield from VersionRoutes(parts.http).routes()

"""What Amp's routes share while the server runs: the router, the way to Amp's server, the keys for it (12)."""

from __future__ import annotations

import logging

from cliproxy.config.settings import Settings
from cliproxy.providers.amp import AmpUpstream
from cliproxy.providers.amp_secrets import AmpSecrets
from cliproxy.providers.http import HttpClient
from cliproxy.routing.decision import RoutingDecision, RoutingRequest
from cliproxy.routing.executor import Routing
from cliproxy.web.modules import Authenticate
from cliproxy.web.services import Services

log = logging.getLogger(__name__)


class Gateway:
    """``upstream`` is Amp's server, None while none is configured."""

    def __init__(
        self, services: Services, routing: Routing, secrets: AmpSecrets, http: HttpClient, authenticate: Authenticate
    ) -> None:
        self.services, self.authenticate = services, authenticate
        self._routing, self._secrets, self._http = routing, secrets, http
        self._url = ""
        self.upstream: AmpUpstream | None = None

    def __repr__(self) -> str:
        return f"<Gateway to {self.upstream!r}, {self._routing.router!r}>"

    def configure(self, settings: Settings) -> None:
        """Take over what is about Amp's server. An address that makes no sense leaves the old one in use."""
        self._secrets.configure(settings.ampcode.upstream_api_key, settings.ampcode.upstream_api_keys)
        url = settings.ampcode.upstream_url.strip()
        if url == self._url:
            return
        if not url:
            self.upstream, self._url = None, ""
            log.info("amp upstream proxy disabled")
            return
        try:
            self.upstream = AmpUpstream(url, self._secrets, self._http)
        except ValueError as error:
            log.error("failed to set up amp upstream proxy: %s", error)
            return
        self._url = url
        log.info("amp upstream proxy enabled for: %s", self.upstream)

    def decide(self, model: str) -> RoutingDecision:
        """Where a call for ``model`` goes, under the settings of this moment."""
        forced = self.services.settings().ampcode.force_model_mappings
        return self._routing.router.decide(
            RoutingRequest(model, force_model_mapping=forced, proxy_available=self.upstream is not None)
        )

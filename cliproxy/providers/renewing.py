"""Providers whose logins have a refresh token: what their ``refresh`` has in common (credentials.md 10)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cliproxy.providers.calls import HttpProvider, SettingsGetter
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.providers.pipeline import Pipeline
from cliproxy.providers.tokens.apps import OAuthApp, app_of
from cliproxy.providers.tokens.client import TokenClient


class RenewingProvider(HttpProvider):
    """Base of those. ``environment`` is where a client secret may be (oauth-login.md 1.1)."""

    def __init__(
        self,
        http: HttpClient,
        settings: SettingsGetter,
        pipeline: Pipeline,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__(http, settings, pipeline)
        self._environment = environment

    def renewed(self, client: TokenClient, app: OAuthApp, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """The metadata with new tokens; equal to what it was when there is nothing to renew.

        :raises UpstreamError: it failed.
        """
        raise NotImplementedError

    def refresh(self, credential: Credential) -> Credential:
        """The credential with new tokens; itself when there is nothing to renew, as for a key.

        :raises RefreshRejected: the login is over.
        :raises UpstreamError: it failed this time.
        """
        if credential.attributes.get("api_key"):
            return credential
        client = TokenClient(self._http, credential.proxy_url)
        app = app_of(self.key, self._settings(), self._environment)
        metadata = self.renewed(client, app, credential.metadata)
        return credential if metadata == credential.metadata else replace(credential, metadata=metadata)

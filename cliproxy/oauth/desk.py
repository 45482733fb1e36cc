"""What logins of a running server need of the rest of the program: the way out, the applications, the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cliproxy.blocking import off_hub
from cliproxy.config.settings import Settings
from cliproxy.oauth.flow import TokenFile
from cliproxy.oauth.token_files import checked_auth_dir, save_login
from cliproxy.pool.stores.base import TokenStore
from cliproxy.providers.tokens.apps import OAuthApp, usable_app
from cliproxy.providers.tokens.client import Fetcher, TokenClient

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoginDesk:
    """Needs no configuration file. ``saved`` is called after a token file was written, to put it to use at once."""

    settings: Callable[[], Settings]
    store: TokenStore
    http: Fetcher
    saved: Callable[[], object]
    environ: Mapping[str, str]
    folder: Callable[[], str]
    """The directory in which the store keeps its files at the moment, resolved."""

    @property
    def client(self) -> TokenClient:
        """Calls of logins, through the global proxy."""
        return TokenClient(self.http)

    @property
    def auth_dir(self) -> str:
        """The directory for token files.

        :raises LoginError: ``no_auth_dir``.
        """
        named = self.store.auth_dir or self.settings().auth_dir
        return checked_auth_dir(self.folder() if named.strip() else "")

    def app(self, provider: str) -> OAuthApp:
        """A provider's application.

        :raises LoginError: ``missing_client_secret``.
        """
        return usable_app(provider, self.settings(), self.environ)

    def save(self, made: TokenFile) -> str:
        """Write a login's file and put the account to use; the file's path.

        :raises LoginError: ``save_failed``, ``no_auth_dir``.
        """
        _ = self.auth_dir
        path = off_hub(lambda: save_login(self.store, made))
        for note in made.notes:
            log.warning("%s: %s", made.name, note)
        log.info("login saved to %s", path)
        try:
            self.saved()
        except Exception:
            log.exception("%s is saved, but is not in use yet", made.name)
        return path

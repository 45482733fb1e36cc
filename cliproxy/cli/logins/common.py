"""What all ``cliproxy login`` commands share: options, the configuration, errors, saving (oauth-login.md 15)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import click

from cliproxy.cli.code_login import CodeLogin, LoginOptions
from cliproxy.cli.terminal import Terminal
from cliproxy.config.environment import load_dotenv
from cliproxy.config.files import resolve_auth_dir
from cliproxy.config.load import config_path, load_file
from cliproxy.config.settings import Settings
from cliproxy.errors import CliproxyError, ConfigError, LoginError
from cliproxy.oauth.flow import CodeFlow, TokenFile
from cliproxy.oauth.token_files import checked_auth_dir, prefix_of, save_login
from cliproxy.pool.stores.base import TokenStore
from cliproxy.pool.stores.file import FileStore
from cliproxy.providers.http import HttpClient
from cliproxy.providers.tokens.apps import OAuthApp, usable_app
from cliproxy.providers.tokens.client import TokenClient

C = TypeVar("C", bound=Callable[..., Any])

_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that a login needs. ``proxy_url`` is this login's own, stored with it."""

    settings: Settings
    store: TokenStore
    http: HttpClient
    terminal: Terminal
    options: LoginOptions
    prefix: str = ""
    proxy_url: str = ""

    @property
    def client(self) -> TokenClient:
        """Calls of this login."""
        return TokenClient(self.http, self.proxy_url)

    def app(self, provider: str) -> OAuthApp:
        """A provider's application.

        :raises LoginError: it needs a client secret and none is configured.
        """
        return usable_app(provider, self.settings, os.environ)

    def authorize(self, flow: CodeFlow) -> TokenFile:
        """A code login from start to finish."""
        return CodeLogin(flow, self.terminal, self.http, self.options).run()

    def save(self, made: TokenFile) -> None:
        """Write the file and say so."""
        path = save_login(self.store, made, prefix=self.prefix, proxy_url=self.proxy_url)
        for note in made.notes:
            self.terminal.warn(note)
        self.terminal.say(f"Saved to {path}")
        self.terminal.say(f"{made.label}: logged in.")


def open_desk(config: str | None, options: LoginOptions, prefix: str = "", proxy_url: str = "") -> Desk:
    """Read the configuration as the server does.

    :raises LoginError: it cannot be used.
    """
    load_dotenv(os.environ)
    file = config_path(config)
    try:
        settings = load_file(file, write_hash=False).settings
    except ConfigError as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        raise LoginError(f"{file} cannot be used:\n{problems}", code="bad_config") from error
    store = FileStore("")
    store.set_base_dir(checked_auth_dir(store.auth_dir or resolve_auth_dir(settings.auth_dir)))
    http = HttpClient(lambda: settings, os.environ)
    return Desk(settings, store, http, Terminal(), options, prefix_of(prefix), proxy_url.strip())


def guarded(command: C) -> C:
    """Errors as one line and an exit code: 13 port in use, 130 interrupted, 2 usage, 1 anything else."""

    @wraps(command)
    def run(*arguments: Any, **values: Any) -> Any:
        try:
            return command(*arguments, **values)
        except LoginError as error:
            click.echo(f"error: {error.text}", err=True)
            sys.exit(error.exit_code)
        except CliproxyError as error:
            click.echo(f"error: {error.text}", err=True)
            sys.exit(1)
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted: nothing was saved", err=True)
            sys.exit(_INTERRUPTED)

    return run  # type: ignore[return-value]


def common_options(command: C) -> C:
    """Options of every login."""
    for option in (
        click.option("--proxy-url", default="", metavar="URL", help="Proxy of this login; stored with the account."),
        click.option("--prefix", default="", metavar="TEXT", help="Model prefix of the account (one word)."),
        click.option("--config", metavar="PATH", help="The configuration; else CLIPROXY_CONFIG, else ./config.yaml."),
    ):
        command = option(command)
    return command


def code_options(command: C) -> C:
    """Options of logins with a browser and a callback."""
    for option in (
        click.option("--no-ip-lookup", is_flag=True, help="Do not ask outside services for this machine's address."),
        click.option("--timeout", default=300.0, show_default=True, metavar="SECONDS", help="How long to wait."),
        click.option(
            "--callback-port", type=click.IntRange(0, 65535), default=0, metavar="PORT",
            help="Where to wait for the browser; 0 = the provider's default. Claude and Codex always redirect to their "
            "default port: with another one here, forward that port to it.",
        ),
        click.option("--no-browser", is_flag=True, help="Only print the address."),
    ):  # fmt: skip
        command = option(command)
    return common_options(command)


def options_of(no_browser: bool, callback_port: int, timeout: float, no_ip_lookup: bool) -> LoginOptions:
    """The values of ``code_options``."""
    return LoginOptions(not no_browser, callback_port, timeout, not no_ip_lookup)

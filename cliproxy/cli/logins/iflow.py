"""``cliproxy login iflow``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cliproxy.cli.logins.common import Desk, code_options, guarded, open_desk, options_of
from cliproxy.oauth.flow import TokenFile
from cliproxy.oauth.iflow import CookieLogin, IflowFlow


@click.command()
@click.option(
    "--cookie", is_flag=True, help="Log in with a browser's cookie of platform.iflow.cn, asked for or piped in."
)
@click.option(
    "--cookie-file", metavar="PATH", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The same, the cookie from a file.",
)  # fmt: skip
@code_options
@guarded
def iflow(
    cookie: bool, cookie_file: Path | None, config: str | None, prefix: str, proxy_url: str, no_browser: bool,
    callback_port: int, timeout: float, no_ip_lookup: bool,
) -> None:  # fmt: skip
    """An iFlow account (iflow.cn). Legacy: the original program has dropped it."""
    if cookie and cookie_file is not None:
        raise click.UsageError("--cookie and --cookie-file exclude each other")
    desk = open_desk(config, options_of(no_browser, callback_port, timeout, no_ip_lookup), prefix, proxy_url)
    if cookie_file is not None:
        desk.save(_with_cookie(desk, cookie_file.read_text("utf-8", "replace")))
    elif cookie:
        desk.save(_with_cookie(desk, _asked()))
    else:
        desk.save(desk.authorize(IflowFlow(desk.app("iflow"), desk.client)))


def _with_cookie(desk: Desk, cookie: str) -> TokenFile:
    return CookieLogin(desk.client, desk.store).run(cookie)


def _asked() -> str:
    """The cookie that a person types unseen, or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.buffer.readline().decode("utf-8", "replace")
    return str(click.prompt("Cookie of platform.iflow.cn", hide_input=True, default="", show_default=False))

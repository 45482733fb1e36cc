"""``cliproxy login antigravity``."""

from __future__ import annotations

import click

from cliproxy.cli.logins.common import code_options, guarded, open_desk, options_of
from cliproxy.oauth.antigravity import AntigravityFlow


@click.command()
@code_options
@guarded
def antigravity(
    config: str | None, prefix: str, proxy_url: str, no_browser: bool, callback_port: int, timeout: float,
    no_ip_lookup: bool,
) -> None:  # fmt: skip
    """An Antigravity account (Google); needs a client secret."""
    desk = open_desk(config, options_of(no_browser, callback_port, timeout, no_ip_lookup), prefix, proxy_url)
    made = desk.authorize(AntigravityFlow(desk.app("antigravity"), desk.client))
    desk.save(made)
    desk.terminal.say(f"Account: {made.label}")
    desk.terminal.say(f"Project: {made.content.get('project_id') or 'not known yet'}")

"""``cliproxy login codex``."""

from __future__ import annotations

import click

from cliproxy.cli.logins.common import code_options, guarded, open_desk, options_of
from cliproxy.oauth.codex import CodexFlow


@click.command()
@code_options
@guarded
def codex(
    config: str | None, prefix: str, proxy_url: str, no_browser: bool, callback_port: int, timeout: float,
    no_ip_lookup: bool,
) -> None:  # fmt: skip
    """A ChatGPT subscription, for Codex."""
    desk = open_desk(config, options_of(no_browser, callback_port, timeout, no_ip_lookup), prefix, proxy_url)
    desk.save(desk.authorize(CodexFlow(desk.app("codex"), desk.client)))

"""``cliproxy login qwen``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console

from cliproxy.cli.code_login import LoginOptions
from cliproxy.cli.logins.common import common_options, guarded, open_desk
from cliproxy.cli.terminal import Browser, Terminal
from cliproxy.oauth.qwen import PATIENCE, DeviceLogin, Pace, QwenFlow, checked_alias, wait_for
from cliproxy.providers.tokens.qwen import Poll, PollState

_QUESTION = "E-mail address or alias for this account: "


@click.command()
@click.option("--alias", "--email", default="", metavar="TEXT", help="Names the account; Qwen does not say who it is.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--timeout", default=PATIENCE, show_default=True, metavar="SECONDS", help="How long to wait.")
@common_options
@guarded
def qwen(alias: str, no_browser: bool, timeout: float, config: str | None, prefix: str, proxy_url: str) -> None:
    """A Qwen account (chat.qwen.ai). Legacy: the original program has dropped it."""
    desk = open_desk(config, LoginOptions(not no_browser, timeout=timeout), prefix, proxy_url)
    # First of all, so that nobody logs in for nothing.
    alias = checked_alias(alias or desk.terminal.ask(_QUESTION) or "")
    flow = QwenFlow(desk.app("qwen"), desk.client)
    begun = flow.start()
    _show(desk.terminal, begun, browser=not no_browser)
    with _progress(desk.terminal):
        pace = Pace(begun, timeout)
        done = wait_for(lambda: flow.poll(begun), pace, report=lambda poll: _report(desk.terminal, poll))
    desk.save(flow.finish(done, alias))


def _show(terminal: Terminal, begun: DeviceLogin, *, browser: bool) -> None:
    if browser:
        terminal.say("Opening the browser for the Qwen login.")
        if not Browser().open(begun.url):
            terminal.warn("no browser could be opened here: open the URL by hand")
    terminal.say("Log in at this address:")
    terminal.say()
    terminal.say(begun.url)
    terminal.say()
    if begun.user_code:
        terminal.say(f"The page should show the code {begun.user_code}.")


@contextmanager
def _progress(terminal: Terminal) -> Iterator[None]:
    """Something that moves, where somebody looks; a line elsewhere."""
    console, text = Console(), "Waiting for the Qwen login ..."
    if not console.is_terminal:
        terminal.say(text)
        yield
        return
    with console.status(text):
        yield


def _report(terminal: Terminal, poll: Poll) -> None:
    if poll.state is PollState.UNREACHABLE:
        terminal.warn(f"{poll.trouble}: trying again")

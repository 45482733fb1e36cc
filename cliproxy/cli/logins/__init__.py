"""``cliproxy login PROVIDER``: add an account; one module per provider (oauth-login.md 15)."""

from __future__ import annotations

from importlib import import_module

import click

_LOGINS = ("antigravity", "claude", "codex", "gemini", "iflow", "qwen", "vertex")
"""Names of providers, of their modules here, and of the commands in these."""


class LoginGroup(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return list(_LOGINS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in _LOGINS:
            return None
        command: click.Command = getattr(import_module(f"cliproxy.cli.logins.{cmd_name}"), cmd_name)
        return command


@click.group(cls=LoginGroup)
def login() -> None:
    """Add an account by logging in. A running server notices the new file by itself."""

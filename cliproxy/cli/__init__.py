"""The command line: ``cliproxy ...`` and ``flask cliproxy ...`` are this one group.

Commands are loaded when they are called, so that the group itself starts quickly and never loads the server.
"""

from __future__ import annotations

from importlib import import_module

import click

from cliproxy import __version__

_COMMANDS = {
    "serve": ("cliproxy.cli.serve", "serve"),
    "config": ("cliproxy.cli.config", "config"),
    "credentials": ("cliproxy.cli.credentials", "credentials"),
    "login": ("cliproxy.cli.logins", "login"),
    "logs": ("cliproxy.cli.logs", "logs"),
    "usage": ("cliproxy.cli.usage", "usage"),
}
"""Command name -> (module, attribute)."""


class LazyGroup(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cliproxy")
def cliproxy() -> None:
    """Run and look after the proxy."""


def main() -> None:
    """Entry point of the ``cliproxy`` command."""
    cliproxy(prog_name="cliproxy")

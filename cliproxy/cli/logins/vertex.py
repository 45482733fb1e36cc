"""``cliproxy login vertex``."""

from __future__ import annotations

import click

from cliproxy.cli.code_login import LoginOptions
from cliproxy.cli.logins.common import common_options, guarded, open_desk
from cliproxy.oauth.token_files import save_login
from cliproxy.oauth.vertex import DEFAULT_LOCATION, import_key, read_key_file


@click.command()
@click.argument("key_file", metavar="KEY_FILE")
@click.option(
    "--location", default=DEFAULT_LOCATION, show_default=True, metavar="TEXT",
    help="Where the models run, such as europe-west4 or global.",
)  # fmt: skip
@common_options
@guarded
def vertex(key_file: str, location: str, config: str | None, prefix: str, proxy_url: str) -> None:
    """A Google Cloud service account for Vertex AI, from its JSON key file."""
    desk = open_desk(config, LoginOptions(), prefix, proxy_url)
    made = import_key(read_key_file(key_file), location=location, prefix=desk.prefix)
    path = save_login(desk.store, made, prefix=desk.prefix, proxy_url=desk.proxy_url)
    for note in made.notes:
        desk.terminal.warn(note)
    desk.terminal.say(f"Vertex credentials imported: {path}")
    desk.terminal.say(f"{made.label}: ready.")

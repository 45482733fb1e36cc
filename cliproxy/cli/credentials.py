"""``cliproxy credentials``: what accounts there are, how they are, and switching or resetting one.

What is shown comes from the configuration, the auth files and the state that a running server writes. Changes are made
by the server that looks after the auth directory, or here when none does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click

from cliproxy.cli.credential_tables import print_details, print_list
from cliproxy.cli.settings import read_settings
from cliproxy.config.settings import Settings
from cliproxy.pool.auth_lock import AuthLock
from cliproxy.pool.lifecycle import CredentialSource, ensure_auth_dir, has_file
from cliproxy.pool.mailbox import Action, Wish, post
from cliproxy.pool.pool import Pool
from cliproxy.pool.state_file import Memory, SavedState, dump_state, read_state, state_path, write_state
from cliproxy.pool.stores.file import FileStore
from cliproxy.pool.view import CredentialView
from cliproxy.providers.credential import Credential
from cliproxy.routing.registration import models_for
from cliproxy.routing.registry import ModelRegistry

P = ParamSpec("P")

_PATIENCE = 10.0
_DONE = {"reset": "reset", "enable": "enabled", "disable": "disabled"}


@dataclass(frozen=True, slots=True)
class Accounts:
    """All credentials as the configuration, the files and the saved state describe them."""

    settings: Settings
    pool: Pool
    source: CredentialSource
    registry: ModelRegistry
    served: bool
    """True while a server looks after the auth directory."""

    @property
    def views(self) -> Sequence[CredentialView]:
        """All, by id."""
        return self.pool.views()

    def find(self, name: str) -> CredentialView:
        """The one that ``name`` means: its id, file name, index, address, provider, or a beginning that only one has.

        :raises click.ClickException: none or several.
        """
        wanted = name.strip().lower()
        for kind in (_exact, _beginning):
            found = [view for view in self.views if wanted and any(kind(wanted, known) for known in _names(view))]
            if len(found) == 1:
                return found[0]
            if found:
                listed = "\n".join(f"  {view.credential.id}" for view in found)
                raise click.ClickException(f"{name!r} can mean several credentials:\n{listed}")
        known = "\n".join(f"  {view.credential.id}" for view in self.views) or "  (none)"
        raise click.ClickException(f"there is no credential {name!r}. There are:\n{known}")


def _exact(wanted: str, known: str) -> bool:
    return known == wanted


def _beginning(wanted: str, known: str) -> bool:
    return known.startswith(wanted)


def _names(view: CredentialView) -> set[str]:
    credential = view.credential
    names = (
        credential.id, credential.id.removesuffix(".json"), credential.index, credential.account[1], credential.label,
        credential.provider,
    )  # fmt: skip
    return {name.lower() for name in names if name}


def accounts(path: str | None) -> Accounts:
    """Read everything.

    :raises click.ClickException: the configuration or the auth directory cannot be used.
    """
    _, settings = read_settings(path)
    registry = ModelRegistry()

    def register(credential: Credential, settings: Settings) -> None:
        registry.register(credential.id, credential.executor_key, models_for(credential, settings))

    try:
        saved = read_state(state_path(ensure_auth_dir(settings.auth_dir)), time.time())
        pool = Pool(
            catalog=registry, registrar=register, providers=lambda credential, settings: None,
            settings=lambda: settings, remembered=Memory(saved),
        )  # fmt: skip
        source = CredentialSource(pool, FileStore(""), settings)
        source.catch_up()
        with AuthLock(source.auth_dir) as lock:
            served = not lock.acquire()
    except OSError as error:
        raise click.ClickException(f"the auth directory cannot be used: {error}") from error
    if served:
        _add_memory_of_server(source, saved)
    return Accounts(settings, pool, source, registry, served)


def _add_memory_of_server(source: CredentialSource, saved: Mapping[str, SavedState]) -> None:
    """What only the server that runs has: connections, and config keys that were switched off."""
    for credential_id, state in saved.items():
        if state.connection:
            source.connect(credential_id, state.connection)
        if state.disabled:
            source.switch_off(credential_id)


def with_accounts(command: Callable[Concatenate[Accounts, P], None]) -> Callable[P, None]:
    """Give a command the accounts of the group's ``--config``."""

    @wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        command(accounts(click.get_current_context().find_root().meta.get("cliproxy.config")), *arguments, **options)

    return run


@click.group(invoke_without_command=True)
@click.option("--config", "path", metavar="PATH", help="The configuration; else CLIPROXY_CONFIG, else ./config.yaml.")
@click.pass_context
def credentials(ctx: click.Context, path: str | None) -> None:
    """Look after accounts and keys. Without a command: list them."""
    ctx.find_root().meta["cliproxy.config"] = path
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command)


@credentials.command("list")
@click.option("--json", "as_json", is_flag=True, help="For scripts; without secrets.")
@with_accounts
def list_command(found: Accounts, as_json: bool = False) -> None:
    """All credentials: state, what cools down, when it recovers, the last error, usage."""
    if as_json:
        click.echo(json.dumps([view.as_json() for view in found.views], indent=2))
    else:
        print_list(found.views, time.time(), served=found.served)


@credentials.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="For scripts; without secrets.")
@with_accounts
def show(found: Accounts, name: str, as_json: bool) -> None:
    """Everything about one credential.

    NAME is its id, file name, index, address or provider, or a beginning of one of these.
    """
    view = found.find(name)
    models = sorted(model.id for model in found.registry.models_of(view.credential.id))
    if as_json:
        click.echo(json.dumps({**view.as_json(), "models": models}, indent=2))
    else:
        print_details(view, models, time.time())


@credentials.command()
@click.argument("name")
@with_accounts
def enable(found: Accounts, name: str) -> None:
    """Use a credential again. Its cooldowns of before do not count."""
    _change(found, "enable", found.find(name))


@credentials.command()
@click.argument("name")
@with_accounts
def disable(found: Accounts, name: str) -> None:
    """Leave a credential alone without deleting it."""
    _change(found, "disable", found.find(name))


@credentials.command()
@click.argument("name")
@with_accounts
def reset(found: Accounts, name: str) -> None:
    """Forget all cooldowns and errors of a credential: it is asked again at once."""
    _change(found, "reset", found.find(name))


def _change(found: Accounts, action: Action, view: CredentialView) -> None:
    """Have the server do it; without one, do it here."""
    credential = view.credential
    try:
        with AuthLock(found.source.auth_dir) as lock:
            here = lock.acquire()
            if here:
                _change_here(found, action, credential)
        if not here:
            _let_server_do(post(found.source.auth_dir, Wish(action, credential.id)))
    except OSError as error:
        raise click.ClickException(f"{credential.id} could not be changed: {error}") from error
    words = f"{credential.id}: {_DONE[action]}"
    if action == "reset":
        blocked = ", ".join(cooldown.model or "all models" for cooldown in view.cooldowns)
        words += f" (was blocked: {blocked})" if blocked else " (nothing was blocked)"
    elif not has_file(credential):
        words += " until its entry in the configuration changes or the server restarts"
    click.echo(words)


def _change_here(found: Accounts, action: Action, credential: Credential) -> None:
    if action == "reset":
        found.pool.reset(credential.id)
        content = found.pool.read(lambda entries: dump_state(entries, time.time()))
        write_state(state_path(found.source.auth_dir), content)
        return
    if not has_file(credential):
        whence = "is one project of its file" if credential.metadata else "comes from the configuration"
        raise click.ClickException(f"{credential.id} {whence}: without a server nobody would remember it")
    found.source.set_disabled(credential.id, action == "disable")
    if found.source.unsaved:
        raise click.ClickException(f"{credential.id} could not be written")


def _let_server_do(wish: Path) -> None:
    """Wait until the server has done it.

    :raises click.ClickException: it does not answer.
    """
    end = time.monotonic() + _PATIENCE
    while wish.exists():
        if time.monotonic() >= end:
            wish.unlink(missing_ok=True)
            raise click.ClickException("the server that uses the auth directory did not answer; nothing was changed")
        time.sleep(0.05)

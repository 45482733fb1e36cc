"""Credentials as tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from cliproxy.cli.printing import print_tables
from cliproxy.config.durations import short_duration
from cliproxy.pool.view import Cooldown, CredentialView, timestamp

_STYLES = {"active": "green", "cooling": "yellow", "blocked": "red", "error": "red", "disabled": "dim"}
_LONGEST_ERROR = 60


def print_list(views: Sequence[CredentialView], now: float, *, served: bool) -> None:
    """One row per credential. ``served``: a server runs, what is shown is a few seconds old at most."""
    if not views:
        print_tables("no credentials: add keys to the configuration, or log in with `cliproxy login`")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("credential", "provider", "account", "state", "cooling", "recovers", "last error", "usage"):
        table.add_column(name, overflow="fold")
    for view in views:
        state = view.state
        table.add_row(
            escape(view.credential.id), escape(view.credential.provider), escape(view.account or "-"),
            f"[{_STYLES[state]}]{state}[/]", escape(_cooling(view)), _recovery(view, now), escape(_error(view)),
            _usage(view),
        )  # fmt: skip
    note = "\n[dim]no server uses this auth directory now: this is how the last one left it[/]"
    print_tables(table, *(() if served else (note,)))


def print_details(view: CredentialView, models: Sequence[str], now: float) -> None:
    """Everything about one credential, without secrets."""
    credential = view.credential
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    state = view.state
    rows: list[tuple[str, str]] = [
        ("credential", credential.id), ("index", credential.index), ("provider", credential.provider),
        ("account", view.account or "-"), ("prefix", credential.prefix),
        ("source", credential.attributes.get("source", "")),
        ("proxy", "its own" if credential.proxy_url else ""), ("priority", credential.attributes.get("priority", "")),
        ("state", state), ("last error", _error(view, longest=2000)), ("refresh", view.refresh_error),
        ("token expires", _moment(view.expires_at, now)), ("last refreshed", _moment(view.last_refreshed_at, now)),
        ("next refresh", _moment(view.next_refresh_after, now) if view.next_refresh_after > now else ""),
        ("usage", _usage(view)), ("last used", _moment(view.counters.last_used, now)),
        ("models", ", ".join(models) or "none"),
    ]  # fmt: skip
    for name, value in rows:
        if value and value != "-":
            table.add_row(name, f"[{_STYLES[state]}]{state}[/]" if name == "state" else escape(value))
    print_tables(table, *(("", _cooldown_table(view.cooldowns, now)) if view.cooldowns else ()))


def _cooldown_table(cooldowns: Sequence[Cooldown], now: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("cooling", "reason", "recovers", "one request may try", "message"):
        table.add_column(name, overflow="fold")
    for cooldown in cooldowns:
        tries = "" if cooldown.trial_at >= cooldown.until else _in(cooldown.trial_at, now)
        table.add_row(
            escape(cooldown.model or "all models"), escape(cooldown.reason), _in(cooldown.until, now), tries,
            escape(_plain_words(cooldown.message)),
        )  # fmt: skip
    return table


def _cooling(view: CredentialView) -> str:
    if not view.cooldowns:
        return "-"
    if any(not cooldown.model for cooldown in view.cooldowns):
        return "all models"
    names = [cooldown.model for cooldown in view.cooldowns]
    return ", ".join(names) if len(names) <= 2 else f"{len(names)} of {view.models} models"


def _recovery(view: CredentialView, now: float) -> str:
    return _in(view.next_retry_after, now) if view.cooldowns else "-"


def _in(moment: float, now: float) -> str:
    return f"in {short_duration(moment - now)}" if moment > now else "now"


def _moment(moment: float, now: float) -> str:
    if not moment:
        return ""
    away = f"in {short_duration(moment - now)}" if moment > now else f"{short_duration(now - moment)} ago"
    return f"{timestamp(moment)} ({away})"


def _error(view: CredentialView, longest: int = _LONGEST_ERROR) -> str:
    error = view.last_error
    if error is None:
        return view.refresh_error[:longest] or "-"
    words = " ".join(_plain_words(error.message).split())
    head = f"{error.status} " if error.status and not words.startswith(str(error.status)) else ""
    text = f"{head}{words}"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _plain_words(text: str) -> str:
    """The message inside an upstream's JSON error; other text as it is."""
    try:
        body = json.loads(text)
    except ValueError:
        return text
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) and message else text


def _usage(view: CredentialView) -> str:
    counters = view.counters
    if not counters.attempts:
        return "-"
    failed = f" ({counters.failed} failed)" if counters.failed else ""
    tokens = counters.input_tokens + counters.output_tokens
    calls = "1 call" if counters.attempts == 1 else f"{counters.attempts} calls"
    return f"{calls}{failed}" + (f", {_short(tokens)} tokens" if tokens else "")


def _short(number: int) -> str:
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)

"""What credentials there are and how they are: ``auth-files``, their models, ``api-key-usage`` (management-api.md 11.1,
11.2, 23).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from flask import Response, request

from cliproxy.blocking import off_hub
from cliproxy.pool.pool import Pool
from cliproxy.pool.recent import RecentAttempts, Step, sums
from cliproxy.pool.view import CredentialView
from cliproxy.providers.credential import Credential
from cliproxy.providers.tokens.codex import claims_of
from cliproxy.records.moments import Moment
from cliproxy.routing.registry import ModelRegistry
from cliproxy.routing.tables import ModelInfo
from cliproxy.web.management.answers import ManagementError, answer
from cliproxy.web.management.api import Route

_CLAIM = "https://api.openai.com/auth"
_CLAIMS = {
    "chatgpt_account_id": "chatgpt_account_id", "plan_type": "chatgpt_plan_type",
    "chatgpt_subscription_active_start": "chatgpt_subscription_active_start",
    "chatgpt_subscription_active_until": "chatgpt_subscription_active_until",
}  # fmt: skip
_SHOWN_FIELDS = ("priority", "note", "headers", "project_id")
"""Of the file, as they stand there."""


class AuthListRoutes:
    """Their routes. ``clock`` gives Unix seconds."""

    def __init__(self, pool: Pool, registry: ModelRegistry, clock: Callable[[], float] = time.time) -> None:
        self._pool, self._registry, self._clock = pool, registry, clock

    def routes(self) -> Iterator[Route]:
        """GET of each."""
        yield Route("auth-files", ("GET",), self._list)
        yield Route("auth-files/models", ("GET",), self._models)
        yield Route("api-key-usage", ("GET",), self._key_usage)

    def _list(self) -> Response:
        """Files and connections; with ``all=true`` (ours) everything in the pool, keys of the configuration too."""
        everything = request.args.get("all", "") == "true"
        views, now = self._pool.views(), self._clock()
        return answer(off_hub(lambda: orjson.dumps({"files": listing(views, now, everything=everything)})))

    def _models(self) -> Any:
        name = request.args.get("name", "")
        if not name.strip():
            raise ManagementError("name is required")
        return {"models": [_model(model) for model in self._registry.models_of(name)]}

    def _key_usage(self) -> Any:
        return key_usage(self._pool.views(), self._clock())


def listing(views: Iterable[CredentialView], now: float, *, everything: bool = False) -> list[dict[str, Any]]:
    """The entries of ``auth-files`` by name; looks at the files. ``now``: Unix seconds."""
    nothing = _steps(RecentAttempts(), now)  # most have none, and it is long
    found = []
    for view in views:
        file = _status(view.credential)
        if everything or _is_listed(view.credential, file):
            recent = _steps(view.recent, now) if view.recent else nothing
            found.append({**entry_of(view, file), "recent_requests": recent})
    return sorted(found, key=lambda entry: str(entry["name"]).lower())


def entry_of(view: CredentialView, file: os.stat_result | None) -> dict[str, Any]:
    """One entry; ``file`` is what the disk says of its file, None when there is none."""
    credential = view.credential
    kind, account = credential.account
    optional: dict[str, Any] = {
        "email": _email(credential), "account_type": kind, "account": account,
        "created_at": _time(view.created_at), "updated_at": _time(view.updated_at),
        "modtime": _time(file.st_mtime if file is not None else view.updated_at),
        "last_refresh": _time(view.last_refreshed_at), "expires_at": _time(view.expires_at),
        "path": credential.attributes.get("path", ""),
        "next_retry_after": _time(view.next_retry_after), "cooldowns": _cooldowns(view),
        "id_token": _id_token(credential),
        "prefix": credential.prefix, "proxy_url": credential.proxy_url,
        **{name: credential.metadata.get(name) for name in _SHOWN_FIELDS},
    }  # fmt: skip
    return {
        "id": credential.id,
        "auth_index": credential.index,
        "name": credential.file_name or credential.id,
        "type": credential.provider,
        "provider": credential.provider,
        "label": credential.label,
        "status": view.status,
        "status_message": view.status_message,
        "disabled": credential.disabled,
        "unavailable": view.unavailable,
        "runtime_only": _is_runtime_only(credential),
        "source": "file" if file is not None else "memory",
        "size": file.st_size if file is not None else 0,
        "success": view.counters.attempts - view.counters.failed,
        "failed": view.counters.failed,
        **{name: value for name, value in optional.items() if value not in (None, "", [], {})},
    }


def key_usage(views: Iterable[CredentialView], now: float) -> dict[str, dict[str, Any]]:
    """Counts of the credentials with an API key: provider -> ``base-url|key`` -> counts and the last steps."""
    keys = [view for view in views if view.credential.account[0] == "api_key"]
    groups: dict[str, dict[str, list[CredentialView]]] = {}
    for view in keys:
        credential = view.credential
        name = f"{credential.attributes.get('base_url', '').strip()}|{credential.account[1].strip()}"
        groups.setdefault(credential.provider, {}).setdefault(name, []).append(view)
    return {
        provider: {name: _usage(same, now) for name, same in named.items()} for provider, named in groups.items()
    }  # fmt: skip


def _usage(views: Sequence[CredentialView], now: float) -> dict[str, Any]:
    counters = [view.counters for view in views]
    return {
        "success": sum(one.attempts - one.failed for one in counters),
        "failed": sum(one.failed for one in counters),
        "recent_requests": _as_json(sums(view.recent.steps(now) for view in views)),
    }


def _steps(recent: RecentAttempts, now: float) -> list[dict[str, Any]]:
    return _as_json(recent.steps(now))


def _as_json(steps: Iterable[Step]) -> list[dict[str, Any]]:
    return [step.as_json() for step in steps]


def _is_listed(credential: Credential, file: os.stat_result | None) -> bool:
    """11.1: no keys of the configuration, nothing that is switched off and has no file to switch it on in."""
    if _is_runtime_only(credential):
        return not credential.disabled
    return "path" in credential.attributes and (file is not None or not credential.disabled)


def _is_runtime_only(credential: Credential) -> bool:
    return credential.attributes.get("runtime_only") == "true"


def _status(credential: Credential) -> os.stat_result | None:
    path = credential.attributes.get("path", "")
    try:
        return os.stat(path) if path else None
    except (OSError, ValueError):
        return None


def _email(credential: Credential) -> str:
    found = credential.metadata.get("email")
    if isinstance(found, str):
        return found.strip()
    attributes = credential.attributes
    return attributes.get("email", "").strip() or attributes.get("account_email", "").strip()


def _cooldowns(view: CredentialView) -> list[dict[str, Any]]:
    return [{**cooldown.as_json(), "until": _time(cooldown.until)} for cooldown in view.cooldowns]


def _id_token(credential: Credential) -> dict[str, Any]:
    """Claims of a Codex account."""
    token = credential.metadata.get("id_token")
    if credential.provider != "codex" or not isinstance(token, str):
        return {}
    claims = (claims_of(token.strip()) or {}).get(_CLAIM)
    if not isinstance(claims, Mapping):
        return {}
    return {shown: value for shown, name in _CLAIMS.items() if (value := claims.get(name)) not in (None, "")}


def _time(moment: float) -> str:
    """RFC 3339 in local time (1.4); empty for no time."""
    return Moment.of(moment).text if moment else ""


def _model(model: ModelInfo) -> dict[str, str]:
    fields = {"id": model.id, "display_name": model.display_name, "type": model.type, "owned_by": model.owned_by}
    return {name: value for name, value in fields.items() if value}

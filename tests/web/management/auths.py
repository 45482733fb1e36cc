"""Auth files of an application under test, and what it knows of them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from management.conftest import Manager

from cliproxy.pool.pool import Pool


def write(manager: Manager, name: str, **content: Any) -> None:
    """A file, and the pool knows it."""
    (manager.auths / name).write_text(json.dumps(content))
    manager.app.extensions["cliproxy.lifecycle"]._source.catch_up()


def pool_of(manager: Manager) -> Pool:
    found: Pool = manager.app.extensions["cliproxy.lifecycle"]._source._pool
    return found


def files(manager: Manager, query: str = "") -> dict[str, Any]:
    listed = manager.get(f"auth-files{query}")["files"]
    assert [entry["name"] for entry in listed] == sorted((entry["name"] for entry in listed), key=str.lower)
    return {entry["name"]: entry for entry in listed}


def index_of(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()[:16]

"""Another world: the program with its endpoints moved to loopback, in a process of its own.

``CLIPROXY_TEST_WORLD`` is a JSON object: dotted name of a constant (``cliproxy.providers.claude.BASE``) or of a field of an
OAuth application (``apps.claude.token_url``) -> what it is here. As a script it is the command line; ``world_wsgi`` is the server.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module


def apply(changes: Mapping[str, str]) -> None:
    """Move endpoints. A name that does not exist is an error."""
    from cliproxy.providers.tokens.apps import APPS

    for name, value in changes.items():
        if name.startswith("apps."):
            _, provider, field = name.split(".")
            APPS[provider] = replace(APPS[provider], **{field: value})  # type: ignore[arg-type]
        else:
            module, _, constant = name.rpartition(".")
            found = import_module(module)
            assert hasattr(found, constant), name
            setattr(found, constant, value)


def from_environment() -> None:
    """Move what the environment names."""
    apply(json.loads(os.environ["CLIPROXY_TEST_WORLD"]))


if __name__ == "__main__":
    from_environment()
    from cliproxy.cli import main

    main()

"""The server in another world (``world.py``): ``gunicorn --pythonpath tests/oauth world_wsgi:app``."""

from __future__ import annotations

import world

world.from_environment()

from wsgi import app  # noqa: E402 - after the endpoints have moved

__all__ = ["app"]

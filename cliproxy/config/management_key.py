"""The management key: kept as a bcrypt hash (config.md 6.4).

One bcrypt check takes 110 ms of CPU. Under gevent it runs in the hub's thread pool, so that streams go on.
"""

from __future__ import annotations

import bcrypt

from cliproxy.blocking import off_hub
from cliproxy.errors import ConfigError, Problem

_PREFIXES = ("$2a$", "$2b$", "$2y$")
_COST = 10
_LONGEST = 72


def is_plaintext(key: str) -> bool:
    """True for a key that was not hashed yet."""
    return bool(key) and not (len(key) > 4 and key.startswith(_PREFIXES))


def hash_key(key: str) -> str:
    """The bcrypt hash (``$2b$``, cost 10) of a plaintext key.

    :raises ConfigError: longer than bcrypt can take (72 bytes).
    """
    data = key.encode()
    if len(data) > _LONGEST:
        words = f"failed to hash remote management key: it has {len(data)} bytes, at most {_LONGEST} are possible"
        raise ConfigError([Problem(words, "remote-management.secret-key")])
    return off_hub(lambda: bcrypt.hashpw(data, bcrypt.gensalt(_COST)).decode())


def verify_key(key: str, hashed: str) -> bool:
    """True when ``key`` belongs to the hash; never raises."""
    data = key.encode()
    if not hashed or not data or len(data) > _LONGEST:
        return False
    try:
        return off_hub(lambda: bcrypt.checkpw(data, hashed.encode()))
    except ValueError:
        return False

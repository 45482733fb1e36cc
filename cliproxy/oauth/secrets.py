"""Random values of a login: states and PKCE verifiers (oauth-login.md 1.2)."""

from __future__ import annotations

import base64
import hashlib
import secrets


def new_state() -> str:
    """32 lower-case hex digits."""
    return secrets.token_hex(16)


def new_verifier(size: int = 96) -> str:
    """A PKCE verifier of so many random bytes: 128 characters for 96, 43 for 32."""
    return base64.urlsafe_b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier, 43 characters."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

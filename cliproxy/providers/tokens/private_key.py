"""The private key of a Google service account, brought into one form (oauth-login.md 10.1). No I/O.

Keys arrive as people handle them: copied out of terminals, put on one line, escaped twice. What comes out is always
PKCS#1 as PEM; a key in that form stays as it is.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_PKCS1, _PKCS8 = "RSA PRIVATE KEY", "PRIVATE KEY"
_INTEGER, _SEQUENCE = 0x02, 0x30  # ASN.1 tags

_ESCAPES = re.compile(r"\x1b\[[^A-Za-z]*[A-Za-z]?|\x1b\].*?(?:\x07|\x1b\\|\Z)|\x1b", re.DOTALL)
_BLOCK = re.compile(r"^-----BEGIN ([^\n-]+)-----[ \t]*\n([^-]+)^-----END \1-----[ \t]*$", re.MULTILINE)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")
_INVALID = {_PKCS1: "private_key invalid rsa: it is not PKCS#1", _PKCS8: "private_key invalid pkcs8: it is not PKCS#8"}
_UNSUPPORTED = "private_key uses unsupported format"


class UnusableKey(ValueError):
    """The key cannot be used. Its text says why, and never shows any of it."""


def with_normal_key(account: Mapping[str, Any]) -> dict[str, Any]:
    """A service account with its ``private_key`` normalised, everything else as it was.

    :raises UnusableKey: it has none, or one that cannot be used.
    """
    return {**account, "private_key": normalised(_key_text(account))}


def normalised(text: str) -> str:
    """An RSA key as PEM of type ``RSA PRIVATE KEY``: lines of 64 characters, LF at each end.

    :raises UnusableKey: no PEM, or no RSA key in it.
    """
    from cryptography.hazmat.primitives import serialization

    form = serialization.PrivateFormat.TraditionalOpenSSL
    written = _read(text).private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return written.decode("ascii")


def signing_key(account: Mapping[str, Any]) -> RSAPrivateKey:
    """The account's key, ready to sign. Takes 40 ms: the key is checked.

    :raises UnusableKey: as ``with_normal_key``.
    """
    return _read(_key_text(account))


def _key_text(account: Mapping[str, Any]) -> str:
    if not account:
        raise UnusableKey("service account payload is empty")
    text = account.get("private_key")
    if not isinstance(text, str) or not text.strip():
        raise UnusableKey("service account missing private_key")
    return text


def _read(text: str) -> RSAPrivateKey:
    text = _cleaned(text)
    found = _first_block(text) or _first_block(unescaped := _unescaped(text)) or _rebuilt(unescaped)
    return _rsa(*found)


def _cleaned(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _ESCAPES.sub("", text).encode("utf-8", "ignore").decode().strip()


def _unescaped(text: str) -> str:
    """With line ends that were escaped twice."""
    return text.replace("\\r", "").replace("\\n", "\n")


def _first_block(text: str) -> tuple[str, bytes] | None:
    """(type, content) of the first PEM block that can be decoded."""
    for block in _BLOCK.finditer(text):
        try:
            content = base64.b64decode("".join(block[2].split()), validate=True)
        except ValueError:
            continue
        if content:
            return block[1], content
    return None


def _rebuilt(text: str) -> tuple[str, bytes]:
    """(type, content) of a block whose lines or characters have suffered."""
    kind = _PKCS1 if _PKCS1 in text else _PKCS8
    _, begin, rest = text.partition(f"-----BEGIN {kind}-----")
    inner, end, _ = rest.partition(f"-----END {kind}-----")
    if not begin or not end:
        raise UnusableKey("private_key is not valid pem: missing markers")
    if not (payload := _NOT_BASE64.sub("", inner)):
        raise UnusableKey("private_key is not valid pem: empty payload")
    try:
        return kind, base64.b64decode(payload, validate=True)
    except ValueError as error:
        raise UnusableKey("private_key is not valid pem: base64 decode failed") from error


def _rsa(kind: str, content: bytes) -> RSAPrivateKey:
    # Here and not above: 20 MB and 50 ms that only service accounts need.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    if _shape(content) not in {_PKCS1: (_INTEGER,), _PKCS8: (_SEQUENCE,)}.get(kind, (_INTEGER, _SEQUENCE)):
        raise UnusableKey(_INVALID.get(kind, _UNSUPPORTED))
    try:
        key = load_der_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnusableKey(_INVALID.get(kind, _UNSUPPORTED)) from error
    if not isinstance(key, RSAPrivateKey):
        raise UnusableKey("private_key is not an RSA key")
    return key


def _shape(content: bytes) -> int:
    """The tag behind the version number: an INTEGER (the modulus) in PKCS#1, a SEQUENCE (the algorithm) in PKCS#8."""
    if len(content) < 2 or content[0] != _SEQUENCE:
        return 0
    start = 2 + (content[1] & 0x7F if content[1] & 0x80 else 0)
    version = content[start : start + 4]
    return version[3] if len(version) == 4 and version[:2] == b"\x02\x01" else 0

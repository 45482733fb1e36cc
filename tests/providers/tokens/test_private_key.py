"""Private keys of service accounts in all the states in which they arrive (oauth-login.md 10.1, 17.9)."""

from __future__ import annotations

import base64
import re

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cliproxy.providers.tokens.private_key import UnusableKey, normalised, with_normal_key

KEY = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())


def written(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: pem.PrivateFormat) -> str:
    return key.private_bytes(pem.Encoding.PEM, form, pem.NoEncryption()).decode()


PKCS1 = written(KEY, pem.PrivateFormat.TraditionalOpenSSL)
PKCS8 = written(KEY, pem.PrivateFormat.PKCS8)
BODY1, BODY8 = ("".join(text.splitlines()[1:-1]) for text in (PKCS1, PKCS8))


def labelled(kind: str, body: str) -> str:
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


def test_the_form() -> None:
    lines = normalised(PKCS8).split("\n")
    assert (lines[0], lines[-2:]) == ("-----BEGIN RSA PRIVATE KEY-----", ["-----END RSA PRIVATE KEY-----", ""])
    assert {len(line) for line in lines[1:-3]} == {64}
    assert 0 < len(lines[-3]) <= 64


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PKCS1, id="pkcs1"),
        pytest.param(PKCS8, id="pkcs8"),
        pytest.param(PKCS8.replace("\n", "\r\n"), id="cr lf"),
        pytest.param(PKCS8.replace("\n", "\r"), id="lone cr"),
        pytest.param(f"\n \t{PKCS8.rstrip()}  \n\n", id="blanks around"),
        pytest.param(PKCS8.replace("\n", "  \n"), id="blanks at line ends"),
        pytest.param(PKCS8.replace("\n", "\n  "), id="indented"),
        pytest.param(f"-----BEGIN PRIVATE KEY-----{BODY8}-----END PRIVATE KEY-----", id="one line"),
        pytest.param(f"-----BEGIN PRIVATE KEY----- {BODY8} -----END PRIVATE KEY-----", id="one line with blanks"),
        pytest.param(f"-----BEGIN RSA PRIVATE KEY----- {BODY1} -----END RSA PRIVATE KEY-----", id="pkcs1 on one line"),
        pytest.param(labelled("PRIVATE KEY", BODY8), id="one-line body"),
        pytest.param(PKCS8.replace("\n", " "), id="blanks instead of line ends"),
        pytest.param(PKCS8.replace("\n", "\\n"), id="escaped twice"),
        pytest.param(PKCS8.replace("\n", "\\r\\n"), id="cr lf escaped twice"),
        pytest.param(PKCS8.replace("\n", "\\\\n"), id="escaped three times"),
        pytest.param(PKCS8.replace("\n", "\\n\n"), id="escaped and not"),
        pytest.param(f"\x1b[1;32m{PKCS8}\x1b[0m", id="colours around"),
        pytest.param(PKCS8.replace("\n", "\x1b[K\n"), id="erase line"),
        pytest.param(f"\x1b]0;a title\x07{PKCS8}\x1b]8;;https://x\x1b\\", id="titles and links"),
        pytest.param(f"\x1b{PKCS8}\x1b", id="lone escapes"),
        pytest.param(f"{BODY8[:0]}{PKCS8[:60]}\ud800{PKCS8[60:]}", id="no utf-8"),
        pytest.param(PKCS8[:60] + "\ufffd\u00a0*" + PKCS8[60:], id="foreign characters"),
        pytest.param(f"Bag Attributes: none\n{PKCS8}\nmore", id="words around"),
        pytest.param(f"{PKCS8}{written(EC, pem.PrivateFormat.PKCS8)}", id="the first of two"),
        pytest.param(labelled("X", "not base64!") + PKCS8, id="the first that can be decoded"),
        pytest.param(labelled("ANY KEY", BODY1), id="pkcs1 under another name"),
        pytest.param(labelled("ANY KEY", BODY8), id="pkcs8 under another name"),
    ],
)
def test_usable(text: str) -> None:
    assert normalised(text) == PKCS1
    assert normalised(normalised(text)) == PKCS1


def der(body: str) -> str:
    return base64.b64encode(base64.b64decode(body)[:-7]).decode()


PEM, RSA8, UNSUPPORTED = "private_key is not valid pem: ", "private_key invalid ", "private_key uses unsupported format"
ENCRYPTED = KEY.private_bytes(
    pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"secret")
).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(BODY8, PEM + "missing markers", id="no markers"),
        pytest.param(PKCS8.rpartition("-----END")[0], PEM + "missing markers", id="no end"),
        pytest.param(labelled("PRIVATE KEY", ""), PEM + "empty payload", id="empty"),
        pytest.param(labelled("PRIVATE KEY", "***"), PEM + "empty payload", id="nothing of base64"),
        pytest.param(labelled("PRIVATE KEY", BODY8[:-1]), PEM + "base64 decode failed", id="cut"),
        pytest.param(labelled("PRIVATE KEY", "A=B=" + BODY8), PEM + "base64 decode failed", id="padding inside"),
        pytest.param(labelled("RSA PRIVATE KEY", BODY8), RSA8 + "rsa: it is not PKCS#1", id="pkcs8 as pkcs1"),
        pytest.param(labelled("RSA PRIVATE KEY", der(BODY1)), RSA8 + "rsa: it is not PKCS#1", id="broken pkcs1"),
        pytest.param(labelled("PRIVATE KEY", BODY1), RSA8 + "pkcs8: it is not PKCS#8", id="pkcs1 as pkcs8"),
        pytest.param(labelled("PRIVATE KEY", der(BODY8)), RSA8 + "pkcs8: it is not PKCS#8", id="broken pkcs8"),
        pytest.param(labelled("PRIVATE KEY", "AAAA"), RSA8 + "pkcs8: it is not PKCS#8", id="no asn.1"),
        pytest.param(written(EC, pem.PrivateFormat.PKCS8), "private_key is not an RSA key", id="ec in pkcs8"),
        pytest.param(written(EC, pem.PrivateFormat.TraditionalOpenSSL), UNSUPPORTED, id="ec of its own"),
        pytest.param(
            labelled("ANY KEY", "".join(written(EC, pem.PrivateFormat.PKCS8).splitlines()[1:-1])),
            "private_key is not an RSA key", id="ec under another name",
        ),
        pytest.param(ENCRYPTED, UNSUPPORTED, id="encrypted"),
        pytest.param(labelled("CERTIFICATE", "AAAA"), UNSUPPORTED, id="something else"),
    ],
)  # fmt: skip
def test_unusable(text: str, words: str) -> None:
    with pytest.raises(UnusableKey, match=f"^{re.escape(words)}$"):
        normalised(text)


@pytest.mark.parametrize("content", [{"private_key": value} for value in (None, 5, "", " \n", ["x"])] + [{"a": 1}])
def test_none(content: dict[str, object]) -> None:
    with pytest.raises(UnusableKey, match=r"^service account missing private_key$"):
        with_normal_key(content)


def test_an_empty_account() -> None:
    with pytest.raises(UnusableKey, match=r"^service account payload is empty$"):
        with_normal_key({})


def test_only_the_key_changes() -> None:
    account = {"z": 1, "private_key": PKCS8, "a": {"b": None}}
    assert with_normal_key(account) == {"z": 1, "private_key": PKCS1, "a": {"b": None}}
    assert account["private_key"] == PKCS8

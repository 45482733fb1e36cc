"""TLS from the configuration (client-api.md 2.4)."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from end_to_end.families import CHAT, PROTOCOLS, config
from end_to_end.proxy import AUTHORIZED, Proxy, Start, send
from upstream.content import TEXT
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) files, self-signed for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


@pytest.fixture
def secure(start: Start, upstream: FakeUpstream, certificate: tuple[Path, Path]) -> Proxy:
    cert, key = certificate
    tls = {"enable": True, "cert": str(cert), "key": str(key)}
    return start(config(upstream.url, tls=tls), tls=ssl.create_default_context(cafile=str(cert)))


def test_tls(secure: Proxy, upstream: FakeUpstream) -> None:
    """Answers, streams, aborts."""
    for family in PROTOCOLS:
        assert family.text(secure.post(family.path(), family.body()).json) == TEXT.joined
        streamed = secure.post(family.path(stream=True), family.body(stream=True))
        assert family.stream_text(streamed.body) == TEXT.joined
    assert_abort_is_noticed(secure, upstream)


def test_plain_text_client_does_no_harm(secure: Proxy) -> None:
    """Refused, without a traceback in the log."""
    assert_plain_text_is_refused(secure)
    assert secure.ask("GET", "/healthz").status == 200


def assert_abort_is_noticed(secure: Proxy, upstream: FakeUpstream) -> None:
    upstream.reset()
    upstream.plan(Plan(stall_before=True))
    connection = secure.connect()
    send(connection, "POST", CHAT.path(), CHAT.body(stream=True), AUTHORIZED)
    (request,) = upstream.wait_for(1)
    gone = time.monotonic()
    connection.close()
    assert eventually(lambda: request.left, "the upstream connection is closed") - gone < 1


def assert_plain_text_is_refused(secure: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", secure.port), timeout=5) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            received = plain.recv(1000)
        except ConnectionResetError:
            received = b""
    assert b"200 OK" not in received

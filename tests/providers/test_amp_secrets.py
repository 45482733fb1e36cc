"""The key for Amp's server (amp-routing.md 11, 16.9)."""

from __future__ import annotations

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cliproxy.config.settings import AmpUpstreamKey
from cliproxy.providers.amp_secrets import AmpSecrets, SecretsFile, SecretUnreadable, client_table

ENTRY = "apiKey@https://ampcode.com/"
TTL = 300


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets.json"


@pytest.fixture
def file(path: Path, clock: Clock) -> SecretsFile:
    return SecretsFile(path, clock)


def write(path: Path, secret: str) -> None:
    path.write_text(json.dumps({ENTRY: secret, "other": {"not": "text"}}))


@pytest.mark.parametrize(
    ("configured", "environment", "in_file", "expected"),
    [
        pytest.param("cfg", "env", "file", "cfg", id="S1", marks=pytest.mark.case("amp-routing:S1")),
        pytest.param("", "env", "file", "env", id="S2", marks=pytest.mark.case("amp-routing:S2")),
        pytest.param("", "", "file", "file", id="S3", marks=pytest.mark.case("amp-routing:S3")),
        pytest.param("  ", "env", "file", "env", id="S4", marks=pytest.mark.case("amp-routing:S4")),
        pytest.param("", " \t", "file", "file", id="S5", marks=pytest.mark.case("amp-routing:S5")),
        pytest.param("", "", None, "", id="S6", marks=pytest.mark.case("amp-routing:S6")),
        pytest.param(" ", " ", " ", "", id="S7", marks=pytest.mark.case("amp-routing:S7")),
        pytest.param(" cfg\n", "env", "file", "cfg", id="trimmed"),
        pytest.param("", "", " file ", "file", id="trimmed file"),
    ],
)
def test_order(
    path: Path, file: SecretsFile, configured: str, environment: str, in_file: str | None, expected: str
) -> None:
    if in_file is not None:
        write(path, in_file)
    secrets = AmpSecrets(file, {"AMP_API_KEY": environment})
    secrets.configure(configured, ())
    assert secrets.secret() == expected


def test_the_environment_is_read_at_each_request(file: SecretsFile) -> None:
    environment: dict[str, str] = {}
    secrets = AmpSecrets(file, environment)
    assert secrets.secret() == ""
    environment["AMP_API_KEY"] = "later"
    assert secrets.secret() == "later"


@pytest.mark.case("amp-routing:S8")
def test_the_file_counts_for_five_minutes(path: Path, file: SecretsFile, clock: Clock) -> None:
    write(path, "v1")
    assert file.secret() == "v1"
    write(path, "v2")
    clock.now += TTL - 1
    assert file.secret() == "v1"
    clock.now += 1
    assert file.secret() == "v2"
    write(path, "v3")
    file.invalidate()
    assert file.secret() == "v3"


@pytest.mark.case("amp-routing:S9")
def test_a_missing_file_counts_as_long(path: Path, file: SecretsFile, clock: Clock) -> None:
    assert file.secret() == ""
    write(path, "new")
    clock.now += TTL - 1
    assert file.secret() == ""
    clock.now += 1
    assert file.secret() == "new"


@pytest.mark.case("amp-routing:S10")
@pytest.mark.parametrize("text", ["{", "", "\udcff"])
def test_a_broken_file_is_an_error_once(path: Path, file: SecretsFile, clock: Clock, text: str) -> None:
    path.write_bytes(os.fsencode(text))
    with pytest.raises(SecretUnreadable, match=str(path)):
        file.secret()
    assert file.secret() == ""
    clock.now += TTL
    with pytest.raises(SecretUnreadable):
        file.secret()


def test_a_folder_in_its_place(path: Path, file: SecretsFile) -> None:
    path.mkdir()
    with pytest.raises(SecretUnreadable):
        file.secret()


@pytest.mark.case("amp-routing:S11")
@pytest.mark.parametrize("entries", [{}, {"apiKey@https://other.com/": "x"}, [], "text", {ENTRY: 5}, {ENTRY: None}])
def test_a_file_without_the_key(path: Path, file: SecretsFile, entries: object) -> None:
    path.write_text(json.dumps(entries))
    assert file.secret() == ""


@pytest.mark.case("amp-routing:S12")
def test_a_client_in_two_entries(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        table = client_table([AmpUpstreamKey("first", ("k1", "k2", "k1")), AmpUpstreamKey("second", ("k2", "k3"))])
    assert table == {"k1": "first", "k2": "first", "k3": "second"}
    assert [record.getMessage() for record in caplog.records] == [
        "amp upstream-api-keys: client API key appears in multiple entries; using first mapping."
    ]


@pytest.mark.case("amp-routing:S13")
def test_blanks_of_clients_and_keys() -> None:
    table = client_table([AmpUpstreamKey(" up ", ("  k1  ", "", "  ")), AmpUpstreamKey("  ", ("k2",))])
    assert table == {"k1": "up"}


def test_a_client_without_a_key_of_its_own(file: SecretsFile) -> None:
    secrets = AmpSecrets(file, {})
    secrets.configure("default", [AmpUpstreamKey("u1", ("k1",))])
    assert [secrets.secret(key) for key in ("k1", "k2", "")] == ["u1", "default", "default"]


@pytest.mark.case("amp-routing:S14")
def test_many_readers(path: Path) -> None:
    write(path, "same")
    secrets = AmpSecrets(SecretsFile(path), {})
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: [secrets.secret() for _ in range(100)], range(50)))
    assert {secret for each in found for secret in each} == {"same"}


@pytest.mark.case("amp-routing:H1")
def test_a_configured_key_drops_what_was_read(path: Path, file: SecretsFile) -> None:
    write(path, "v1")
    secrets = AmpSecrets(file, {})
    secrets.configure("", ())
    assert secrets.secret() == "v1"
    write(path, "v2")
    secrets.configure("", ())
    assert secrets.secret() == "v1"
    secrets.configure("new", ())
    assert secrets.secret() == "new"
    secrets.configure("", ())
    assert secrets.secret() == "v2"


@pytest.mark.case("amp-routing:H6")
def test_a_client_that_lost_its_key(file: SecretsFile) -> None:
    secrets = AmpSecrets(file, {})
    secrets.configure("default", [AmpUpstreamKey("u", ("k1", "k2"))])
    assert secrets.secret("k2") == "u"
    secrets.configure("default", [AmpUpstreamKey("u", ("k1", "k1"))])
    assert (secrets.secret("k1"), secrets.secret("k2")) == ("u", "default")


@pytest.mark.case("amp-routing:H7")
def test_blanks_and_repetitions_are_no_change() -> None:
    before = client_table([AmpUpstreamKey("u", ("k1", "k2"))])
    assert client_table([AmpUpstreamKey("u", ("  k1  ", "", "k2", " "))]) == before

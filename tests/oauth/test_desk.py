"""What logins of a running server share: applications, the folder, saving (oauth-login.md 1.1, 2)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from oauth.house import House

from cliproxy.errors import LoginError
from cliproxy.oauth.flow import TokenFile

MADE = TokenFile("claude-u@x.json", {"type": "claude", "access_token": "secret-1"}, "u@x", notes=("no project yet",))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def test_saving_puts_the_account_to_use(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="cliproxy"):
        path = house.logins.desk.save(MADE)
    assert path == str(house.folder / MADE.name)
    assert house.used == [[MADE.name]]
    assert f"login saved to {path}" in caplog.text
    assert "claude-u@x.json: no project yet" in caplog.text
    assert "secret-1" not in caplog.text


def test_nothing_is_saved_without_a_folder(house: House) -> None:
    """The configuration may have changed since the login began."""
    house.settings = replace(house.settings, auth_dir=" ")
    with pytest.raises(LoginError, match="auth-dir is empty"):
        house.logins.desk.save(MADE)
    assert (house.files(), house.used) == ({}, [])


def test_the_application_follows_the_configuration(house: House) -> None:
    assert house.logins.desk.app("iflow").secret == "iflow-secret"
    house.settings = replace(house.settings, oauth_clients={})
    with pytest.raises(LoginError, match=r"oauth-clients\.iflow\.client-secret"):
        house.logins.desk.app("iflow")

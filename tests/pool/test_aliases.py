"""The upstream's name of a model (credentials.md 9, 15: C33 to C44)."""

from __future__ import annotations

import pytest

from cliproxy.config.load import load_text
from cliproxy.pool.aliases import alias_table
from cliproxy.providers.credential import Credential

OLD = "gemini-2.5-pro-exp-03-25"
OAUTH = f"oauth-model-alias: {{gemini-cli: [{{name: {OLD}, alias: gemini-2.5-pro}}]}}\n"
KEYS = (
    "oauth-model-alias: {}\n"
    "gemini-api-key: [{api-key: k, prefix: team, models: ["
    f"{{name: {OLD}, alias: g25p}}, {{name: 'gemini-2.5-flash(low)', alias: g25f}}]}}]\n"
)
KEY = Credential("k", "gemini", prefix="team", attributes={"api_key": "k"})
CLI = Credential("a.json", "gemini-cli", metadata={"email": "e"})


def upstream(text: str, credential: Credential, model: str) -> str:
    return alias_table(credential, load_text(text).settings).upstream_model(model)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("gemini-2.5-pro(8192)", f"{OLD}(8192)", marks=pytest.mark.case("credentials:C33")),
        pytest.param("gemini-2.5-pro", OLD, marks=pytest.mark.case("credentials:C34")),
        pytest.param("gemini-2.5-pro(auto)", f"{OLD}(auto)", marks=pytest.mark.case("credentials:C34")),
        pytest.param("gemini-2.5-pro(none)", f"{OLD}(none)", marks=pytest.mark.case("credentials:C34")),
        pytest.param("gemini-2.5-pro()", OLD, marks=pytest.mark.case("credentials:C35")),
        ("other(high)", "other(high)"),
    ],
)
def test_aliases_of_logins(model: str, expected: str) -> None:
    assert upstream(OAUTH, CLI, model) == expected


@pytest.mark.case("credentials:C36")
def test_case_does_not_matter() -> None:
    text = OAUTH.replace("alias: gemini-2.5-pro", "alias: Gemini-2.5-Pro")
    assert upstream(text, CLI, "gemini-2.5-pro(high)") == f"{OLD}(high)"


@pytest.mark.case("credentials:C37")
def test_a_suffix_in_the_config_wins() -> None:
    text = "oauth-model-alias: {claude: [{name: 'claude-sonnet-4-5-20250514(low)', alias: claude-sonnet-4-5}]}\n"
    claude = Credential("c.json", "claude", metadata={"email": "e"})
    assert upstream(text, claude, "claude-sonnet-4-5(high)") == "claude-sonnet-4-5-20250514(low)"


@pytest.mark.case("credentials:C38")
def test_an_alias_with_half_a_suffix() -> None:
    text = OAUTH.replace("alias: gemini-2.5-pro", "alias: 'gemini-2.5-pro(high'")
    assert upstream(text, CLI, "gemini-2.5-pro(high") == OLD


@pytest.mark.case("credentials:C39")
def test_channels_are_kept_apart() -> None:
    claude = Credential("c.json", "claude", metadata={"email": "e"})
    assert upstream(OAUTH, claude, "gemini-2.5-pro") == "gemini-2.5-pro"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param("G25p(4096)", f"{OLD}(4096)", marks=pytest.mark.case("credentials:C40")),
        pytest.param("g25f(high)", "gemini-2.5-flash(low)", marks=pytest.mark.case("credentials:C41")),
        pytest.param("g25f", "gemini-2.5-flash(low)", marks=pytest.mark.case("credentials:C41")),
        pytest.param(f"{OLD}(8192)", f"{OLD}(8192)", marks=pytest.mark.case("credentials:C42")),
        pytest.param("team/g25p", OLD, marks=pytest.mark.case("credentials:C44")),
    ],
)
def test_aliases_of_keys(model: str, expected: str) -> None:
    assert upstream(KEYS, KEY, model) == expected


@pytest.mark.case("credentials:C43")
def test_another_configuration() -> None:
    text = KEYS.replace(f"name: {OLD}, alias: g25p", "name: gemini-2.5-flash, alias: g25p")
    assert upstream(text, KEY, "g25p") == "gemini-2.5-flash"


def test_aliases_of_an_openai_compatible_service() -> None:
    text = "openai-compatibility: [{name: Mine, base-url: https://x, models: [{name: org/big, alias: big}]}]\n"
    mine = Credential("m", "mine", attributes={"compat_name": "Mine", "provider_key": "mine"})
    assert upstream(text, mine, "big(high)") == "org/big(high)"
    assert upstream(text, mine, "org/big") == "org/big"

"""Which models a credential offers under which names (config.md 11.2, 11.3; credentials.md 12, C45 to C48)."""

from __future__ import annotations

import pytest

from cliproxy.config.load import load_text
from cliproxy.config.settings import OAuthAlias, Settings
from cliproxy.pool.synthesis import credentials_from_config
from cliproxy.providers.credential import Credential
from cliproxy.routing.registration import excluded, models_for, with_aliases, with_prefix
from cliproxy.routing.tables import ModelInfo

GPT = [ModelInfo("gpt-5", name="models/gpt-5"), ModelInfo("other")]


def names(text: str) -> list[str]:
    settings = load_text("oauth-model-alias: {}\n" + text).settings
    (credential,) = credentials_from_config(settings)
    return [model.id for model in models_for(credential, settings)]


@pytest.mark.case("credentials:C45")
def test_an_alias_takes_the_originals_place() -> None:
    found = with_aliases(GPT, [OAuthAlias("GPT-5", "g5")])
    assert [(model.id, model.name) for model in found] == [("g5", "models/g5"), ("other", "")]


@pytest.mark.parametrize(
    ("aliases", "expected"),
    [
        pytest.param([OAuthAlias("gpt-5", "g5", True)], ["gpt-5", "g5", "other"], marks=pytest.mark.case("credentials:C46")),
        pytest.param(
            [OAuthAlias("gpt-5", "g5", True), OAuthAlias("gpt-5", "g5-2")], ["gpt-5", "g5", "g5-2", "other"],
            marks=pytest.mark.case("credentials:C47"),
        ),
        ([OAuthAlias("nobody", "x")], ["gpt-5", "other"]),
        ([OAuthAlias("other", "gpt-5")], ["gpt-5", "other"]),
    ],
)  # fmt: skip
def test_forks(aliases: list[OAuthAlias], expected: list[str]) -> None:
    assert [model.id for model in with_aliases(GPT, aliases)] == expected


@pytest.mark.case("credentials:C48")
@pytest.mark.parametrize(("force", "expected"), [(False, ["m", "t/m"]), (True, ["t/m"])])
def test_prefixes(force: bool, expected: list[str]) -> None:
    assert [model.id for model in with_prefix([ModelInfo("m")], "t", force=force)] == expected


def test_a_model_named_like_the_prefix_stays() -> None:
    assert [model.id for model in with_prefix([ModelInfo("t")], "t", force=True)] == ["t", "t/t"]


@pytest.mark.parametrize(
    ("pattern", "name", "hit"),
    [
        ("gpt-5", "GPT-5", True), ("gpt-5", "gpt-5-mini", False), ("gpt-*", "gpt-5", True), ("*-preview", "a-preview", True),
        ("*flash*", "gemini-2.5-flash-lite", True), ("a*a", "a", False), ("a*a", "aa", True), ("*", "anything", True),
        ("a*b*c", "aXbYc", True), ("a*b*c", "acb", False), ("a.c", "abc", False), ("[a]", "a", False), (" GPT-5 ", "gpt-5", True),
        ("", "gpt-5", False), ("**", "", True),
    ],
)  # fmt: skip
def test_patterns(pattern: str, name: str, hit: bool) -> None:
    assert excluded(name, [pattern]) is hit


def test_configured_models_replace_the_table() -> None:
    text = "claude-api-key: [{api-key: k, models: [{name: n, alias: a}, {name: plain}, {name: x, alias: A}, {}]}]\n"
    assert names(text) == ["a", "plain"]


def test_the_built_in_table() -> None:
    found = names("gemini-api-key: [{api-key: k, excluded-models: ['*lite*', gemini-2.5-PRO]}]\n")
    assert "gemini-2.5-flash" in found
    assert not [name for name in found if "lite" in name or name == "gemini-2.5-pro"]


def test_an_openai_compatible_entry_offers_only_its_models() -> None:
    entry = "{name: x, base-url: https://x%s}"
    assert names(f"openai-compatibility: [{entry % ''}]\n") == []
    models = ", models: [{name: org/a, alias: a}, {name: b}]"
    assert names(f"openai-compatibility: [{entry % models}]\n") == ["a", "b"]


def test_exclusions_of_keys_and_logins_do_not_mix() -> None:
    text = "oauth-excluded-models: {claude: ['*']}\nclaude-api-key: [{api-key: k}]\n"
    assert "claude-sonnet-4-5-20250929" in names(text)
    settings = load_text(text).settings
    login = Credential("c.json", "claude", attributes={"auth_kind": "oauth"}, metadata={"email": "e"})
    assert models_for(login, settings) == []


def test_disabled_ones_offer_nothing() -> None:
    assert models_for(Credential("c.json", "claude", disabled=True), Settings()) == []


def test_thinking_limits_come_with_an_alias() -> None:
    text = "gemini-api-key: [{api-key: k, models: [{name: gemini-2.5-pro, alias: mine}]}]\n"
    settings = load_text(text).settings
    (credential,) = credentials_from_config(settings)
    (model,) = models_for(credential, settings)
    assert model.thinking is not None
    assert (model.id, model.thinking.min, model.thinking.max) == ("mine", 128, 32768)

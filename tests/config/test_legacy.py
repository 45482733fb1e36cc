"""Keys of older files: read, migrated in memory, gone after a save (config.md 6.2, 6.3, 23.5; design D13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cliproxy.config.load import load_file, load_text
from cliproxy.config.save import save_settings

LEGACY = """\
# my proxy
port: 8080  # as ever
generative-language-api-key:
  - old-1
  - " old-2 "
  - known
gemini-api-key:
  - api-key: known
    prefix: p # mine
openai-compatibility:
  # a friend's
  - name: Friend
    base-url: https://friend
    api-keys: [f1, f2]
    api-key-entries:
      - api-key: f1
        proxy-url: socks5://p
amp-upstream-url: https://amp
amp-upstream-api-key: amp-key
amp-restrict-management-to-localhost: true
amp-model-mappings:
  - from: a
    to: b
oauth-model-mappings:
  Codex:
    - Name: gpt-5
      ALIAS: mine
      fork: "True"
    - name: no-alias
  antigravity:
    - name: gemini-3-flash-preview
      alias: quick
auth:
  providers:
    - name: inline
      type: config-api-key
      api-keys: [from-auth]
"""
GONE = (
    "generative-language-api-key", "api-keys: [f1", "amp-upstream-url", "amp-upstream-api-key",
    "amp-restrict-management-to-localhost", "amp-model-mappings", "oauth-model-mappings", "auth:",
)  # fmt: skip


@pytest.mark.case("config:5")
def test_all_legacy_keys_at_once(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LEGACY)
    loaded = load_file(path)
    settings = loaded.settings
    assert loaded.migrated
    assert path.read_text() == LEGACY
    assert [(e.api_key, e.prefix) for e in settings.gemini_api_key] == [("known", "p"), ("old-1", ""), ("old-2", "")]
    friend = settings.openai_compatibility[0]
    assert [(e.api_key, e.proxy_url) for e in friend.api_key_entries] == [("f1", "socks5://p"), ("f2", "")]
    amp = settings.ampcode
    assert (amp.upstream_url, amp.upstream_api_key, amp.restrict_management_to_localhost) == (
        "https://amp", "amp-key", True,
    )  # fmt: skip
    assert [(m.from_model, m.to_model) for m in amp.model_mappings] == [("a", "b")]
    assert settings.api_keys == ("from-auth",)
    assert [(a.name, a.alias, a.fork) for a in settings.oauth_model_alias["codex"]] == [("gpt-5", "mine", True)]
    antigravity = settings.oauth_model_alias["antigravity"]
    assert (antigravity[0].name, antigravity[0].alias) == ("gemini-3-flash", "quick")
    assert len(antigravity) == 7  # the six other defaults follow

    save_settings(path, settings)
    saved = path.read_text()
    assert not [key for key in GONE if key in saved]
    for comment in ("# my proxy", "# as ever", "# mine", "# a friend's"):
        assert comment in saved
    again = load_file(path)
    assert (again.settings, again.warnings, again.migrated) == (settings, (), False)


@pytest.mark.parametrize(
    ("text", "url"),
    [("amp-upstream-url: old\n", "old"), ("amp-upstream-url: old\nampcode: {upstream-url: new}\n", "new")],
)
def test_new_keys_win(text: str, url: str) -> None:
    assert load_text(text).settings.ampcode.upstream_url == url


@pytest.mark.parametrize("value", ["true", "false"])
def test_the_localhost_flag_always_overrides(value: str) -> None:
    other = "false" if value == "true" else "true"
    text = f"amp-restrict-management-to-localhost: {value}\nampcode: {{restrict-management-to-localhost: {other}}}\n"
    assert load_text(text).settings.ampcode.restrict_management_to_localhost is (value == "true")


def test_one_wrong_type_and_all_are_ignored() -> None:
    loaded = load_text("generative-language-api-key: text\namp-upstream-url: https://amp\n")
    assert loaded.settings.gemini_api_key == ()
    assert loaded.settings.ampcode.upstream_url == ""
    assert not loaded.migrated


def test_own_keys_before_the_auth_block() -> None:
    text = "api-keys: [mine]\nauth: {providers: [{type: config-api-key, api-keys: [theirs]}]}\n"
    assert load_text(text).settings.api_keys == ("mine",)


@pytest.mark.parametrize("value", ["{}", "{codex: [{name: a}]}", "{codex: text}"])
def test_mappings_without_a_valid_entry_leave_no_aliases(value: str) -> None:
    assert dict(load_text(f"oauth-model-mappings: {value}\n").settings.oauth_model_alias) == {}


def test_the_new_alias_key_wins_over_the_old_one() -> None:
    text = "oauth-model-mappings: {codex: [{name: a, alias: b}]}\noauth-model-alias:\n"
    assert dict(load_text(text).settings.oauth_model_alias) == {}

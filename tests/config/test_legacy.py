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


def test_keys_that_are_there_already_or_blank_are_not_added() -> None:
    text = (
        "generative-language-api-key: [k, ' k ', ' ', n]\ngemini-api-key: [{api-key: k}]\n"
        "openai-compatibility: [{name: a, base-url: b, api-keys: [k, k, '', n], api-key-entries: [{api-key: n}]}]\n"
    )
    plain = load_text(text).settings
    assert [entry.api_key for entry in plain.gemini_api_key] == ["k", "n"]
    assert [entry.api_key for entry in plain.openai_compatibility[0].api_key_entries] == ["n", "k"]


@pytest.mark.parametrize("flag", ["yes", '"on"', "true", "True"])
def test_every_spelling_of_the_flag(flag: str) -> None:
    amp = load_text(f"amp-restrict-management-to-localhost: {flag}\namp-upstream-url: u\n").settings.ampcode
    assert (amp.restrict_management_to_localhost, amp.upstream_url) == (True, "u")


@pytest.mark.parametrize(
    "wrong",
    [
        "amp-model-mappings: [text]", "amp-model-mappings: [{from: a, regex: 3}]", "amp-upstream-api-key: [k]",
        "amp-restrict-management-to-localhost: perhaps", "generative-language-api-key: [{a: b}]",
        "openai-compatibility: [{name: a, base-url: b, api-keys: text}]",
        "openai-compatibility: [{name: a, base-url: b, api-keys: [[k]]}]",
    ],
)  # fmt: skip
def test_any_wrong_type_ignores_all_without_a_problem(wrong: str) -> None:
    loaded = load_text(f"amp-upstream-url: https://amp\n{wrong}\n")
    assert (loaded.settings.ampcode.upstream_url, loaded.settings.gemini_api_key) == ("", ())
    assert not [p for p in loaded.settings.openai_compatibility if p.api_key_entries]
    assert not loaded.migrated


@pytest.mark.parametrize(
    "block", ["text", "[]", "{}", "{providers: text}", "{providers: [text]}", "{providers: {a: 1}}"]
)
def test_a_senseless_auth_block(block: str) -> None:
    assert load_text(f"auth: {block}\n").settings.api_keys == ()


def test_sample_keys_in_an_auth_block_are_found_with_their_line() -> None:
    text = (
        "auth:\n  providers:\n    - type: config-api-key\n      api-keys:\n        - mine\n        - your-api-key-1\n"
    )
    assert [problem.line for problem in load_text(text).sample_keys] == [6]


@pytest.mark.case("config:5")
def test_comments_around_legacy_keys_stay_in_their_places(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "# Head of the file\namp-upstream-url: u\n\n# What happens\ndebug: true\n\n# My Gemini keys\n"
        "generative-language-api-key:\n  - k\n\n# Where it listens\nport: 1\nauth:\n  providers: []\n# The end\n"
    )
    save_settings(path, load_file(path).settings)
    lines = path.read_text().splitlines()
    assert lines[0] == "# Head of the file"
    for comment, key in (
        ("# What happens", "debug: true"), ("# Where it listens", "port: 1"), ("# My Gemini keys", "gemini-api-key:"),
    ):  # fmt: skip
        assert lines[lines.index(comment) + 1] == key
    assert "# The end" in lines


@pytest.mark.case("config:5")
def test_renamed_mappings_keep_their_comments(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "oauth-model-mappings:  # names\n  # of Codex\n  Codex:\n    - Name: a # upstream\n      Alias: b\n\n# next\ndebug: true\n"
    )
    save_settings(path, load_file(path).settings)
    assert path.read_text() == (
        "oauth-model-alias:     # names\n# of Codex\n  codex:\n    - name: a # upstream\n      alias: b\n\n# next\ndebug: true\n"
    )

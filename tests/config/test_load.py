"""Reading config.yaml: values, defaults, problems with their places, normalising (config.md 4, 5, 6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliproxy.config.load import config_path, load_file, load_text
from cliproxy.config.settings import Settings, TimeLimits
from cliproxy.errors import ConfigError

ALIASES = [
    ("rev19-uic3-1p", "gemini-2.5-computer-use-preview-10-2025"),
    ("gemini-3-pro-image", "gemini-3-pro-image-preview"),
    ("gemini-3-pro-high", "gemini-3-pro-preview"),
    ("gemini-3-flash", "gemini-3-flash-preview"),
    ("claude-sonnet-4-5", "gemini-claude-sonnet-4-5"),
    ("claude-sonnet-4-5-thinking", "gemini-claude-sonnet-4-5-thinking"),
    ("claude-opus-4-5-thinking", "gemini-claude-opus-4-5-thinking"),
]


def settings(text: str) -> Settings:
    return load_text(text).settings


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    return [(problem.line, problem.key) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", "127.0.0.1"), ("port", 8317), ("auth_dir", "~/.cli-proxy-api"), ("debug", False),
        ("error_logs_max_files", 10), ("logs_max_total_size_mb", 0), ("request_retry", 0), ("demo", False),
        ("api_keys", ()), ("max_request_body_mb", 50),
    ],
)  # fmt: skip
def test_absent(key: str, value: Any) -> None:
    assert getattr(settings("proxy-url: ''\n"), key) == value


def test_absent_sections() -> None:
    plain = settings("debug: true\n")
    assert plain.streaming.keepalive_seconds == 15
    assert plain.timeouts.of("claude") == TimeLimits(600.0, 300.0)
    assert plain.remote_management.secret_key == ""
    assert not plain.routing.fill_first


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ('host: ""', "host", ""), ("port: 9000", "port", 9000), ("port: 0x10", "port", 16), ("port: 8_080", "port", 8080),
        ("port: 90.0", "port", 90), ("debug: yes", "debug", True), ('debug: "on"', "debug", True),
        ("debug: True", "debug", True), ("ws-auth: n", "ws_auth", False),
        ("error-logs-max-files: -1", "error_logs_max_files", 10), ("error-logs-max-files: 0", "error_logs_max_files", 0),
        ("logs-max-total-size-mb: -5", "logs_max_total_size_mb", 0), ("proxy-url: 123", "proxy_url", "123"),
        ('api-keys: [" a ", a, ""]', "api_keys", (" a ", "a", "")), ("api-keys:", "api_keys", ()),
        ("metrics: {public: true}", "metrics_public", True), ("max-request-body-mb: -1", "max_request_body_mb", 0),
        ("transient-error-cooldown-seconds: -7", "transient_error_cooldown_seconds", -1),
    ],
)  # fmt: skip
def test_values(line: str, key: str, value: Any) -> None:
    assert getattr(settings(line + "\n"), key) == value


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 3600), ("90s", 90), ("1h30m", 5400), ("45", 45), ("1d", 86400), ("1.5m", 90)]
)
def test_time_to_live_of_conversations(text: str, seconds: float) -> None:
    routing = settings(f"routing: {{session-affinity: true, session-affinity-ttl: '{text}'}}\n").routing
    assert (routing.session_affinity, routing.affinity_seconds) == (True, seconds)


@pytest.mark.parametrize("text", ["soon", "1h later", "-5s", "0", "1x", "s", "inf"])
def test_no_time_to_live(text: str) -> None:
    assert problems(f"routing:\n  session-affinity-ttl: '{text}'\n") == [(2, "routing.session-affinity-ttl")]


@pytest.mark.parametrize("word", ["fill-first", "FillFirst", " ff "])
def test_fill_first(word: str) -> None:
    assert settings(f"routing: {{strategy: '{word}'}}\n").routing.fill_first


def test_every_problem_is_listed_in_file_order() -> None:
    text = (
        "port: many\n"
        "debug: perhaps\n"
        "\n"
        "api-keys: text\n"
        'request-retry: "3"\n'
        "gemini-api-key:\n"
        "  - api-key: k\n"
        "    priority: high\n"
        "    models: {}\n"
        "  - just text\n"
        "streaming: 5\n"
        "timeouts:\n"
        "  providers:\n"
        "    claude:\n"
        "      idle: soon\n"
    )
    assert problems(text) == [
        (1, "port"), (2, "debug"), (4, "api-keys"), (5, "request-retry"), (8, "gemini-api-key[0].priority"),
        (9, "gemini-api-key[0].models"), (10, "gemini-api-key[1]"), (11, "streaming"),
        (15, "timeouts.providers.claude.idle"),
    ]  # fmt: skip


def test_a_problem_never_shows_a_long_value() -> None:
    secret = "sk-" + "s" * 60
    with pytest.raises(ConfigError) as caught:
        load_text(f"gemini-api-key:\n  - {secret}\napi-keys: {{{secret}: 1}}\n")
    assert secret not in str(caught.value)


@pytest.mark.parametrize("text", ["a: [1\n", "- a\n", "\tx: 1\n", "port: 1\nport: 2\n", "just words\n"])
def test_no_mapping(text: str) -> None:
    with pytest.raises(ConfigError):
        load_text(text)


def test_unknown_keys_are_warnings_with_a_place() -> None:
    loaded = load_text("debug: true\nno-such: 1\ngemini-api-key:\n  - api-key: k\n    colour: red\n")
    assert [(warning.line, warning.key) for warning in loaded.warnings] == [
        (2, "no-such"), (5, "gemini-api-key[0].colour"),
    ]  # fmt: skip
    assert loaded.settings.debug


def test_cloak_is_accepted_with_one_warning() -> None:
    entry = "  - api-key: k\n    cloak: {mode: always}\n"
    loaded = load_text(f"claude-api-key:\n{entry}{entry}")
    assert [warning.line for warning in loaded.warnings] == [3]
    assert loaded.settings.claude_api_key[1].cloak == {"mode": "always"}


@pytest.mark.case("config:2")
def test_the_antigravity_aliases_apply_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("debug: true\nport: 8080\n")
    channels = load_file(path).settings.oauth_model_alias
    assert list(channels) == ["antigravity"]
    assert [(item.name, item.alias) for item in channels["antigravity"]] == ALIASES
    assert not any(item.fork for item in channels["antigravity"])
    assert path.read_text() == "debug: true\nport: 8080\n"


@pytest.mark.case("config:3")
@pytest.mark.parametrize("value", ["{}", "", "null"])
def test_an_empty_alias_key_switches_them_off(tmp_path: Path, value: str) -> None:
    path = tmp_path / "config.yaml"
    text = f"debug: true\noauth-model-alias: {value}\n"
    path.write_text(text)
    assert dict(load_file(path).settings.oauth_model_alias) == {}
    assert path.read_text() == text


NORMALISED = """\
gemini-api-key:
  - {api-key: " k1 ", prefix: " /team/ ", base-url: " https://g ", headers: {" A ": " b ", C: " "}}
  - {api-key: k1, base-url: https://other}
  - {api-key: "  "}
  - {api-key: k2, prefix: a/b, excluded-models: [" X ", x, "", Y*]}
codex-api-key:
  - {api-key: c1}
  - {api-key: "", base-url: https://c}
vertex-api-key:
  - {api-key: v, base-url: https://v, models: [{name: n}, {name: a, alias: b}]}
  - {api-key: v, base-url: https://v}
  - {api-key: v}
openai-compatibility:
  - {name: " Mine ", base-url: " https://o "}
  - {name: none}
oauth-excluded-models: {" Claude ": [" A "], codex: []}
oauth-model-alias:
  " Codex ": [{name: a, alias: b}, {name: c, alias: B}, {name: d, alias: D}, {name: "", alias: e}]
"""


def test_normalising() -> None:
    plain = settings(NORMALISED)
    first, second = plain.gemini_api_key
    assert (first.api_key, first.prefix, first.base_url, dict(first.headers)) == ("k1", "team", "https://g", {"A": "b"})
    assert (second.api_key, second.prefix, second.excluded_models) == ("k2", "", ("x", "y*"))
    assert [entry.base_url for entry in plain.codex_api_key] == ["https://c"]
    assert [[(m.name, m.alias) for m in entry.models] for entry in plain.vertex_api_key] == [[("a", "b")]]
    assert [(provider.name, provider.base_url) for provider in plain.openai_compatibility] == [("Mine", "https://o")]
    assert dict(plain.oauth_excluded_models) == {"claude": ("a",)}
    assert [(a.name, a.alias) for a in plain.oauth_model_alias["codex"]] == [("a", "b")]


@pytest.mark.parametrize("entry", ["{base-url: b}", "{api-key: ' ', base-url: b}", "{api-key: k}"])
def test_vertex_entries_need_key_and_address(entry: str) -> None:
    assert settings(f"vertex-api-key: [{entry}]\n").vertex_api_key == ()


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "1e19", "0x8000000000000000"])
def test_whole_numbers_have_64_bits(number: str) -> None:
    assert problems(f"request-retry: {number}\n") == [(1, "request-retry")]
    assert settings("request-retry: -9223372036854775808\n").request_retry == -(1 << 63)


def test_surrogates_are_no_characters() -> None:
    """No answer could be made of them."""
    text = 'proxy-url: "\\ud800"\noauth-excluded-models:\n  "\\udfff": ["a\\ud83d\\ude00"]\ndebug: maybe\n'
    assert problems(text) == [(1, "proxy-url"), (3, "oauth-excluded-models"), (3, "oauth-excluded-models.\udfff[0]")]


def test_broken_raw_payload_rules_are_dropped_with_a_warning() -> None:
    loaded = load_text(
        "payload:\n  override-raw:\n"
        "    - {models: [{name: a}], params: {x: '{broken'}}\n"
        "    - {models: [{name: a}], params: {x: '{\"a\":1}'}}\n"
        "    - {models: [{name: a}]}\n"
    )
    assert [dict(rule.params) for rule in loaded.settings.payload.override_raw] == [{"x": '{"a":1}'}]
    assert len(loaded.warnings) == 1
    assert "invalid raw JSON" in str(loaded.warnings[0])


def test_a_management_key_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    text = f"remote-management:\n  secret-key: {'x' * 73}\n"
    path.write_text(text)
    with pytest.raises(ConfigError, match="failed to hash remote management key"):
        load_file(path)
    assert path.read_text() == text


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load_file(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigError):
        load_file(tmp_path / "bytes.yaml")


def test_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_path(None, {}) == tmp_path / "config.yaml"
    assert config_path(None, {"CLIPROXY_CONFIG": "a/b.yaml"}) == tmp_path / "a/b.yaml"
    assert config_path("/x.yaml", {"CLIPROXY_CONFIG": "a/b.yaml"}) == Path("/x.yaml")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("port: 1\nport: 2\n", [(2, "port")]),
        ("tls: {enable: true, enable: false}\n", [(1, "tls.enable")]),
        ("debug: true\ndebug: true\nx:\n  - {a: 1, a: 2}\n", [(2, "debug"), (4, "x[0].a")]),
    ],
)
def test_duplicate_keys(text: str, where: list[tuple[int, str]]) -> None:
    assert problems(text) == where


def test_anchors_and_merge_keys() -> None:
    text = (
        "base: &base {prefix: team, priority: 2}\nnames: &names [{name: a, alias: b}]\n"
        "gemini-api-key:\n  - <<: *base\n    api-key: k\n    prefix: own\n    models: *names\n"
    )
    (entry,) = settings(text).gemini_api_key
    assert (entry.api_key, entry.prefix, entry.priority, entry.models[0].alias) == ("k", "own", 2, "b")


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "tls: &a\n  x: *a\n", "a: " + "[" * 3000 + "]" * 3000])
def test_what_never_ends_is_a_problem(text: str) -> None:
    assert len(problems(text)) == 1


def test_only_the_first_document_counts(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("remote-management:\n  secret-key: open\n---\nport: [\n".replace("[", "1"))
    hashed = load_file(path).settings.remote_management.secret_key
    assert path.read_text() == f'remote-management:\n  secret-key: "{hashed}"\n---\nport: 1\n'


@pytest.mark.parametrize(
    "text",
    [
        "x: &k open\nremote-management:\n  secret-key: *k\n",
        "remote-management:\n  secret-key: &k open\nproxy-url: *k\n",
        "x: &m\n  secret-key: open\nremote-management:\n  <<: *m\n",
        "x: &m\n  secret-key: open\nremote-management: *m\n",
        "remote-management:\n  secret-key: |-\n    open\n",
    ],
)
def test_hashing_breaks_no_anchor(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    loaded = load_file(path).settings
    assert load_file(path).settings == loaded
    assert loaded.proxy_url in ("", "open")


def test_a_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only folder: the key works, the file stays, the next load hashes anew."""

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "no")

    path = tmp_path / "config.yaml"
    path.write_text("remote-management: {secret-key: open}\n")
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    loaded = load_file(path)
    assert loaded.settings.remote_management.secret_key.startswith("$2b$10$")
    assert not loaded.rewritten
    assert path.read_text() == "remote-management: {secret-key: open}\n"


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_hashes_are_left_alone(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text := f"remote-management:\n  secret-key: '{prefix}10$abc'\n")
    assert load_file(path).settings.remote_management.secret_key == f"{prefix}10$abc"
    assert path.read_text() == text

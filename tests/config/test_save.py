"""Saving keeps what a person wrote: comments, order, quoting, unknown keys (config.md 7, 23.2 to 23.5)."""

from __future__ import annotations

import json
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from cliproxy.config.load import load_file, load_text
from cliproxy.config.save import save_settings, text_of, update_scalar, write_raw
from cliproxy.config.settings import (
    EMPTY,
    CompatKey,
    KeyEntry,
    Model,
    OAuthClient,
    Payload,
    PayloadRule,
    Routing,
    Settings,
    Streaming,
    TimeLimits,
    Timeouts,
)
from cliproxy.errors import ConfigError

WRITTEN = """\
# head of the file

port: 8080 # where it listens
unknown-key: [kept, as, it, is]
api-keys:
  - 'single'   # of the laptop
  # of the desktop
  - "double"
proxy-url: ''
debug: yes
routing:
  strategy: fill-first
streaming:
  keepalive-seconds: 5
  bootstrap-retries: 2
nonstream-keepalive-interval: 7
gemini-api-key:
  # the good one
  - api-key: "g1"
    my-note: unknown, kept
    prefix: "team"
    models:
      - name: flash # quick
        alias: f
  - api-key: g2
ampcode:
  upstream-api-keys:
    - upstream-api-key: u
      api-keys: [a]
oauth-model-alias:
  codex:
    - name: a
      alias: b
payload:
  override:
    - models: [{name: x}]
      params:
        text: |
          # not a comment
            # neither
# the end
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(WRITTEN)
    return file


def change(path: Path, **values: Any) -> str:
    save_settings(path, replace(load_file(path).settings, **values))
    return path.read_text()


@pytest.mark.case("config:4")
def test_a_save_keeps_comments_order_and_quoting(path: Path) -> None:
    text = change(path, port=9000, api_keys=("new", "double", "single"))
    assert "port: 9000 # where it listens" in text
    for line in (
        "# head of the file", "  - 'single'   # of the laptop", '  - "double"', "# of the desktop", "proxy-url: ''",
        "# the good one", '  - api-key: "g1"', "    my-note: unknown, kept", "      - name: flash # quick", "# the end",
        "          # not a comment", "            # neither",
    ):  # fmt: skip
        assert line in text, (line, text)
    assert top_level(text) == top_level(WRITTEN)
    assert load_text(text).settings.api_keys == ("new", "double", "single")
    assert "my-note" in text


def top_level(text: str) -> list[str]:
    return [line.partition(":")[0] for line in text.splitlines() if line[:1].isalpha()]


@pytest.mark.case("config:4")
def test_keys_that_became_empty_are_cleared(path: Path) -> None:
    old = load_file(path).settings
    assert old.routing.fill_first
    change(
        path, routing=Routing(), streaming=Streaming(), nonstream_keepalive_interval=0,
        ampcode=replace(old.ampcode, upstream_api_keys=()),
    )  # fmt: skip
    new = load_file(path).settings
    assert not new.routing.fill_first
    assert (new.streaming, new.nonstream_keepalive_interval) == (Streaming(), 0)
    assert new.ampcode.upstream_api_keys == ()


@pytest.mark.case("config:3")
def test_the_last_alias_channel_leaves_an_empty_mapping(path: Path) -> None:
    text = change(path, oauth_model_alias=EMPTY)
    assert "oauth-model-alias: {}" in text
    assert dict(load_text(text).settings.oauth_model_alias) == {}


@pytest.mark.case("config:2")
def test_a_save_writes_the_alias_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("debug: true\nport: 8080\n")
    settings = load_file(path).settings
    save_settings(path, settings)
    text = path.read_text()
    assert text.startswith("debug: true\nport: 8080\noauth-model-alias:\n  antigravity:\n")
    assert text.count("- name:") == 7
    assert load_text(text).settings == settings


def test_saving_twice_changes_nothing_more(path: Path) -> None:
    settings = load_file(path).settings
    save_settings(path, settings)
    once = path.read_text()
    save_settings(path, settings)
    assert path.read_text() == once
    assert load_text(once).settings == settings


def test_only_what_differs_from_the_default_is_added(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("oauth-model-alias: {}\n")
    entry = KeyEntry(api_key="k", models=(Model("n", "a"),))
    save_settings(path, replace(Settings(), debug=True, gemini_api_key=(entry,)))
    assert top_level(path.read_text()) == ["oauth-model-alias", "debug", "gemini-api-key"]
    assert load_file(path).settings.gemini_api_key == (entry,)


def test_list_elements_are_matched_by_their_key(path: Path) -> None:
    first, second = load_file(path).settings.gemini_api_key
    text = change(path, gemini_api_key=(second, replace(first, prefix="other")))
    assert text.index("api-key: g2") < text.index('api-key: "g1"')
    assert 'prefix: "other"' in text
    assert "my-note" in text
    assert [e.api_key for e in load_text(text).settings.gemini_api_key] == ["g2", "g1"]


def test_mode_and_no_leftovers(path: Path) -> None:
    change(path, port=1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["config.yaml"]


def test_a_file_that_is_no_mapping_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("- a\n")
    with pytest.raises(ConfigError):
        save_settings(path, Settings())
    assert path.read_text() == "- a\n"


def test_a_failing_write_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        save_settings(path, replace(Settings(), port=1))
    assert path.read_text() == WRITTEN
    assert [file.name for file in path.parent.iterdir()] == ["config.yaml"]


def test_writers_at_the_same_time(path: Path) -> None:
    """Each save is whole; none mixes with another."""
    settings = load_file(path).settings
    threads = [
        threading.Thread(target=save_settings, args=(path, replace(settings, port=9000 + number)))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 9000 <= load_file(path).settings.port <= 9007


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {b: 'x'} # c\nz: 1\n", 'a: {b: "new"} # c\nz: 1\n'),
        ("# c\na:\n  b: x # d\n", '# c\na:\n  b: "new" # d\n'),
    ],
)
def test_one_scalar(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    update_scalar(path, ("a", "b"), "new")
    assert path.read_text() == expected


@pytest.mark.parametrize("text", ["z: 1 # c\n", "z: 1 # c\na: text\n", "z: 1 # c\na:\n", "z: 1 # c\na:\n  b:\n"])
def test_one_scalar_that_is_not_there_yet(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    update_scalar(path, ("a", "b"), "new")
    assert path.read_text().startswith("z: 1 # c\na:\n  b: ")
    assert path.read_text().count("new") == 1


def test_raw_upload_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    raw = b"port:   1\nx:\n  # indented\n  y:    'z'\ntext: |\n  # kept\n"
    write_raw(path, raw.decode())
    assert path.read_bytes() == raw.replace(b"  # indented", b"# indented")


ENTRIES = """\
oauth-model-alias: {}
claude-api-key:
  # first
  - api-key: a
    headers:
      A: "1" # one
      B: "2"
    prefix: p # pp

  # second
  - api-key: b

# about debug
debug: true
"""
FIRST = KeyEntry(api_key="a", headers={"A": "1", "B": "2"}, prefix="p")
SECOND = KeyEntry(api_key="b")


@pytest.mark.case("config:4")
@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((FIRST, SECOND), ENTRIES),
        ((SECOND,), "claude-api-key:\n\n  # second\n  - api-key: b\n\n# about debug\ndebug: true\n"),
        ((replace(FIRST, prefix=""),), '      B: "2"\n\n# about debug\ndebug: true\n'),
        (
            (replace(FIRST, headers={"A": "1"}),),
            '    headers:\n      A: "1" # one\n    prefix: p # pp\n\n# about debug\n',
        ),
        ((FIRST, replace(SECOND, prefix="q")), "  # second\n  - api-key: b\n    prefix: q\n\n# about debug\ndebug"),
        ((FIRST, SECOND, KeyEntry(api_key="c")), "\n  # second\n  - api-key: b\n  - api-key: c\n"),
        ((SECOND, FIRST), "claude-api-key:\n\n  # second\n  - api-key: b\n  # first\n  - api-key: a\n"),
        ((), "claude-api-key: []\n\n# about debug\ndebug: true\n"),
    ],
)
def test_comments_go_with_what_is_below_them(tmp_path: Path, entries: tuple[KeyEntry, ...], expected: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(ENTRIES)
    text = change(path, claude_api_key=entries)
    assert expected.replace("  #", "#") in text.replace(
        "    base-url: ''\n    proxy-url: ''\n    models: []\n", ""
    ).replace("  #", "#")
    assert load_text(text).settings.claude_api_key == entries


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"streaming": Streaming(0)}, "  keepalive-seconds: 0"), ({"error_logs_max_files": 0}, "error-logs-max-files: 0"),
        ({"host": ""}, "host: ''"), ({"max_request_body_mb": 0}, "max-request-body-mb: 0"), ({"api_keys": ("",)}, "  - ''"),
        ({"timeouts": Timeouts(TimeLimits(0.0, 300.0))}, "  first-byte: 0.0"),
    ],
)  # fmt: skip
def test_an_empty_value_that_is_no_default_is_written(tmp_path: Path, values: dict[str, Any], line: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("debug: true\n")
    text = change(path, **values)
    assert line in text.splitlines()
    assert load_text(text).settings == replace(load_text("debug: true\n").settings, **values)


@pytest.mark.parametrize(
    "text",
    [
        "timeouts:\n  providers:\n    claude:\n      first-byte: 12\n",
        'oauth-clients:\n  iflow: "secret" # of mine\n',
        "max-request-body-mb: 0x10\nstreaming:\napi-keys:\n",
        "x: &m\n  - name: a\n    alias: b\nclaude-api-key:\n  - api-key: k\n    models: *m\n",
    ],
)
def test_what_did_not_change_is_not_touched(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("oauth-model-alias: {}\n" + text)
    assert change(path, debug=True) == f"oauth-model-alias: {{}}\n{text}debug: true\n"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("timeouts: {providers: {Claude: {idle: 5}}}", {"timeouts": Timeouts()}),
        ("oauth-clients: {iflow: s, claude: {client-id: i}}", {"oauth_clients": {"claude": OAuthClient("i")}}),
        ("oauth-system-prefix: {claude: a, antigravity: b}", {"oauth_system_prefix": {"claude": "a"}}),
        ("oauth-excluded-models: {Claude: [a, b], ' codex ': [c]}", {"oauth_excluded_models": {"claude": ("a",)}}),
        ("oauth-excluded-models: {claude: [a]}", {"oauth_excluded_models": EMPTY}),
    ],
)
def test_names_that_are_gone_do_not_come_back(tmp_path: Path, text: str, values: dict[str, Any]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"oauth-model-alias: {{}}\n{text}\n")
    wanted = replace(load_file(path).settings, **values)
    save_settings(path, wanted)
    assert load_file(path).settings == wanted


def test_shared_values_are_changed_in_one_place_only(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "oauth-model-alias: {}\nbase: &base {prefix: team}\nnames: &names\n  - {name: a, alias: b}\n"
        "gemini-api-key:\n  - {api-key: k, <<: *base, models: *names}\n  - {api-key: l, <<: *base, models: *names}\n"
    )
    first, second = load_file(path).settings.gemini_api_key
    second = replace(second, prefix="", models=(Model("x", "y"),))
    text = change(path, gemini_api_key=(first, second))
    assert load_text(text).settings.gemini_api_key == (first, second)
    assert "names: &names\n  - name: a\n    alias: b\n" in text


@pytest.mark.parametrize("style", ["x", "'x'", '"x"', "|\n  x\n  y", ">-\n  x\n  y", "7"])
def test_characters_that_only_escapes_keep(tmp_path: Path, style: str) -> None:
    """Line ends that are none in YAML, controls, marks: in values old and new, and in names."""
    path = tmp_path / "config.yaml"
    for text in (
        "a\x85",
        "\r",
        "a\r\nb",
        "\u2028",
        "a\u2029b",
        "\x00",
        "\x7f",
        "\x1b[0m",
        "\x9f",
        "\ufeff",
        "\ufffe",
        "<<",
    ):
        path.write_text(
            f"proxy-url: {style}\noauth-model-alias: {{}}\n"
            "gemini-api-key: [{api-key: k, headers: {a: b}}]\npayload: {override: [{models: [], params: {a: b}}]}\n"
        )
        names = {f"h{text}h": f"v{text}v", "<<": "v"}
        keys = (KeyEntry(api_key="k", headers=names), KeyEntry(api_key="l", headers=names))
        rules = Payload(override=(PayloadRule(params=names),))
        settings = replace(
            load_file(path).settings, proxy_url=text, api_keys=(text,), gemini_api_key=keys, payload=rules
        )
        save_settings(path, settings)
        assert load_file(path).settings == settings, text


def test_an_entry_of_nothing_but_empty_values_counts(tmp_path: Path) -> None:
    """Each blank key of a provider is a credential; a cloak that switches something off is one."""
    path = tmp_path / "config.yaml"
    path.write_text("openai-compatibility: [{name: n, base-url: b}]\nclaude-api-key: [{api-key: k}]\n")
    settings = load_file(path).settings
    provider = replace(settings.openai_compatibility[0], api_key_entries=(CompatKey(), CompatKey()))
    entry = replace(settings.claude_api_key[0], cloak={"strict-mode": False})
    wanted = replace(settings, openai_compatibility=(provider,), claude_api_key=(entry,))
    save_settings(path, wanted)
    assert load_file(path).settings == wanted
    save_settings(path, settings)
    assert load_file(path).settings == settings


def test_settings_as_a_file_of_their_own() -> None:
    settings = replace(Settings(), debug=True, api_keys=("a",), oauth_model_alias=EMPTY)
    assert text_of(settings) == "oauth-model-alias: {}\napi-keys:\n  - a\ndebug: true\n"
    assert load_text(text_of(settings)).settings == settings


@pytest.mark.parametrize("text", ["# only\n\n# words\n", "# only\n\n# words\n---\n", "# only\n\n# words\n{}\n"])
def test_a_file_of_comments(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert change(path, debug=True).startswith("# only\n\n# words\n")
    assert load_file(path).settings.debug


PLAIN = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12)


@limits(deadline=None)
@given(keys=st.lists(PLAIN, max_size=4, unique=True), url=PLAIN, retry=st.integers(0, 9), debug=st.booleans())
def test_what_is_saved_is_what_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], url: str, retry: int, debug: bool
) -> None:
    path = tmp_path_factory.mktemp("saved") / "config.yaml"
    path.write_text(WRITTEN)
    settings = replace(load_file(path).settings, api_keys=tuple(keys), proxy_url=url, request_retry=retry, debug=debug)
    save_settings(path, settings)
    assert load_file(path).settings == settings


def test_what_payload_rules_set_is_kept_to_the_type(tmp_path: Path) -> None:
    """Zero and empty values of a rule are meant, and 0 is not false."""
    path = tmp_path / "config.yaml"
    path.write_text("payload:\n  default:\n    - models: [{name: m}]\n      params: {gone: 1, same: 1, a: 0}\n")
    settings = load_text(path.read_text()).settings
    rule = settings.payload.default[0]
    new = replace(rule, params={"same": 1, "a": False, "b": 0, "c": [], "d": [{"e": ""}]})
    save_settings(path, replace(settings, payload=replace(settings.payload, default=(new,))))
    params = load_text(path.read_text()).settings.payload.default[0].params
    assert json.dumps(dict(params)) == json.dumps(new.params)

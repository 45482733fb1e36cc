"""config.example.yaml: it explains every key, loads, and is safe to copy (config.md 23.1, design D11 and D18)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from marshmallow import fields

from cliproxy.config import schema
from cliproxy.config.document import parse
from cliproxy.config.first_run import first_config, main
from cliproxy.config.load import load_file, load_text, refuse_sample_keys
from cliproxy.config.management_key import verify_key
from cliproxy.config.settings import Settings
from cliproxy.errors import ConfigError

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.yaml"
TEXT = EXAMPLE.read_text("utf-8")


def switched_on(text: str) -> str:
    """Every setting that is switched off, switched on (the rule is in the file's head)."""
    return re.sub(r"^#(?! [^ ]|$)", "", text, flags=re.MULTILINE)


def keys_of(section: schema.Section, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for field in section.fields.values():
        here = (*path, str(field.data_key))
        yield here
        inner = field
        while isinstance(inner, fields.List | schema.Mapped):
            inner = inner.inner if isinstance(inner, fields.List) else inner.values
        if isinstance(inner, fields.Nested):
            yield from keys_of(inner.schema, here)


@pytest.mark.case("config:1")
def test_loading_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(TEXT)
    assert load_file(path).warnings == ()
    assert path.read_text() == TEXT


@pytest.mark.case("config:1")
def test_only_the_hash_of_a_management_key_is_written(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(TEXT.replace('  secret-key: ""', '  secret-key: "open sesame"'))
    settings = load_file(path).settings
    hashed = settings.remote_management.secret_key
    assert re.fullmatch(r"\$2b\$10\$.{53}", hashed)
    assert verify_key("open sesame", hashed)
    assert not verify_key("open", hashed)
    assert path.read_text() == TEXT.replace('  secret-key: ""', f'  secret-key: "{hashed}"')
    assert load_file(path).settings == settings


@pytest.mark.case("config:1")
def test_a_start_with_its_sample_keys_is_refused() -> None:
    loaded = load_text(TEXT)
    with pytest.raises(ConfigError) as caught:
        refuse_sample_keys(loaded)
    lines = TEXT.splitlines()
    assert [lines[problem.line - 1].strip() for problem in caught.value.problems] == [
        '- "your-api-key-1"', '- "your-api-key-2"', '- "your-api-key-3"',
    ]  # fmt: skip


def test_everything_switched_on_loads() -> None:
    loaded = load_text(switched_on(TEXT))
    assert loaded.warnings == ()
    settings = loaded.settings
    assert settings.gemini_api_key[0].models[0].alias == "flash"
    assert settings.timeouts.of("claude").idle == 60
    assert settings.ampcode.model_mappings[1].regex
    assert settings.payload.override_raw[0].params["text"] == '{"verbosity":"low"}'


def test_every_key_is_there() -> None:
    """A new setting without a line here fails."""
    tree = schema_paths(switched_on(TEXT))
    missing = [".".join(path) for path in keys_of(schema.SettingsSection()) if path not in tree]
    assert missing == ["claude-api-key.cloak"]  # mentioned, not recommended
    assert "cloak" in TEXT


def schema_paths(text: str) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()

    def walk(value: object, path: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                found.add((*path, key))
                walk(inner, (*path, key))
        elif isinstance(value, list):
            for inner in value:
                walk(inner, path)

    walk(parse(text).tree, ())
    # Names that the user chooses stand between two keys: oauth-model-alias.<channel>[].name
    named = {"oauth-model-alias", "oauth-clients"}
    found |= {(path[0], *path[2:]) for path in found if path[0] in named and len(path) > 2}
    found |= {("timeouts", "providers", *path[3:]) for path in found if path[:2] == ("timeouts", "providers")}
    return found


def test_what_is_switched_on_is_harmless() -> None:
    settings = load_text(TEXT).settings
    assert settings.host == "127.0.0.1"
    assert not settings.remote_management.allow_remote
    assert not settings.demo
    assert not (settings.gemini_api_key or settings.claude_api_key or settings.openai_compatibility)
    assert settings.timeouts == Settings().timeouts
    assert settings.streaming == Settings().streaming


def test_first_config() -> None:
    text = first_config(TEXT, "sk-mine", "$2b$10$" + "x" * 53)
    loaded = load_text(text)
    refuse_sample_keys(loaded)
    settings = loaded.settings
    assert (settings.host, settings.api_keys, settings.demo) == ("127.0.0.1", ("sk-mine",), True)
    assert settings.remote_management.secret_key == "$2b$10$" + "x" * 53
    kept = set(re.findall(r"^#.*$", TEXT, re.MULTILINE))
    assert kept == set(re.findall(r"^#.*$", text, re.MULTILINE))


def test_first_config_of_a_damaged_example() -> None:
    with pytest.raises(ValueError, match="demo"):
        first_config(TEXT.replace("\ndemo:", "\nother:"), "sk-mine", "h")


def test_first_run_prints_the_keys_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep" / "config.yaml"
    main(str(path), str(EXAMPLE))
    printed = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    settings = load_file(path).settings
    assert settings.api_keys == (printed["CLIENT_KEY"],)
    assert verify_key(printed["MANAGEMENT_KEY"], settings.remote_management.secret_key)
    assert printed["MANAGEMENT_KEY"] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    main(str(path), str(EXAMPLE))
    assert (path.read_bytes(), capsys.readouterr().out) == (before, "")

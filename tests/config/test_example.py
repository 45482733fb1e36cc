"""config.example.yaml: it explains every key, loads, and is safe to copy (config.md 23.1, design D11 and D18)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from marshmallow import fields

from cliproxy.config import schema
from cliproxy.config.document import parse
from cliproxy.config.load import load_file, load_text, refuse_sample_keys
from cliproxy.config.management_key import verify_key
from cliproxy.config.settings import QuotaExceeded, Routing, Settings
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
    """Except for these, the file says what an absent key says: a copy of it changes nothing by surprise."""
    settings, default = load_text(TEXT).settings, load_text("debug: false\n").settings
    different = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(Settings)
        if getattr(settings, field.name) != getattr(default, field.name)
    }
    assert different == {
        "api_keys": ("your-api-key-1", "your-api-key-2", "your-api-key-3"),
        "request_retry": 3,
        "max_retry_interval": 30,
        "quota_exceeded": QuotaExceeded(switch_project=True, switch_preview_model=True),
        "routing": Routing("round-robin", session_affinity=True, session_affinity_ttl="1h"),
    }  # config.md 5.1, column "Example"


def test_every_key_is_explained() -> None:
    """Keys that stand together have words above them, in the same paragraph."""
    paragraphs = [part for part in TEXT.split("\n\n") if re.search(r"(?m)^#?[a-z][a-z0-9-]*:", part)]
    assert len(paragraphs) > 30
    assert [part for part in paragraphs if not re.match(r"\n?# [A-Za-z\"]", part)] == []


@pytest.mark.parametrize("line", ["gemini-api-key", "openai-compatibility", "ampcode", "payload", "oauth-model-alias"])
def test_one_part_switched_on_loads(line: str) -> None:
    """Taking the '#' off one part alone is enough."""
    parts = re.split(r"(?m)^(?=#[a-z][a-z0-9-]*:)", TEXT)
    (part,) = [part for part in parts if part.startswith(f"#{line}:")]
    body, _, rest = part.partition("\n\n")
    loaded = load_text(TEXT.replace(part, re.sub(r"(?m)^#", "", body) + "\n\n" + rest))
    assert loaded.warnings == ()
    assert getattr(loaded.settings, line.replace("-", "_")) != getattr(load_text(TEXT).settings, line.replace("-", "_"))

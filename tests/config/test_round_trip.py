"""Whatever the settings and whatever the file: what is saved is what is loaded, and comments stay (config.md 7)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cliproxy.config import settings as s
from cliproxy.config.load import load_text
from cliproxy.config.normalise import normalise
from cliproxy.config.save import save_settings

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.yaml"

# Entries that say nothing (an empty cloak or client, a limit like the common one) may be left out by a save, so none are made here.
# Few names, so that two settings often share entries; some look like other types, like comments or like markup.
NAME = st.sampled_from(["a", "b", "C", "k1", "0123", "true", "null", "1_000", "#x", "- y", "a: b", "é", "p/q", "~"])
TEXT = st.one_of(
    NAME,
    st.sampled_from(
        ["", " ", " a ", "two\nlines", "tab\there", "'", '"', "\\", "next\x85", "\u2028", "\r\n", "\x00", "\ufeffa"]
    ),
)
SMALL = st.integers(-1, 3)


def some(values: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=least, max_size=3).map(tuple)


def named(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Mapping[str, Any]]:
    return st.dictionaries(NAME, values, max_size=3).map(MappingProxyType)


MODELS = some(st.builds(s.Model, NAME, TEXT))
TREE = st.recursive(
    st.one_of(NAME, st.booleans(), st.integers(), st.sampled_from([0.7, 1.5, 20.0])),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
RULES = some(
    st.builds(
        s.PayloadRule, some(st.builds(s.PayloadModel, NAME, TEXT)), st.dictionaries(NAME, TREE, min_size=1, max_size=2)
    )
)
LIMIT = st.sampled_from([0.0, 5.0, 0.5, 300.0, 600.0])
LIMITS = st.builds(s.TimeLimits, LIMIT, LIMIT)
LOWER = st.sampled_from(["claude", "codex", "mine"])


def timeouts(common: s.TimeLimits, providers: dict[str, s.TimeLimits]) -> s.Timeouts:
    return s.Timeouts(common, MappingProxyType({name: own for name, own in providers.items() if own != common}))


def entries(**more: Any) -> st.SearchStrategy[tuple[s.KeyEntry, ...]]:
    base_url = st.sampled_from(["https://a", "https://b"])
    return some(
        st.builds(
            s.KeyEntry,
            NAME,
            SMALL,
            TEXT,
            base_url,
            st.sampled_from(["", "direct"]),
            named(NAME),
            MODELS,
            some(NAME),
            **more,
        )
    )


SETTINGS = st.builds(
    s.Settings,
    host=st.sampled_from(["", "127.0.0.1", "::"]),
    port=st.integers(1, 3),
    tls=st.builds(s.Tls, st.booleans(), st.sampled_from(["", "c"])),
    debug=st.booleans(),
    error_logs_max_files=st.sampled_from([0, 10, 11]),
    proxy_url=TEXT,
    request_retry=SMALL,
    routing=st.builds(
        s.Routing, st.sampled_from(["", "ff", "round-robin"]), st.booleans(), st.sampled_from(["", "90s", "2h"])
    ),
    streaming=st.builds(s.Streaming, st.sampled_from([0, 15, 4]), SMALL),
    nonstream_keepalive_interval=SMALL,
    api_keys=some(TEXT),
    remote_management=st.builds(s.RemoteManagement, st.booleans(), TEXT),
    gemini_api_key=entries(),
    codex_api_key=entries(),
    claude_api_key=entries(cloak=st.one_of(st.none(), named(st.one_of(TREE, TEXT)).filter(bool))),
    vertex_api_key=entries(),
    openai_compatibility=some(
        st.builds(
            s.CompatProvider, NAME, SMALL, NAME, st.sampled_from(["https://a", "https://b"]),
            some(st.builds(s.CompatKey, TEXT, st.sampled_from(["", "direct"]))), MODELS, named(NAME),
        )
    ),
    ampcode=st.builds(
        s.Ampcode, TEXT, TEXT, some(st.builds(s.AmpUpstreamKey, NAME, some(TEXT))), st.booleans(),
        some(st.builds(s.AmpMapping, TEXT, TEXT, st.booleans())), st.booleans(),
    ),
    oauth_model_alias=named(some(st.builds(s.OAuthAlias, NAME, NAME, st.booleans()), 1)),
    oauth_excluded_models=named(some(NAME, 1)),
    payload=st.builds(s.Payload, RULES, st.just(()), RULES, st.just(()), some(st.builds(s.PayloadFilter, params=some(TEXT)))),
    demo=st.booleans(),
    timeouts=st.builds(timeouts, LIMITS, st.dictionaries(LOWER, LIMITS, max_size=2)),
    oauth_clients=st.dictionaries(LOWER, st.builds(s.OAuthClient, st.sampled_from(["i", "j"]), st.sampled_from(["", "s"])),
                                  max_size=2).map(MappingProxyType),
    oauth_system_prefix=named(NAME),
    metrics_public=st.booleans(),
    transient_error_cooldown_seconds=st.sampled_from([0, -1, 5]),
    max_request_body_mb=st.sampled_from([0, 50, 7]),
).map(lambda value: normalise(value)[0])  # fmt: skip

# Shrinking such large examples takes minutes; a failure names the settings that differ.
QUICK = settings(deadline=None, max_examples=25, phases=(Phase.explicit, Phase.generate))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved")


def save(path: Path, value: s.Settings) -> str:
    save_settings(path, value)
    text = path.read_text()
    loaded = load_text(text).settings
    names = [field.name for field in dataclasses.fields(value)]
    different = {name: (getattr(value, name), getattr(loaded, name)) for name in names}
    assert {name: pair for name, pair in different.items() if pair[0] != pair[1]} == {}
    return text


@QUICK
@given(first=SETTINGS, second=SETTINGS)
def test_from_any_settings_to_any_others(folder: Path, first: s.Settings, second: s.Settings) -> None:
    path = folder / "any.yaml"
    path.write_text("# of nothing yet\n")
    save(path, first)
    text = save(path, second)
    assert text.startswith("# of nothing yet\n")
    assert save(path, second) == text


@QUICK
@given(value=SETTINGS)
def test_into_the_example(folder: Path, value: s.Settings) -> None:
    """Every comment stays, in its order."""
    path = folder / "example.yaml"
    path.write_text(EXAMPLE.read_text())
    text = save(path, value)
    comments = [line.strip() for line in EXAMPLE.read_text().splitlines() if line.strip().startswith("#")]
    assert [line for line in text.splitlines() if line in set(comments)] == comments

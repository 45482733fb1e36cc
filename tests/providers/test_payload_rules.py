"""Payload rules: which apply, in which order, and what they leave alone (providers.md 7)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest

from cliproxy.config.load import load_text
from cliproxy.config.settings import Payload, PayloadFilter, PayloadModel, PayloadRule
from cliproxy.providers.payload_rules import apply, candidates
from cliproxy.translation import exactjson

ANY = (PayloadModel("*"),)


def rule(params: dict[str, Any], *models: PayloadModel) -> PayloadRule:
    return PayloadRule(models or ANY, params)


def in_section(section: str, only: PayloadRule) -> Payload:
    fields: dict[str, Any] = {section: (only,)}
    return Payload(**fields)


def run(
    payload: Payload, body: dict[str, Any], *, protocol: str = "openai", root: str = "",
    models: Sequence[str] = ("gpt-5",), untouched: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    before = copy.deepcopy(body)
    after = apply(
        payload, body, protocol=protocol, root=root, models=models, untouched=body if untouched is None else untouched
    )
    assert body == before
    return after


@pytest.mark.parametrize(
    ("upstream", "requested", "expected"),
    [
        ("gpt-5", "gpt-5", ("gpt-5",)),
        ("gpt-5", "fast", ("gpt-5", "fast")),
        ("gpt-5", "fast(high)", ("gpt-5", "fast", "fast(high)")),
        ("gpt-5", "GPT-5(high)", ("gpt-5", "GPT-5(high)")),
        (" gpt-5 ", " fast ( high) ", ("gpt-5", "fast", "fast ( high)")),
        ("", "", ()),
        ("gpt-5", "(high)", ("gpt-5", "(high)")),
        ("gpt-5", "fast()", ("gpt-5", "fast", "fast()")),
    ],
)
def test_candidates(upstream: str, requested: str, expected: tuple[str, ...]) -> None:
    assert candidates(upstream, requested) == expected


@pytest.mark.parametrize(
    ("name", "protocol", "matches"),
    [
        ("gpt-5", "", True), ("gpt-*", "", True), ("*", "", True), ("*5", "", True), ("g*-*5", "", True), ("**", "", True),
        ("gpt-5*", "", True), ("GPT-5", "", False), ("gpt", "", False), ("pt-5", "", False), ("gpt-?", "", False), ("gpt.5", "", False),
        ("", "", False), ("  ", "", False), (" gpt-5 ", "", True), ("*(high)", "", True), ("fast*", "", True), ("*g", "", False),
        ("gpt-5", "openai", True), ("gpt-5", " OpenAI ", True), ("gpt-5", "claude", False), ("claude-*", "openai", False),
    ],
)  # fmt: skip
def test_matching(name: str, protocol: str, matches: bool) -> None:
    payload = Payload(override=(PayloadRule((PayloadModel(name, protocol),), {"x": 1}),))
    models = ("gpt-5", "fast", "fast(high)")
    assert run(payload, {}, models=models) == ({"x": 1} if matches else {})


def test_any_of_several_names_is_enough_and_none_is_too_few() -> None:
    several = rule({"x": 1}, PayloadModel("a"), PayloadModel("gpt-5", "gemini"), PayloadModel("gpt-*"))
    assert run(Payload(override=(several,)), {}) == {"x": 1}
    assert run(Payload(override=(PayloadRule((), {"x": 1}),)), {}) == {}
    assert run(Payload(override=(rule({"x": 1}),)), {}, models=()) == {}


def test_nothing_to_do_gives_the_same_object() -> None:
    body: dict[str, Any] = {"a": 1, "b": [1]}
    others = rule({"a": 2}, PayloadModel("claude-*"))
    assert run(Payload(), body) is body
    assert (
        run(Payload((others,), (others,), (others,), (others,), (PayloadFilter(others.models, ("a",)),)), body) is body
    )
    assert run(Payload(override=(rule({"a": 1}),), filter=(PayloadFilter(ANY, ("x", "b.x", "b.1")),)), body) is body


@pytest.mark.parametrize("section", ["default", "default_raw"])
def test_defaults_keep_off_what_the_client_set(section: str) -> None:
    payload = in_section(section, rule({"a": 1, "b.c": 2, "null": 3, "new": 4}))
    untouched = {"a": 0, "b": {"c": 0}, "null": None}
    body = {"a": 0, "b": {}, "null": None}
    assert run(payload, body, untouched=untouched) == {**body, "new": 4}


def test_defaults_look_at_the_client_not_at_what_thinking_wrote() -> None:
    payload = Payload(default=(rule({"reasoning_effort": "low"}),))
    assert run(payload, {"reasoning_effort": "high"}, untouched={}) == {"reasoning_effort": "low"}
    assert run(payload, {}, untouched={"reasoning_effort": "high"}) == {}


def test_the_first_default_wins_and_the_last_override() -> None:
    payload = Payload(
        default=(rule({"a": 1}), rule({"a": 2, " b ": 2})),
        default_raw=(rule({"a": "3", "b": "3", "c": "3"}),),
        override=(rule({"x": 1, "y": 1}), rule({"x": 2})),
        override_raw=(rule({"y": "3"}),),
    )
    assert run(payload, {"x": 0}) == {"x": 2, "a": 1, "b": 2, "c": 3, "y": 3}


def test_overrides_win_over_defaults_and_filters_over_all() -> None:
    payload = Payload(
        default=(rule({"a": 1, "b": 1}),),
        override=(rule({"a": 2, "c": 2}),),
        filter=(PayloadFilter(ANY, ("c", "d", "zz")),),
    )
    assert run(payload, {"d": 0, "e": 0}) == {"e": 0, "a": 2, "b": 1}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"a":[1,1.50,1e3]}', b'{"x":{"a":[1,1.50,1e3]}}'), (' "text" ', b'{"x":"text"}'), ("null", b'{"x":null}'),
        ("123456789012345678901234567890", b'{"x":123456789012345678901234567890}'), ('"\\ud800"', b'{"x":"\\ud800"}'),
        ({"a": [True]}, b'{"x":{"a":[true]}}'), (5, b'{"x":5}'), (False, b'{"x":false}'), (None, b"{}"), ("{", b"{}"), ("", b"{}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("section", ["default_raw", "override_raw"])
def test_raw_values(section: str, written: Any, expected: bytes) -> None:
    assert exactjson.dumps(run(in_section(section, rule({"x": written})), {})) == expected


def test_strings_of_the_plain_sections_are_strings() -> None:
    payload = Payload(default=(rule({"a": "{}"}),), override=(rule({"b": "5"}),))
    assert run(payload, {}) == {"a": "{}", "b": "5"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("generationConfig.topK", {"request": {"a": 1, "generationConfig": {"topK": 9}}, "model": "m"}),
        (".a", {"request": {"a": 9}, "model": "m"}),
        (" .a ", {"request": {"a": 9}, "model": "m"}),
        ("request.a", {"request": {"a": 1, "request": {"a": 9}}, "model": "m"}),
        ("", {"request": 9, "model": "m"}),
        ("  ", {"request": 9, "model": "m"}),
    ],
)
def test_paths_under_a_root(path: str, expected: dict[str, Any]) -> None:
    body = {"request": {"a": 1}, "model": "m"}
    assert run(Payload(override=(rule({path: 9}),)), body, root="request", protocol="gemini") == expected


def test_defaults_and_filters_under_a_root() -> None:
    payload = Payload(default=(rule({"a": 9, "b": 9}),), filter=(PayloadFilter(ANY, ("c",)),))
    body = {"request": {"a": 1, "c": 1}, "c": 1}
    assert run(payload, body, root="request") == {"request": {"a": 1, "b": 9}, "c": 1}


@pytest.mark.parametrize("path", ["", "  ", "a.x", "a.#.y", "@this", "a.999999"])
def test_what_cannot_be_applied_is_skipped_and_the_rest_goes_on(path: str) -> None:
    payload = Payload(override=(rule({path: 9, "b": 9}),), filter=(PayloadFilter(ANY, (path, "c")),))
    assert run(payload, {"a": [1], "c": 1}) == {"a": [1], "b": 9}


def test_complex_paths() -> None:
    payload = Payload(
        default=(rule({"messages.#.name": "x", "tools.#(type==function).strict": True}),),
        override=(rule({'messages.#(role=="system").role': "developer"}),),
    )
    body = {"messages": [{"role": "system", "name": "s"}, {"role": "user"}], "tools": [{"type": "function"}]}
    assert run(payload, body) == {**body, "messages": [{"role": "developer", "name": "s"}, {"role": "user"}]}


def test_from_a_file() -> None:
    loaded = load_text(
        "payload:\n"
        "  default: [{models: [{name: 'gemini-*', protocol: gemini}], params: {generationConfig.temperature: 0.3}}]\n"
        "  default-raw: [{models: [{name: '*'}], params: {a: '[1.50]', b: {c: [1]}}}]\n"
        "  override-raw: [{models: [{name: '*'}], params: {broken: '{'}}, {models: [{name: '*'}], params: {d: ' 1e3 '}}]\n"
        "  filter: [{models: [{name: '*'}], params: [generationConfig.topK]}]\n"
    )
    body = {"generationConfig": {"topK": 4}}
    after = run(loaded.settings.payload, body, protocol="gemini", models=("gemini-2.5-pro",))
    assert exactjson.dumps(after) == b'{"generationConfig":{"temperature":0.3},"a":[1.50],"b":{"c":[1]},"d":1e3}'


def test_names_with_many_stars_do_not_slow_down() -> None:
    """The client chooses the suffix: it must not choose how long matching takes."""
    payload = Payload(override=(rule({"x": 1}, PayloadModel("*a*a*a*a*a*a*a*b")),))
    assert run(payload, {}, models=("a" * 20000,)) == {}

"""What a reload logs about changes, never a secret (config.md 14)."""

from __future__ import annotations

import pytest

from cliproxy.config.diff import diff_lines
from cliproxy.config.load import load_text

ALIAS = "oauth-model-alias: {}\n"


def diff(old: str, new: str) -> list[str]:
    return diff_lines(load_text(ALIAS + old).settings, load_text(ALIAS + new).settings)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("", "", []),
        ("", "host: 0.0.0.0\ncommercial-mode: true\nstreaming: {keepalive-seconds: 1}\n", []),
        ("port: 1", "port: 2", ["port: 1 -> 2"]),
        ("debug: false", "debug: true", ["debug: false -> true"]),
        ("quota-exceeded: {switch-project: true}", "", ["quota-exceeded.switch-project: true -> false"]),
        ("", "proxy-url: http://u:secret@h:1/p?q", ["proxy-url: <none> -> http://h:1"]),
        ("proxy-url: h:1/x", "proxy-url: '::'", ["proxy-url: h:1 -> <redacted>"]),
        ("api-keys: [a]", "api-keys: [a, b]", ["api-keys count: 1 -> 2"]),
        ("api-keys: [a]", "api-keys: [secret]", ["api-keys: values updated (count unchanged, redacted)"]),
        ("api-keys: [a]", "api-keys: [' a ']", []),
        ("", "gemini-api-key: [{api-key: k}]", ["gemini-api-key count: 0 -> 1"]),
        (
            "gemini-api-key: [{api-key: k}]",
            "gemini-api-key: [{api-key: secret, prefix: p, proxy-url: 'http://a:b@c', headers: {x: y},"
            " models: [{name: m, alias: a}], excluded-models: [x]}]",
            [
                "gemini[0].proxy-url: <none> -> http://c", "gemini[0].prefix:  -> p", "gemini[0].api-key: updated",
                "gemini[0].headers: updated", "gemini[0].models: updated (0 -> 1 entries)",
                "gemini[0].excluded-models: updated (0 -> 1 entries)",
            ],
        ),
        (
            "vertex-api-key: [{api-key: k, base-url: https://a}]",
            "vertex-api-key: [{api-key: k, base-url: https://b, headers: {x: y}, models: [{name: m, alias: a}]}]",
            [
                "vertex[0].base-url: https://a -> https://b", "vertex[0].models: updated (0 -> 1 entries)",
                "vertex[0].headers: updated",
            ],
        ),
        ("", "ampcode: {upstream-api-key: secret}", ["ampcode.upstream-api-key: added"]),
        ("ampcode: {upstream-api-key: secret}", "", ["ampcode.upstream-api-key: removed"]),
        (
            "ampcode: {model-mappings: [{from: a, to: b}]}",
            "ampcode: {model-mappings: [{from: a, to: b, regex: true}]}",
            [],
        ),
        (
            "", "ampcode: {model-mappings: [{from: a, to: b}]}", ["ampcode.model-mappings: updated (0 -> 1 entries)"],
        ),
        (
            "oauth-excluded-models: {b: [x], c: [y]}", "oauth-excluded-models: {a: [x], c: [z]}",
            [
                "oauth-excluded-models[a]: added (1 entries)", "oauth-excluded-models[b]: removed",
                "oauth-excluded-models[c]: updated (1 -> 1 entries)",
            ],
        ),
        ("", "remote-management: {secret-key: secret}", ["remote-management.secret-key: created"]),
        (
            "openai-compatibility: [{name: a, base-url: u}, {base-url: B}]",
            "openai-compatibility: [{name: A, base-url: u, headers: {x: y}, api-key-entries: [{api-key: k}]},"
            " {name: n, base-url: u, models: [{name: m}]}]",
            [
                "openai-compatibility:", "  provider removed: B (api-keys=0, models=0)",
                "  provider updated: A (api-keys 0 -> 1, headers updated)", "  provider added: n (api-keys=0, models=1)",
            ],
        ),
    ],
)  # fmt: skip
def test_lines(old: str, new: str, lines: list[str]) -> None:
    assert diff(old, new) == lines


def test_the_order_of_the_groups() -> None:
    text = (
        "vertex-api-key: [{api-key: k, base-url: b}]\nopenai-compatibility: [{name: a, base-url: u}]\n"
        "remote-management: {allow-remote: true}\noauth-excluded-models: {a: [x]}\nampcode: {upstream-url: u}\n"
        "codex-api-key: [{api-key: k, base-url: b}]\nclaude-api-key: [{api-key: k}]\ngemini-api-key: [{api-key: k}]\n"
        "api-keys: [k]\nproxy-url: http://p\nport: 1\n"
    )
    heads = [line.split(":")[0].split(" ")[0] for line in diff("", text) if not line.startswith(" ")]
    assert heads == [
        "port", "proxy-url", "api-keys", "gemini-api-key", "claude-api-key", "codex-api-key", "ampcode.upstream-url",
        "oauth-excluded-models[a]", "remote-management.allow-remote", "openai-compatibility", "vertex-api-key",
    ]  # fmt: skip

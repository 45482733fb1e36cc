"""The configuration as one JSON object (management-api.md 5.1)."""

from __future__ import annotations

from typing import Any

import pytest
from management.conftest import Manage

from cliproxy.config.load import load_text
from cliproxy.config.settings import Settings
from cliproxy.web.management.config_json import config_json, json_answer

EMPTY: dict[str, Any] = {
    "proxy-url": "", "force-model-prefix": False, "request-log": False, "api-keys": None, "auth": {},
    "streaming": {"keepalive-seconds": 15}, "tls": {"enable": False, "cert": "", "key": ""}, "debug": False,
    "commercial-mode": False, "logging-to-file": False, "logs-max-total-size-mb": 0, "error-logs-max-files": 10,
    "usage-statistics-enabled": False, "disable-cooling": False, "request-retry": 0, "max-retry-interval": 0,
    "quota-exceeded": {"switch-project": False, "switch-preview-model": False}, "routing": {}, "ws-auth": False,
    "codex-instructions-enabled": False, "gemini-api-key": None, "codex-api-key": None, "claude-api-key": None,
    "openai-compatibility": None, "vertex-api-key": None,
    "ampcode": {
        "upstream-url": "", "upstream-api-key": "", "restrict-management-to-localhost": False, "model-mappings": None,
        "force-model-mappings": False,
    },
    "payload": {"default": None, "default-raw": None, "override": None, "override-raw": None, "filter": None},
}  # fmt: skip
OPTIONAL = """\
streaming: {keepalive-seconds: 0, bootstrap-retries: 2}
nonstream-keepalive-interval: 5
routing: {strategy: fill-first, session-affinity: true}
oauth-excluded-models: {claude: [a]}
oauth-model-alias: {codex: [{name: a, alias: b}]}
ampcode:
  upstream-api-keys: [{upstream-api-key: u}]
  model-mappings: [{from: a, to: b}]
"""
PAYLOAD = """\
payload:
  default:
    - models: [{name: m, protocol: claude}]
      params: {a: 0, b: [], c: {d: null, e: [[]]}, f: 1.5, g: 123456789012345678901234567890}
    - params: {}
  filter:
    - models: []
      params: []
    - params: [a.b]
"""


def test_an_empty_configuration_in_the_order_of_the_original() -> None:
    shown = config_json(Settings())
    assert shown == EMPTY
    assert list(shown) == list(EMPTY)


def test_optional_keys() -> None:
    shown = config_json(load_text(OPTIONAL).settings)
    assert shown["streaming"] == {"bootstrap-retries": 2}
    assert shown["nonstream-keepalive-interval"] == 5
    assert shown["routing"] == {"strategy": "fill-first"}
    assert shown["oauth-excluded-models"] == {"claude": ["a"]}
    assert shown["oauth-model-alias"] == {"codex": [{"name": "a", "alias": "b"}]}
    assert shown["ampcode"]["upstream-api-keys"] == [{"upstream-api-key": "u", "api-keys": None}]
    assert shown["ampcode"]["model-mappings"] == [{"from": "a", "to": "b"}]
    assert set(shown) == set(EMPTY) | {"nonstream-keepalive-interval", "oauth-excluded-models", "oauth-model-alias"}


def test_what_payload_rules_set_is_shown_as_it_is() -> None:
    """Empty lists of its own too; numbers of any size."""
    payload = config_json(load_text(PAYLOAD).settings)["payload"]
    assert payload == {
        "default": [
            {
                "models": [{"name": "m", "protocol": "claude"}],
                "params": {"a": 0, "b": [], "c": {"e": [[]]}, "f": 1.5, "g": 123456789012345678901234567890},
            },
            {"models": None, "params": {}},
        ],
        "default-raw": None, "override": None, "override-raw": None,
        "filter": [{"models": None, "params": None}, {"models": None, "params": ["a.b"]}],
    }  # fmt: skip
    assert json_answer(payload).json == payload


@pytest.mark.parametrize("key", ["host", "port", "auth-dir", "remote-management", "timeouts", "demo", "oauth-clients"])
def test_what_is_never_shown(manage: Manage, key: str) -> None:
    manager = manage(
        "host: 127.0.0.1\nremote-management: {allow-remote: true}\ntimeouts: {idle: 3}\ndemo: true\n"
        "oauth-clients: {iflow: confidential}\nusage-database: ''\nmetrics: {public: true}\napi-keys: [shown]\n"
    )
    response = manager.ask("GET", "config")
    assert response.content_type == "application/json; charset=utf-8"
    assert key not in response.json
    assert "confidential" not in response.text
    assert response.json["api-keys"] == ["shown"]
    aliases = {"antigravity": response.json["oauth-model-alias"]["antigravity"]}  # the built-in ones
    expected = EMPTY | {"api-keys": ["shown"], "oauth-model-alias": aliases}
    assert response.json == expected

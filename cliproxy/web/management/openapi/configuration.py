"""The configuration as a whole (management-api.md 5)."""

from __future__ import annotations

from cliproxy.web.management.openapi.operation import YAML, Answer, Body, Group, Operation
from cliproxy.web.management.openapi.schemas import (
    ANY_OBJECT,
    BOOLEAN,
    INTEGER,
    STRING,
    STRINGS,
    TIMESTAMP,
    Schema,
    answer,
    array,
    constant,
    map_of,
    nullable,
    ref,
)

_RULE_MODEL = answer({"name": STRING, "protocol": STRING})
_RULES = nullable(array(answer({"models": nullable(array(_RULE_MODEL)), "params": nullable(ANY_OBJECT)})))
_FILTERS = nullable(array(answer({"models": nullable(array(_RULE_MODEL)), "params": nullable(STRINGS)})))

SCHEMAS: dict[str, Schema] = {
    "Config": answer(
        {
            "proxy-url": STRING,
            "force-model-prefix": BOOLEAN,
            "request-log": BOOLEAN,
            "api-keys": nullable(STRINGS),
            "auth": ANY_OBJECT,
            "streaming": answer({"keepalive-seconds?": INTEGER, "bootstrap-retries?": INTEGER}),
            "nonstream-keepalive-interval?": INTEGER,
            "tls": answer({"enable": BOOLEAN, "cert": STRING, "key": STRING}),
            "debug": BOOLEAN,
            "commercial-mode": BOOLEAN,
            "logging-to-file": BOOLEAN,
            "logs-max-total-size-mb": INTEGER,
            "error-logs-max-files": INTEGER,
            "usage-statistics-enabled": BOOLEAN,
            "disable-cooling": BOOLEAN,
            "request-retry": INTEGER,
            "max-retry-interval": INTEGER,
            "quota-exceeded": answer({"switch-project": BOOLEAN, "switch-preview-model": BOOLEAN}),
            "routing": answer({"strategy?": STRING}),
            "ws-auth": BOOLEAN,
            "codex-instructions-enabled": BOOLEAN,
            "gemini-api-key": nullable(array(ref("GeminiKey"))),
            "codex-api-key": nullable(array(ref("CodexKey"))),
            "claude-api-key": nullable(array(ref("ClaudeKey"))),
            "openai-compatibility": nullable(array(ref("OpenAICompatibility"))),
            "vertex-api-key": nullable(array(ref("VertexKey"))),
            "ampcode": ref("Ampcode"),
            "oauth-excluded-models?": map_of(STRINGS),
            "oauth-model-alias?": map_of(array(ref("ModelAlias"))),
            "payload": answer(
                {
                    "default": _RULES,
                    "default-raw": _RULES,
                    "override": _RULES,
                    "override-raw": _RULES,
                    "filter": _FILTERS,
                }
            ),
        }
    ),
    "ConfigProblem": answer({"line": nullable(INTEGER), "key": STRING, "message": STRING}),
}

_EXAMPLE = {
    "proxy-url": "",
    "force-model-prefix": False,
    "request-log": False,
    "api-keys": ["client-key-1"],
    "auth": {},
    "streaming": {},
    "tls": {"enable": False, "cert": "", "key": ""},
    "debug": True,
    "commercial-mode": False,
    "logging-to-file": False,
    "logs-max-total-size-mb": 0,
    "error-logs-max-files": 10,
    "usage-statistics-enabled": True,
    "disable-cooling": False,
    "request-retry": 3,
    "max-retry-interval": 30,
    "quota-exceeded": {"switch-project": True, "switch-preview-model": True},
    "routing": {"strategy": "round-robin"},
    "ws-auth": False,
    "codex-instructions-enabled": False,
    "gemini-api-key": None,
    "codex-api-key": None,
    "claude-api-key": [{"api-key": "claude-key-1", "base-url": "", "proxy-url": "", "models": None}],
    "openai-compatibility": None,
    "vertex-api-key": None,
    "ampcode": {
        "upstream-url": "",
        "upstream-api-key": "",
        "restrict-management-to-localhost": False,
        "model-mappings": None,
        "force-model-mappings": False,
    },
    "payload": {"default": None, "default-raw": None, "override": None, "override-raw": None, "filter": None},
}
_NO_FILE = "`not_found`: the server runs without a file"
_FILE = {"port": 8317, "debug": True}
_CODED = answer({"error": STRING, "message": STRING})

GROUP = Group(
    "Configuration",
    "The whole configuration, and the file as it is.",
    (
        Operation(
            "GET",
            "config",
            "The configuration in force, secrets in clear",
            shows=(
                Answer(
                    "Names as in the file; without `host`, `port`, `auth-dir` and `remote-management`.",
                    ref("Config"),
                    _EXAMPLE,
                ),
            ),
        ),
        Operation(
            "GET",
            "config.yaml",
            "The configuration file, byte by byte",
            shows=(Answer("The file.", ANY_OBJECT, _FILE, kinds=(YAML,)),),
            errors={404: _NO_FILE, 500: "`read_failed`"},
            error_schemas={404: _CODED, 500: _CODED},
        ),
        Operation(
            "PUT",
            "config.yaml",
            "Replace the configuration file",
            body=Body(ANY_OBJECT, _FILE, kinds=(YAML,)),
            shows=(
                Answer(
                    "Written and in force.",
                    answer({"ok": constant(True), "changed": array(constant("config"))}),
                    {"ok": True, "changed": ["config"]},
                ),
            ),
            errors={
                400: "`invalid_yaml`: `message` lists every problem with line and key",
                404: _NO_FILE,
                422: "`invalid_config`: no configuration can look like this",
                500: "`write_failed`: the old one stays",
            },
            error_schemas=dict.fromkeys((400, 404, 422, 500), _CODED),
        ),
        Operation(
            "GET",
            "config-status",
            "Where the file is, and what was wrong with its last version that was refused",
            shows=(
                Answer(
                    "`errors` is empty when the file is in force.",
                    answer({"path": nullable(STRING), "loaded-at": TIMESTAMP, "errors": array(ref("ConfigProblem"))}),
                    {
                        "path": "/srv/cliproxy/config.yaml",
                        "loaded-at": "2026-11-02T15:04:05.5Z",
                        "errors": [{"line": 3, "key": "request-retry", "message": "must be an integer"}],
                    },
                ),
            ),
        ),
    ),
)

"""Maps about accounts that log in, and what Amp needs (management-api.md 9, 10)."""

from __future__ import annotations

from cliproxy.web.management.openapi.operation import (
    SAVE_FAILED,
    Answer,
    Body,
    Group,
    Operation,
    Parameter,
    change,
)
from cliproxy.web.management.openapi.schemas import (
    BOOLEAN,
    SENT_STRINGS,
    STRING,
    STRINGS,
    Schema,
    answer,
    array,
    body,
    either,
    map_of,
    nullable,
    ref,
)

_MAPPING = {"from": "claude-opus-4-5", "to": "gpt-5"}
_AMP_KEY = {"upstream-api-key": "amp-key", "api-keys": ["client-key-1"]}

SCHEMAS: dict[str, Schema] = {
    "ModelAlias": answer({"name": STRING, "alias": STRING, "fork?": BOOLEAN}),
    "AmpMapping": answer({"from": STRING, "to": STRING, "regex?": BOOLEAN}),
    "AmpKey": answer({"upstream-api-key": STRING, "api-keys": nullable(STRINGS)}),
    "Ampcode": answer(
        {
            "upstream-url": STRING,
            "upstream-api-key": STRING,
            "upstream-api-keys?": array(ref("AmpKey")),
            "restrict-management-to-localhost": BOOLEAN,
            "model-mappings": nullable(array(ref("AmpMapping"))),
            "force-model-mappings": BOOLEAN,
        }
    ),
}


def _map_body(values: Schema) -> Schema:
    """The map itself, or ``{"items": {...}}``; null clears."""
    return either(nullable(map_of(nullable(values))), body({"items": map_of(nullable(values))}))


_ALIASES = array(body({"name?": STRING, "alias?": STRING, "fork?": BOOLEAN}))
_PROVIDER = Parameter("provider", "The provider.", example="claude")
_CHANNEL = Parameter("channel", "The channel. `provider` is accepted as well.", example="claude")
_CHANNEL_TOO = Parameter("provider", "Instead of `channel`.")
_EXCLUDED = {"claude": ["claude-3-*"]}
_ALIASED = {"claude": [{"name": "claude-sonnet-4-5", "alias": "sonnet"}]}

OAUTH = Group(
    "Models of accounts",
    "Which models of accounts that log in are hidden, and under which other names they are offered. Providers and "
    "channels are written in small letters, such as `claude`, `codex`, `gemini-cli`.",
    (
        Operation(
            "GET",
            "oauth-excluded-models",
            "Hidden models by provider; `*` stands for anything",
            shows=(
                Answer(
                    "`null` when there is none.",
                    answer({"oauth-excluded-models": nullable(map_of(STRINGS))}),
                    {"oauth-excluded-models": _EXCLUDED},
                ),
            ),
        ),
        change(
            "PUT",
            "oauth-excluded-models",
            "Replace the whole map; an empty one clears it",
            Body(_map_body(SENT_STRINGS), _EXCLUDED),
            errors={400: "`failed to read body`"},
        ),
        change(
            "PATCH",
            "oauth-excluded-models",
            "Replace the list of one provider; an empty one removes the provider",
            Body(body({"provider": STRING, "models?": SENT_STRINGS}), {"provider": "claude", "models": ["claude-3-*"]}),
            errors={400: "`invalid provider`", 404: "`provider not found`"},
        ),
        change(
            "DELETE",
            "oauth-excluded-models",
            "Remove a provider",
            parameters=(_PROVIDER,),
            errors={400: "`missing provider`", 404: "`provider not found`"},
        ),
        Operation(
            "GET",
            "oauth-model-alias",
            "Other names of models by channel. `fork`: the old name stays as well",
            shows=(
                Answer(
                    "`null` when there is none.",
                    answer({"oauth-model-alias": nullable(map_of(array(ref("ModelAlias"))))}),
                    {"oauth-model-alias": _ALIASED},
                ),
            ),
        ),
        change(
            "PUT",
            "oauth-model-alias",
            "Replace the whole map; an empty one clears it",
            Body(_map_body(_ALIASES), _ALIASED),
            errors={400: "`failed to read body`"},
        ),
        change(
            "PATCH",
            "oauth-model-alias",
            "Replace the list of one channel; an empty one removes the channel",
            Body(
                body({"channel?": STRING, "provider?": STRING, "aliases?": _ALIASES}),
                {"channel": "claude", "aliases": _ALIASED["claude"]},
            ),
            errors={400: "`invalid channel`", 404: "`channel not found`"},
        ),
        change(
            "DELETE",
            "oauth-model-alias",
            "Remove a channel",
            parameters=(_CHANNEL, _CHANNEL_TOO),
            errors={400: "`missing channel`", 404: "`channel not found`"},
        ),
    ),
)

_SENT_MAPPINGS = array(body({"from?": STRING, "to?": STRING, "regex?": BOOLEAN}))
_SENT_AMP_KEYS = array(body({"upstream-api-key?": STRING, "api-keys?": SENT_STRINGS}))

AMP = Group(
    "Amp",
    "Amp's server and the mappings of its models. The single values of this section are under Settings.",
    (
        Operation(
            "GET",
            "ampcode",
            "Everything about Amp",
            shows=(
                Answer(
                    "Zero values when the configuration says nothing.",
                    answer({"ampcode": ref("Ampcode")}),
                    {
                        "ampcode": {
                            "upstream-url": "https://ampcode.com",
                            "upstream-api-key": "",
                            "upstream-api-keys": [_AMP_KEY],
                            "restrict-management-to-localhost": False,
                            "model-mappings": [_MAPPING],
                            "force-model-mappings": False,
                        }
                    },
                ),
            ),
        ),
        Operation(
            "GET",
            "ampcode/model-mappings",
            "Mappings of models, in their order",
            shows=(
                Answer(
                    "`null` or `[]` when there is none.",
                    answer({"model-mappings": nullable(array(ref("AmpMapping")))}),
                    {"model-mappings": [_MAPPING]},
                ),
            ),
        ),
        change(
            "PUT",
            "ampcode/model-mappings",
            "Replace them; without `value`: remove all",
            Body(body({"value?": _SENT_MAPPINGS}), {"value": [_MAPPING]}),
        ),
        change(
            "PATCH",
            "ampcode/model-mappings",
            "Change the mappings of these `from`, append those that are new",
            Body(body({"value?": _SENT_MAPPINGS}), {"value": [_MAPPING]}),
        ),
        Operation(
            "DELETE",
            "ampcode/model-mappings",
            "Remove the mappings of these `from`; without a usable body: all",
            body=Body(body({"value?": SENT_STRINGS}), {"value": ["claude-opus-4-5"]}, required=False),
            errors={500: SAVE_FAILED},
        ),
        Operation(
            "GET",
            "ampcode/upstream-api-keys",
            "Keys for Amp's server by client key",
            shows=(
                Answer(
                    "`null` or `[]` when there is none.",
                    answer({"upstream-api-keys": nullable(array(ref("AmpKey")))}),
                    {"upstream-api-keys": [_AMP_KEY]},
                ),
            ),
        ),
        change(
            "PUT",
            "ampcode/upstream-api-keys",
            "Replace them; without `value`: remove all",
            Body(body({"value?": _SENT_AMP_KEYS}), {"value": [_AMP_KEY]}),
        ),
        change(
            "PATCH",
            "ampcode/upstream-api-keys",
            "Replace the entries of these keys, append those that are new",
            Body(body({"value?": _SENT_AMP_KEYS}), {"value": [_AMP_KEY]}),
        ),
        change(
            "DELETE",
            "ampcode/upstream-api-keys",
            "Remove the entries of these keys; `[]`: all",
            Body(body({"value": SENT_STRINGS}), {"value": ["amp-key"]}),
            errors={400: "`missing value`; `empty value`: only blank ones"},
        ),
    ),
)

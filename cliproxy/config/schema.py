"""The shape of config.yaml as marshmallow schemas: one per section, building the frozen settings (config.md 4, 5).

Values arrive as ``document.Scalar`` and keep their literal text until a field knows what it wants. Field names with
dashes are the keys; the target dataclass gives defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load

from cliproxy.config import settings as s
from cliproxy.config.document import Scalar, parse_int, to_plain
from cliproxy.config.durations import parse_duration

_MOST = (1 << 63) - 1
_TRUE = {"y", "yes", "on"}
_FALSE = {"n", "no", "off"}


def _name(value: Any) -> str:
    """What a value is; never its text, which may be a key."""
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a single value"


def _quote(value: Any) -> str:
    return repr(value.text[:40]) if isinstance(value, Scalar) else _name(value)


class Text(fields.Field[str]):
    """Any scalar, as its literal text."""

    def __init__(self, *, trim: bool = False, lower: bool = False) -> None:
        super().__init__()
        self._trim, self._lower = trim, lower

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, Scalar):
            raise ValidationError(f"must be text, not {_name(value)}")
        text = value.text.strip() if self._trim else value.text
        return text.lower() if self._lower else text


class Flag(fields.Field[bool]):
    """true or false in YAML's spellings; y, yes, on, n, no, off also quoted."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if isinstance(value, Scalar):
            if value.type == "bool":
                return value.text.lower() == "true"
            word = value.text.lower()
            if word in _TRUE or word in _FALSE:
                return word in _TRUE
        raise ValidationError(f"must be true or false, not {_quote(value)}")


class Whole(fields.Field[int]):
    """An integer of 64 bits; floats are cut, quoted numbers refused."""

    def __init__(self, *, negative: int | None = None) -> None:
        super().__init__()
        self._negative = negative  # what a negative number means

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = _number(value, "a whole number")
        if not -_MOST - 1 <= number <= _MOST:
            raise ValidationError(f"must be a whole number of 64 bits, not {_quote(value)}")
        return self._negative if number < 0 and self._negative is not None else int(number)


class Number(fields.Field[float]):
    """A number of seconds; negative counts as 0."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        return max(0.0, float(_number(value, "a number")))


def _number(value: Any, wanted: str) -> int | float:
    if isinstance(value, Scalar) and not value.quoted:
        try:
            if value.type == "int":
                return parse_int(value.text)
            if value.type == "float":
                number = float(value.text.replace("_", ""))
                int(number)  # neither infinite nor nan
                return number
        except (ValueError, OverflowError):
            pass
    raise ValidationError(f"must be {wanted}, not {_quote(value)}")


class Span(Text):
    """A span of time such as ``90s``, ``1h30m`` or a number of seconds; kept as text."""

    def __init__(self) -> None:
        super().__init__(trim=True)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if text and not parse_duration(text):
            raise ValidationError(f"must be a span of time such as 90s or 1h30m, not {_quote(value)}")
        return text


class Items(fields.List[Any]):
    """A list, as a tuple."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ValidationError(f"must be a list, not {_name(value)}")
        return tuple(super()._deserialize(value, attr, data, **kwargs))


class Mapped(fields.Field[Mapping[str, Any]]):
    """A mapping whose values all have one shape."""

    def __init__(self, values: fields.Field[Any]) -> None:
        super().__init__()
        self.values = values

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError(f"must be a mapping, not {_name(value)}")
        out, errors = {}, {}
        for key, item in value.items():
            try:
                out[key] = self.values.deserialize(item, key, value)
            except ValidationError as error:
                errors[key] = error.messages
        if errors:
            raise ValidationError(errors)
        return MappingProxyType(out)


class Anything(fields.Field[Any]):
    """A mapping that is kept as it is."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError(f"must be a mapping, not {_name(value)}")
        return MappingProxyType(to_plain(value))


class Section(Schema):
    """A mapping that becomes the dataclass ``target``; keys are the field names with dashes."""

    class Meta:
        unknown = EXCLUDE

    target: Any = None

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Write keys with dashes."""
        field_obj.data_key = field_obj.data_key or field_name.replace("_", "-")
        field_obj.error_messages["null"] = "must not be empty"

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Any:
        """Make the dataclass; absent keys take its defaults."""
        return type(self).target(**data)


def nested(schema: type[Section]) -> Sub:
    """A section inside a section."""
    return Sub(schema)


class Sub(fields.Nested):
    """A nested section with words for a value that is none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError(f"must be a mapping, not {_name(value)}")
        return super()._deserialize(value, attr, data, partial, **kwargs)


class TlsSection(Section):
    target = s.Tls
    enable, cert, key = Flag(), Text(trim=True), Text(trim=True)


class RemoteManagementSection(Section):
    target = s.RemoteManagement
    allow_remote, secret_key, disable_control_panel = Flag(), Text(), Flag()
    panel_github_repository = Text(trim=True)


class QuotaExceededSection(Section):
    target = s.QuotaExceeded
    switch_project, switch_preview_model = Flag(), Flag()


class RoutingSection(Section):
    target = s.Routing
    strategy, session_affinity, session_affinity_ttl = Text(trim=True, lower=True), Flag(), Span()


class StreamingSection(Section):
    target = s.Streaming
    keepalive_seconds, bootstrap_retries = Whole(), Whole()


class ModelSection(Section):
    target = s.Model
    name, alias = Text(), Text()


class VertexEntrySection(Section):
    target = s.KeyEntry
    api_key, priority, prefix, base_url, proxy_url = Text(), Whole(), Text(), Text(trim=True), Text(trim=True)
    headers, models = Mapped(Text()), Items(nested(ModelSection))


class KeyEntrySection(VertexEntrySection):
    excluded_models = Items(Text())


class ClaudeEntrySection(KeyEntrySection):
    cloak = Anything()


class CompatKeySection(Section):
    target = s.CompatKey
    api_key, proxy_url = Text(), Text()


class CompatProviderSection(Section):
    target = s.CompatProvider
    name, priority, prefix, base_url = Text(trim=True), Whole(), Text(), Text(trim=True)
    api_key_entries, models = Items(nested(CompatKeySection)), Items(nested(ModelSection))
    headers = Mapped(Text())


class AmpUpstreamKeySection(Section):
    target = s.AmpUpstreamKey
    upstream_api_key, api_keys = Text(), Items(Text())


class AmpMappingSection(Section):
    target = s.AmpMapping
    regex = Flag()

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """``from`` and ``to`` are no Python names."""
        field_obj.data_key = field_name.removesuffix("_model")


AmpMappingSection._declared_fields.update(from_model=Text(), to_model=Text())


class AmpcodeSection(Section):
    target = s.Ampcode
    upstream_url, upstream_api_key = Text(), Text()
    upstream_api_keys, model_mappings = Items(nested(AmpUpstreamKeySection)), Items(nested(AmpMappingSection))
    restrict_management_to_localhost, force_model_mappings = Flag(), Flag()


class OAuthAliasSection(Section):
    target = s.OAuthAlias
    name, alias, fork = Text(), Text(), Flag()

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Any:
        """An alias may lack a side here; normalising drops it."""
        return s.OAuthAlias(data.get("name", ""), data.get("alias", ""), data.get("fork", False))


class PayloadModelSection(Section):
    target = s.PayloadModel
    name, protocol = Text(), Text()


class PayloadRuleSection(Section):
    target = s.PayloadRule
    models, params = Items(nested(PayloadModelSection)), Anything()


class PayloadFilterSection(Section):
    target = s.PayloadFilter
    models, params = Items(nested(PayloadModelSection)), Items(Text())


class PayloadSection(Section):
    target = s.Payload
    default, default_raw = Items(nested(PayloadRuleSection)), Items(nested(PayloadRuleSection))
    override, override_raw = Items(nested(PayloadRuleSection)), Items(nested(PayloadRuleSection))
    filter = Items(nested(PayloadFilterSection))


class TimeLimitsSection(Section):
    first_byte, idle = Number(), Number()

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Any:
        """Keep what is written: exceptions are filled up from the common limits."""
        return data


class TimeoutsSection(TimeLimitsSection):
    providers = Mapped(nested(TimeLimitsSection))

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Any:
        """Fill the exceptions up."""
        providers: Mapping[str, dict[str, float]] = data.pop("providers", {})
        common = s.TimeLimits(**data)
        filled = {
            name.strip().lower(): s.TimeLimits(
                limits.get("first_byte", common.first_byte), limits.get("idle", common.idle)
            )
            for name, limits in providers.items()
        }
        return s.Timeouts(common, MappingProxyType(filled))


class OAuthClientSection(Section):
    target = s.OAuthClient
    client_id, client_secret = Text(trim=True), Text(trim=True)


class OAuthClientField(Sub):
    """A mapping, or plain text that is the secret."""

    def __init__(self) -> None:
        super().__init__(OAuthClientSection)

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:
        if isinstance(value, Scalar):
            return s.OAuthClient(client_secret=value.text.strip())
        return super()._deserialize(value, attr, data, partial, **kwargs)


class MetricsSection(Section):
    public = Flag()

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Any:
        """Only one value lives here."""
        return data.get("public", False)


class SettingsSection(Section):
    """The whole file."""

    target = s.Settings
    host, port, tls, auth_dir = Text(trim=True), Whole(), nested(TlsSection), Text(trim=True)
    debug, commercial_mode, logging_to_file = Flag(), Flag(), Flag()
    logs_max_total_size_mb, error_logs_max_files = Whole(negative=0), Whole(negative=10)
    request_log, usage_statistics_enabled, proxy_url, force_model_prefix = Flag(), Flag(), Text(), Flag()
    request_retry, max_retry_interval, disable_cooling = Whole(), Whole(), Flag()
    quota_exceeded, routing, ws_auth = nested(QuotaExceededSection), nested(RoutingSection), Flag()
    nonstream_keepalive_interval, streaming = Whole(), nested(StreamingSection)
    codex_instructions_enabled, api_keys = Flag(), Items(Text())
    remote_management = nested(RemoteManagementSection)
    gemini_api_key, codex_api_key = Items(nested(KeyEntrySection)), Items(nested(KeyEntrySection))
    claude_api_key, vertex_api_key = Items(nested(ClaudeEntrySection)), Items(nested(VertexEntrySection))
    openai_compatibility, ampcode = Items(nested(CompatProviderSection)), nested(AmpcodeSection)
    oauth_model_alias = Mapped(Items(nested(OAuthAliasSection)))
    oauth_excluded_models, payload = Mapped(Items(Text())), nested(PayloadSection)
    demo, timeouts, oauth_clients = Flag(), nested(TimeoutsSection), Mapped(OAuthClientField())
    oauth_system_prefix, codex_instructions_file = Mapped(Text()), Text(trim=True)
    usage_database, max_request_body_mb = Text(trim=True), Whole(negative=0)
    transient_error_cooldown_seconds = Whole(negative=-1)
    metrics_public = Sub(MetricsSection, data_key="metrics")


LEGACY_KEYS = frozenset(
    {
        "generative-language-api-key", "amp-upstream-url", "amp-upstream-api-key",
        "amp-restrict-management-to-localhost", "amp-model-mappings", "oauth-model-mappings", "auth",
    }
)  # fmt: skip

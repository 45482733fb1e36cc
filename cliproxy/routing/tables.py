"""Static model tables (credentials.md 13): which models a provider offers when nobody says otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from cliproxy.translation.thinking.support import Thinking


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model entry (credentials.md 11.1). ``created`` in Unix seconds; limits in tokens, 0 = unknown."""

    id: str
    owned_by: str = ""
    type: str = ""
    created: int = 0
    display_name: str = ""
    name: str = ""
    """The Gemini resource name, such as ``models/gemini-2.5-pro``."""
    version: str = ""
    description: str = ""
    input_limit: int = 0
    output_limit: int = 0
    context_length: int = 0
    max_completion_tokens: int = 0
    methods: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    thinking: Thinking | None = None
    user_defined: bool = False

    def renamed(self, model_id: str) -> ModelInfo:
        """A copy under another id; the Gemini name follows (credentials.md 12.3)."""
        name = self.name
        if name == self.id:
            name = model_id
        elif name.endswith(f"/{self.id}"):
            name = f"{name.removesuffix(self.id)}{model_id}"
        return replace(self, id=model_id, name=name)


def _budget(text: str, levels: str = "") -> Thinking | None:
    """``"128-32768 zero dyn"`` and level names."""
    words = text.split()
    if not words and not levels:
        return None
    low, _, high = words[0].partition("-") if words else ("0", "", "0")
    return Thinking(int(low), int(high), "zero" in words, "dyn" in words, tuple(levels.split()))


def _claude() -> Iterable[ModelInfo]:
    rows: list[tuple[str, str, int, int, int, str]] = [
        ("claude-haiku-4-5-20251001", "Claude 4.5 Haiku", 1759276800, 200000, 64000, ""),
        ("claude-sonnet-4-5-20250929", "Claude 4.5 Sonnet", 1759104000, 200000, 64000, "1024-128000 zero"),
        ("claude-opus-4-5-20251101", "Claude 4.5 Opus", 1761955200, 200000, 64000, "1024-128000 zero"),
        ("claude-opus-4-1-20250805", "Claude 4.1 Opus", 1722945600, 200000, 32000, "1024-128000"),
        ("claude-opus-4-20250514", "Claude 4 Opus", 1715644800, 200000, 32000, "1024-128000"),
        ("claude-sonnet-4-20250514", "Claude 4 Sonnet", 1715644800, 200000, 64000, "1024-128000"),
        ("claude-3-7-sonnet-20250219", "Claude 3.7 Sonnet", 1708300800, 128000, 8192, "1024-128000"),
        ("claude-3-5-haiku-20241022", "Claude 3.5 Haiku", 1729555200, 128000, 8192, "-"),
    ]
    for model_id, title, created, context, out, thinking in rows:
        yield ModelInfo(
            model_id, "anthropic", "claude", created, title, description=title, context_length=context,
            max_completion_tokens=out, thinking=_budget(thinking.strip("-")),
        )  # fmt: skip


_METHODS = ("generateContent", "countTokens", "createCachedContent", "batchGenerateContent")
_PRO, _FLASH = "128-32768 dyn", "0-24576 zero dyn"
_IN, _OUT = 1048576, 65536
_LOW_HIGH, _FOUR = "low high", "minimal low medium high"
_GEMINI_ROWS: list[tuple[str, str, str, int, str, int, int, str, str]] = [
    ("gemini-2.5-pro", "GVCA", "Gemini 2.5 Pro", 1750118400, "2.5", _IN, _OUT, _PRO, ""),
    ("gemini-2.5-flash", "GVCA", "Gemini 2.5 Flash", 1750118400, "001", _IN, _OUT, _FLASH, ""),
    ("gemini-2.5-flash-lite", "GVCA", "Gemini 2.5 Flash Lite", 1753142400, "2.5", _IN, _OUT, _FLASH, ""),
    ("gemini-3-pro-preview", "GVC", "Gemini 3 Pro Preview", 1737158400, "3.0", _IN, _OUT, _PRO, _LOW_HIGH),
    ("gemini-3-pro-preview", "A", "Gemini 3 Pro Preview", 1737158400, "3.0", _IN, _OUT, _PRO, ""),
    ("gemini-3-flash-preview", "GVC", "Gemini 3 Flash Preview", 1765929600, "3.0", _IN, _OUT, _PRO, _FOUR),
    ("gemini-3-flash-preview", "A", "Gemini 3 Flash Preview", 1765929600, "3.0", _IN, _OUT, _PRO, ""),
    ("gemini-3-pro-image-preview", "GV", "Gemini 3 Pro Image Preview", 1737158400, "3.0", _IN, _OUT, _PRO, _LOW_HIGH),
    ("gemini-pro-latest", "A", "Gemini Pro Latest", 1750118400, "2.5", _IN, _OUT, _PRO, ""),
    ("gemini-flash-latest", "A", "Gemini Flash Latest", 1750118400, "2.5", _IN, _OUT, _FLASH, ""),
    (
        "gemini-flash-lite-latest",
        "A",
        "Gemini Flash-Lite Latest",
        1753142400,
        "2.5",
        _IN,
        _OUT,
        "512-24576 zero dyn",
        "",
    ),
    ("gemini-2.5-flash-image", "A", "Gemini 2.5 Flash Image", 1759363200, "2.5", _IN, 8192, "", ""),
    ("imagen-4.0-generate-001", "V", "Imagen 4.0 Generate", 1750000000, "4.0", 0, 0, "", ""),
    ("imagen-4.0-ultra-generate-001", "V", "Imagen 4.0 Ultra Generate", 1750000000, "4.0", 0, 0, "", ""),
    ("imagen-3.0-generate-002", "V", "Imagen 3.0 Generate", 1740000000, "3.0", 0, 0, "", ""),
    ("imagen-3.0-fast-generate-001", "V", "Imagen 3.0 Fast Generate", 1740000000, "3.0", 0, 0, "", ""),
    ("imagen-4.0-fast-generate-001", "V", "Imagen 4.0 Fast Generate", 1750000000, "4.0", 0, 0, "", ""),
]


def _gemini(channel: str) -> Iterable[ModelInfo]:
    for model_id, channels, title, created, version, into, out, thinking, levels in _GEMINI_ROWS:
        if channel in channels:
            methods = ("predict",) if model_id.startswith("imagen") else _METHODS
            yield ModelInfo(
                model_id, "google", "gemini", created, title, f"models/{model_id}", version, title, into, out,
                methods=methods, thinking=_budget(thinking, levels),
            )  # fmt: skip


def _codex() -> Iterable[ModelInfo]:
    rows: list[tuple[str, str, int, str, str]] = [
        ("gpt-5", "GPT 5", 1754524800, "gpt-5-2025-08-07", "minimal low medium high"),
        ("gpt-5-codex", "GPT 5 Codex", 1757894400, "gpt-5-2025-09-15", "low medium high"),
        ("gpt-5-codex-mini", "GPT 5 Codex Mini", 1762473600, "gpt-5-2025-11-07", "low medium high"),
        ("gpt-5.1", "GPT 5", 1762905600, "gpt-5.1-2025-11-12", "none low medium high"),
        ("gpt-5.1-codex", "GPT 5.1 Codex", 1762905600, "gpt-5.1-2025-11-12", "low medium high"),
        ("gpt-5.1-codex-mini", "GPT 5.1 Codex Mini", 1762905600, "gpt-5.1-2025-11-12", "low medium high"),
        ("gpt-5.1-codex-max", "GPT 5.1 Codex Max", 1763424000, "gpt-5.1-max", "low medium high xhigh"),
        ("gpt-5.2", "GPT 5.2", 1765440000, "gpt-5.2", "none low medium high xhigh"),
        ("gpt-5.2-codex", "GPT 5.2 Codex", 1765440000, "gpt-5.2", "low medium high xhigh"),
    ]
    for model_id, title, created, version, levels in rows:
        yield ModelInfo(
            model_id, "openai", "openai", created, title, version=version, description=title, context_length=400000,
            max_completion_tokens=128000, parameters=("tools",), thinking=_budget("", levels),
        )  # fmt: skip


def _qwen() -> Iterable[ModelInfo]:
    for model_id, title, created, context, out in [
        ("qwen3-coder-plus", "Qwen3 Coder Plus", 1753228800, 32768, 8192),
        ("qwen3-coder-flash", "Qwen3 Coder Flash", 1753228800, 8192, 2048),
        ("vision-model", "Qwen3 Vision Model", 1758672000, 32768, 2048),
    ]:
        yield ModelInfo(
            model_id, "qwen", "qwen", created, title, version="3.0", description=title, context_length=context,
            max_completion_tokens=out, parameters=("temperature", "top_p", "max_tokens", "stream", "stop"),
        )  # fmt: skip


def _iflow() -> Iterable[ModelInfo]:
    levels = "none auto minimal low medium high xhigh"
    for model_id, title, created, thinks in [
        ("tstars2.0", "TStars-2.0", 1746489600, False),
        ("qwen3-coder-plus", "Qwen3-Coder-Plus", 1753228800, False),
        ("qwen3-max", "Qwen3-Max", 1758672000, False),
        ("qwen3-vl-plus", "Qwen3-VL-Plus", 1758672000, False),
        ("qwen3-max-preview", "Qwen3-Max-Preview", 1757030400, True),
        ("kimi-k2-0905", "Kimi-K2-Instruct-0905", 1757030400, False),
        ("glm-4.6", "GLM-4.6", 1759190400, True),
        ("glm-4.7", "GLM-4.7", 1766448000, True),
        ("kimi-k2", "Kimi-K2", 1752192000, False),
        ("kimi-k2-thinking", "Kimi-K2-Thinking", 1762387200, False),
        ("deepseek-v3.2-chat", "DeepSeek-V3.2", 1764576000, False),
        ("deepseek-v3.2-reasoner", "DeepSeek-V3.2", 1764576000, False),
        ("deepseek-v3.2", "DeepSeek-V3.2-Exp", 1759104000, True),
        ("deepseek-v3.1", "DeepSeek-V3.1-Terminus", 1756339200, True),
        ("deepseek-r1", "DeepSeek-R1", 1737331200, False),
        ("deepseek-v3", "DeepSeek-V3-671B", 1734307200, False),
        ("qwen3-32b", "Qwen3-32B", 1747094400, False),
        ("qwen3-235b-a22b-thinking-2507", "Qwen3-235B-A22B-Thinking", 1753401600, False),
        ("qwen3-235b-a22b-instruct", "Qwen3-235B-A22B-Instruct", 1753401600, False),
        ("qwen3-235b", "Qwen3-235B-A22B", 1753401600, False),
        ("minimax-m2", "MiniMax-M2", 1758672000, True),
        ("minimax-m2.1", "MiniMax-M2.1", 1766448000, True),
        ("iflow-rome-30ba3b", "iFlow-ROME", 1736899200, False),
    ]:
        thinking = _budget("", levels) if thinks else None
        yield ModelInfo(model_id, "iflow", "iflow", created, title, description=title, thinking=thinking)


def _antigravity() -> Iterable[ModelInfo]:
    """Only what the upstream's own list does not say (13.6); which models there are is asked of it."""
    for model_id, limit, budget, levels in [
        ("claude-opus-4-5-thinking", 64000, "1024-128000 zero dyn", ""),
        ("claude-sonnet-4-5", 64000, "", ""),
        ("claude-sonnet-4-5-thinking", 64000, "1024-128000 zero dyn", ""),
        ("gemini-2.5-flash", 0, "0-24576 zero dyn", ""),
        ("gemini-2.5-flash-lite", 0, "0-24576 zero dyn", ""),
        ("gemini-3-flash", 0, "128-32768 dyn", "minimal low medium high"),
        ("gemini-3-pro-high", 0, "128-32768 dyn", "low high"),
        ("gemini-3-pro-image", 0, "128-32768 dyn", "low high"),
        ("gpt-oss-120b-medium", 0, "", ""),
        ("tab_flash_lite_preview", 0, "", ""),
    ]:
        yield ModelInfo(
            model_id, "antigravity", "antigravity", 0, model_id, model_id, model_id, model_id,
            max_completion_tokens=limit, thinking=_budget(budget, levels),
        )  # fmt: skip


TABLES: dict[str, tuple[ModelInfo, ...]] = {
    "claude": tuple(_claude()),
    "gemini": tuple(_gemini("G")),
    "vertex": tuple(_gemini("V")),
    "gemini-cli": tuple(_gemini("C")),
    "aistudio": tuple(_gemini("A")),
    "codex": tuple(_codex()),
    "qwen": tuple(_qwen()),
    "iflow": tuple(_iflow()),
    "antigravity": tuple(_antigravity()),
    "demo": (ModelInfo("demo-echo", "demo", "demo", 1735689600, "Demo Echo", description="Echoes what you say"),),
}
"""Models by provider key, in the order in which a static lookup by id tries them (credentials.md 13.7)."""


def static_model(model_id: str) -> ModelInfo | None:
    """The first static entry with this id."""
    for models in TABLES.values():
        for model in models:
            if model.id == model_id:
                return model
    return None


def full_form(model: ModelInfo) -> dict[str, Any]:
    """Every field of an entry under its JSON name, empty ones left out (credentials.md 11.1)."""
    thinking = model.thinking
    fields: dict[str, Any] = {
        "id": model.id, "object": "model", "created": model.created, "owned_by": model.owned_by, "type": model.type,
        "display_name": model.display_name, "name": model.name, "version": model.version,
        "description": model.description, "inputTokenLimit": model.input_limit, "outputTokenLimit": model.output_limit,
        "supportedGenerationMethods": list(model.methods), "context_length": model.context_length,
        "max_completion_tokens": model.max_completion_tokens, "supported_parameters": list(model.parameters),
    }  # fmt: skip
    always = ("id", "object", "created", "owned_by", "type")
    out = {key: value for key, value in fields.items() if value or key in always}
    if thinking is not None:
        pairs = {
            "min": thinking.min, "max": thinking.max, "zero_allowed": thinking.zero_allowed,
            "dynamic_allowed": thinking.dynamic_allowed, "levels": list(thinking.levels),
        }  # fmt: skip
        out["thinking"] = {key: value for key, value in pairs.items() if value}
    return out

"""Writing a wish into a body, per target format (providers.md 22.2-22.5).

Each writer has two ways: for a known model the wish has been fitted to it; for an unknown one (``model`` is None) the
wish goes out as it came.
"""

from __future__ import annotations

from collections.abc import Callable

from cliproxy.translation import formats
from cliproxy.translation.edits import Body, Path, drop, get, put
from cliproxy.translation.reading import integer
from cliproxy.translation.thinking import fields, levels
from cliproxy.translation.thinking.config import Config
from cliproxy.translation.thinking.support import Capability, Thinking

Writer = Callable[[Body, Config, Capability | None], Body]

_ANTIGRAVITY_LIMIT: Path = ("request", "generationConfig", "maxOutputTokens")
_CLAUDE_LIMIT: Path = ("max_tokens",)


def write(body: Body, wanted: Config, target: str, model: Capability | None) -> Body:
    """The body with ``wanted`` in the fields of ``target``; the same object when they say so already."""
    return _WRITERS[target](body, wanted, model)


def _support(model: Capability | None) -> Thinking:
    return (model.thinking if model else None) or Thinking()


def _limit(body: Body, path: Path, model: Capability) -> tuple[int, bool]:
    """(the most tokens an answer may have or 0, True when the body does not say and the model does)."""
    limit = integer(get(body, path)) or 0
    return (limit, False) if limit > 0 else (model.max_completion_tokens, model.max_completion_tokens > 0)


def _gemini(target: str) -> Writer:
    path = fields.GEMINI_PATHS[target]

    def write_gemini(body: Body, wanted: Config, model: Capability | None) -> Body:
        if wanted.mode == "level" or (wanted.mode == "none" and _support(model).levels):
            return _level_form(body, path, wanted)
        if target == formats.ANTIGRAVITY and model and "claude" in model.id.lower():
            return _claude_on_antigravity(body, path, wanted, model)
        return _budget_form(body, path, wanted, wanted.budget)

    return write_gemini


def _level_form(body: Body, path: Path, wanted: Config) -> Body:
    body = drop(drop(body, (*path, "thinkingBudget")), (*path, "include_thoughts"))
    if wanted.level:
        body = put(body, (*path, "thinkingLevel"), wanted.level)
    return put(body, (*path, "includeThoughts"), wanted.mode != "none")


def _budget_form(body: Body, path: Path, wanted: Config, budget: int) -> Body:
    body = drop(drop(body, (*path, "thinkingLevel")), (*path, "include_thoughts"))
    body = put(body, (*path, "thinkingBudget"), budget)
    shown = wanted.mode == "auto" or (wanted.mode == "budget" and budget > 0)
    return put(body, (*path, "includeThoughts"), shown)


def _claude_on_antigravity(body: Body, path: Path, wanted: Config, model: Capability) -> Body:
    """Claude wants its budget below the answer's limit; one below its minimum, also 0, means no fields at all."""
    limit, unsaid = _limit(body, _ANTIGRAVITY_LIMIT, model)
    budget = min(wanted.budget, limit - 1) if limit else wanted.budget
    if 0 <= budget < _support(model).min:
        return drop(body, path)
    body = _budget_form(body, path, wanted, budget)
    return put(body, _ANTIGRAVITY_LIMIT, limit) if unsaid else body


def _claude(body: Body, wanted: Config, model: Capability | None) -> Body:
    if wanted.mode == "level" or (wanted.mode == "auto" and model):
        return body
    if wanted.mode == "none":
        return drop(put(body, fields.CLAUDE_TYPE, "disabled"), fields.CLAUDE_BUDGET)
    body = put(body, fields.CLAUDE_TYPE, "enabled")
    if wanted.mode == "auto":
        return drop(body, fields.CLAUDE_BUDGET)
    return _claude_budget(body, wanted.budget, model)


def _claude_budget(body: Body, budget: int, model: Capability | None) -> Body:
    """The budget, below ``max_tokens`` if that leaves the model's minimum."""
    if model:
        limit, unsaid = _limit(body, _CLAUDE_LIMIT, model)
        if unsaid:
            body = put(body, _CLAUDE_LIMIT, limit)
        if 0 < limit <= budget and not 0 < limit - 1 < _support(model).min:
            budget = limit - 1
    return put(body, fields.CLAUDE_BUDGET, budget)


def _effort(path: Path) -> Writer:
    def write_effort(body: Body, wanted: Config, model: Capability | None) -> Body:
        effort = _effort_name(wanted) if model is None else _effort_of(wanted, _support(model))
        return put(body, path, effort) if effort else body

    return write_effort


def _effort_name(wanted: Config) -> str | None:
    """Any wish as an effort."""
    return levels.level_of(wanted.budget) if wanted.mode == "budget" else wanted.level or wanted.mode


def _effort_of(wanted: Config, thinking: Thinking) -> str | None:
    """A fitted wish as an effort; budgets and auto stay out, the model knows no such thing."""
    if wanted.mode == "level":
        return wanted.level
    if wanted.mode != "none":
        return None
    if wanted.budget == 0 and (thinking.zero_allowed or "none" in thinking.levels):
        return "none"
    return wanted.level or next(iter(thinking.levels), None)


_IFLOW_TEMPLATE = frozenset({"qwen3-max-preview", "deepseek-v3.2", "deepseek-v3.1"})
"""Models next to ``glm*`` whose switch is an argument of the chat template."""


def _iflow(body: Body, wanted: Config, model: Capability | None) -> Body:
    name = model.id.lower() if model else ""
    on = wanted.mode != "none"
    if name.startswith("minimax"):
        return put(body, fields.IFLOW_SPLIT, on)
    glm = name.startswith("glm")
    if not glm and name not in _IFLOW_TEMPLATE:
        return body
    body = put(body, fields.IFLOW_SWITCH, on)
    return put(body, fields.IFLOW_CLEAR, False) if on and glm else drop(body, fields.IFLOW_CLEAR)


_WRITERS: dict[str, Writer] = {
    formats.CLAUDE: _claude,
    formats.GEMINI: _gemini(formats.GEMINI),
    formats.GEMINI_CLI: _gemini(formats.GEMINI_CLI),
    formats.ANTIGRAVITY: _gemini(formats.ANTIGRAVITY),
    formats.OPENAI: _effort(fields.EFFORT_PATHS[formats.OPENAI]),
    formats.CODEX: _effort(fields.EFFORT_PATHS[formats.CODEX]),
    fields.IFLOW: _iflow,
}

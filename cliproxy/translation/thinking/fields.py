"""Where each format keeps thinking, and reading it (providers.md 20.4, 22.1)."""

from __future__ import annotations

from collections.abc import Callable

from cliproxy.translation import formats
from cliproxy.translation.edits import Body, Path, drop, get
from cliproxy.translation.reading import boolean, integer, text
from cliproxy.translation.thinking import config
from cliproxy.translation.thinking.config import Config

IFLOW = "iflow"
"""The one format id of thinking that is no wire format: Chat Completions with iFlow's switches."""

GEMINI_PATHS: dict[str, Path] = {
    formats.GEMINI: ("generationConfig", "thinkingConfig"),
    formats.GEMINI_CLI: ("request", "generationConfig", "thinkingConfig"),
    formats.ANTIGRAVITY: ("request", "generationConfig", "thinkingConfig"),
}
"""The object of Gemini's fields."""

EFFORT_PATHS: dict[str, Path] = {
    formats.OPENAI: ("reasoning_effort",),
    formats.CODEX: ("reasoning", "effort"),
    IFLOW: ("reasoning_effort",),
}
"""The effort name of OpenAI's formats."""

CLAUDE_TYPE: Path = ("thinking", "type")
CLAUDE_BUDGET: Path = ("thinking", "budget_tokens")

IFLOW_SWITCH: Path = ("chat_template_kwargs", "enable_thinking")
IFLOW_CLEAR: Path = ("chat_template_kwargs", "clear_thinking")
IFLOW_SPLIT: Path = ("reasoning_split",)

_ON = Config("budget", 1)
"""On, without a word about how much."""


def _claude(body: Body) -> Config | None:
    kind = get(body, CLAUDE_TYPE)
    if kind == "disabled":
        return config.NONE
    budget = integer(get(body, CLAUDE_BUDGET))
    if budget is not None:
        return config.of_budget(budget)
    return config.AUTO if kind == "enabled" else None


def _gemini(path: Path) -> Callable[[Body], Config | None]:
    def read(body: Body) -> Config | None:
        found = config.of_level(text(get(body, (*path, "thinkingLevel"))))
        budget = integer(get(body, (*path, "thinkingBudget")))
        return config.of_budget(budget) if found is None and budget is not None else found

    return read


def _effort(path: Path) -> Callable[[Body], Config | None]:
    def read(body: Body) -> Config | None:
        return config.of_level(text(get(body, path)))

    return read


def _iflow(body: Body) -> Config | None:
    for path in (IFLOW_SWITCH, IFLOW_SPLIT):
        switch = boolean(get(body, path))
        if switch is not None:
            return _ON if switch else config.NONE
    return config.of_level(text(get(body, EFFORT_PATHS[IFLOW])))


_READERS: dict[str, Callable[[Body], Config | None]] = {
    formats.CLAUDE: _claude,
    **{target: _gemini(path) for target, path in GEMINI_PATHS.items()},
    **{target: _effort(path) for target, path in EFFORT_PATHS.items()},
    IFLOW: _iflow,
}

FORMATS = frozenset(_READERS)
"""The target formats that have thinking at all."""

_ALL: dict[str, tuple[Path, ...]] = {
    formats.CLAUDE: (("thinking",),),
    **{target: (path,) for target, path in (GEMINI_PATHS | EFFORT_PATHS).items()},
    IFLOW: (IFLOW_SWITCH, IFLOW_CLEAR, IFLOW_SPLIT, EFFORT_PATHS[IFLOW]),
}


def read(body: Body, target: str) -> Config | None:
    """What a body of the format ``target`` asks for, None when it says nothing."""
    return _READERS[target](body)


def says(body: Body, target: str) -> bool:
    """True when a body of the format ``target`` asks for something; False for formats without thinking."""
    return target in FORMATS and read(body, target) is not None


def remove(body: Body, target: str) -> Body:
    """The body without its thinking fields, if they ask for something."""
    if read(body, target) is None:
        return body
    for path in _ALL[target]:
        body = drop(body, path)
    return body

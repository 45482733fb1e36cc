"""The steps from a model's name and a body to a body with thinking (providers.md 21)."""

from __future__ import annotations

from cliproxy.translation.edits import Body
from cliproxy.translation.names import split_suffix
from cliproxy.translation.thinking import config, fields, levels, writing
from cliproxy.translation.thinking.config import Config
from cliproxy.translation.thinking.support import Capability
from cliproxy.translation.thinking.validation import BUDGET_BASED, LEVEL_BASED, validate


def apply(body: Body, model: str, source: str, target: str, capability: Capability | None) -> Body:
    """The translated body with the thinking that the request wants and the model can do.

    ``model`` is the upstream's name with its suffix, which outranks the body's fields. ``source`` is the client's
    format, ``target`` the body's (or ``iflow``); one that knows no thinking passes. ``capability`` is None for a model
    nobody knows. The same object comes back when nothing changes.

    :raises RequestError: 400; the wish does not go with the model.
    """
    if target not in fields.FORMATS:
        return body
    known = None if capability is None or capability.user_defined else capability
    if known and known.thinking is None:
        return fields.remove(body, target)
    suffix = split_suffix(model)[1]
    wanted = fields.read(body, target) if suffix is None else config.from_suffix(suffix)
    if wanted is None:
        return body
    if known and known.thinking:
        wanted = validate(wanted, known.thinking, source, target, strict=suffix is None)
    else:
        wanted = _across(wanted, source, target)
    return writing.write(body, wanted, target, known)


def _across(wanted: Config, source: str, target: str) -> Config:
    """A level for a target that counts tokens as a budget; an unknown one stays (providers.md 21.2)."""
    if wanted.mode == "level" and source in LEVEL_BASED and target in BUDGET_BASED:
        budget = levels.budget_of(wanted.level)
        return wanted if budget is None else config.of_budget(budget)
    return wanted

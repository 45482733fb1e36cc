"""``generationConfig`` from a conversation (translation.md 1.4-1.6)."""

from __future__ import annotations

from typing import Any

from cliproxy.translation.formats import CLAUDE, Format
from cliproxy.translation.model import Conversation, Output, Reasoning, Sampling
from cliproxy.translation.thinking.levels import budget_of

_MOST_STOPS = 5
"""Stop sequences that the API takes; it refuses more."""
_MODALITIES = {"text": "TEXT", "image": "IMAGE"}


def encode(conversation: Conversation) -> dict[str, Any]:
    """The object, empty when the client said nothing."""
    config = _sampling(conversation.sampling)
    if thinking := thinking_config(conversation.reasoning, conversation.source):
        config["thinkingConfig"] = thinking
    return config | _output(conversation.output)


def thinking_config(reasoning: Reasoning, source: Format) -> dict[str, Any]:
    """``thinkingConfig``; Claude clients count in budgets, and none of theirs means nothing (translation.md 1.5)."""
    if reasoning.mode == "budget":
        return {"thinkingBudget": reasoning.budget, "includeThoughts": True}
    if source == CLAUDE and reasoning.mode in ("none", "level"):
        budget = budget_of(reasoning.level) if reasoning.mode == "level" else None
        return {} if budget is None else {"thinkingBudget": budget, "includeThoughts": True}
    if reasoning.mode == "auto":
        return {"thinkingBudget": -1, "includeThoughts": True}
    if reasoning.mode == "none":
        return {"thinkingLevel": "none", "includeThoughts": False}
    return {"thinkingLevel": reasoning.level, "includeThoughts": True} if reasoning.mode == "level" else {}


def _sampling(sampling: Sampling) -> dict[str, Any]:
    """The fields that say something; penalties of 0 are the default, and some models refuse to hear of them."""
    values: dict[str, Any] = {
        "maxOutputTokens": sampling.max_output_tokens,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "stopSequences": list(sampling.stop[:_MOST_STOPS]) or None,
        "candidateCount": sampling.n if (sampling.n or 0) > 1 else None,
        "seed": sampling.seed,
        "frequencyPenalty": sampling.frequency_penalty or None,
        "presencePenalty": sampling.presence_penalty or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _output(output: Output) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if output.format is not None and output.format.kind != "text":
        config["responseMimeType"] = "application/json"
        if isinstance(output.format.schema, dict):
            config["responseJsonSchema"] = output.format.schema
    if modalities := [_MODALITIES[word] for word in output.modalities if word in _MODALITIES]:
        config["responseModalities"] = modalities
    image = {"aspectRatio": output.aspect_ratio, "imageSize": output.image_size}
    if image := {key: value for key, value in image.items() if value}:
        config["imageConfig"] = image
    return config

"""Which model a request is for: its body, else its path (amp-routing.md 4)."""

from __future__ import annotations

from typing import Any

_MODELS = "/models/"


def extract_model(body: Any, action: str = "", path: str = "") -> str:
    """The name as the client wrote it, empty when there is none.

    ``body`` is the parsed body, anything when it could not be parsed; ``action`` is the part of a Gemini route behind
    ``models/``, ``path`` the part of a Vertex-like route behind ``v1beta1``; both URL-decoded.
    """
    model = body.get("model") if isinstance(body, dict) else None
    if isinstance(model, str):
        return model
    return model_of_action(action) or _model_of_path(path)


def model_of_action(action: str) -> str:
    """``gemini-pro`` of ``gemini-pro:generateContent``, with or without a slash before it."""
    return action.removeprefix("/").partition(":")[0]


def action_of_path(path: str) -> str | None:
    """What follows the first ``/models/``; None without that."""
    _, found, action = path.partition(_MODELS)
    return action if found else None


def replace_model(action: str, model: str) -> str:
    """The action with another model and the same method; without a method it stays."""
    _, colon, method = action.partition(":")
    return f"{model}:{method}" if colon else action


def _model_of_path(path: str) -> str:
    model, colon, _ = (action_of_path(path) or "").partition(":")
    return model if colon else ""

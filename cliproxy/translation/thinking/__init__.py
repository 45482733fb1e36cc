"""How much a model is to think: suffix and body fields, fitted to what the model can do (providers.md 20-22)."""

from cliproxy.translation.thinking.algorithm import apply

__all__ = ["apply"]

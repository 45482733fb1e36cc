"""Model names with a thinking suffix: ``name(8192)``, ``name(high)`` (client-api.md 5.3)."""

from __future__ import annotations


def split_suffix(name: str) -> tuple[str, str | None]:
    """(base, suffix): split at the last ``(`` of a name that ends with ``)``; suffix None when there is none."""
    if name.endswith(")"):
        base, bracket, suffix = name[:-1].rpartition("(")
        if bracket:
            return base, suffix
    return name, None


def base_name(name: str) -> str:
    """The name without its thinking suffix."""
    return split_suffix(name)[0]

"""Safety settings for requests that bring none (translation.md 1.7)."""

from __future__ import annotations

SAFETY_SETTINGS = [
    {"category": f"HARM_CATEGORY_{name}", "threshold": threshold}
    for name, threshold in (
        ("HARASSMENT", "OFF"), ("HATE_SPEECH", "OFF"), ("SEXUALLY_EXPLICIT", "OFF"), ("DANGEROUS_CONTENT", "OFF"),
        ("CIVIC_INTEGRITY", "BLOCK_NONE"),
    )
]  # fmt: skip
"""The filters switched off. Shared by all requests: never change it."""

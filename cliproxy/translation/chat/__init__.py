"""OpenAI Chat Completions, and the legacy completions on top of it."""

"""OpenAI Responses, and the Codex dialect of it."""

"""An LLM proxy: coding tools and SDKs on one side, the user's own accounts on the other."""

__version__ = "0.1.0"

"""Which implementation serves which credential (credentials.md 3.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cliproxy.config.settings import Settings
from cliproxy.providers.antigravity import AntigravityProvider
from cliproxy.providers.base import Provider, TokenKeeper
from cliproxy.providers.claude import ClaudeProvider
from cliproxy.providers.codex import CodexProvider
from cliproxy.providers.credential import Credential
from cliproxy.providers.demo import DemoProvider
from cliproxy.providers.gemini import GeminiProvider
from cliproxy.providers.gemini_cli import GeminiCliProvider
from cliproxy.providers.http import HttpClient
from cliproxy.providers.iflow import IflowProvider
from cliproxy.providers.openai_compat import OpenAICompatProvider
from cliproxy.providers.pipeline import Pipeline
from cliproxy.providers.qwen import QwenProvider
from cliproxy.providers.vertex import VertexProvider

_LATER = ("aistudio",)
"""Provider keys that must not be taken for OpenAI-compatible services while nothing is registered for them."""


class Providers:
    """The ``ProviderFactory``: one object per provider key, made once; more can be registered."""

    def __init__(
        self,
        http: HttpClient,
        settings: Callable[[], Settings],
        pipeline: Pipeline,
        tokens: TokenKeeper,
        environment: Mapping[str, str],
    ) -> None:
        self._http, self._settings, self._pipeline = http, settings, pipeline
        self.antigravity = AntigravityProvider(http, settings, pipeline, tokens, environment)
        """By itself too: its models are asked for."""
        self._providers: dict[str, Provider] = {
            "gemini": GeminiProvider(http, settings, pipeline),
            "vertex": VertexProvider(http, settings, pipeline),
            "claude": ClaudeProvider(http, settings, pipeline, environment),
            "codex": CodexProvider(http, settings, pipeline, environment),
            "antigravity": self.antigravity,
            "gemini-cli": GeminiCliProvider(http, settings, pipeline, tokens, environment),
            "qwen": QwenProvider(http, settings, pipeline, environment),
            "iflow": IflowProvider(http, settings, pipeline, environment),
            "demo": DemoProvider(pipeline),
        }
        self._compat: dict[str, Provider] = {}

    def __repr__(self) -> str:
        return f"<Providers {[*self._providers, *self._compat]}>"

    def __contains__(self, key: object) -> bool:
        """True for a provider key that is taken."""
        return key in self._providers or key in _LATER

    def register(self, key: str, provider: Provider) -> None:
        """Serve credentials of a provider key; replaces what was there."""
        self._providers[key] = provider

    def __call__(self, credential: Credential, settings: Settings) -> Provider | None:
        """The provider of a credential; None when there is none for it."""
        key = credential.executor_key
        if not credential.is_compat:
            if key in self._providers:
                return self._providers[key]
            if key in _LATER:
                return None
        if key not in self._compat:
            self._compat[key] = OpenAICompatProvider(key, self._http, self._settings, self._pipeline)
        return self._compat[key]

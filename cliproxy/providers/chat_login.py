"""What Qwen and iFlow share: Chat Completions upstreams behind a login (providers.md 17, 18).

They resemble ``openai_compat.py`` but think before the payload rules, know no compaction, and have tokens that end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import base_name, identity, no_compact, with_custom
from cliproxy.providers.credential import Credential
from cliproxy.providers.pipeline import Prepared
from cliproxy.providers.renewing import RenewingProvider
from cliproxy.translation.chat import passthrough
from cliproxy.translation.edits import Body, put
from cliproxy.translation.formats import OPENAI
from cliproxy.translation.token_count import count_chat

_USAGE = ("stream_options", "include_usage")


class ChatLoginProvider(RenewingProvider):
    """Base of both. A subclass says where, with which secret and headers, and how its tokens are renewed."""

    upstream_format = OPENAI
    thinking_format: str
    """The format of its thinking (providers.md 1.2)."""
    identification: Mapping[str, str]
    """Headers that the API checks."""

    def base(self, credential: Credential) -> str:
        """The address before ``/chat/completions``, without a slash at its end."""
        raise NotImplementedError

    def secret(self, credential: Credential) -> str:
        """What goes into ``Authorization``.

        :raises UpstreamStatus: 401; there is none.
        """
        raise NotImplementedError

    def streamable(self, body: Body) -> Body:
        """A body for a stream, with what this upstream needs then."""
        raise NotImplementedError

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """One chat completion."""
        no_compact(call)
        sent = base_name(model)
        headers = self._headers(credential, "application/json", "gzip")
        prepared = self._prepared(call, model, stream=False)
        reply = self.fetch(credential, self._url(credential), headers, prepared.encode())
        return self._pipeline.whole(prepared, reply.body, lambda body: passthrough.body(body, call.client_model, sent))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """A streamed chat completion."""
        no_compact(call)
        sent = base_name(model)
        headers = identity(self._headers(credential, "text/event-stream", "identity"))
        prepared = self._prepared(call, model, stream=True)
        transform = self._pipeline.transform(prepared, lambda: passthrough.ChatStream(call.client_model, sent))
        return self.start(credential, self._url(credential), headers, prepared.encode(), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """Count locally: there is no counter (providers.md 8)."""
        sent = base_name(model)
        prepared = self._pipeline.translate(call, OPENAI, model, stream=False)
        prepared = self._pipeline.think(prepared, call, model, self.key, self.thinking_format)
        return Answer(self._pipeline.count(call, count_chat(prepared.body, sent)), sent)

    def _prepared(self, call: Call, model: str, *, stream: bool) -> Prepared:
        prepared = self._pipeline.translate(call, OPENAI, model, stream=stream)
        prepared = self._pipeline.think(prepared, call, model, self.key, self.thinking_format)
        if stream:
            prepared = prepared.edited(self.streamable)
            if prepared.exchange is not None:  # clients of the other formats always get usage
                prepared = prepared.edited(asking_for_usage)
        return self._pipeline.rules(prepared, call, model, OPENAI)

    def _url(self, credential: Credential) -> str:
        return f"{self.base(credential)}/chat/completions"

    def _headers(self, credential: Credential, accept: str, encoding: str) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json", "Authorization": f"Bearer {self.secret(credential)}",
            **self.identification, "Accept": accept, "Accept-Encoding": encoding,
        }  # fmt: skip
        return with_custom(headers, credential)


def asking_for_usage(body: Body) -> Body:
    """A stream tells its usage only when asked."""
    return put(body, _USAGE, True)


def function_tool(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A tool that is only there for the upstream's sake."""
    return {"type": "function", "function": {"name": name, "description": description, "parameters": dict(parameters)}}

"""The demo: an upstream inside the proxy that says the last user text back, through the real pipeline (design D11).

It answers each client format natively, so that curl and every SDK work before any account exists.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from cliproxy.errors import RequestError
from cliproxy.providers import demo_answers
from cliproxy.providers.base import Answer, AnswerStream, Call
from cliproxy.providers.calls import no_compact
from cliproxy.providers.credential import Credential
from cliproxy.records.usage import Tokens
from cliproxy.translation.formats import CLAUDE, GEMINI, OPENAI, RESPONSES
from cliproxy.translation.names import base_name
from cliproxy.translation.passthrough import Passthrough

_PAUSE = 0.005
_GREETING = "Hello from cliproxy. Say something and I will say it back."


class DemoProvider:
    """Echoes. Needs no network and no settings."""

    key = "demo"

    def execute(self, credential: Credential, call: Call, model: str) -> Answer:
        """The echo as one body."""
        no_compact(call)
        echo = self._echo(call)
        return Answer(orjson.dumps(_encoder(call).body(echo)), base_name(model), _tokens(echo))

    def stream(self, credential: Credential, call: Call, model: str) -> AnswerStream:
        """The echo word by word, a few milliseconds apart."""
        no_compact(call)
        echo = self._echo(call)
        transform = _Finished(call.client_model, base_name(model), echo)
        return AnswerStream(_Words(_encoder(call).events(echo)), transform)

    def count_tokens(self, credential: Credential, call: Call, model: str) -> Answer:
        """An estimate over all texts in the request."""
        number = _estimate("".join(_texts(call.body)))
        if call.format == CLAUDE:
            shape: dict[str, Any] = {"input_tokens": number}
        elif call.format == GEMINI:
            details = [{"modality": "TEXT", "tokenCount": number}]
            shape = {"totalTokens": number, "promptTokensDetails": details}
        else:
            shape = {"usage": {"prompt_tokens": number, "completion_tokens": 0, "total_tokens": number}}
        return Answer(orjson.dumps(shape), base_name(model))

    @staticmethod
    def _echo(call: Call) -> demo_answers.Echo:
        text = last_user_text(call) or _GREETING
        return demo_answers.Echo(call.client_model, text, _estimate("".join(_texts(call.body))), _estimate(text))


def _estimate(text: str) -> int:
    """About four characters a token: nobody pays for the demo, and real tables take 100 MB."""
    return max(1, (len(text) + 3) // 4)


def _encoder(call: Call) -> demo_answers.Encoder:
    encoder = demo_answers.ENCODERS.get(call.format)
    if encoder is None:
        raise RequestError(f"the demo model cannot answer in format {call.format}", status=501)
    return encoder


def _tokens(echo: demo_answers.Echo) -> Tokens:
    return Tokens(input=echo.input_tokens, output=echo.output_tokens, total=echo.input_tokens + echo.output_tokens)


class _Words:
    """A source that hands out prepared events one by one."""

    def __init__(self, events: Iterator[bytes]) -> None:
        self.keepalive = 0.0
        self._events: Iterator[bytes] | None = events
        self._begun = False

    def read(self) -> bytes | None:
        """The next event, after a moment."""
        if self._events is None:
            return None
        if self._begun:
            time.sleep(_PAUSE)
        self._begun = True
        return next(self._events, None)

    def close(self) -> None:
        """Stop."""
        self._events = None

    def release(self) -> None:
        """Stop."""
        self._events = None


class _Finished(Passthrough):
    """Events that are in the client's form already."""

    def __init__(self, client_model: str, sent_model: str, echo: demo_answers.Echo) -> None:
        super().__init__(client_model, sent_model)
        self.tokens = _tokens(echo)
        self.ending = True  # prepared whole: its end is always the right one

    def untouched(self, events: bytes) -> bool:
        """Always."""
        return True


def last_user_text(call: Call) -> str:
    """The text that the user said last, in any client format."""
    body = call.body
    if call.format in (OPENAI, CLAUDE):
        return _last(body.get("messages"), "user")
    if call.format == RESPONSES:
        source = body.get("input")
        return source if isinstance(source, str) else _last(source, "user")
    contents = body.get("contents")
    return _last([contents] if isinstance(contents, dict | str) else contents, "user")


def _last(turns: Any, role: str) -> str:
    for turn in reversed(turns if isinstance(turns, list) else []):
        if isinstance(turn, str):
            return turn
        if not isinstance(turn, dict) or turn.get("role", role) != role:
            continue
        if text := "\n".join(_said(turn.get("content", turn.get("parts")))):
            return text
    return ""


def _said(content: Any) -> Iterator[str]:
    """The texts of one turn, without what is attached to them."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else part
            if isinstance(text, str):
                yield text


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    """Every text of a request: values of ``text``, ``content``, ``input`` and the like."""
    for key, value in body.items():
        if key in ("model", "role", "type", "id", "data", "url", "mimeType", "mime_type"):
            continue
        yield from _texts_in(value)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(value)
    elif isinstance(value, list):
        for item in value:
            yield from _texts_in(item)

"""The hub's conversation: what every request says, in whatever wire format (translation.md 1.1-1.6).

Codecs decode a client's body into a ``Conversation`` and encode it for an upstream. Everything is immutable. Texts,
base64 data, schemas and argument texts are never changed on the way.

A part that a target cannot express is left out by its encoder; what only its own format knows stays ``raw``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cliproxy.translation.formats import OPENAI, Format

Role = Literal["user", "assistant", "tool"]
SignatureGroup = Literal["claude", "gemini", "gpt"]
OPENAI_REASONING = "gAAAA"
"""How OpenAI's encrypted reasoning begins (translation.md 2.2)."""


@dataclass(frozen=True, slots=True)
class Signature:
    """An opaque proof of earlier thinking, and whose it is. Only its own provider family may see it again."""

    value: str
    group: SignatureGroup


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text. ``cache_hint`` is Claude's ``cache_control`` object."""

    text: str
    cache_hint: Any = None


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: standard base64 ``data`` with its ``mime``, or a ``url``."""

    mime: str = ""
    data: str = ""
    url: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """Any other attachment, audio and video too: base64 ``data``, a ``url``, or the id of an uploaded file."""

    filename: str = ""
    mime: str = ""
    data: str = ""
    url: str = ""
    file_id: str = ""


@dataclass(frozen=True, slots=True)
class Thinking:
    """Earlier reasoning of the model."""

    text: str
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """Reasoning that only Claude can read."""

    data: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call. ``arguments`` is JSON text as received; of a ``custom`` tool it is free text."""

    id: str
    name: str
    arguments: str = "{}"
    namespace: str = ""
    custom: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer to one call. ``content`` holds parts, or is the raw JSON value that the client sent."""

    call_id: str
    content: tuple[Text | Image | File, ...] = ()
    raw: Any = None
    """A result that is no list of parts: an object, or an array of other things. None when ``content`` counts."""
    name: str = ""
    is_error: bool = False
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model's own words for not answering."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Code that the provider ran (Gemini ``executableCode``)."""

    language: str
    code: str


@dataclass(frozen=True, slots=True)
class CodeResult:
    """What that code printed (Gemini ``codeExecutionResult``)."""

    outcome: str
    output: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something that only its own format knows: server tools and their results, references."""

    raw: Mapping[str, Any]
    format: Format


Part = (
    Text | Image | File | Thinking | RedactedThinking | ToolCall | ToolResult | Refusal | Code | CodeResult | Opaque
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said. ``tool`` turns hold only results. ``plain`` says that the content was a bare string."""

    role: Role
    parts: tuple[Part, ...]
    plain: bool = False


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function that the client runs. ``custom`` ones take free text instead of JSON arguments."""

    name: str
    description: str | None = None
    schema: Any = None
    strict: bool | None = None
    cache_hint: Any = None
    namespace: str = ""
    custom: bool = False


@dataclass(frozen=True, slots=True)
class BuiltinTool:
    """A tool that the provider runs: ``kind`` is the hub's name for it, ``raw`` the source object."""

    kind: Literal["web_search", "google_search", "code_execution", "url_context", "computer_use", "other"]
    raw: Mapping[str, Any]
    format: Format


Tool = FunctionTool | BuiltinTool


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools may or must be called; ``names`` for ``tool`` (one) and ``allowed``, ``raw`` for ``builtin``."""

    mode: Literal["auto", "none", "required", "tool", "builtin", "allowed"]
    names: tuple[str, ...] = ()
    raw: Any = None
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; None = not said."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    stop: tuple[str, ...] = ()
    n: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How much to think: a ``level`` word, or a ``budget`` in tokens, by ``mode``."""

    mode: Literal["unset", "none", "auto", "level", "budget"] = "unset"
    level: str = ""
    budget: int = 0
    enabled: bool = False
    """Claude's ``thinking.type`` was ``enabled`` or ``adaptive``: earlier thinking counts (translation.md 4.9)."""


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The shape that the answer's text must have."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str = ""
    schema: Any = None
    strict: bool | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What the answer may consist of."""

    format: ResponseFormat | None = None
    verbosity: str = ""
    modalities: tuple[str, ...] = ()
    """Lower case: ``text``, ``image``."""
    aspect_ratio: str = ""
    image_size: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One request. ``source`` is the format it was read from; ``extra`` its fields that some encoders carry on."""

    turns: tuple[Turn, ...] = ()
    system: tuple[Text, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    reasoning: Reasoning = Reasoning()
    output: Output = Output()
    source: Format = OPENAI
    user: str = ""
    """Who the end user is: ``user`` of OpenAI bodies, ``metadata.user_id`` of Claude's."""
    safety_settings: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def functions(self) -> tuple[FunctionTool, ...]:
        """The tools that the client runs."""
        return tuple(tool for tool in self.tools if isinstance(tool, FunctionTool))

    @property
    def declared_names(self) -> tuple[tuple[str, str], ...]:
        """(namespace, name) of each function, in order."""
        return tuple((tool.namespace, tool.name) for tool in self.functions)

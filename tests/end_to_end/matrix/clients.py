"""Requests as widely used programs send them (clients.md 1), each in the middle of its work with tools.

Every tool has a parameter of a name of its own, by which it is recognised whatever it is called upstream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from end_to_end.families import CHAT, CLAUDE, GEMINI, RESPONSES, Family
from end_to_end.proxy import KEY
from upstream.content import ENCRYPTED, SIGNATURE

Body = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"


@dataclass(frozen=True, slots=True, eq=False)
class Client:
    """One program on one API. ``own`` is the upstream of its own format.

    ``tools``: its function tools, (namespace, name) by their parameter; ``results``: words of those in the history, in
    the order of the calls.
    """

    name: str
    family: Family
    own: str
    headers: Mapping[str, str]
    body: Callable[[str], Body]
    tools: Mapping[str, tuple[str, str]]
    results: tuple[str, ...]
    query: str = ""
    encoding: str = ""
    custom: frozenset[str] = field(default_factory=frozenset)
    """Parameters that stand for free text of a custom tool."""

    def __repr__(self) -> str:
        return self.name

    def path(self, model: str) -> str:
        """Where it sends a streaming request."""
        return self.family.path(model, stream=True) + self.query


def schema(*names: str, **more: Any) -> Body:
    """A schema of an object with text members, the first one required."""
    return {
        "type": "object", "properties": {name: {"type": "string", "description": name} for name in names},
        "required": list(names[:1]), **more,
    }  # fmt: skip


# --- Claude Code

MARK = {"cache_control": {"type": "ephemeral"}}


def _claude_code(model: str) -> Body:
    text = {"type": "text"}
    return {
        "model": model, "max_tokens": 32000, "stream": True,
        "system": [{**text, "text": "You help with code.", **MARK}, {**text, "text": "The folder is /repo.", **MARK}],
        "messages": [
            {"role": "user", "content": [{**text, "text": "<context>\n</context>"}, {**text, "text": "Look around."}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "A look first.", "signature": SIGNATURE},
                {**text, "text": "I look."},
                {"type": "tool_use", "id": "toolu_01A", "name": "Bash", "input": {"command": "ls"}},
                {"type": "tool_use", "id": "toolu_01B", "name": "mcp__notes__find", "input": {"topic": "x"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01B", "content": [{**text, "text": "no notes"}]},
                {"type": "tool_result", "tool_use_id": "toolu_01A", "content": "a.py", "is_error": False},
            ]},
            {"role": "system", "content": "The user prefers short answers."},
            {"role": "user", "content": [{**text, "text": "Go on.", **MARK}]},
        ],
        "tools": [
            {"name": "Bash", "description": "Runs a command.", "input_schema": {
                **schema("command", "why", additionalProperties=False), "$schema": DRAFT}},
            {"name": "mcp__notes__find", "description": "Finds.", "input_schema": schema("topic")},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
        ],
        "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": '{"device_id":"d0","account_uuid":"","session_id":"s0"}'},
    }  # fmt: skip


CLAUDE_CODE = Client(
    "claude-code", CLAUDE, "claude",
    {
        "x-api-key": KEY, "anthropic-version": "2023-06-01", "x-app": "cli", "user-agent": "claude-cli/2.1.0 (external)",
        "anthropic-beta": ",".join((
            "claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27", "effort-2025-11-24",
            "prompt-caching-scope-2026-01-05", "a-2026-01-01", "b-2026-01-01",
        )),
        "x-claude-code-session-id": "s0", "x-stainless-lang": "js", "x-stainless-retry-count": "0",
    },
    _claude_code, {"command": ("", "Bash"), "topic": ("", "mcp__notes__find")}, ("a.py", "no notes"), "?beta=true",
)  # fmt: skip


# --- Codex CLI


def _function(name: str, parameter: str) -> Body:
    return {
        "type": "function",
        "name": name,
        "description": parameter,
        "strict": False,
        "parameters": schema(parameter),
    }


def _said(role: str, text: str, **more: Any) -> Body:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}], **more}


def _codex_cli(model: str) -> Body:
    return {
        "model": model,
        "input": [
            _said("developer", "You help with code."), _said("user", "<environment/>"), _said("user", "Change the file."),
            {
                "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "I read it."}],
                "content": None, "encrypted_content": ENCRYPTED,
            },
            _said("assistant", "Reading.", id="msg_1", phase="commentary"),
            {
                "type": "function_call", "id": "fc_1", "namespace": "mcp__files", "name": "read", "call_id": "call_1",
                "arguments": '{"path":"a"}',
            },
            {"type": "function_call", "id": "fc_2", "name": "shell", "arguments": '{"line":"ls"}', "call_id": "call_2"},
            {"type": "function_call_output", "call_id": "call_2", "output": "a"},
            {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "1 2 3"}]},
            {
                "type": "custom_tool_call", "id": "ctc_1", "status": "completed", "call_id": "call_3",
                "name": "apply_patch", "input": "*** Begin Patch\n",
            },
            {"type": "custom_tool_call_output", "call_id": "call_3", "output": "done"},
        ],
        "tools": [
            _function("shell", "line"),
            {
                "type": "custom", "name": "apply_patch", "description": "Changes files.",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
            },
            {"type": "namespace", "name": "mcp__files", "description": "Files.", "tools": [
                _function("read", "path"), _function("write", "words"),
            ]},
            {"type": "namespace", "name": "mcp__web", "description": "Web.", "tools": [_function("read", "url")]},
            {"type": "web_search", "external_web_access": False},
        ],
        "tool_choice": "auto", "parallel_tool_calls": True, "reasoning": {"effort": "high", "summary": "auto"},
        "store": False, "stream": True, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "t0",
        "client_metadata": {"x-codex-installation-id": "i0"}, "text": {"verbosity": "low"},
    }  # fmt: skip


CODEX_CLI = Client(
    "codex-cli", RESPONSES, "codex",
    {
        "authorization": f"Bearer {KEY}", "originator": "codex_cli_rs", "session-id": "t0", "thread-id": "t0",
        "x-codex-turn-metadata": "{}", "accept": "text/event-stream",
    },
    _codex_cli,
    {
        "line": ("", "shell"), "path": ("mcp__files", "read"), "words": ("mcp__files", "write"),
        "url": ("mcp__web", "read"), "input": ("", "apply_patch"),
    },
    ("1 2 3", "a", "done"), encoding="zstd", custom=frozenset(("input",)),
)  # fmt: skip


# --- Gemini CLI


def _gemini_cli(model: str) -> Body:
    call, response = "functionCall", "functionResponse"
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "<context/>"}]}, {"role": "model", "parts": [{"text": "Got it."}]},
            {"role": "user", "parts": [{"text": "Look around."}]},
            {"role": "model", "parts": [
                {"text": "**A look**", "thought": True},
                {call: {"id": "ls-17-0", "name": "ls", "args": {"dir": "/"}}, "thoughtSignature": SIGNATURE},
                {call: {"id": "cat-17-1", "name": "cat", "args": {"file": "a"}}},
            ]},
            {"role": "user", "parts": [
                {response: {"id": "ls-17-0", "name": "ls", "response": {"output": "a.py"}}},
                {response: {"id": "cat-17-1", "name": "cat", "response": {"error": "no such file"}}},
            ]},
        ],
        "systemInstruction": {"role": "user", "parts": [{"text": "You help with code."}]},
        "tools": [{"functionDeclarations": [
            {"name": "ls", "description": "Lists.", "parametersJsonSchema": {
                **schema("dir", additionalProperties=False), "$schema": DRAFT}},
            {"name": "cat", "description": "Reads.", "parametersJsonSchema": {
                "type": "object", "properties": {"file": {"type": ["string", "null"], "const": "a"}}, "oneOf": [{}]}},
            {"name": "mcp.notes:find", "description": "Finds.", "parametersJsonSchema": schema("topic")},
        ]}],
        "generationConfig": {
            "temperature": 1, "topP": 0.95, "topK": 64,
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 8192},
        },
    }  # fmt: skip


GEMINI_CLI = Client(
    "gemini-cli", GEMINI, "gemini", {"x-goog-api-key": KEY, "x-goog-api-client": "google-genai-sdk/1.30.0 gl-node/v22"},
    _gemini_cli, {"dir": ("", "ls"), "file": ("", "cat"), "topic": ("", "mcp.notes:find")}, ("a.py", "no such file"),
)  # fmt: skip


# --- Qwen Code and OpenCode on Chat Completions


def _chat_tool(name: str, parameter: str) -> Body:
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema(parameter)}}


def _chat_call(call: str, name: str, arguments: str) -> Body:
    return {"id": call, "type": "function", "function": {"name": name, "arguments": arguments}}


def _qwen_code(model: str) -> Body:
    def text(words: str) -> list[Body]:
        return [{"type": "text", "text": words}]

    return {
        "model": model, "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 8000, "temperature": 0,
        "messages": [
            {"role": "system", "content": text("You help with code.")}, {"role": "user", "content": text("<context/>")},
            {"role": "user", "content": text("Look around.")},
            {
                "role": "assistant", "content": None, "reasoning_content": "A look first.",
                "tool_calls": [_chat_call("call_1", "ls", '{"dir":"/"}'), _chat_call("call_2", "cat", '{"file":"a"}')],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": text("a.py")},
            {"role": "tool", "tool_call_id": "call_2", "content": text("1 2")},
        ],
        "tools": [_chat_tool("ls", "dir"), _chat_tool("cat", "file")],
        "metadata": {"sessionId": "s0", "promptId": "p0"},
    }  # fmt: skip


QWEN_CODE = Client(
    "qwen-code", CHAT, "chat", {"authorization": f"Bearer {KEY}", "user-agent": "QwenCode/0.15.0 (linux; x64)"},
    _qwen_code, {"dir": ("", "ls"), "file": ("", "cat")}, ("a.py", "1 2"),
)  # fmt: skip
SESSION = {"x-session-id": "ses_0", "x-session-affinity": "ses_0"}


def _opencode(model: str) -> Body:
    return {
        "model": model, "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 32000, "top_p": 1,
        "messages": [
            {"role": "system", "content": "You help with code."}, {"role": "user", "content": "Look around."},
            {"role": "assistant", "content": "", "tool_calls": [_chat_call("call_00_x", "bash", '{"command":"ls"}')]},
            {"role": "tool", "tool_call_id": "call_00_x", "content": "a.py"},
            {"role": "assistant", "content": "", "tool_calls": [_chat_call("call_01_x", "todo", '{"items":"1"}')]},
            {"role": "tool", "tool_call_id": "call_01_x", "content": ""},
        ],
        "tools": [_chat_tool("bash", "command"), _chat_tool("todo", "items")], "tool_choice": "auto",
    }  # fmt: skip


OPENCODE = Client(
    "opencode", CHAT, "chat", {"authorization": f"Bearer {KEY}", **SESSION}, _opencode,
    {"command": ("", "bash"), "items": ("", "todo")}, ("a.py", ""),
)  # fmt: skip


def _opencode_gemini(model: str) -> Body:
    """With ``parameters`` in the OpenAPI subset, no ids, a level, and the result inside a wrapper."""
    response = {"name": "bash", "content": "a.py"}
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "Look around."}]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "bash", "args": {"command": "ls"}}, "thoughtSignature": SIGNATURE},
            ]},
            {"role": "user", "parts": [{"functionResponse": {"name": "bash", "response": response}}]},
        ],
        "systemInstruction": {"parts": [{"text": "You help with code."}]},
        "tools": [{"functionDeclarations": [
            {"name": "bash", "description": "Runs.", "parameters": schema("command")},
            {"name": "todo", "description": "Plans.", "parameters": schema("items")},
        ]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {
            "maxOutputTokens": 32000, "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "high"},
        },
    }  # fmt: skip


OPENCODE_GEMINI = Client(
    "opencode-gemini", GEMINI, "gemini", {"x-goog-api-key": KEY, **SESSION}, _opencode_gemini,
    {"command": ("", "bash"), "items": ("", "todo")}, ("a.py",),
)  # fmt: skip
CLIENTS = (CLAUDE_CODE, CODEX_CLI, GEMINI_CLI, QWEN_CODE, OPENCODE, OPENCODE_GEMINI)

"""The order of events that each client format demands (client-api.md 14.3, 15.3, 16.3, 17.3), checked on raw streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from end_to_end import sse
from end_to_end.families import CHAT, CLAUDE, GEMINI, RESPONSES, Family


def check(family: Family, stream: bytes) -> None:
    """Fail when the stream of a whole answer is not as its clients need it.

    :raises AssertionError: with what is wrong.
    """
    _CHECKS[family.name](sse.parse(stream))


def _chat(events: list[sse.Event]) -> None:
    assert events[-1].data == "[DONE]"
    assert not any(event.name for event in events)
    chunks = [event.json for event in events[:-1]]
    for name in ("id", "model", "created", "object"):
        assert len({chunk[name] for chunk in chunks}) == 1, name
    assert chunks[0]["object"] == "chat.completion.chunk"
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert choices[0]["delta"]["role"] == "assistant"
    reasons = [choice["finish_reason"] for choice in choices]
    assert reasons[-1]
    assert not any(reasons[:-1])
    _chat_calls([call for choice in choices for call in choice["delta"].get("tool_calls", [])])


def _chat_calls(fragments: list[Any]) -> None:
    """Indexes without gaps; id, type and name once, in a call's first fragment."""
    last = -1
    for fragment in fragments:
        function = fragment["function"]
        if fragment["index"] == last:
            assert "id" not in fragment
            assert "name" not in function
        else:
            assert fragment["index"] == last + 1
            assert (fragment["type"], bool(fragment["id"]), bool(function["name"])) == ("function", True, True)
        last = fragment["index"]


def _claude(events: list[sse.Event]) -> None:
    datas = [event.json for event in events]
    assert [event.name for event in events] == [data["type"] for data in datas]
    kinds = [data["type"] for data in datas if data["type"] != "ping"]
    assert (kinds[0], kinds[-2], kinds[-1]) == ("message_start", "message_delta", "message_stop")
    assert kinds.count("message_start") == kinds.count("message_delta") == 1
    message = datas[0]["message"]
    assert (message["content"], message["stop_reason"], message["role"]) == ([], None, "assistant")
    last = next(data for data in datas if data["type"] == "message_delta")
    assert last["delta"]["stop_reason"]
    assert last["usage"]["output_tokens"] >= 0
    _claude_blocks([data for data in datas if data["type"].startswith("content_block")])


_DELTAS = {
    "text": {"text_delta"}, "thinking": {"thinking_delta", "signature_delta"}, "tool_use": {"input_json_delta"},
}  # fmt: skip


def _claude_blocks(datas: list[Any]) -> None:
    """Blocks 0, 1, 2 one after the other, each with deltas of its own kind."""
    open_, next_index, kind = False, 0, ""
    for data in datas:
        if data["type"] == "content_block_start":
            assert not open_
            assert data["index"] == next_index
            open_, kind = True, data["content_block"]["type"]
            continue
        assert open_
        assert data["index"] == next_index
        if data["type"] == "content_block_stop":
            open_, next_index = False, next_index + 1
        else:
            assert data["delta"]["type"] in _DELTAS[kind]
    assert not open_


def _gemini(events: list[sse.Event]) -> None:
    assert not any(event.name for event in events)
    chunks = [event.json for event in events]
    assert len({(chunk["modelVersion"], chunk["responseId"]) for chunk in chunks}) == 1
    candidates = [chunk["candidates"][0] for chunk in chunks]
    reasons = [candidate.get("finishReason") for candidate in candidates]
    assert reasons[-1]
    assert not any(reasons[:-1])
    assert all(candidate["content"]["role"] == "model" for candidate in candidates)
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] >= 0


def _responses(events: list[sse.Event]) -> None:
    datas = [event.json for event in events]
    assert [event.name for event in events] == [data["type"] for data in datas]
    numbers = [data["sequence_number"] for data in datas]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [data["type"] for data in datas[:2]] == ["response.created", "response.in_progress"]
    final = datas[-1]
    assert final["type"] == f"response.{final['response']['status']}"
    assert len({data["response"]["id"] for data in datas if "response" in data}) == 1
    done = _response_items([data for data in datas if "output_index" in data])
    assert final["response"]["output"] == done


_ENDS = {"function_call": "arguments", "custom_tool_call": "input"}


def _response_items(datas: list[Any]) -> list[Any]:
    """Items 0, 1, 2 one after the other: added, deltas, done; the pieces of each make its whole."""
    done: list[Any] = []
    item: Any = None
    pieces = ""
    for data in datas:
        assert data["output_index"] == len(done)
        kind = data["type"]
        if kind == "response.output_item.added":
            assert item is None
            item, pieces = data["item"], ""
        elif kind == "response.output_item.done":
            assert data["item"]["id"] == item["id"]
            assert pieces == _words(data["item"])
            done.append(data["item"])
            item = None
        else:
            assert data["item_id"] == item["id"]
            pieces += data["delta"] if kind.endswith(".delta") else ""
    assert item is None
    return done


def _words(item: Mapping[str, Any]) -> str:
    if item["type"] in _ENDS:
        return str(item[_ENDS[item["type"]]])
    parts = item.get("summary" if item["type"] == "reasoning" else "content", [])
    return "".join(part["text"] for part in parts)


_CHECKS: Mapping[str, Callable[[list[sse.Event]], None]] = {
    CHAT.name: _chat, CLAUDE.name: _claude, GEMINI.name: _gemini, RESPONSES.name: _responses,
}  # fmt: skip

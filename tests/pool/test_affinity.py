"""A conversation stays with its credential (beyond.md 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pool.bench import Bench, status

from cliproxy.config.settings import Routing
from cliproxy.errors import UpstreamStatus
from cliproxy.pool.affinity import Bindings
from cliproxy.pool.sessions import session_ids
from cliproxy.providers.base import Call

STICKY = Routing(session_affinity=True)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.configure(routing=STICKY)
    return bench


def talk(bench: Bench, session: str, model: str = "m", caller: str = "me") -> str:
    """Which credential answers a conversation."""
    call = Call("openai", b"{}", {"session_id": session}, model, model, client_key=caller)
    return bench.dispatcher.execute([bench.provider.key], call).body.decode()


def test_conversations_stay(bench: Bench) -> None:
    bench.add("a", "b", "c")
    assert [talk(bench, name) for name in ("x", "y", "z", "z", "y", "x", "y")] == ["a", "b", "c", "c", "b", "a", "b"]


def test_it_is_off_unless_asked_for() -> None:
    bench = Bench()
    bench.add("a", "b")
    assert [talk(bench, "x") for _ in range(3)] == ["a", "b", "a"]


def test_requests_without_conversation_rotate(bench: Bench) -> None:
    bench.add("a", "b")
    assert [bench.ask() for _ in range(3)] == ["a", "b", "a"]


def test_models_and_callers_are_separate_and_suffixes_are_not(bench: Bench) -> None:
    bench.models = {"a": ("m", "n"), "b": ("m", "n")}
    bench.add("a", "b")
    assert talk(bench, "x") == "a"
    assert talk(bench, "x", caller="you") == "b"
    assert [talk(bench, "x", model) for model in ("m(high)", "m(8192)", "m")] == ["a", "a", "a"]
    assert talk(bench, "other", "n") == "a"
    assert talk(bench, "x", "n") == "b"


def test_a_binding_outranks_priority(bench: Bench) -> None:
    bench.add("low")
    assert talk(bench, "x") == "low"
    bench.add("high", priority=9)
    assert talk(bench, "x") == "low"
    assert talk(bench, "new") == "high"


@pytest.mark.parametrize("how", ["cooldown", "disabled", "removed", "another model"])
def test_it_moves_on_when_its_credential_cannot_be_asked(bench: Bench, how: str) -> None:
    bench.add("a", "b")
    assert talk(bench, "x") == "a"
    if how == "cooldown":
        bench.provider.plan["a"] = [status(429, retry_after=60)]
        assert talk(bench, "x") == "b"
        bench.clock.now += 61
    elif how == "disabled":
        bench.add("a", disabled=True)
    elif how == "removed":
        bench.pool.remove("a")
    else:
        bench.models["a"] = ("other",)
        bench.add("a")
    assert [talk(bench, "x") for _ in range(3)] == ["b", "b", "b"]  # and stays there when the other is back


def test_a_failed_attempt_moves_the_conversation(bench: Bench) -> None:
    bench.add("a", "b")
    bench.provider.plan["a"] = [status(500)]
    assert talk(bench, "x") == "b"
    bench.clock.now += 100
    assert talk(bench, "x") == "b"


def test_nobody_left(bench: Bench) -> None:
    bench.add("a")
    bench.provider.plan["a"] = [status(500)]
    with pytest.raises(UpstreamStatus):
        talk(bench, "x")
    bench.clock.now += 61
    assert talk(bench, "x") == "a"


def test_a_binding_ends_after_its_time_and_is_extended_by_use(bench: Bench) -> None:
    bench.configure(routing=Routing(session_affinity=True, session_affinity_ttl="10m"))
    bench.add("a", "b")
    assert talk(bench, "x") == "a"
    for _ in range(3):
        bench.clock.now += 599
        assert talk(bench, "x") == "a"
    bench.clock.now += 601
    assert talk(bench, "x") == "b"  # the next one in the rotation


def test_switching_it_off_forgets(bench: Bench) -> None:
    bench.add("a", "b", "c")
    assert [talk(bench, name) for name in "xy"] == ["a", "b"]
    bench.configure(routing=Routing())
    bench.configure(routing=STICKY)
    assert talk(bench, "x") == "c"


def test_the_table_stays_small() -> None:
    bindings = Bindings(60, most=3)
    for name in "abcd":
        bindings.bind([("", "m", name)], name, 0)
    bindings.bind([("", "m", "b")], "b", 1)
    bindings.bind([("", "m", "e")], "e", 1)
    assert len(bindings) == 3
    assert [bindings.find([("", "m", name)], 2) for name in "abcde"] == [None, "b", None, "d", "e"]


def ids(body: Mapping[str, Any], **headers: str) -> tuple[str, ...]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return session_ids(Call("openai", b"", dict(body), "m", "m", headers=names))


CLAUDE_CODE = '{"device_id":"d","account_uuid":"","session_id":"s-1"}'
USER = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("body", "headers", "found"),
    [
        ({"metadata": {"user_id": CLAUDE_CODE}}, {"x_claude_code_session_id": "h"}, ("h",)),
        ({"metadata": {"user_id": CLAUDE_CODE}}, {"session_id": "h"}, ("s-1",)),
        ({"metadata": {"user_id": "user_ab_account_c_session_d-e"}}, {"x_session_id": "h"}, ("d-e",)),
        ({"session_id": "b"}, {"session_id": "h", "x_session_id": "i"}, ("h",)),
        ({}, {"x_session_id": "h", "x_session_affinity": "i"}, ("h",)),
        ({}, {"x_session_affinity": "h", "x_client_request_id": "i"}, ("h",)),
        ({"session_id": "b"}, {"x_client_request_id": "h"}, ("h",)),
        ({"session_id": "b", "sessionId": "c"}, {}, ("b",)),
        ({"sessionId": "c", "prompt_cache_key": "k"}, {}, ("c",)),
        ({"prompt_cache_key": "k"}, {}, ("k",)),
        ({"prompt_cache_key": "k", "conversation": "v"}, {}, ("k", "v")),
        ({"prompt_cache_key": "k", "conversation": {"id": "v"}}, {}, ("k", "v")),
        ({"conversation": {"id": "v"}, "metadata": {"user_id": "u"}}, {}, ("v",)),
        ({"metadata": {"user_id": "u"}, "conversation_id": "w"}, {}, ("u",)),
        ({"conversation_id": "w"}, {}, ("w",)),
        ({"session_id": "x" * 257, "conversation_id": "w"}, {}, ("w",)),
        ({"session_id": "a\nb", "conversation_id": "w"}, {}, ("w",)),
        ({"session_id": 5, "conversation_id": ["w"]}, {}, ()),
        ({"metadata": {"user_id": "{broken"}, "conversation_id": "w"}, {}, ("{broken",)),
        ({"metadata": "x", "conversation": 3}, {}, ()),
        ({"session_id": " a "}, {}, ("a",)),
    ],
)  # fmt: skip
def test_what_names_a_conversation(body: dict[str, Any], headers: dict[str, str], found: tuple[str, ...]) -> None:
    assert ids(body, **headers) == found


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (
            {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]},
            {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"},
                          {"role": "assistant", "content": "yes"}, {"role": "user", "content": "more"}]},
        ),
        (
            {"system": [{"type": "text", "text": "s"}], "messages": [{"role": "user", "content": "hi"}]},
            {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
             "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, {"role": "assistant", "content": "x"}]},
        ),
        (
            {"instructions": "s", "input": "hi"},
            {"instructions": "s", "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"type": "x"}]},
        ),
        (
            {"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [{"parts": [{"text": "hi"}]}]},
            {"systemInstruction": {"parts": [{"text": "s"}]},
             "contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [{"text": "x"}]}]},
        ),
    ],
)  # fmt: skip
def test_the_beginning_tells_conversations_apart(first: dict[str, Any], later: dict[str, Any]) -> None:
    (found,) = ids(first)
    assert ids(later) == (found,)
    assert ids({**first, "messages": [{"role": "user", "content": "another"}]}) != (found,)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"messages": []}, {"messages": 7, "input": None}, {"messages": [1, None, {"role": "assistant"}]},
        {"messages": [{"role": "user", "content": [{"type": "image"}]}]}, {"input": 3}, {"contents": {"a": 1}},
        {"messages": [{"role": "user", "content": None}]},
    ],
)  # fmt: skip
def test_nothing_to_go_by(body: dict[str, Any]) -> None:
    assert ids(body) == ()


def test_other_instructions_are_another_conversation() -> None:
    assert ids({**USER, "system": "a"}) != ids({**USER, "system": "b"})
    assert ids({"messages": [{"role": "user", "content": "\ud800"}]})  # a lone surrogate is no reason to fail


def test_either_id_finds_the_binding(bench: Bench) -> None:
    bench.add("a", "b")

    def ask(**body: str) -> str:
        call = Call("openai-response", b"{}", dict(body), "m", "m")
        return bench.dispatcher.execute([bench.provider.key], call).body.decode()

    assert ask(prompt_cache_key="k", conversation="v") == "a"
    assert ask(prompt_cache_key="other") == "b"
    assert ask(prompt_cache_key="changed", conversation="v") == "a"
    assert ask(conversation="v") == "a"
    assert ask(prompt_cache_key="k") == "a"

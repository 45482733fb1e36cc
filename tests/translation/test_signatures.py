"""The memory of thinking signatures: groups, lifetime, bounds (translation.md 4.5, providers.md 26)."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliproxy.translation.signatures import (
    LIFETIME,
    SKIP_SIGNATURE,
    SWEEP_INTERVAL,
    SignatureCache,
    group_of,
    is_valid,
    prefixed,
    split_prefixed,
)

SIGNATURE = "s" * 50
OTHER = "t" * 60


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> SignatureCache:
    return SignatureCache(clock, most_entries=3)


@pytest.mark.parametrize(
    ("model", "group"),
    [
        ("gpt-5", "gpt"), ("claude-gpt", "gpt"), ("gemini-claude", "claude"), ("gemini-3-pro-high", "gemini"), ("Claude-x", "Claude-x"),
        ("qwen", "qwen"), ("", ""),
    ],
)  # fmt: skip
def test_groups(model: str, group: str) -> None:
    assert group_of(model) == group


@pytest.mark.parametrize(
    ("model", "signature", "valid"),
    [
        ("claude-x", SIGNATURE, True), ("claude-x", SIGNATURE[1:], False), ("claude-x", "", False), ("claude-x", SKIP_SIGNATURE, False),
        ("gemini-x", SKIP_SIGNATURE, True), ("gemini-x", SIGNATURE, True), ("gemini-x", "skip", False), ("gpt-x", SKIP_SIGNATURE, False),
    ],
)  # fmt: skip
def test_validity(model: str, signature: str, valid: bool) -> None:
    assert is_valid(model, signature) is valid


def test_models_of_a_group_share(cache: SignatureCache) -> None:
    cache.store("claude-a", "T", SIGNATURE)
    assert cache.get("claude-b", "T") == SIGNATURE
    assert cache.get("gpt", "T") == ""
    assert cache.get("gemini", "T") == SKIP_SIGNATURE


def test_the_newest_signature_counts(cache: SignatureCache) -> None:
    cache.store("claude", "T", SIGNATURE)
    cache.store("claude", "T", OTHER)
    assert (cache.get("claude", "T"), len(cache)) == (OTHER, 1)


@pytest.mark.parametrize(
    ("text", "signature"), [("", SIGNATURE), ("T", ""), ("T", SIGNATURE[1:]), ("T", SKIP_SIGNATURE)]
)
def test_what_is_not_stored(cache: SignatureCache, text: str, signature: str) -> None:
    cache.store("gemini", text, signature)
    assert len(cache) == 0
    assert cache.get("gemini", text) == SKIP_SIGNATURE


def test_an_empty_text_is_a_miss(cache: SignatureCache) -> None:
    cache.store("claude", "T", SIGNATURE)
    assert cache.get("claude", "") == ""


def test_odd_texts(cache: SignatureCache) -> None:
    cache.store("claude", "\ud800", SIGNATURE)
    cache.store("claude", "x" * 1_000_000, OTHER)
    assert [cache.get("claude", text) for text in ("\ud800", "x" * 1_000_000, "\udc00")] == [SIGNATURE, OTHER, ""]


def test_three_hours_from_the_last_read(cache: SignatureCache, clock: Clock) -> None:
    cache.store("claude", "T", SIGNATURE)
    for _ in range(3):
        clock.now += LIFETIME
        assert cache.get("claude", "T") == SIGNATURE
    clock.now += LIFETIME + 1
    assert cache.get("claude", "T") == ""
    assert len(cache) == 0


def test_a_sweep_takes_what_expired(cache: SignatureCache, clock: Clock) -> None:
    cache.store("claude", "old", SIGNATURE)
    cache.store("qwen", "old", SIGNATURE)
    clock.now += LIFETIME - 1
    cache.store("claude", "young", SIGNATURE)
    assert len(cache) == 3
    clock.now += 2
    cache.store("claude", "new", SIGNATURE)
    assert len(cache) == 4, "less than ten minutes after the last sweep"
    clock.now += SWEEP_INTERVAL
    cache.store("claude", "newer", SIGNATURE)
    assert repr(cache) == "<SignatureCache {'claude': 3}>"


def test_the_longest_unused_goes_first(cache: SignatureCache) -> None:
    for text in "abc":
        cache.store("claude", text, SIGNATURE)
    cache.get("claude", "a")
    cache.store("claude", "d", SIGNATURE)
    cache.store("gpt", "e", SIGNATURE)
    assert [cache.get("claude", text) for text in "abcd"] == [SIGNATURE, "", SIGNATURE, SIGNATURE]
    assert len(cache) == 4


@pytest.mark.parametrize(("model", "left"), [("", 0), ("claude-9", 1), ("gpt", 2)])
def test_clearing(cache: SignatureCache, model: str, left: int) -> None:
    cache.store("claude", "T", SIGNATURE)
    cache.store("gemini", "T", SIGNATURE)
    cache.clear(model)
    assert len(cache) == left


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("claude#abc", ("claude", "abc")), ("a#b#c", ("a", "b#c")), ("abc", None), ("#abc", None), ("claude#", None), ("#", None), ("", None),
    ],
)  # fmt: skip
def test_prefixes(text: str, expected: tuple[str, str] | None) -> None:
    assert split_prefixed(text) == expected


@given(group=st.sampled_from(["claude", "gemini", "gpt"]), signature=st.text(min_size=1))
def test_prefixes_come_off_again(group: str, signature: str) -> None:
    assert split_prefixed(prefixed(group, signature)) == (group, signature)


ACTIONS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["claude", "gpt"]), st.sampled_from("abcde"), st.integers(0, 9000)),
    max_size=40,
)


@given(actions=ACTIONS)
def test_it_is_a_dictionary_with_an_end_of_life(actions: list[tuple[bool, str, str, int]]) -> None:
    """Against the plainest model there is; the bound is out of reach here."""
    clock, simple = Clock(), dict[tuple[str, str], tuple[str, float]]()
    cache = SignatureCache(clock)
    for store, model, text, wait in actions:
        clock.now += wait
        if store:
            signature = hashlib.sha256(f"{clock.now}{text}".encode()).hexdigest()
            cache.store(model, text, signature)
            simple[model, text] = (signature, clock.now)
        else:
            signature, used = simple.get((model, text), ("", 0.0))
            alive = bool(signature) and clock.now - used <= LIFETIME
            assert cache.get(model, text) == (signature if alive else "")
            if alive:
                simple[model, text] = (signature, clock.now)
    assert len(cache) <= len(simple)

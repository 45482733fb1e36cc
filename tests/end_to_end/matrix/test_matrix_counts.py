"""Token counts through the SDKs that can ask for them, before every upstream (translation.md 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from end_to_end.matrix.sdks import ANTHROPIC, GENAI
from end_to_end.matrix.targets import EACH_TARGET, Target
from upstream.content import Usage
from upstream.server import FakeUpstream

COUNTED_BY_THE_UPSTREAM = ("claude", "gemini")
LONG = "word " * 400


def by_anthropic(client: Any, model: str, text: str) -> int:
    messages = [{"role": "user", "content": text}]
    return int(client.messages.count_tokens(model=model, messages=messages, system="be brief").input_tokens)


def by_genai(client: Any, model: str, text: str) -> int:
    return int(client.models.count_tokens(model=model, contents=text).total_tokens)


@pytest.mark.parametrize(("sdk", "count"), [(ANTHROPIC, by_anthropic), (GENAI, by_genai)], ids=["anthropic", "genai"])
@EACH_TARGET
def test_counts(
    matrix: Any, clients: Mapping[str, Any], upstream: FakeUpstream, sdk: Any, count: Any, target: Target
) -> None:
    client = clients[sdk.name]
    short, long = (count(client, target.model, text) for text in ("hi", LONG))
    if target.name in COUNTED_BY_THE_UPSTREAM:
        assert (short, long) == (Usage().prompt, Usage().prompt)
        assert len(upstream.requests) == 2
        assert target.upstream_model in upstream.requests[0].target + str(upstream.requests[0].json)
    else:
        assert 0 < short < 400 <= long
        assert upstream.requests == []

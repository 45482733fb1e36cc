"""Thinking from the client's request to the upstream's body: the cases of providers.md 24, each in two ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from translation.exchanges import request

from cliproxy.errors import RequestError
from cliproxy.translation import thinking
from cliproxy.translation.edits import MISSING, Body, Path, get, put
from cliproxy.translation.formats import Format
from cliproxy.translation.thinking.support import Capability, Thinking

# number, source, target, model, suffix, field of the client's body, result (with the suffix | with the field)
# E, RE effort; BT Claude's budget; TB, TL Gemini's budget and level; IT includeThoughts; ET, RS iFlow's switches
TABLE = """
1  openai codex             level-model               -       -          RE=medium
2  openai codex             level-model               medium  E=medium   RE=medium
3  openai codex             level-model               xhigh   E=xhigh    ERR
4  openai codex             level-model               none    E=none     RE=minimal
5  openai codex             level-model               auto    E=auto     RE=medium
6  gemini codex             level-model               -       -          RE=medium
7  gemini codex             level-model               8192    TB=8192    RE=medium
8  gemini codex             level-model               64000   TB=64000   RE=high
9  gemini codex             level-model               0       TB=0       RE=minimal
10  gemini codex             level-model               -1      TB=-1      RE=medium
11  claude openai            level-model               -       -          -
12  claude openai            level-model               8192    BT=8192    E=medium
13  claude openai            level-model               64000   BT=64000   E=high
14  claude openai            level-model               0       BT=0       E=minimal
15  claude openai            level-model               -1      BT=-1      E=medium
16  gemini openai            level-subset-model        8192    TB=8192    E=low
17  claude gemini            level-subset-model        1       BT=1       TL=low IT=true
18  openai gemini            gemini-budget-model       -       -          -
19  openai gemini            gemini-budget-model       medium  E=medium   TB=8192 IT=true
20  openai gemini            gemini-budget-model       xhigh   E=xhigh    TB=20000 IT=true
21  openai gemini            gemini-budget-model       none    E=none     TB=128 IT=false
22  openai gemini            gemini-budget-model       auto    E=auto     TB=-1 IT=true
23  claude gemini            gemini-budget-model       -       -          -
24  claude gemini            gemini-budget-model       8192    BT=8192    TB=8192 IT=true
25  claude gemini            gemini-budget-model       64000   BT=64000   TB=20000 IT=true
26  claude gemini            gemini-budget-model       0       BT=0       TB=128 IT=false
27  claude gemini            gemini-budget-model       -1      BT=-1      TB=-1 IT=true
28  openai gemini            gemini-mixed-model        -       -          -
29  openai gemini            gemini-mixed-model        high    E=high     TL=high IT=true
30  openai gemini            gemini-mixed-model        xhigh   E=xhigh    ERR
31  openai gemini            gemini-mixed-model        none    E=none     TL=low IT=false
32  openai gemini            gemini-mixed-model        auto    E=auto     TB=-1 IT=true
33  claude gemini            gemini-mixed-model        -       -          -
34  claude gemini            gemini-mixed-model        8192    BT=8192    TB=8192 IT=true
35  claude gemini            gemini-mixed-model        64000   BT=64000   TB=32768 IT=true
36  claude gemini            gemini-mixed-model        0       BT=0       TL=low IT=false
37  claude gemini            gemini-mixed-model        -1      BT=-1      TB=-1 IT=true
38  openai claude            claude-budget-model       -       -          -
39  openai claude            claude-budget-model       medium  E=medium   BT=8192
40  openai claude            claude-budget-model       xhigh   E=xhigh    BT=32768
41  openai claude            claude-budget-model       none    E=none     TYPE=disabled
42  openai claude            claude-budget-model       auto    E=auto     BT=64512
43  gemini claude            claude-budget-model       -       -          -
44  gemini claude            claude-budget-model       8192    TB=8192    BT=8192
45  gemini claude            claude-budget-model       200000  TB=200000  BT=128000
46  gemini claude            claude-budget-model       0       TB=0       TYPE=disabled
47  gemini claude            claude-budget-model       -1      TB=-1      BT=64512
48  gemini antigravity       antigravity-budget-model  -       -          -
49  gemini antigravity       antigravity-budget-model  medium  TL=medium  TB=8192 IT=true
50  gemini antigravity       antigravity-budget-model  xhigh   TL=xhigh   TB=20000 IT=true
51  gemini antigravity       antigravity-budget-model  none    TL=none    TB=0 IT=false
52  gemini antigravity       antigravity-budget-model  auto    TB=-1      TB=-1 IT=true
53  claude antigravity       antigravity-budget-model  -       -          -
54  claude antigravity       antigravity-budget-model  8192    BT=8192    TB=8192 IT=true
55  claude antigravity       antigravity-budget-model  64000   BT=64000   TB=20000 IT=true
56  claude antigravity       antigravity-budget-model  0       BT=0       TB=0 IT=false
57  claude antigravity       antigravity-budget-model  -1      BT=-1      TB=-1 IT=true
58  gemini openai            no-thinking-model         -       -          -
59  gemini openai            no-thinking-model         8192    TB=8192    -
60  gemini openai            no-thinking-model         0       TB=0       -
61  gemini openai            no-thinking-model         -1      TB=-1      -
62  claude openai            no-thinking-model         -       -          -
63  claude openai            no-thinking-model         8192    BT=8192    -
64  claude openai            no-thinking-model         0       BT=0       -
65  claude openai            no-thinking-model         -1      BT=-1      -
66  gemini openai            user-defined-model        -       -          -
67  gemini openai            user-defined-model        8192    TB=8192    E=medium
68  gemini openai            user-defined-model        64000   TB=64000   E=xhigh
69  gemini openai            user-defined-model        0       TB=0       E=none
70  gemini openai            user-defined-model        -1      TB=-1      E=auto
71  claude codex             user-defined-model        -       -          RE=medium
72  claude codex             user-defined-model        8192    BT=8192    RE=medium
73  claude codex             user-defined-model        64000   BT=64000   RE=xhigh
74  claude codex             user-defined-model        0       BT=0       RE=none
75  claude codex             user-defined-model        -1      BT=-1      RE=auto
76  openai gemini            user-defined-model        8192    E=medium   TB=8192 IT=true
77  openai claude            user-defined-model        8192    E=medium   BT=8192
78  openai-response gemini   user-defined-model        8192    RE=medium  TB=8192 IT=true
79  openai-response claude   user-defined-model        8192    RE=medium  BT=8192
80  openai openai            level-model               high    E=high     E=high
81  openai openai            level-model               xhigh   E=xhigh    ERR
82  openai-response codex    level-model               high    RE=high    RE=high
83  openai-response codex    level-model               xhigh   RE=xhigh   ERR
84  gemini gemini            gemini-budget-model       8192    TB=8192    TB=8192 IT=true
85  gemini gemini            gemini-budget-model       64000   TB=64000   TB=20000 IT=true | ERR
86  claude claude            claude-budget-model       8192    BT=8192    BT=8192
87  claude claude            claude-budget-model       200000  BT=200000  BT=128000 | ERR
88  gemini-cli antigravity   antigravity-budget-model  8192    TB=8192    TB=8192 IT=true
89  gemini-cli antigravity   antigravity-budget-model  64000   TB=64000   TB=20000 IT=true | ERR
90  openai iflow             glm-test                  -       -          -
91  openai iflow             glm-test                  medium  E=medium   ET=true
92  openai iflow             glm-test                  auto    E=auto     ET=true
93  openai iflow             glm-test                  none    E=none     ET=false
94  claude iflow             glm-test                  -       -          -
95  claude iflow             glm-test                  8192    BT=8192    ET=true
96  claude iflow             glm-test                  -1      BT=-1      ET=true
97  claude iflow             glm-test                  0       BT=0       ET=false
98  openai iflow             minimax-test              -       -          -
99  openai iflow             minimax-test              medium  E=medium   RS=true
100  openai iflow             minimax-test              auto    E=auto     RS=true
101  openai iflow             minimax-test              none    E=none     RS=false
102  gemini iflow             minimax-test              -       -          -
103  gemini iflow             minimax-test              8192    TB=8192    RS=true
104  gemini iflow             minimax-test              -1      TB=-1      RS=true
105  gemini iflow             minimax-test              0       TB=0       RS=false
106  gemini antigravity       gemini-budget-model       64000   TB=64000   TB=20000 IT=true | ERR
107  gemini gemini-cli        gemini-budget-model       64000   TB=64000   TB=20000 IT=true | ERR
108  gemini-cli antigravity   gemini-budget-model       64000   TB=64000   TB=20000 IT=true | ERR
109  gemini-cli gemini        gemini-budget-model       64000   TB=64000   TB=20000 IT=true | ERR
110  gemini antigravity       gemini-budget-model       8192    TB=8192    TB=8192 IT=true
111  gemini-cli antigravity   gemini-budget-model       8192    TB=8192    TB=8192 IT=true
"""

IFLOW_LEVELS = ("none", "auto", "minimal", "low", "medium", "high", "xhigh")
MODELS = {
    "level-model": Thinking(levels=("minimal", "low", "medium", "high")),
    "level-subset-model": Thinking(levels=("low", "high")),
    "gemini-budget-model": Thinking(128, 20000, dynamic_allowed=True),
    "gemini-mixed-model": Thinking(128, 32768, dynamic_allowed=True, levels=("low", "high")),
    "claude-budget-model": Thinking(1024, 128000, zero_allowed=True),
    "antigravity-budget-model": Thinking(128, 20000, zero_allowed=True, dynamic_allowed=True),
    "no-thinking-model": None,
    "user-defined-model": None,
    "glm-test": Thinking(levels=IFLOW_LEVELS),
    "minimax-test": Thinking(levels=IFLOW_LEVELS),
}
USER = {"role": "user", "content": "hi"}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
BARE: dict[str, Body] = {
    "openai": {"messages": [USER]},
    "openai-response": {"input": [USER]},
    "claude": {"messages": [USER], "max_tokens": 1000},
    "gemini": CONTENTS,
    "gemini-cli": {"project": "p", "request": CONTENTS},
}
GEMINI: Path = ("generationConfig", "thinkingConfig")
FIELDS: dict[str, Path] = {
    "E": ("reasoning_effort",),
    "RE": ("reasoning", "effort"),
    "BT": ("thinking", "budget_tokens"),
    "TYPE": ("thinking", "type"),
    "TB": (*GEMINI, "thinkingBudget"),
    "TL": (*GEMINI, "thinkingLevel"),
    "IT": (*GEMINI, "includeThoughts"),
    "ET": ("chat_template_kwargs", "enable_thinking"),
    "CT": ("chat_template_kwargs", "clear_thinking"),
    "RS": ("reasoning_split",),
}
WHOLE: dict[str, Path] = {
    "claude": ("thinking",),
    "gemini": GEMINI,
    "gemini-cli": ("request", *GEMINI),
    "antigravity": ("request", *GEMINI),
}
"""Where all of a format's thinking is, and nothing else."""


def assignments(text: str) -> dict[str, Any]:
    """``TB=8192 IT=true`` as pairs."""
    words = {"true": True, "false": False}
    pairs = (item.split("=") for item in text.split() if item != "-")
    return {name: words.get(value, int(value) if value.lstrip("-").isdigit() else value) for name, value in pairs}


def with_fields(body: Body, pairs: dict[str, Any], under: Path = ()) -> Body:
    for name, value in pairs.items():
        body = put(body, (*under, *FIELDS[name]), value)
    return body


def client_body(source: str, text: str) -> Body:
    pairs = assignments(text)
    if "BT" in pairs:
        pairs = {"TYPE": "enabled", **pairs}
    return with_fields(BARE[source], pairs, ("request",) if source == "gemini-cli" else ())


def expected_thinking(target: str, model: str, text: str) -> Body:
    """A body of the target format that holds nothing but the thinking of a result."""
    pairs = assignments(text)
    if "BT" in pairs:
        pairs["TYPE"] = "enabled"
    if pairs.get("ET") and model.startswith("glm"):
        pairs["CT"] = False
    return with_fields({}, pairs, ("request",) if target in ("gemini-cli", "antigravity") else ())


def thinking_of(body: Body, target: str) -> Body:
    """The body reduced to its thinking; iFlow's effort is left in the body and does not count (22.5)."""
    names = {"openai": ("E",), "codex": ("RE",), "iflow": ("ET", "CT", "RS")}.get(target, ())
    paths = [WHOLE[target]] if target in WHOLE else [FIELDS[name] for name in names]
    reduced: Body = {}
    for path in paths:
        if (value := get(body, path)) is not MISSING:
            reduced = put(reduced, path, value)
    return reduced


def runs() -> Iterator[Any]:
    for line in TABLE.strip().splitlines():
        number, source, target, model, suffix, field, results = line.split(maxsplit=6)
        by_suffix, _, by_field = results.partition(" | ")
        name = model if suffix == "-" else f"{model}({suffix})"
        for way, sent, text, result in (
            ("suffix", name, "-", by_suffix),
            ("body", model, field, by_field or by_suffix),
        ):
            yield pytest.param(
                source, target, sent, text, result, id=f"{number}-{way}", marks=pytest.mark.case(f"providers:{number}")
            )


@pytest.mark.parametrize(("source", "target", "model", "text", "result"), list(runs()))
def test_case(source: Format, target: str, model: str, text: str, result: str) -> None:
    base = model.partition("(")[0]
    capability = Capability(base, MODELS[base], user_defined=base == "user-defined-model")
    wire: Format = "openai" if target == "iflow" else next(name for name in get_args(Format) if name == target)
    body = request(source, wire, client_body(source, text), base)
    if target == "claude":
        body["max_tokens"] = 200000
    if result == "ERR":
        with pytest.raises(RequestError):
            thinking.apply(body, model, source, target, capability)
        return
    after = thinking.apply(body, model, source, target, capability)
    assert thinking_of(after, target) == expected_thinking(target, base, result)

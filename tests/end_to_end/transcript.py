"""Transcripts in documents: shell lines after ``$`` with their output, run one after the other in one bash."""

from __future__ import annotations

import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PLACES = {
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)",
    "<hex>": r"[0-9a-f]+",
    "<number>": r"\d+(?:\.\d+)?",
    "<path>": r"/[^\"\s]+",
    "<date>": r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT",
    "...": r"[^\n]*",
}
"""What stands for values that are another one each time."""
_ANY_LINES = r"(?:[^\n]*\n)*?"
_PLACE = re.compile("|".join(map(re.escape, _PLACES)))


@dataclass(frozen=True, slots=True)
class Step:
    """A command, the output that the document shows, and the line of the document where it stands."""

    line: int
    command: str
    output: str

    def fits(self, output: str) -> bool:
        """Whether an output is the one in the document."""
        return re.fullmatch(_pattern(self.output), output) is not None


def steps(text: str) -> Iterator[Step]:
    """All steps of a document: ``$`` and a command (``>`` continues it), then its output, in ``console`` blocks."""
    for block in _FENCE.finditer(text):
        line = text.count("\n", 0, block.start(1)) + 1
        for part in re.split(r"^(?=\$ )", block[1], flags=re.MULTILINE)[1:]:
            lines = part.splitlines(keepends=True)
            more = next((index for index, found in enumerate(lines[1:], 1) if not found.startswith("> ")), len(lines))
            command = "".join(found[2:] for found in lines[:more])
            yield Step(line, command, "".join(lines[more:]))
            line += len(lines)


def _pattern(output: str) -> str:
    """The documented output as a regular expression; a line of ``...`` alone stands for any number of lines."""
    return "".join(_ANY_LINES if line == "...\n" else _line_pattern(line) for line in output.splitlines(keepends=True))


def _line_pattern(line: str) -> str:
    parts = []
    end = 0
    for place in _PLACE.finditer(line):
        parts += [re.escape(line[end : place.start()]), _PLACES[place[0]]]
        end = place.end()
    return "".join([*parts, re.escape(line[end:])])


class Shell:
    """One bash that keeps its variables and functions from command to command."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._mark = f"--{secrets.token_hex(8)}"
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=dict(env), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, command: str) -> str:
        """The output of a command, ended with a line break."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command.rstrip()}\nprintf '\\n{self._mark}\\n'\n")
        self._process.stdin.flush()
        lines = list(iter(self._process.stdout.readline, f"{self._mark}\n"))
        output = "".join(lines).removesuffix("\n")  # the line break before the mark
        return output if output.endswith("\n") or not output else f"{output}\n"

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)


def differences(
    shell: Shell, found: Iterator[Step], is_repeatable: Callable[[str], bool], seconds: float = 10.0
) -> Iterator[str]:
    """Run every step; what a person needs to know of each that shows something else than the document.

    A step that only looks is repeated until it shows what it should, because what it shows may come a moment later.
    """
    for step in found:
        output = shell.run(step.command)
        end = time.monotonic() + seconds
        while not step.fits(output) and is_repeatable(step.command) and time.monotonic() < end:
            output = shell.run(step.command)
        if not step.fits(output):
            yield f"line {step.line}: $ {step.command}documented:\n{step.output}got:\n{output}"

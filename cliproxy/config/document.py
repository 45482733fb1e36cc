"""A YAML file as a tree that remembers lines and how each scalar was written (config.md 4).

Mappings become dicts, sequences lists, scalars ``Scalar``; nulls are left out, as if the key were absent. Anchors and
merge keys are resolved. Only the first document of a file counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cliproxy.errors import ConfigError, Problem

Path = tuple[str | int, ...]
_TAG = "tag:yaml.org,2002:"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One scalar: its literal text, its YAML type (``str``, ``int``, ``float``, ``bool``) and whether it was quoted."""

    text: str
    type: str = "str"
    quoted: bool = False

    def plain(self) -> Any:
        """The Python value."""
        if self.type == "int":
            return parse_int(self.text)
        if self.type == "float":
            return float(self.text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
        return self.text.lower() == "true" if self.type == "bool" else self.text


@dataclass(slots=True)
class Document:
    """The tree of a file; ``lines`` gives the line (from 1) of every key and item by its path.

    ``explicit`` holds the top-level keys that are written in the file, also those with a null value.
    """

    tree: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    explicit: set[str] = field(default_factory=set)
    empty: bool = False

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest parent that has one."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return 0


def parse_int(text: str) -> int:
    """The integer of a YAML scalar: decimal, ``0x``, ``0o``, ``0b``, underscores."""
    digits = text.replace("_", "").lower()
    sign, digits = (-1, digits[1:]) if digits.startswith("-") else (1, digits.removeprefix("+"))
    for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    return sign * int(digits)


def to_plain(value: Any) -> Any:
    """A tree as ordinary Python values."""
    if isinstance(value, Scalar):
        return value.plain()
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return [to_plain(item) for item in value] if isinstance(value, list) else value


def dotted(path: Path) -> str:
    """A path as people write it: ``claude-api-key[0].models[1].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse(text: str) -> Document:
    """Read a file's text.

    :raises ConfigError: not YAML, a duplicate key, or no mapping at its root; with lines.
    """
    try:
        node = _first_node(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(str(error.problem or error.context or "not valid YAML").split())
        raise ConfigError([Problem(f"not valid YAML: {words}", line=mark.line + 1 if mark else 0)]) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError([Problem(f"not valid YAML: {error}")]) from None
    if node is None or _is_null(node):
        return Document(empty=True)
    if not isinstance(node, MappingNode):
        raise ConfigError([Problem("the file must be a mapping of keys to values", line=node.start_mark.line + 1)])
    builder = _Builder()
    try:
        tree = builder.mapping(node, ())
    except RecursionError:
        raise ConfigError([Problem("not usable: an anchor contains itself, or it is nested too deeply")]) from None
    if builder.problems:
        raise ConfigError(builder.problems)
    explicit = {str(key.value) for key, _ in node.value}
    return Document(tree, builder.lines, explicit)


def _first_node(text: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True  # found by _Builder, all of them at once
    first: Node | None = next(iter(yaml.compose_all(text)), None)
    return first


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and str(node.tag) == f"{_TAG}null"


class _Builder:
    """Turns nodes into the tree, collecting lines and problems."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: Node, path: Path) -> Any:
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return self.sequence(node, path)
        self._check_characters(str(node.value), path, node)
        return Scalar(str(node.value), str(node.tag).removeprefix(_TAG), bool(getattr(node, "style", None)))

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for key_node, value_node in self._pairs(node, path):
            key, line = str(key_node.value), key_node.start_mark.line + 1
            here = (*path, key)
            self._check_characters(key, path, key_node)
            if key in seen:
                self.problems.append(Problem(f"duplicate key (first on line {seen[key]})", dotted(here), line))
            seen[key] = line
            self.lines[here] = line
            if not _is_null(value_node):
                tree[key] = self.value(value_node, here)
        return tree

    def sequence(self, node: SequenceNode, path: Path) -> list[Any]:
        items: list[Any] = []
        for item in node.value:
            if not _is_null(item):
                here = (*path, len(items))
                self.lines[here] = item.start_mark.line + 1
                items.append(self.value(item, here))
        return items

    def _check_characters(self, text: str, path: Path, node: Node) -> None:
        if _SURROGATE.search(text):
            words = "holds a surrogate (an escape from \\ud800 to \\udfff): write the character itself"
            self.problems.append(Problem(words, dotted(path), node.start_mark.line + 1))

    def _pairs(self, node: MappingNode, path: Path) -> Iterator[tuple[Node, Node]]:
        """The pairs of a mapping; those of merge keys first, unless overridden."""
        own = [pair for pair in node.value if not self._is_merge(pair[0])]
        names = {str(key.value) for key, _ in own}
        for key, value in node.value:
            if self._is_merge(key):
                sources = value.value if isinstance(value, SequenceNode) else [value]
                for source in (item for item in sources if isinstance(item, MappingNode)):
                    for pair in self._pairs(source, path):
                        if str(pair[0].value) not in names:
                            names.add(str(pair[0].value))
                            yield pair
        yield from own

    @staticmethod
    def _is_merge(key: Node) -> bool:
        return isinstance(key, ScalarNode) and key.value == "<<" and not key.style

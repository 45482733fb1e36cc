"""Comments in ruamel.yaml trees: those behind a list belong to what follows it, whatever happens to the list."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode


def take_last_comment(node: Any) -> Any:
    """Take the comment behind the last leaf of ``node`` off; None when there is none.

    ruamel.yaml hangs the comment block before the next key on the last leaf of the value before it.
    """
    holder, key = _last_leaf(node)
    if holder is None:
        return None
    entry = holder.ca.items.get(key)
    slot = 0 if isinstance(holder, CommentedSeq) else 2
    if not entry or len(entry) <= slot or entry[slot] is None:
        return None
    token, entry[slot] = entry[slot], None
    return token


def give_last_comment(node: Any, token: Any) -> None:
    """Hang a comment behind the last leaf of ``node``; one that stands there already goes first."""
    if token is None:
        return
    holder, key = _last_leaf(node)
    if holder is None:
        # An empty list prints as []: its end comment would be lost, so it hangs on the list itself.
        node.ca.comment = [token, None]
        return
    slot = 0 if isinstance(holder, CommentedSeq) else 2
    entry = holder.ca.items.setdefault(key, [None] * 4)
    while len(entry) <= slot:
        entry.append(None)
    if entry[slot] is None:
        entry[slot] = token


def _last_leaf(node: Any) -> tuple[Any, Any]:
    holder, key = None, None
    while isinstance(node, CommentedMap | CommentedSeq) and len(node):
        holder = node
        key = next(reversed(node)) if isinstance(node, CommentedMap) else len(node) - 1
        node = node[key]
    return holder, key


def unindent_comments(text: str) -> str:
    """Whole-line comments moved to the left margin (config.md 7.1, 7); block scalars are left alone."""
    protected = _block_lines(text)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        stripped = line.lstrip()
        if stripped.startswith("#") and number not in protected:
            lines[number] = stripped
    return "\n".join(lines)


def _block_lines(text: str) -> set[int]:
    """Numbers (from 0) of the lines inside block scalars and multi-line quoted text."""
    protected: set[int] = set()
    try:
        pending: list[Node] = [node for node in [YAML(typ="safe", pure=True).compose(text)] if node is not None]
    except YAMLError:
        return set(range(text.count("\n") + 1))
    while pending:
        node = pending.pop()
        if isinstance(node, MappingNode):
            pending += [part for pair in node.value for part in pair]
        elif isinstance(node, SequenceNode):
            pending += node.value
        elif isinstance(node, ScalarNode):
            protected.update(range(node.start_mark.line + 1, node.end_mark.line + (node.style not in ("|", ">"))))
    return protected

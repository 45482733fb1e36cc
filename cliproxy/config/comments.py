"""Whole-line comments of a YAML file: each block belongs to the key or item below it.

ruamel.yaml hangs such a block on the value above, with which it would be lost or stay behind. So the blocks, with the
blank lines among them, are taken out of the text before it is read, remembered in the tree at what follows them, and
put back above it after writing. Comments at the end of a line are left to ruamel.yaml.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Block = list[str]
_Container = CommentedMap | CommentedSeq
_ATTRIBUTE = "_blocks_above"
_END = None
"""Stands for the end of the file among a root's keys."""


def blocks_above(node: _Container) -> dict[Any, Block]:
    """The blocks of a mapping or list by the key or index below them; change it together with the node."""
    if not hasattr(node, _ATTRIBUTE):
        setattr(node, _ATTRIBUTE, {})
    blocks: dict[Any, Block] = getattr(node, _ATTRIBUTE)
    return blocks


def written_keys(node: _Container) -> dict[Any, Any]:
    """The keys that the file itself has in this mapping: neither merged in nor added since."""
    found: dict[Any, Any] | None = node.lc.data
    return found or {}


def rename_key(node: CommentedMap, old: str, new: str) -> None:
    """Another name for a key at its place, with its comments."""
    value, end_comment = node[old], node.ca.items.pop(old, None)
    position = list(node).index(old)
    del node[old]
    node.insert(position, new, value)
    if end_comment is not None:
        node.ca.items[new] = end_comment
    for notes in (blocks_above(node), written_keys(node)):
        if old in notes:
            notes[new] = notes.pop(old)


def take_out(text: str) -> tuple[str, dict[int, Block]]:
    """(the text without its blocks, each block by the number of the line that then stands at its place)."""
    inside = _lines_inside_scalars(text)
    kept: Block = []
    blocks: dict[int, Block] = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n")):
        stripped = line.strip()
        if number not in inside and (not stripped or stripped.startswith("#")):
            blocks.setdefault(len(kept), []).append(stripped)
        else:
            kept.append(line)
    return "\n".join([*kept, ""]), blocks


def remember(root: CommentedMap, blocks: dict[int, Block]) -> None:
    """Hang the blocks on the first key or item at or below their lines, the outermost if several begin there."""
    places = sorted(_places(root, set()), key=lambda place: place[0])
    lines = [place[0] for place in places]
    for number, block in sorted(blocks.items()):
        index = bisect_left(lines, number)
        node, key = places[index][1:] if index < len(places) else (root, _END)
        blocks_above(node).setdefault(key, []).extend(block)


def _places(node: Any, seen: set[int]) -> Iterator[tuple[int, _Container, Any]]:
    if not isinstance(node, _Container) or id(node) in seen:
        return
    seen.add(id(node))
    for key, place in written_keys(node).items():
        yield place[0], node, key
        yield from _places(node[key], seen)


def put_back(text: str, root: CommentedMap) -> str:
    """The written text with the remembered blocks. Keys added to the root come behind the file's last block."""
    blocks, keys = blocks_above(root), list(root)
    last = max((index for index, key in enumerate(keys) if key in written_keys(root)), default=-1)
    if _END in blocks and (added := keys[last + 1 :]):
        blocks[added[0]] = [*blocks.pop(_END), *blocks.get(added[0], [])]
    above: dict[int, Block] = {}
    _find_lines(_compose(text), root, above, set())
    lines = [part for number, line in enumerate(text.split("\n")) for part in (*above.get(number, []), line)]
    return "\n".join([*lines[:-1], *blocks.get(_END, []), lines[-1]])


def _find_lines(node: Node | None, tree: Any, above: dict[int, Block], seen: set[int]) -> None:
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, MappingNode) and isinstance(tree, CommentedMap):
        names = {str(key): key for key in tree}
        pairs = [(names.get(key.value), key, value) for key, value in node.value]
    elif isinstance(node, SequenceNode) and isinstance(tree, CommentedSeq):
        pairs = [(index, item, item) for index, item in enumerate(node.value)]
    else:
        return
    blocks = blocks_above(tree)
    for key, start, value in pairs:
        if key is not None:
            above.setdefault(start.start_mark.line, []).extend(blocks.get(key, []))
            _find_lines(value, tree[key], above, seen)


def unindent_comments(text: str) -> str:
    """Whole-line comments moved to the left margin (config.md 7.1, 7); those inside texts are none."""
    inside = _lines_inside_scalars(text)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        stripped = line.lstrip()
        if stripped.startswith("#") and number not in inside:
            lines[number] = stripped
    return "\n".join(lines)


def _compose(text: str) -> Node | None:
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


def _lines_inside_scalars(text: str) -> set[int]:
    """Numbers (from 0) of the lines inside block scalars and multi-line quoted text; all, if it is not YAML."""
    inside: set[int] = set()
    seen: set[int] = set()
    try:
        pending = [_compose(text)]
    except YAMLError:
        return set(range(text.count("\n") + 1))
    while pending:
        node = pending.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            pending += [part for pair in node.value for part in pair]
        elif isinstance(node, SequenceNode):
            pending += node.value
        elif isinstance(node, ScalarNode):
            inside.update(range(node.start_mark.line + 1, node.end_mark.line + (node.style not in ("|", ">"))))
    return inside

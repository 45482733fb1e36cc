"""Writing config.yaml back: comments, order, quoting and unknown keys stay (config.md 7)."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.scalarstring import ScalarString

from cliproxy.config.comments import give_last_comment, take_last_comment, unindent_comments
from cliproxy.config.files import atomic_write
from cliproxy.config.render import is_zero, render
from cliproxy.config.settings import Settings
from cliproxy.errors import ConfigError, Problem

_WRITERS = threading.Lock()
_LEGACY = (
    "auth", "amp-upstream-url", "amp-upstream-api-key", "amp-restrict-management-to-localhost", "amp-model-mappings",
    "generative-language-api-key",
)  # fmt: skip
_IDENTITY = ("id", "name", "alias", "api-key", "api_key", "apikey", "key", "provider", "model")
_CHANNELS = ("oauth-excluded-models", "oauth-model-alias")


def save_settings(path: str | os.PathLike[str], settings: Settings) -> None:
    """Bring the file up to ``settings``, changing nothing else.

    :raises ConfigError: the file is not a mapping, or not YAML.
    :raises OSError: it cannot be written; it is as it was.
    """
    with _WRITERS:
        root = _load(Path(path).read_text("utf-8-sig"))
        merge_settings(root, settings)
        atomic_write(path, _dump(root))


def write_raw(path: str | os.PathLike[str], text: bytes) -> None:
    """Write an uploaded file's own bytes; the caller has validated them (config.md 7.5)."""
    with _WRITERS:
        atomic_write(path, unindent_comments(text.decode("utf-8-sig")).encode())


def update_scalar(path: str | os.PathLike[str], keys: tuple[str, ...], value: str) -> None:
    """Set one nested text; nothing else in the file changes (config.md 7.4).

    :raises ConfigError, OSError: as ``save_settings``.
    """
    with _WRITERS:
        text = Path(path).read_bytes().decode("utf-8-sig")
        atomic_write(path, (_replaced(text, keys, value) or _set_through_tree(text, keys, value)).encode())


def merge_settings(root: CommentedMap, settings: Settings) -> None:
    """Merge rendered settings into a file's tree (config.md 7.1, steps 3 to 6)."""
    new, default = render(settings), render(Settings())
    _rename_mappings(root)
    for key in _LEGACY:
        root.pop(key, None)
    for provider in root.get("openai-compatibility") or []:
        if isinstance(provider, CommentedMap):
            provider.pop("api-keys", None)
    for key in _CHANNELS:
        _drop_channels(root, key, new)
    _merge_mapping(root, new, default)
    _block_style(root)


def _rename_mappings(root: CommentedMap) -> None:
    """``oauth-model-mappings`` becomes ``oauth-model-alias`` at its place."""
    if "oauth-model-mappings" in root:
        if "oauth-model-alias" not in root:
            position = list(root).index("oauth-model-mappings")
            root.insert(position, "oauth-model-alias", CommentedMap())
        del root["oauth-model-mappings"]


def _drop_channels(root: CommentedMap, key: str, new: dict[str, Any]) -> None:
    if not new[key]:
        # An absent alias map would bring the defaults back at the next load, so it is written as empty.
        if key == "oauth-model-alias":
            root[key] = CommentedMap()
        else:
            root.pop(key, None)
        new.pop(key)
    elif isinstance(root.get(key), CommentedMap):
        for channel in [name for name in root[key] if str(name).strip().lower() not in new[key]]:
            del root[key][channel]


def _merge_mapping(node: CommentedMap, new: Mapping[str, Any], default: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if key in node:
            node[key] = _merged(node[key], value, default.get(key))
        elif not is_zero(value) and value != default.get(key):
            node[key] = _fresh(_without_defaults(value, default.get(key)))


def _without_defaults(value: Any, default: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(default, Mapping):
        return {key: item for key, item in value.items() if not is_zero(item) and item != default.get(key)}
    return value


def _merged(old: Any, new: Any, default: Any) -> Any:
    if isinstance(old, CommentedMap) and isinstance(new, Mapping):
        _merge_mapping(old, new, default if isinstance(default, Mapping) else {})
        return old
    if isinstance(old, CommentedSeq) and isinstance(new, list):
        return _merge_list(old, new)
    if old is None and is_zero(new):
        return old
    return _scalar(old, new) if not isinstance(new, Mapping | list) else _fresh(new)


def _scalar(old: Any, new: Any) -> Any:
    if isinstance(old, ScalarString) and isinstance(new, str):
        return type(old)(new) if str(old) != new else old
    if type(old) is not bool and isinstance(old, int | float) and isinstance(new, int | float) and old == new:
        return old  # 0x10 stays as it is spelled
    if isinstance(new, str) and not isinstance(old, str) and old is not None and _text_of(old) == new:
        return old  # 0123 in a text field
    return new


def _merge_list(old: CommentedSeq, new: list[Any]) -> CommentedSeq:
    comment = take_last_comment(old)
    left = [(index, item) for index, item in enumerate(old) if item is not None]
    comments = dict(old.ca.items)
    items: list[tuple[Any, Any]] = []
    for value in new:
        found = next((pair for pair in left if _same(pair[1], value)), None)
        if found is None:
            items.append((_fresh(value), None))
            continue
        left.remove(found)
        items.append((_merged_element(found[1], value), comments.get(found[0])))
    del old[:]
    old.ca.items.clear()
    for index, (item, own) in enumerate(items):
        old.append(item)
        if own is not None:
            old.ca.items[index] = own
    give_last_comment(old, comment)
    return old


def _merged_element(old: Any, new: Any) -> Any:
    if not (isinstance(old, CommentedMap) and isinstance(new, Mapping)):
        return _merged(old, new, None)
    for key in [key for key in old if key not in new and not is_zero(old[key]) and key in _ELEMENT_KEYS]:
        del old[key]
    for key, value in new.items():
        if key in old:
            old[key] = _merged(old[key], value, None)
        elif not is_zero(value):
            old[key] = _fresh(value)
    return old


_ELEMENT_KEYS = frozenset(
    {
        "api-key", "priority", "prefix", "base-url", "proxy-url", "headers", "models", "excluded-models", "cloak",
        "name", "alias", "fork", "api-key-entries", "upstream-api-key", "api-keys", "from", "to", "regex", "protocol",
        "params",
    }
)  # fmt: skip
"""Known keys of list elements: these go when the new element lacks them, unknown ones stay."""


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        left, right = _identity(old), _identity(new)
        return left == right if left or right else _solid(old) == _solid(new)
    if isinstance(old, Mapping | list) or isinstance(new, Mapping | list):
        return bool(_solid(old) == _solid(new))
    return _text_of(old) == _text_of(new)


def _identity(item: Mapping[str, Any]) -> str:
    lower = {str(key).lower(): value for key, value in item.items()}
    for value in [*(lower.get(name) for name in _IDENTITY), *lower.values()]:
        if not isinstance(value, Mapping | list) and (text := _text_of(value).strip()):
            return text
    return ""


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _solid(value: Any) -> Any:
    """For comparing: without the members that are zero, which one side may have left out."""
    if isinstance(value, Mapping):
        return {key: _solid(item) for key, item in value.items() if not is_zero(item)}
    return [_solid(item) for item in value] if isinstance(value, list) else value


def _fresh(value: Any) -> Any:
    if isinstance(value, Mapping):
        return CommentedMap((key, _fresh(item)) for key, item in value.items())
    return CommentedSeq(map(_fresh, value)) if isinstance(value, list | tuple) else value


def _block_style(node: Any) -> None:
    if isinstance(node, CommentedMap | CommentedSeq):
        if len(node):
            node.fa.set_block_style()
        else:
            node.fa.set_flow_style()
        for child in node.values() if isinstance(node, CommentedMap) else node:
            _block_style(child)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1 << 20
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _load(text: str) -> CommentedMap:
    try:
        root = _yaml().load(text)
    except YAMLError as error:
        raise ConfigError([Problem(f"not valid YAML: {error}")]) from None
    if root is None:
        return CommentedMap()
    if not isinstance(root, CommentedMap):
        raise ConfigError([Problem("the file must be a mapping of keys to values")])
    return root


def _dump(root: CommentedMap) -> bytes:
    out = io.StringIO()
    _yaml().dump(root, out)
    return unindent_comments(out.getvalue()).encode()


def _replaced(text: str, keys: tuple[str, ...], value: str) -> str | None:
    """``text`` with just the scalar at ``keys`` replaced; None when it is not there as a plain or quoted scalar."""
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    for key in keys:
        pairs = node.value if isinstance(node, MappingNode) else []
        node = next((item for name, item in pairs if name.value == key), None)
    if not isinstance(node, ScalarNode) or node.style in ("|", ">") or node.start_mark.index == node.end_mark.index:
        return None
    return f'{text[: node.start_mark.index]}"{value}"{text[node.end_mark.index :]}'


def _set_through_tree(text: str, keys: tuple[str, ...], value: str) -> str:
    root = node = _load(text)
    for key in keys[:-1]:
        if not isinstance(node.get(key), CommentedMap):
            node[key] = CommentedMap()
        node = node[key]
    node[keys[-1]] = value
    return _dump(root).decode()

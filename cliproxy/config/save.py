"""Writing config.yaml back: comments, order, quoting and unknown keys stay (config.md 7)."""

from __future__ import annotations

import io
import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, ScalarString

from cliproxy.config.comments import (
    blocks_above,
    put_back,
    remember,
    rename_key,
    take_out,
    unindent_comments,
    written_keys,
)
from cliproxy.config.files import atomic_write
from cliproxy.config.render import is_zero, render
from cliproxy.config.settings import Settings
from cliproxy.errors import ConfigError, Problem

Check = Callable[[str], str]

_WRITERS = threading.Lock()
_LEGACY = {
    "auth": "api-keys",
    "amp-upstream-url": "ampcode",
    "amp-upstream-api-key": "ampcode",
    "amp-restrict-management-to-localhost": "ampcode",
    "amp-model-mappings": "ampcode",
    "generative-language-api-key": "gemini-api-key",
}
"""Legacy keys, and the keys that take over their values and the comments above them."""
_IDENTITY = ("id", "name", "alias", "api-key", "api_key", "apikey", "key", "provider", "model")
_CHANNELS = ("oauth-excluded-models", "oauth-model-alias")
_FRAGILE = re.compile(r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Characters that YAML does not keep, or not everywhere, unless they are written as escapes."""
_NAMED = frozenset({*_CHANNELS, "headers", "cloak", "params", "providers", "oauth-clients", "oauth-system-prefix"})
"""Mappings whose keys are the user's: those that are gone from the settings go from the file."""
_DATA = ("params", "cloak")
"""Mappings whose values are the user's data too: what payload rules set, for instance."""


def save_settings(path: str | os.PathLike[str], settings: Settings, check: Check = str) -> bytes:
    """Bring the file up to ``settings``, changing nothing else; the bytes that were written.

    ``check`` gets the new text before it is written: it raises, or says what is to be written.

    :raises ConfigError: the file is not a mapping, or not YAML.
    :raises OSError: it cannot be written; it is as it was.
    """
    with _WRITERS:
        root = _load(Path(path).read_text("utf-8-sig"))
        merge_settings(root, settings)
        return _write(path, check(_dump(root)))


def write_raw(path: str | os.PathLike[str], text: str, check: Check = str) -> bytes:
    """Write an uploaded file's own text (config.md 7.5). ``check`` and result as in ``save_settings``."""
    with _WRITERS:
        return _write(path, check(unindent_comments(text)))


def text_of(settings: Settings) -> str:
    """A new file that says what ``settings`` say."""
    root = CommentedMap()
    merge_settings(root, settings)
    return _dump(root)


def update_scalar(path: str | os.PathLike[str], keys: tuple[str, ...], value: str) -> None:
    """Set one nested text; nothing else in the file changes (config.md 7.4).

    :raises ConfigError, OSError: as ``save_settings``.
    """
    with _WRITERS:
        _write(path, with_scalar(Path(path).read_bytes().decode("utf-8-sig"), keys, value))


def with_scalar(text: str, keys: tuple[str, ...], value: str) -> str:
    """A file's text with one nested text set.

    :raises ConfigError: the file is not a mapping, or not YAML.
    """
    return _replaced(text, keys, value) or _set_through_tree(text, keys, value)


def _write(path: str | os.PathLike[str], text: str) -> bytes:
    data = text.encode()
    atomic_write(path, data)
    return data


def merge_settings(root: CommentedMap, settings: Settings) -> None:
    """Merge rendered settings into a file's tree (config.md 7.1, steps 3 to 6)."""
    new, default = render(settings), render(Settings())
    # A provider's limit that the file leaves out follows the common one, also after this save.
    common = {key: value for key, value in new["timeouts"].items() if key != "providers"}
    default["timeouts"]["providers"] = dict.fromkeys(new["timeouts"]["providers"], common)
    _rename_mappings(root)
    for key, successor in _LEGACY.items():
        if key in root:
            _drop_legacy(root, key, successor)
    for provider in root.get("openai-compatibility") or []:
        if isinstance(provider, CommentedMap):
            provider.pop("api-keys", None)
    for key in _CHANNELS:
        _drop_empty(root, key, new)
    _merge_mapping(root, new, default)
    _block_style(root)


def _drop_legacy(root: CommentedMap, key: str, successor: str) -> None:
    following = list(root)[:2]
    del root[key]
    block = blocks_above(root).pop(key, [])
    if following[0] == key and len(following) > 1:  # the head of the file stays where it is
        blocks_above(root)[following[1]] = [*block, *blocks_above(root).get(following[1], [])]
    else:
        blocks_above(root).setdefault(successor, []).extend(block)


def _rename_mappings(root: CommentedMap) -> None:
    """``oauth-model-mappings`` becomes ``oauth-model-alias`` at its place."""
    if "oauth-model-mappings" not in root:
        return
    if "oauth-model-alias" in root:
        del root["oauth-model-mappings"]
        return
    rename_key(root, "oauth-model-mappings", "oauth-model-alias")
    channels = root["oauth-model-alias"]
    for entries in channels.values() if isinstance(channels, CommentedMap) else ():
        for entry in entries if isinstance(entries, CommentedSeq) else ():
            for name in list(entry) if isinstance(entry, CommentedMap) else ():
                if str(name) != (lower := str(name).lower()) and lower in ("name", "alias", "fork"):
                    rename_key(entry, name, lower)


def _drop_empty(root: CommentedMap, key: str, new: dict[str, Any]) -> None:
    if new[key]:
        return
    # An absent alias map would bring the defaults back at the next load, so it is written as empty.
    if key == "oauth-excluded-models":
        root.pop(key, None)
    elif root.get(key) or key not in root:
        root[key] = CommentedMap()
    new.pop(key)


def _merge_mapping(node: CommentedMap, new: Mapping[str, Any], default: Mapping[str, Any]) -> None:
    for key, value in new.items():
        if key in node:
            _merge_value(node, key, value, default.get(key))
        elif value != default[key] if key in default else not is_zero(value):
            node[_fresh(key)] = _fresh(_without_defaults(value, default.get(key)))


def _merge_value(node: CommentedMap, key: str, value: Any, default: Any) -> None:
    old = node[key]
    if key not in written_keys(node) and isinstance(old, Mapping | list):
        if _solid(old) != _solid(value):  # it came with a merge key: others have it too
            node[key] = _fresh(value)
        return
    if key in _NAMED and isinstance(old, CommentedMap) and isinstance(value, Mapping):
        _align_names(old, value)
    if key in _DATA and isinstance(old, CommentedMap) and isinstance(value, Mapping):
        _merge_data(old, value)
    else:
        node[key] = _merged(old, value, default)


def _merge_data(node: CommentedMap, new: Mapping[str, Any]) -> None:
    """A zero counts, and 0 is not false."""
    for name, value in new.items():
        if name not in node or _spelled(node[name]) != _spelled(value):
            node[_fresh(name)] = _fresh(value)


def _spelled(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _align_names(node: CommentedMap, new: Mapping[str, Any]) -> None:
    """Names that normalising spells differently get the new spelling, the others that are gone go."""
    for name in [name for name in node if name not in new]:
        spelling = str(name).strip().lower()
        if spelling in new and spelling not in node and name in written_keys(node):
            rename_key(node, name, _fresh(spelling))
        else:
            del node[name]


def _without_defaults(value: Any, default: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(default, Mapping):
        return {key: item for key, item in value.items() if (item != default[key] if key in default else item)}
    return value


def _merged(old: Any, new: Any, default: Any) -> Any:
    if _is_anchored(old) and _solid(old) != _solid(new):
        return _fresh(new)  # what an anchor names may stand elsewhere too
    if isinstance(old, CommentedMap) and isinstance(new, Mapping):
        _merge_mapping(old, new, default if isinstance(default, Mapping) else {})
        return old
    if isinstance(old, CommentedSeq) and isinstance(new, list):
        return _merge_list(old, new)
    if old is None and (is_zero(new) if default is None else new == default):
        return old
    if isinstance(new, Mapping):
        return old if _is_secret_alone(old, new) else _fresh(_without_defaults(new, default))
    return _fresh(new) if isinstance(new, list) else _scalar(old, new)


def _is_anchored(node: Any) -> bool:
    return isinstance(node, CommentedMap | CommentedSeq) and node.yaml_anchor() is not None


def _is_secret_alone(old: Any, new: Mapping[str, Any]) -> bool:
    """Plain text in the place of an ``oauth-clients`` mapping is the secret."""
    return old is not None and new == {"client-id": "", "client-secret": _text_of(old).strip()}


def _scalar(old: Any, new: Any) -> Any:
    if _is_fragile(new):
        return old if str(old) == new else DoubleQuotedScalarString(new)
    if isinstance(old, ScalarString) and isinstance(new, str):
        return type(old)(new) if str(old) != new else old
    if type(old) is not bool and isinstance(old, int | float) and isinstance(new, int | float) and old == new:
        return old  # 0x10 stays as it is spelled
    if isinstance(new, str) and not isinstance(old, str) and old is not None and _text_of(old) == new:
        return old  # 0123 in a text field
    return new


def _merge_list(old: CommentedSeq, new: list[Any]) -> CommentedSeq:
    left = [(index, item) for index, item in enumerate(old) if item is not None]
    end_comments, blocks = dict(old.ca.items), dict(blocks_above(old))
    items: list[tuple[Any, int]] = []
    for value in new:
        found = next((pair for pair in left if _same(pair[1], value)), None)
        if found is None:
            items.append((_fresh(value), -1))
            continue
        left.remove(found)
        items.append((_merged_element(found[1], value), found[0]))
    del old[:]
    old.ca.items.clear()
    blocks_above(old).clear()
    for index, (item, before) in enumerate(items):
        old.append(item)
        if before in end_comments:
            old.ca.items[index] = end_comments[before]
        if before in blocks:
            blocks_above(old)[index] = blocks[before]
    return old


def _merged_element(old: Any, new: Any) -> Any:
    if not (isinstance(old, CommentedMap) and isinstance(new, Mapping)) or _is_anchored(old):
        return _merged(old, new, None)
    for key in [key for key in old if key not in new and old[key] and key in _ELEMENT_KEYS]:
        if key in written_keys(old):
            del old[key]
        else:
            old[key] = type(old[key])()  # only an empty value of its own outdoes that of a merge key
    for key, value in new.items():
        if key in old:
            _merge_value(old, key, value, None)
        elif value:  # also a list of empty keys, each of which is one credential
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
        return CommentedMap((_fresh(key), _fresh(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return CommentedSeq(map(_fresh, value))
    return DoubleQuotedScalarString(value) if _is_fragile(value) else value


def _is_fragile(value: Any) -> bool:
    return isinstance(value, str) and _FRAGILE.search(value) is not None


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
    content, blocks = take_out(text)
    try:
        root = _yaml().load(content)
    except YAMLError as error:
        raise ConfigError([Problem(f"not valid YAML: {error}")]) from None
    root = CommentedMap() if root is None else root
    if not isinstance(root, CommentedMap):
        raise ConfigError([Problem("the file must be a mapping of keys to values")])
    remember(root, blocks)
    return root


def _dump(root: CommentedMap) -> str:
    out = io.StringIO()
    _yaml().dump(root, out)
    return unindent_comments(put_back(out.getvalue(), root))


def _replaced(text: str, keys: tuple[str, ...], value: str) -> str | None:
    """``text`` with just the scalar at ``keys`` replaced; None when it is not there as a plain or quoted scalar.

    Not with an anchor either: whatever else refers to it would lose its meaning.
    """
    node: Node | None = next(iter(YAML(typ="safe", pure=True).compose_all(text)), None)
    for key in keys:
        pairs = node.value if isinstance(node, MappingNode) else []
        node = next((item for name, item in pairs if name.value == key), None)
    if not isinstance(node, ScalarNode) or node.style in ("|", ">") or node.start_mark.index == node.end_mark.index:
        return None
    if node.anchor is not None:
        return None
    return f'{text[: node.start_mark.index]}"{value}"{text[node.end_mark.index :]}'


def _set_through_tree(text: str, keys: tuple[str, ...], value: str) -> str:
    root = node = _load(text)
    for key in keys[:-1]:
        if not isinstance(node.get(key), CommentedMap) or _is_anchored(node[key]):
            node[key] = CommentedMap(node.get(key) if _is_anchored(node.get(key)) else ())
        node = node[key]
    node[keys[-1]] = value
    return _dump(root)

"""Keys of older files, migrated in the tree before it is validated (config.md 6.2, 6.3; design D13).

Nothing here touches the file: the migrated content reaches it at the next save.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields

from cliproxy.config.document import Document, Scalar
from cliproxy.config.schema import AmpMappingSection, Flag, Items, Text, nested

ANTIGRAVITY_ALIASES: tuple[tuple[str, str], ...] = (
    ("rev19-uic3-1p", "gemini-2.5-computer-use-preview-10-2025"),
    ("gemini-3-pro-image", "gemini-3-pro-image-preview"),
    ("gemini-3-pro-high", "gemini-3-pro-preview"),
    ("gemini-3-flash", "gemini-3-flash-preview"),
    ("claude-sonnet-4-5", "gemini-claude-sonnet-4-5"),
    ("claude-sonnet-4-5-thinking", "gemini-claude-sonnet-4-5-thinking"),
    ("claude-opus-4-5-thinking", "gemini-claude-opus-4-5-thinking"),
)
"""(upstream name, client alias) of the antigravity channel when the file says nothing (config.md 6.2)."""

Tree = dict[str, Any]


def migrate(document: Document) -> bool:
    """Fold legacy keys into their successors; True when one of config.md 6.3 (1 to 4) changed anything."""
    tree = document.tree
    _migrate_aliases(document)
    changed = _migrate_keys(tree) if _types_fit(tree) else False
    _fold_auth(document)
    return changed


def _text(value: Any) -> str:
    return value.text.strip() if isinstance(value, Scalar) else ""


def _alias(name: str, alias: str, fork: bool = False) -> Tree:
    item: Tree = {"name": Scalar(name), "alias": Scalar(alias)}
    return {**item, "fork": Scalar("true", "bool")} if fork else item


def _migrate_aliases(document: Document) -> None:
    tree = document.tree
    old = tree.pop("oauth-model-mappings", None)
    if "oauth-model-alias" in document.explicit:
        return
    if old is None:
        defaults = [] if "oauth-model-mappings" in document.explicit else list(ANTIGRAVITY_ALIASES)
        if defaults and not document.empty:
            tree["oauth-model-alias"] = {"antigravity": [_alias(*pair) for pair in defaults]}
        return
    if isinstance(old, dict) and (converted := dict(_channels(old))):
        tree["oauth-model-alias"] = converted


def _channels(old: Tree) -> Iterator[tuple[str, list[Tree]]]:
    for channel, entries in old.items():
        key = channel.strip().lower()
        items = [item for entry in (entries if isinstance(entries, list) else []) if (item := _converted(entry, key))]
        if items and key == "antigravity":
            known = {_text(item["name"]) for item in items}
            items += [_alias(name, alias) for name, alias in ANTIGRAVITY_ALIASES if name not in known]
        if key and items:
            yield key, items


def _converted(entry: Any, channel: str) -> Tree | None:
    if not isinstance(entry, dict):
        return None
    members = {key.lower(): value for key, value in entry.items()}
    name, alias = _text(members.get("name")), _text(members.get("alias"))
    if not name or not alias:
        return None
    if channel == "antigravity":  # the old built-in aliases became real upstream names
        name = {old: new for new, old in ANTIGRAVITY_ALIASES}.get(name, name)
    return _alias(name, alias, _text(members.get("fork")).lower() == "true")


_TYPES: dict[str, fields.Field[Any]] = {
    "generative-language-api-key": Items(Text()),
    "amp-upstream-url": Text(),
    "amp-upstream-api-key": Text(),
    "amp-restrict-management-to-localhost": Flag(),
    "amp-model-mappings": Items(nested(AmpMappingSection)),
}


def _types_fit(tree: Tree) -> bool:
    """One wrong type among the legacy keys 1 to 4 and all of them are ignored (config.md 6.3)."""
    found = [(field, tree[key]) for key, field in _TYPES.items() if key in tree]
    found += [(Items(Text()), provider["api-keys"]) for provider in _compat(tree) if "api-keys" in provider]
    try:
        for field, value in found:
            field.deserialize(value)
    except ValidationError:
        return False
    return True


def _compat(tree: Tree) -> list[Tree]:
    providers = tree.get("openai-compatibility")
    return [item for item in providers if isinstance(item, dict)] if isinstance(providers, list) else []


def _migrate_keys(tree: Tree) -> bool:
    changed = _generative_language(tree)
    for provider in _compat(tree):
        changed |= _compat_keys(provider)
    return _amp(tree) or changed


def _generative_language(tree: Tree) -> bool:
    entries = tree.get("gemini-api-key")
    entries = entries if isinstance(entries, list) else []
    new = _new_entries(entries, tree.get("generative-language-api-key", []))
    if new:
        tree["gemini-api-key"] = [*entries, *new]
    return bool(new)


def _compat_keys(provider: Tree) -> bool:
    entries = provider.get("api-key-entries")
    entries = entries if isinstance(entries, list) else []
    new = _new_entries(entries, provider.pop("api-keys", []))
    if new:
        provider["api-key-entries"] = [*entries, *new]
    return bool(new)


def _new_entries(entries: list[Any], keys: list[Any]) -> list[Tree]:
    """An entry for each key that has none yet."""
    known = {_text(entry.get("api-key")) for entry in entries if isinstance(entry, dict)}
    return [{"api-key": Scalar(key)} for key in dict.fromkeys(map(_text, keys)) if key and key not in known]


def _amp(tree: Tree) -> bool:
    section = tree.get("ampcode", {})
    if not isinstance(section, dict):
        return False
    before = dict(section)
    for old, new in (("amp-upstream-url", "upstream-url"), ("amp-upstream-api-key", "upstream-api-key")):
        if old in tree and not _text(section.get(new)):
            section[new] = tree[old]
    if tree.get("amp-model-mappings") and not section.get("model-mappings"):
        section["model-mappings"] = tree["amp-model-mappings"]
    if "amp-restrict-management-to-localhost" in tree:
        section["restrict-management-to-localhost"] = tree["amp-restrict-management-to-localhost"]
    if section:
        tree["ampcode"] = section
    return section != before


def _fold_auth(document: Document) -> None:
    """The first inline provider of an ``auth`` block supplies the keys when there are none (config.md 6.3, 5)."""
    tree = document.tree
    block = tree.pop("auth", None)
    providers = block.get("providers") if isinstance(block, dict) else None
    if not isinstance(providers, list) or tree.get("api-keys"):
        return
    for number, provider in enumerate(providers):
        if isinstance(provider, dict) and _text(provider.get("type")) == "config-api-key":
            keys = provider.get("api-keys")
            if isinstance(keys, list) and keys:
                tree["api-keys"] = keys
                for index in range(len(keys)):  # so that a problem with one is found
                    document.lines["api-keys", index] = document.line(("auth", "providers", number, "api-keys", index))
            return

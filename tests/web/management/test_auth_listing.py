"""``auth-files``, their models and ``api-key-usage`` (management-api.md 11.1, 11.2, 23)."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import pytest
from management.auths import files, index_of, pool_of, write
from management.conftest import Manage

from cliproxy.errors import UpstreamStatus
from cliproxy.records.usage import Tokens

KEYS = """\
gemini-api-key: [{api-key: g-key}]
claude-api-key: [{api-key: c-key, base-url: 'http://127.0.0.1:9'}]
vertex-api-key: [{api-key: v-key, base-url: 'http://127.0.0.1:9'}]
openai-compatibility:
- name: Mine
  base-url: http://127.0.0.1:9/v1
  api-key-entries: [{api-key: o-key, proxy-url: 'http://127.0.0.1:8'}, {api-key: o-key, proxy-url: 'http://127.0.0.1:7'}]
  models: [{name: m}]
"""
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
ALWAYS = {
    "id", "auth_index", "name", "type", "provider", "label", "status", "status_message", "disabled", "unavailable",
    "runtime_only", "source", "size", "success", "failed", "recent_requests",
}  # fmt: skip


def jwt(claims: Mapping[str, Any]) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{middle}.sig"


def test_what_a_file_looks_like(manage: Manage) -> None:
    manager = manage()
    path = manager.auths / "Claude.json"
    write(
        manager, "Claude.json", type="claude", email="a@x", last_refresh="2026-01-02T03:04:05Z", prefix="team",
        proxy_url="http://127.0.0.1:1", priority=4, note="mine", headers={"X-A": "b"}, expired="2099-01-01T00:00:00Z",
    )  # fmt: skip
    os.utime(path, ns=(0, 1_700_000_000_123_456_000))
    entry = files(manager)["Claude.json"]
    assert {name: entry[name] for name in (*(ALWAYS - {"recent_requests"}), "email", "account_type", "account", "path")} == {
        "id": "Claude.json", "auth_index": index_of("file:Claude.json"), "name": "Claude.json", "type": "claude",
        "provider": "claude", "label": "a@x", "status": "active", "status_message": "", "disabled": False,
        "unavailable": False, "runtime_only": False, "source": "file", "size": path.stat().st_size, "email": "a@x",
        "account_type": "oauth", "account": "a@x", "path": str(path), "success": 0, "failed": 0,
    }  # fmt: skip
    for name in ("created_at", "updated_at", "modtime", "last_refresh", "expires_at"):
        assert STAMP.fullmatch(entry[name]), name
    assert ".123456" in entry["modtime"]
    assert (entry["prefix"], entry["proxy_url"], entry["priority"]) == ("team", "http://127.0.0.1:1", 4)
    assert (entry["note"], entry["headers"]) == ("mine", {"X-A": "b"})
    assert not {"cooldowns", "next_retry_after", "id_token"} & set(entry)


def test_the_least(manage: Manage) -> None:
    manager = manage()
    write(manager, "x.json", type="qwen")
    assert set(files(manager)["x.json"]) == ALWAYS | {"created_at", "updated_at", "modtime", "path"}
    assert files(manager)["x.json"]["label"] == "qwen"


@pytest.mark.parametrize(("email", "shown"), [("a@x", "a@x"), (" ", None), (5, None), (None, None)])
def test_the_address(manage: Manage, email: object, shown: str | None) -> None:
    manager = manage()
    write(manager, "x.json", type="claude", email=email)
    assert files(manager)["x.json"].get("email") == shown


def test_sorted_and_by_themselves(manage: Manage) -> None:
    """No keys of the configuration, but the connections; with ``all`` everything."""
    manager = manage(KEYS)
    write(manager, "B.json", type="claude")
    write(manager, "A.json", type="codex", disabled=True)
    source = manager.app.extensions["cliproxy.lifecycle"]._source
    source.connect("aistudio-x")
    source.connect("aistudio-off")
    source.set_disabled("aistudio-off", True)
    listed = files(manager)
    assert list(listed) == ["A.json", "aistudio-x", "B.json"]
    assert (listed["A.json"]["status"], listed["A.json"]["disabled"]) == ("disabled", True)
    connection = listed["aistudio-x"]
    assert (connection["runtime_only"], connection["source"], connection["size"]) == (True, "memory", 0)
    assert connection["auth_index"] == index_of("id:aistudio-x")
    assert "path" not in connection
    everything = files(manager, "?all=true")
    assert {"A.json", "aistudio-x", "aistudio-off", "B.json"} < set(everything)
    kinds = {entry["provider"] for entry in everything.values()}
    assert {"gemini", "claude", "vertex", "mine"} <= kinds
    (key,) = [entry for entry in everything.values() if entry["provider"] == "gemini"]
    assert (key["account_type"], key["account"], key["auth_index"]) == ("api_key", "g-key", index_of("api_key:g-key"))


def test_several_projects(manage: Manage) -> None:
    manager = manage()
    write(manager, "g.json", type="gemini", email="a@x", project_id="one,t wo/3")
    listed = files(manager)
    assert list(listed) == ["g.json", "g.json::one", "g.json::t_wo_3"]
    assert (listed["g.json"]["disabled"], listed["g.json"]["runtime_only"]) == (True, False)
    child = listed["g.json::one"]
    assert (child["label"], child["runtime_only"], child["disabled"]) == ("a@x [one]", True, False)
    assert (child["account"], child["auth_index"]) == ("a@x (one)", index_of("id:g.json::one"))
    write(manager, "g.json", type="gemini", email="a@x", project_id="one,two", disabled=True)
    assert list(files(manager)) == ["g.json"]


def test_a_file_that_is_gone(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its removal and the watcher's word."""
    manager = manage()
    write(manager, "on.json", type="claude")
    write(manager, "off.json", type="claude", disabled=True)
    for name in ("on.json", "off.json"):
        (manager.auths / name).unlink()
    listed = files(manager)
    assert list(listed) in (["on.json"], [])  # the watcher may have been quicker
    if listed:
        assert (listed["on.json"]["source"], listed["on.json"]["size"]) == ("memory", 0)


def test_cooldowns(manage: Manage) -> None:
    manager = manage()
    write(manager, "x.json", type="claude")
    pool = pool_of(manager)
    entry = pool.get("x.json")
    assert entry is not None
    model = "claude-opus-4-5-20251101"
    pool.failed(entry, model, UpstreamStatus("slow down", status=429, retry_after=100))
    pool.failed(entry, "claude-sonnet-4-5-20250929", UpstreamStatus("no", status=401))
    shown = files(manager)["x.json"]
    assert (shown["status"], shown["unavailable"]) == ("error", False)
    assert [(one["model"], one["reason"], one["message"]) for one in shown["cooldowns"]] == [
        (model, "429", "slow down"), ("claude-sonnet-4-5-20250929", "401", "no"),
    ]  # fmt: skip
    assert all(STAMP.fullmatch(one["until"]) for one in shown["cooldowns"])
    assert shown["next_retry_after"] == shown["cooldowns"][0]["until"]
    text = json.dumps({"error": {"code": "insufficient_quota", "message": "out"}})
    pool.failed(entry, model, UpstreamStatus(text, status=429, retry_after=100))
    shown = files(manager)["x.json"]
    assert shown["unavailable"]
    assert ("", "insufficient_quota") in [(one["model"], one["reason"]) for one in shown["cooldowns"]]


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({"chatgpt_account_id": "acc", "chatgpt_plan_type": "plus", "chatgpt_subscription_active_start": 5, "chatgpt_subscription_active_until": None},
         {"chatgpt_account_id": "acc", "plan_type": "plus", "chatgpt_subscription_active_start": 5}),
        ({"chatgpt_plan_type": ""}, None), ({}, None), ([], None),
    ],
)  # fmt: skip
def test_codex_claims(manage: Manage, claims: Any, shown: Any) -> None:
    manager = manage()
    write(manager, "x.json", type="codex", id_token=jwt({"https://api.openai.com/auth": claims}))
    write(manager, "y.json", type="codex", id_token="a.b.c")
    write(manager, "z.json", type="claude", id_token=jwt({"https://api.openai.com/auth": {"chatgpt_plan_type": "p"}}))
    listed = files(manager)
    assert listed["x.json"].get("id_token") == shown
    assert "id_token" not in listed["y.json"]
    assert "id_token" not in listed["z.json"]


def test_models(manage: Manage) -> None:
    manager = manage(KEYS)
    write(manager, "x.json", type="claude")
    models = manager.get("auth-files/models?name=x.json")["models"]
    assert models[0] == {
        "id": "claude-haiku-4-5-20251001", "display_name": "Claude 4.5 Haiku", "type": "claude", "owned_by": "anthropic",
    }  # fmt: skip
    assert len({model["id"] for model in models}) == len(models) > 3
    assert manager.get("auth-files/models?name=nobody") == {"models": []}
    for query in ("", "?name=", "?name=%20"):
        assert manager.refused("GET", f"auth-files/models{query}") == (400, {"error": "name is required"})


def test_use_of_keys(manage: Manage) -> None:
    manager = manage(KEYS)
    write(manager, "x.json", type="claude")
    pool = pool_of(manager)
    for entry in pool.list():
        pool.count(entry, Tokens(), failed=False)
        if entry.credential.provider == "mine":
            pool.count(entry, Tokens(), failed=True)
    usage = manager.get("api-key-usage")
    assert {(provider, name) for provider, named in usage.items() for name in named} == {
        ("gemini", "|g-key"), ("claude", "http://127.0.0.1:9|c-key"), ("vertex", "http://127.0.0.1:9|v-key"),
        ("mine", "http://127.0.0.1:9/v1|o-key"),
    }  # fmt: skip
    for provider, (success, failed) in {"gemini": (1, 0), "mine": (2, 2)}.items():
        (one,) = usage[provider].values()
        steps = one["recent_requests"]
        assert (one["success"], one["failed"], len(steps)) == (success, failed, 20)
        assert sum(step["success"] for step in steps) == success
        assert sum(step["failed"] for step in steps) == failed
        assert all(re.fullmatch(r"\d\d:\d[05]-\d\d:\d[05]", step["time"]) for step in steps)
    entry = files(manager)["x.json"]
    assert (entry["success"], entry["failed"], len(entry["recent_requests"])) == (1, 0, 20)
    assert sum(step["success"] for step in entry["recent_requests"]) == 1

"""``GET /metrics``: who may read it, and that it tells nothing about whose accounts these are (design D21)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from pool.bench import Bench, status
from records.usage_bench import record

from cliproxy.config.settings import Settings
from cliproxy.errors import UpstreamError
from cliproxy.records.metrics import Metrics
from cliproxy.records.usage import ClientRequest, UsageQueue
from cliproxy.web import metrics as routes
from cliproxy.web import server
from cliproxy.web.client_request import answered, client_request
from cliproxy.web.management.authentication import ManagementAuthenticator

KEY = {"Authorization": "Bearer secret"}


@dataclass
class World:
    """An application with the route alone, a pool, a queue."""

    settings: Settings = field(default_factory=Settings)
    environ: dict[str, str] = field(default_factory=lambda: {"MANAGEMENT_PASSWORD": "secret"})

    def __post_init__(self) -> None:
        self.bench = Bench()
        self.metrics = Metrics(lambda: routes.credential_states(self.bench.pool.views()))
        self.queue = UsageQueue(self.metrics.take, seconds=60.0)
        app = Flask(__name__)
        server.install(app)
        management = ManagementAuthenticator(lambda: self.settings, self.environ)
        view = routes.MetricsView(self.metrics, management, lambda: self.settings, self.queue.flush)
        app.register_blueprint(routes.blueprint(view))
        self.client = app.test_client()

    def get(self, **headers: str) -> Any:
        return self.client.get("/metrics", headers=headers)


def test_with_the_management_key() -> None:
    world = World()
    answer = world.get(**KEY)
    assert (answer.status_code, answer.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"\ncliproxy_build_info{" in answer.data
    assert answer.headers["X-CPA-VERSION"]
    for headers in ({}, {"Authorization": "Bearer other"}):
        answer = world.get(**headers)
        assert answer.status_code == 401
        assert "error" in answer.json
    assert world.get(Authorization="secret").status_code == 200
    assert world.client.post("/metrics", headers=KEY).status_code == 404


def test_for_everybody() -> None:
    world = World(Settings(metrics_public=True), {})
    answer = world.get()
    assert answer.status_code == 200
    assert "X-CPA-VERSION" not in answer.headers
    world.settings = Settings()
    assert world.get().status_code == 404


def test_what_waits_in_the_queue_is_counted() -> None:
    world = World()
    try:
        world.queue.record(record(upstream_status=503, failed=True))
        assert b'cliproxy_upstream_attempts_total{provider="codex",status="503"} 1.0' in world.get(**KEY).data
    finally:
        world.queue.stop()


def test_credentials_by_their_index() -> None:
    world = World()
    bench = world.bench
    bench.models = {"cooling": ("m", "n"), "blocked": ("x",), "failed": ("y",)}
    bench.add("cooling", metadata={"email": "ann@example.com"}, attributes={"api_key": "sk-secret"})
    bench.add("blocked", "failed", "fine")
    bench.add("off", disabled=True)
    bench.provider.plan = {"cooling": [status(429)], "blocked": [status(429)], "failed": [status(418)]}
    for name, model in (("cooling", "n"), ("blocked", "x"), ("failed", "y")):
        with pytest.raises(UpstreamError):
            bench.ask(model)
        assert bench.provider.asked[-1] == (name, model)
    text = world.get(**KEY).data.decode()
    assert "ann@" not in text
    assert "sk-secret" not in text
    states = {entry.id: _state(text, entry.index) for entry in bench.pool.list()}
    assert states == {
        "cooling": "cooling", "blocked": "blocked", "failed": "error", "fine": "active", "off": "disabled",
    }  # fmt: skip


def _state(text: str, index: str) -> str:
    start = f'cliproxy_credentials{{auth_index="{index}",provider="p",state="'
    (line,) = [line for line in text.splitlines() if line.startswith(start) and line.endswith(" 1.0")]
    return line.removeprefix(start).partition('"')[0]


def test_what_usage_knows_of_a_request() -> None:
    app = Flask(__name__)
    seen: list[Any] = []

    def view(action: str) -> str:
        seen.extend([client_request(), client_request()])
        return "ok"

    app.add_url_rule("/v1beta/models/<path:action>", view_func=view, methods=["POST"])
    environ: dict[str, Any] = {}
    answered(environ, 200)
    app.test_client().post("/v1beta/models/m:x", environ_base=environ)
    first, second = seen
    assert first is second
    assert (first.route, first.status) == ("POST /v1beta/models/*action", 0)
    answered({"cliproxy.client_request": first}, 502)
    assert first.status == 502
    assert isinstance(first, ClientRequest)
    with app.test_request_context("/unknown"):
        assert client_request().route == "GET /unknown"

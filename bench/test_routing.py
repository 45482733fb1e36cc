"""What routing adds to a local request. Not part of the tests:

pip install pytest-benchmark && python -m pytest -o addopts= bench/test_routing.py
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from cliproxy.app import create_app
from cliproxy.config.settings import Ampcode, AmpMapping, CompatKey, CompatProvider, Model, Settings
from cliproxy.providers.base import Answer

BODY = json.dumps({"model": "local", "messages": [{"role": "user", "content": "hi" * 500}]}).encode()
MAPPED = BODY.replace(b'"local"', b'"mapped"')
PLAIN, ROUTED = "/v1/chat/completions", "/api/provider/openai/v1/chat/completions"


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bytes], Any]:
    """Runs the view of a path, with a pool that answers at once."""
    mappings = (AmpMapping("mapped", "local"), *(AmpMapping(f"^never-{n}$", "local", True) for n in range(20)))
    service = CompatProvider("s", base_url="http://x", api_key_entries=(CompatKey("k"),), models=(Model("local"),))
    app = create_app(
        Settings(
            api_keys=("k",), auth_dir=str(tmp_path_factory.mktemp("auths")), openai_compatibility=(service,),
            ampcode=Ampcode(upstream_url="http://127.0.0.1:1", model_mappings=mappings),
        )
    )  # fmt: skip
    answer = Answer(b'{"model":"local","choices":[]}', "local")
    app.extensions["cliproxy"].dispatcher.execute = lambda providers, call: answer

    def run(path: str, body: bytes) -> Any:
        environ = {
            "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "HTTP_AUTHORIZATION": "Bearer k",
            "HTTP_ANTHROPIC_BETA": "a,b,c", "CONTENT_TYPE": "application/json",
        }  # fmt: skip
        with app.test_request_context(path, method="POST", environ_overrides=environ) as context:
            rule = context.request.url_rule
            assert rule is not None
            return app.view_functions[rule.endpoint](**(context.request.view_args or {}))

    return run


@pytest.mark.parametrize(
    ("path", "body"),
    [(PLAIN, BODY), (ROUTED, BODY), (ROUTED, MAPPED)],
    ids=["plain", "local", "mapped"],
)
def test_one_request(benchmark: Any, ask: Callable[[str, bytes], Any], path: str, body: bytes) -> None:
    answer = benchmark(ask, path, body)
    assert answer.status_code == 200

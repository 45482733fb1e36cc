"""The bare relay of design.md 6, the yardstick: no authentication, no parsing. Run by the same gunicorn and gevent."""

import os

import requests
from flask import Flask, Response, request

app = Flask(__name__)
session = requests.Session()
adapter = requests.adapters.HTTPAdapter(pool_maxsize=1000)
session.mount("http://", adapter)
UPSTREAM = os.environ["BENCH_UPSTREAM"]


@app.post("/<path:path>")
def relay(path: str) -> Response:
    upstream = session.post(
        f"{UPSTREAM}/{path}", data=request.get_data(), stream=True, headers={"Content-Type": "application/json"}
    )
    content_type = upstream.headers.get("Content-Type", "application/json")
    return Response(upstream.iter_content(chunk_size=None), status=upstream.status_code, content_type=content_type)


@app.get("/healthz")
def healthz() -> str:
    return "ok"

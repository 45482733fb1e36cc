"""A hundred greenlets at once, and processes killed in the middle (issue: "It holds when")."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pool.bench import Bench

from cliproxy.config.files import remove_leftovers
from cliproxy.config.settings import Settings
from cliproxy.providers.credential import Credential

HERE = Path(__file__).parent
PATCHED = """
from gevent import monkey
monkey.patch_all()
import runpy, sys
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(script: str, *arguments: str, patched: bool = False) -> str:
    """The script's output; fails when the script itself does. ``patched``: by gevent, before anything else."""
    command = [sys.executable, *(("-c", PATCHED) if patched else ()), str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, cwd=HERE.parents[1])
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_hundred_greenlets(tmp_path: Path, seed: int) -> None:
    assert run("greenlets.py", str(tmp_path), str(seed), patched=True) == ""


class Authorization(BaseHTTPRequestHandler):
    """Refresh tokens ``account:generation`` that are used up by their successor.

    As real servers do, the last one may be used again as long as its successor was not: whoever was killed before it
    could save the answer is not locked out.
    """

    newest: dict[str, int]
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        account, _, generation = body["refresh_token"].rpartition(":")
        with self.lock:
            newest = self.newest.get(account, 0)
            good = int(generation) in (newest, newest - 1)
            if good:
                self.newest[account] = int(generation) + 1
        answer = {"refresh_token": f"{account}:{int(generation) + 1}", "access_token": f"access {generation}"}
        data = json.dumps(answer if good else {"error": "invalid_grant"}).encode()
        self.send_response(200 if good else 400)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def authorization() -> Iterator[tuple[str, type[Authorization]]]:
    handler = type("Handler", (Authorization,), {"newest": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/token", handler
        server.shutdown()
        thread.join()


def test_killed_at_any_moment(tmp_path: Path, authorization: tuple[str, type[Authorization]]) -> None:
    """Fifty times: every file is whole, and its refresh token is still good at the authorization server."""
    url, handler = authorization
    assert run("killed.py", str(tmp_path), url, "50") == ""
    assert sum(handler.newest.values()) > 100  # they really were refreshing
    remove_leftovers(tmp_path, older_than=-1)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_one_change_at_a_time() -> None:
    """Registering models and taking the record in belong together, whoever changes the same credential meanwhile."""
    bench, seen, never = Bench(), list[str](), threading.Event()

    def register(credential: Credential, settings: Settings) -> None:
        seen.append("in")
        never.wait(0.005)
        seen.append("out")

    bench.pool._registrar = register
    threads = [threading.Thread(target=bench.pool.put, args=(Credential("a", "p"),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["in", "out"] * 6

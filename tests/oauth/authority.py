"""A fake authorization server on loopback: real HTTP, strict about what it is asked.

``routes`` maps ``"POST /token"`` to a function of the request; what it returns is the answer. ``authorize`` is what a
browser gets: it checks the parameters, remembers the PKCE challenge and sends the browser to the redirect URI.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that arrived. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as a form; fails for anything else."""
        assert self.headers.get("content-type") == "application/x-www-form-urlencoded", self.headers
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body)))

    @property
    def json(self) -> Any:
        """The body as JSON; fails for anything else."""
        assert self.headers.get("content-type") == "application/json", self.headers
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back. ``body``: bytes, or anything else as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Route = Callable[[Asked], "Answer | Any"]


class Authority:
    """A server of one's own per test; a context manager. What it refused is in ``refusals``: must stay empty."""

    def __init__(self, routes: Mapping[str, Route] | None = None) -> None:
        self.routes: dict[str, Route] = dict(routes or {})
        self.asked: list[Asked] = []
        self.refusals: list[str] = []
        self.challenges: dict[str, str] = {}
        self.deny: dict[str, str] = {}
        """Send the browser back with this instead of a code (``error``, ``state`` ...)."""
        self._codes = itertools.count(1)
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Authority:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def _respond(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
                answer = authority.answer(Asked(self.command, parts.path, query, headers, self.rfile.read(size)))
                data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _respond  # noqa: N815

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}"

    def requests(self, path: str) -> list[Asked]:
        """All requests for a path, in order."""
        return [asked for asked in self.asked if asked.path == path]

    def answer(self, asked: Asked) -> Answer:
        """The answer to one request; a failed assertion in a route is a refusal."""
        self.asked.append(asked)
        route = self.routes.get(f"{asked.method} {asked.path}")
        if route is None:
            self.refusals.append(f"nobody answers {asked.method} {asked.path}")
            return Answer({"error": "not found"}, 404)
        try:
            found = route(asked)
        except AssertionError as error:
            self.refusals.append(f"{asked.method} {asked.path}: {error}")
            return Answer({"error": "invalid_request", "error_description": str(error)}, 400)
        return found if isinstance(found, Answer) else Answer(found)

    def authorizing(self, redirect: str = "redirect_uri", **expected: str) -> Route:
        """A route for the authorization page: exactly these parameters, besides state, redirect and challenge."""

        def authorize(asked: Asked) -> Answer:
            got = dict(asked.query)
            back, state = got.pop(redirect), got.pop("state")
            challenge = got.pop("code_challenge", "")
            if challenge:
                assert got.pop("code_challenge_method") == "S256"
            assert got == expected, got
            code = f"code-{next(self._codes)}"
            self.challenges[code] = challenge
            sent = {"code": code, "state": state, **self.deny}
            sent = {key: value for key, value in sent.items() if value}
            return Answer(b"", 302, {"Location": f"{back}?{urlencode(sent)}"})

        return authorize

    def check_pkce(self, code: str, verifier: str) -> None:
        """The verifier must be that of the challenge with which the code was asked for; a code is good once."""
        challenge = self.challenges.pop(code)
        digest = hashlib.sha256(verifier.encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge, "the verifier is not the challenge's"

"""Connections to upstreams: a lean `requests` transport adapter with one shared TLS context.

`requests` builds an SSLContext and loads the CA bundle for every new connection, 30 ms during which no stream of the
worker moves; here all connections share one context (anchors.md 3.2, 7). ``Transport.exchange`` skips what an upstream
call does not need (cookies, hooks, redirect history, header merging); ``Transport.session`` gives a plain
``requests.Session`` over the same connections for everything that is not hot.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, Retry, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse
from urllib3.util.ssl_ import create_urllib3_context

CONNECT_TIMEOUT = 30.0
"""Seconds to connect, TLS included (providers.md 2.1)."""

_NO_RETRY = Retry(0, read=False, redirect=False)
_MAX_HOSTS = 64
_MAX_CONNECTIONS = 4000  # gunicorn's worker_connections: no socket is thrown away while streams run in parallel


def tls_context() -> ssl.SSLContext:
    """Make the context that all upstream connections share: certifi's roots plus SSL_CERT_FILE / SSL_CERT_DIR.

    Under gevent this is gevent's SSLContext, because urllib3 was imported after the patching (anchors.md 3.3).
    """
    context = create_urllib3_context()
    context.load_verify_locations(certifi.where())
    if extra := os.environ.get("SSL_CERT_FILE", ""):
        context.load_verify_locations(cafile=extra)
    if folder := os.environ.get("SSL_CERT_DIR", ""):
        context.load_verify_locations(capath=folder)
    return context


def _socket_options() -> list[tuple[int, int, int]]:
    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if hasattr(socket, "TCP_KEEPIDLE"):
        options.append((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30))
    return [(level, name, int(value)) for level, name, value in options]


def _connections_with(handshake_seconds: float) -> type[HTTPSConnection]:
    """Connections that wait so long, and no longer, for each step of the TLS handshake."""

    class Limited(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            made: socket.socket = super()._new_conn()
            made.settimeout(handshake_seconds)
            return made

    return Limited


class Transport(HTTPAdapter):
    """All connections that leave through one proxy, or directly (``proxy_url`` empty).

    ``proxy_url`` is http://, https:// or socks5h://, user and password inside. ``handshake_seconds`` limits TLS
    handshakes more tightly than ``CONNECT_TIMEOUT``; 0 = not at all.
    """

    def __init__(self, context: ssl.SSLContext, proxy_url: str = "", handshake_seconds: float = 0.0) -> None:
        self._context = context
        self._proxy_url = proxy_url
        self._tls_connections = _connections_with(handshake_seconds) if handshake_seconds else None
        self._last_use: dict[tuple[str, str, int | None], float] = {}
        self._pools: dict[tuple[str, str, int | None], HTTPConnectionPool] = {}
        super().__init__(pool_connections=_MAX_HOSTS, pool_maxsize=_MAX_CONNECTIONS)

    def __repr__(self) -> str:
        via = urlsplit(self._proxy_url).hostname or "direct"
        return f"<Transport {via}, {len(self._pools)} hosts>"

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Give every pool the shared TLS context and keep-alive probes."""
        kwargs.update(ssl_context=self._context, socket_options=_socket_options())
        super().init_poolmanager(connections, maxsize, block, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Give connections through a proxy the same context."""
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Pool by host only; the context decides about certificates."""
        parts = urlsplit(request.url or "")
        return {"scheme": parts.scheme.lower(), "host": parts.hostname, "port": parts.port}, {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: setting ``ca_certs`` on the pool would load the bundle again for each connection."""

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None,
        read_timeout: float | None,
    ) -> BaseHTTPResponse:
        """Send one request and return the response with its body unread. Redirects are not followed.

        :param read_timeout: seconds of silence allowed up to the response headers, None = no limit.
        :raises urllib3.exceptions.HTTPError, OSError: as urllib3 raises them.
        """
        scheme, host, port, path = _split(url)
        pool = self._pools.get((scheme, host, port)) or self._pool(scheme, host, port)
        self._last_use[scheme, host, port] = time.monotonic()
        proxied = self._proxy_url.startswith("http") and scheme == "http"
        return pool.urlopen(
            method,
            url if proxied else path,
            body=body,
            headers=headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=_NO_RETRY,
            timeout=Timeout(connect=CONNECT_TIMEOUT, read=read_timeout),
        )

    def connections_made(self, url: str) -> int:
        """How many connections were opened to the host of ``url`` so far."""
        pool = self._pools.get(_split(url)[:3])
        return pool.num_connections if pool is not None else 0

    def idle_seconds(self, url: str) -> float:
        """How long ago the last request to the host of ``url`` began; 0 when there was none."""
        last = self._last_use.get(_split(url)[:3])
        return 0.0 if last is None else time.monotonic() - last

    def session(self) -> requests.Session:
        """A `requests.Session` over these connections: no environment, no default headers."""
        session = requests.Session()
        session.trust_env = False
        session.headers.clear()
        session.proxies = {"http": self._proxy_url, "https": self._proxy_url} if self._proxy_url else {}
        session.mount("http://", self)
        session.mount("https://", self)
        return session

    def close(self) -> None:
        """Close all idle connections."""
        self._pools.clear()
        super().close()

    def _pool(self, scheme: str, host: str, port: int | None) -> HTTPConnectionPool:
        manager = self.proxy_manager_for(self._proxy_url) if self._proxy_url else self.poolmanager
        if len(self._pools) >= _MAX_HOSTS:
            self._pools.clear()
            self._last_use.clear()
        pool: HTTPConnectionPool = manager.connection_from_host(host, port=port, scheme=scheme)
        if scheme == "https" and self._tls_connections is not None:
            pool.ConnectionCls = self._tls_connections
        self._pools[scheme, host, port] = pool
        return pool


@lru_cache(maxsize=512)
def _split(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url)
    path = parts.path or "/"
    if parts.query:
        path = f"{path}?{parts.query}"
    return parts.scheme.lower(), parts.hostname or "", parts.port, path

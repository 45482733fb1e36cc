"""The page in AI Studio: a WebSocket client that is asked for Gemini calls and answers by hand (client-api.md 13)."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

import websocket
from end_to_end.proxy import Proxy
from upstream.waiting import eventually


class Browser:
    """One connection to the relay. Messages are read and written by the test."""

    def __init__(self, proxy: Proxy, path: str = "/v1/ws") -> None:
        self.socket = websocket.create_connection(f"ws://127.0.0.1:{proxy.port}{path}", timeout=15)

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()
        self.socket.shutdown()  # also when the server closed first

    def send(self, kind: str, request_id: str = "", **payload: Any) -> None:
        """One message; without payload there is none in it."""
        message: dict[str, Any] = {"id": request_id, "type": kind}
        self.socket.send(json.dumps({**message, "payload": payload} if payload else message))

    def receive(self) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = json.loads(self.socket.recv())
        return message

    def asked(self) -> tuple[str, dict[str, Any]]:
        """The next request: (id, payload)."""
        message = self.receive()
        assert message["type"] == "http_request"
        return message["id"], message["payload"]

    def closed(self) -> bool:
        """Read until the server closes; True when it did."""
        try:
            while self.socket.recv():
                pass
        except (websocket.WebSocketConnectionClosedException, OSError):
            return True
        return True


def models(proxy: Proxy, **headers: str) -> set[str]:
    """The ids of the model list."""
    listed = proxy.ask("GET", "/v1/models", headers=headers).json["data"]
    return {model["id"] for model in listed}


def appear(proxy: Proxy, model: str, key: str) -> None:
    """Wait until a model is offered."""
    eventually(lambda: model in models(proxy, Authorization=f"Bearer {key}"), f"{model} is offered", seconds=10)


def vanish(proxy: Proxy, model: str, key: str) -> None:
    """Wait until it is not."""
    eventually(lambda: model not in models(proxy, Authorization=f"Bearer {key}"), f"{model} is gone", seconds=10)

"""SIGTERM: running streams finish, idle connections do not delay (client-api.md 2.4, config.md 15.3)."""

from __future__ import annotations

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from end_to_end.families import CHAT, PROTOCOLS, config
from end_to_end.proxy import AUTHORIZED, Start, send, whole
from upstream.content import long_text
from upstream.plan import Plan
from upstream.server import FakeUpstream
from upstream.waiting import eventually


@pytest.mark.case("config:14")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_running_streams_finish(start: Start, upstream: FakeUpstream, number: signal.Signals) -> None:
    upstream.always(Plan(reply=long_text(30), stall_after=10))
    proxy = start(config(upstream.url))
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(proxy.post, family.path(stream=True), family.body(stream=True)) for family in PROTOCOLS]
        upstream.wait_for(len(PROTOCOLS))
        proxy.send_signal(number)
        eventually(lambda: refuses_new_connections(proxy.port), "the listener is closed", seconds=10)
        assert proxy.process.poll() is None
        assert not any(answer.done() for answer in answers)
        upstream.release()
        for family, answer in zip(PROTOCOLS, answers, strict=True):
            assert family.stream_text(answer.result(20).body) == long_text(30).joined
    assert proxy.wait(15) == 0
    assert "Traceback" not in proxy.log


def refuses_new_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_idle_connections_do_not_delay_the_exit(start: Start, upstream: FakeUpstream) -> None:
    proxy = start(config(upstream.url))
    used, silent = proxy.connect(), proxy.connect()
    silent.connect()
    send(used, "POST", CHAT.path(), CHAT.body(), AUTHORIZED)
    assert whole(used.getresponse()).status == 200
    began = time.monotonic()
    proxy.send_signal(signal.SIGTERM)
    assert proxy.wait(20) == 0
    assert time.monotonic() - began < 5
    used.close()
    silent.close()
    assert "Traceback" not in proxy.log

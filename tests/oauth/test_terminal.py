"""The browser, the tunnel, and questions at the terminal (oauth-login.md 1.6, 1.7, 15)."""

from __future__ import annotations

import io
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TextIO

import pytest
from oauth.authority import Answer, Authority

from cliproxy.cli import terminal as module
from cliproxy.cli.terminal import END, Browser, Countdown, Terminal, own_address, tunnel_hint
from cliproxy.config.settings import Settings
from cliproxy.errors import UpstreamStatus, UpstreamTransport
from cliproxy.providers.http import HttpClient, Outgoing, Reply

URL = "https://example.com/authorize?a=1&b=2"
OPENERS = ["xdg-open", "x-www-browser", "www-browser", "firefox", "chromium", "google-chrome"]


class Desktop:
    """Programs that are there, and what was run."""

    def __init__(self, *there: str, code: int | Exception = 0) -> None:
        self.there, self.code = there, code
        self.looked: list[str] = []
        self.ran: list[list[str]] = []

    def which(self, name: str) -> str | None:
        self.looked.append(name)
        return f"/bin/{name}" if name in self.there else None

    def run(self, command: list[str]) -> int:
        self.ran.append(command)
        if isinstance(self.code, Exception):
            raise self.code
        return self.code

    def browser(self, platform: str = "linux") -> Browser:
        return Browser(platform, self.which, self.run)


@pytest.mark.parametrize("first", range(6))
def test_openers_in_order(first: int) -> None:
    desktop = Desktop(*OPENERS[first:])
    assert desktop.browser().open(URL)
    assert desktop.looked == OPENERS[: first + 1]
    assert desktop.ran == [[f"/bin/{OPENERS[first]}", URL]]


def test_no_opener() -> None:
    desktop = Desktop()
    assert not desktop.browser().open(URL)
    assert (desktop.looked, desktop.ran) == (OPENERS, [])


@pytest.mark.parametrize("code", [1, 3, OSError("not executable")])
def test_an_opener_that_fails(code: int | Exception) -> None:
    desktop = Desktop(*OPENERS, code=code)
    assert not desktop.browser().open(URL)
    assert len(desktop.ran) == 1


@pytest.mark.parametrize(
    ("platform", "command"),
    [("darwin", ["open", URL]), ("win32", ["rundll32", "url.dll,FileProtocolHandler", URL]), ("sunos5", None)],
)
def test_other_systems(platform: str, command: list[str] | None) -> None:
    desktop = Desktop()
    assert desktop.browser(platform).open(URL) is (command is not None)
    assert desktop.ran == ([command] if command else [])


@pytest.mark.parametrize(("code", "opened"), [(0, True), (4, False)])
def test_a_real_opener(tmp_path: Any, code: int, opened: bool) -> None:
    """It gets the URL as one argument, whatever is in it."""
    script = tmp_path / "xdg-open"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$1" > "{tmp_path}/got"\nexit {code}\n')
    script.chmod(0o755)
    url = URL + "&c=$(id);'x\" y"
    browser = Browser("linux", lambda name: str(script) if name == "xdg-open" else None)
    assert browser.open(url) is opened
    assert (tmp_path / "got").read_text() == f"1\n{url}\n"


def test_tunnel_hint() -> None:
    lines = tunnel_hint(54545, 9000, "192.0.2.7").split("\n")
    assert lines[0] == lines[-1] == "=" * 80
    commands = [line.strip() for line in lines if line.strip().startswith("ssh ")]
    assert commands == [
        "ssh -L 54545:127.0.0.1:9000 root@192.0.2.7 -p 22",
        "ssh -i <path_to_your_key> -L 54545:127.0.0.1:9000 root@192.0.2.7 -p 22",
    ]
    text = " ".join(lines)
    assert "not here" in text
    assert "-p 22 if your SSH server listens elsewhere" in text


SERVICES = ["https://api.ipify.org", "https://ifconfig.me/ip", "https://icanhazip.com", "https://ipinfo.io/ip"]


class Services:
    """A ``Fetcher``: one answer or error per question."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[Outgoing] = []

    def fetch(self, request: Outgoing) -> Reply:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(200, {}, answer)


DOWN = UpstreamTransport("down")


@pytest.mark.parametrize(
    "answers",
    [
        [b" 192.0.2.1\n"], [DOWN, b"192.0.2.1"], [b" \n", UpstreamStatus("no", status=503), b"192.0.2.1"],
        [DOWN, DOWN, DOWN, b"192.0.2.1\r\n"],
    ],
)  # fmt: skip
def test_own_address(answers: list[bytes | Exception]) -> None:
    services, asked = Services(*answers), len(answers)
    assert own_address(services) == "192.0.2.1"
    assert [request.url for request in services.sent] == SERVICES[:asked]
    assert {(request.method, request.body, request.proxy_url) for request in services.sent} == {("GET", None, "")}
    assert {(request.limits.first_byte, request.limits.idle) for request in services.sent} == {(2.0, 2.0)}


class Probe:
    """A UDP socket that says where it would send from."""

    connected: tuple[str, int] | None = None

    def __init__(self, family: int, kind: int) -> None:
        assert (family, kind) == (socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *reason: object) -> None:
        pass

    def connect(self, address: tuple[str, int]) -> None:
        Probe.connected = address

    def getsockname(self) -> tuple[str, int]:
        return "198.51.100.4", 5


class NoNetwork(Probe):
    def connect(self, address: tuple[str, int]) -> None:
        raise OSError("network is unreachable")


@pytest.mark.parametrize("services", [Services(DOWN, DOWN, DOWN, DOWN), None])
@pytest.mark.parametrize(("probe", "address"), [(Probe, "198.51.100.4"), (NoNetwork, "127.0.0.1")])
def test_own_address_without_the_services(
    services: Services | None, probe: type[Probe], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.socket, "socket", probe)
    if services is not None:
        services = Services(DOWN, DOWN, DOWN, DOWN)
    assert own_address(services) == address
    if probe is Probe:
        assert Probe.connected == ("8.8.8.8", 80)
    if services is not None:
        assert [request.url for request in services.sent] == SERVICES


def test_own_address_is_asked_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = {"GET /ip": lambda asked: Answer(b"192.0.2.1")}
    with Authority(routes) as service, Authority() as proxy:
        monkeypatch.setattr(module, "_WHO_AM_I", (f"{service.url}/ip",))
        client = HttpClient(lambda: replace(Settings(), proxy_url=proxy.url), {})
        try:
            assert own_address(client) == "192.0.2.1"
        finally:
            client.close()
        assert proxy.asked == []


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Types into the standard input; an empty text ends it."""
    reading, writing = os.pipe()
    source: TextIO = os.fdopen(reading)
    monkeypatch.setattr(sys, "stdin", source)
    ended = False

    def write(text: str) -> None:
        nonlocal ended
        if text:
            os.write(writing, text.encode())
        elif not ended:
            ended = True
            os.close(writing)

    before = threading.active_count()
    yield write
    write("")
    for thread in threading.enumerate():
        if thread.name == "stdin":
            thread.join(5)
    source.close()
    assert threading.active_count() <= before


def test_questions(typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    typed("  first  \n")
    assert terminal.ask("one? ") == "first"
    typed("\nsecond\n")
    assert terminal.ask("two? ") == ""
    assert terminal.ask("three? ", timeout=5) == "second"
    assert capsys.readouterr() == ("one? two? three? ", "")


def test_answers_that_were_piped_in_are_not_lost(typed: Callable[[str], None]) -> None:
    terminal = Terminal()
    typed("a\nb\nc")
    typed("")
    assert [terminal.ask("? ", timeout=5) for _ in range(5)] == ["a", "b", "c", None, None]


def test_the_end_of_input(typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    typed("")
    terminal = Terminal()
    assert [terminal.ask("name? ") for _ in range(2)] == [None, None]
    assert terminal.next_line(5) is END
    assert capsys.readouterr().out == "name? \nname? \n"


def test_nobody_types(typed: Callable[[str], None]) -> None:
    terminal = Terminal()
    with pytest.raises(TimeoutError):
        terminal.ask("? ", timeout=0.01)
    typed("late\n")
    assert terminal.ask("? ", timeout=5) == "late"


def test_two_who_wait(typed: Callable[[str], None]) -> None:
    """One thread reads for all: no line is read twice, and the end reaches both."""
    terminal, got = Terminal(), []
    threads = [threading.Thread(target=lambda: got.append(terminal.next_line(5))) for _ in range(2)]
    for thread in threads:
        thread.start()
    typed("only\n")
    typed("")
    for thread in threads:
        thread.join(5)
    assert sorted(str(line) for line in got) == sorted(["only\n", str(END)])


def test_input_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    closed = io.StringIO("x\n")
    closed.close()
    monkeypatch.setattr(sys, "stdin", closed)
    assert Terminal().ask("? ", timeout=5) is None
    assert "warning: standard input cannot be read" in capsys.readouterr().err


def test_input_that_is_no_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), encoding="utf-8"))
    assert Terminal().ask("? ", timeout=5) is None
    assert "warning: standard input cannot be read" in capsys.readouterr().err


def test_where_words_go(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.say("said")
    terminal.say()
    terminal.warn("careful")
    assert capsys.readouterr() == ("said\n\n", "warning: careful\n")


def test_a_countdown() -> None:
    now = [100.0]
    deadline = Countdown(5, lambda: now[0])
    now[0] = 103
    assert deadline.left == 2
    now[0] = 200
    assert deadline.left == 0

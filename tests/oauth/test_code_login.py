"""Waiting at the terminal: the callback, what is pasted and the deadline race (oauth-login.md 1.5-1.8, 14, 15).

The wait of 15 s before the question is a default of ``LoginOptions``, bound when the class is made, so ``world.py`` cannot
move it: the commands here are started by a script that makes it shorter, and are otherwise the real ones.
"""

from __future__ import annotations

import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from oauth.claude_authority import Claude
from oauth.shell import HERE, Command, Shell, visit
from oauth.test_callback import fresh_port
from oauth.test_claude import go
from upstream.waiting import eventually

from cliproxy.cli.code_login import CodeLogin, LoginOptions
from cliproxy.cli.terminal import END, Browser
from cliproxy.errors import LoginError
from cliproxy.oauth.flow import Authorization, Callback, TokenFile
from cliproxy.oauth.token_files import checked_auth_dir
from cliproxy.providers.tokens.apps import APPS, OAuthApp

AnyShell = TypeVar("AnyShell", bound=Shell)
PROMPT = "Paste the callback URL here"
IMPATIENT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import world
world.from_environment()
from functools import partial
from cliproxy.cli.logins import common
common.LoginOptions = partial(common.LoginOptions, paste_after=0.1)
from cliproxy.cli import main
main()
"""


class Impatient(Shell):
    """Its commands ask for the callback URL after a tenth of a second."""

    starter = ("-c", IMPATIENT, str(HERE))


@pytest.fixture
def claude() -> Iterator[Claude]:
    with Claude() as authority:
        yield authority
    assert authority.refusals == []


def world(claude: Claude) -> dict[str, str]:
    return {"apps.claude.authorize_url": f"{claude.url}/authorize", "apps.claude.token_url": f"{claude.url}/token"}


@pytest.fixture
def shell(tmp_path: Path, claude: Claude) -> Shell:
    return at_a_fresh_port(Shell(tmp_path, world(claude)))


@pytest.fixture
def impatient(tmp_path: Path, claude: Claude) -> Impatient:
    return at_a_fresh_port(Impatient(tmp_path, world(claude)))


def at_a_fresh_port(shell: AnyShell) -> AnyShell:
    shell.port = fresh_port()
    return shell


def closes_input(command: Command) -> None:
    assert command.process.stdin is not None
    command.process.stdin.close()


def logged_in(shell: Shell, command: Command) -> str:
    output = command.ends()
    assert list(shell.files()) == ["claude-user@example.com.json"]
    assert "user@example.com: logged in." in output
    assert "code-1" not in output
    return output


def test_a_pasted_url(impatient: Impatient, claude: Claude) -> None:
    with impatient.login("claude", *impatient.code_options()) as command:
        url = go(impatient, claude, command.address())
        command.sees(PROMPT)
        command.types(f"  {url} ")
        output = logged_in(impatient, command)
    assert output.count(PROMPT) == 1


def test_what_claudes_console_shows(impatient: Impatient, claude: Claude) -> None:
    with impatient.login("claude", *impatient.code_options()) as command:
        url = go(impatient, claude, command.address())
        found = re.search(r"code=([^&]*)&state=([^&]*)", url)
        assert found is not None
        command.sees(PROMPT)
        command.types(f"{found[1]}#{found[2]}")
        logged_in(impatient, command)


def test_what_was_typed_before_the_question_counts(impatient: Impatient, claude: Claude) -> None:
    with impatient.login("claude", *impatient.code_options()) as command:
        command.types(go(impatient, claude, command.address()))
        logged_in(impatient, command)


def test_a_callback_while_the_question_is_open(impatient: Impatient, claude: Claude) -> None:
    with impatient.login("claude", *impatient.code_options()) as command:
        address = command.address()
        command.sees(PROMPT)
        seen = visit(go(impatient, claude, address))
        output = logged_in(impatient, command)
    assert (seen.status, "Authentication successful" in seen.text) == (200, True)
    assert output.count(PROMPT) == 1


def test_mistakes_are_shown_and_asked_again(impatient: Impatient, claude: Claude) -> None:
    with impatient.login("claude", *impatient.code_options()) as command:
        url = go(impatient, claude, command.address())
        command.sees(PROMPT)
        command.types("ABC")
        command.sees(r"warning: invalid callback URL(?s:.)*" + PROMPT)
        command.types("http://localhost/cb?state=S")
        command.sees(r"warning: callback URL missing code(?s:.)*" + PROMPT)
        command.types(url)
        output = logged_in(impatient, command)
    assert output.count(PROMPT) == 3


def test_an_empty_line_goes_on_waiting(impatient: Impatient, claude: Claude) -> None:
    with impatient.login("claude", *impatient.code_options()) as command:
        address = command.address()
        command.sees(PROMPT)
        command.types("")
        command.types("http://localhost/cb?error=access_denied")  # nobody asked any more
        visit(go(impatient, claude, address))
        output = logged_in(impatient, command)
    assert output.count(PROMPT) == 1


@pytest.mark.parametrize("early", [True, False])
def test_the_end_of_input_goes_on_waiting(impatient: Impatient, claude: Claude, early: bool) -> None:
    with impatient.login("claude", *impatient.code_options()) as command:
        if early:
            closes_input(command)
        address = command.address()
        command.sees(PROMPT)
        if not early:
            closes_input(command)
        visit(go(impatient, claude, address))
        output = logged_in(impatient, command)
    assert output.count(PROMPT) == 1


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("?error=access_denied&error_description=No", "error: the login was cancelled or denied (access_denied): No"),
        ("?error_description=Odd", "error: Odd (Odd)"),
        ("?code=A&state=other", "error: the callback belongs to another login"),
        ("?code=A", "error: the callback has no state"),
    ],
)
def test_pasted_refusals(impatient: Impatient, claude: Claude, pasted: str, words: str) -> None:
    with impatient.login("claude", *impatient.code_options()) as command:
        command.sees(PROMPT)
        command.types(pasted)
        assert words in command.ends(1)
    assert (impatient.files(), claude.requests("/token")) == ({}, [])


@pytest.mark.parametrize("asks", [True, False])
def test_a_timeout(tmp_path: Path, claude: Claude, asks: bool) -> None:
    made = at_a_fresh_port((Impatient if asks else Shell)(tmp_path, world(claude)))
    with made.login("claude", *made.code_options(), "--timeout", "1.5") as command:
        output = command.ends(1)
    assert "error: the Claude login timed out: try again" in output
    assert (PROMPT in output) is asks
    assert made.files() == {}


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_no_time_at_all(shell: Shell, seconds: str) -> None:
    with shell.login("claude", *shell.code_options(), "--timeout", seconds) as command:
        assert "timed out" in command.ends(1)


@pytest.mark.parametrize("seconds", ["inf", "1e12"])
def test_all_the_time(seconds: str) -> None:
    """A person may say so: click takes it for a number."""
    person = Person()
    with Login(person, paste_after=0.02, timeout=float(seconds)) as login:
        assert person.prompted.wait(5)
        threading.Event().wait(0.3)  # for the fault to show itself
        if login.is_alive():
            login.calls_back("code=A&state=S")
    assert isinstance(login.outcome, TokenFile)


@pytest.mark.parametrize("asks", [True, False])
def test_interrupted(tmp_path: Path, claude: Claude, asks: bool) -> None:
    made = at_a_fresh_port((Impatient if asks else Shell)(tmp_path, world(claude)))
    with made.login("claude", *made.code_options()) as command:
        command.sees(PROMPT if asks else "Waiting for the Claude login")
        command.address()
        command.process.send_signal(signal.SIGINT)
        assert "interrupted: nothing was saved" in command.ends(130)
    assert made.files() == {}


def test_a_port_in_use(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", shell.port)):
        with shell.login("claude", *shell.code_options()) as command:
            output = command.ends(13)
    assert f"error: port {shell.port} is in use: close the program that uses it" in output
    assert "https://" not in output
    assert shell.files() == {}


def opener(folder: Path, code: int) -> str:
    """A PATH on which the only program is a browser opener, which notes what it is told."""
    place = folder / "bin"
    place.mkdir()
    script = place / "xdg-open"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "{folder}/opened"\nexit {code}\n')
    script.chmod(0o755)
    return str(place)


def test_the_browser_is_opened(shell: Shell, claude: Claude) -> None:
    path = opener(shell.folder, 0)
    with shell.login("claude", "--callback-port", str(shell.port), PATH=path) as command:
        address = command.address()
        visit(go(shell, claude, address))
        output = logged_in(shell, command)
    assert (shell.folder / "opened").read_text() == f"{address}\n"
    assert "Opening the browser for the Claude login." in output
    assert "ssh -L" not in output


@pytest.mark.parametrize("there", [True, False])
def test_a_browser_that_cannot_be_opened(shell: Shell, claude: Claude, there: bool) -> None:
    path = opener(shell.folder, 1) if there else str(shell.folder)
    with shell.login("claude", "--no-ip-lookup", "--callback-port", str(shell.port), PATH=path) as command:
        visit(go(shell, claude, command.address()))
        output = logged_in(shell, command)
    assert "warning: no browser could be opened here" in output
    assert f"ssh -L 54545:127.0.0.1:{shell.port} root@" in output
    assert (shell.folder / "opened").exists() is there


def test_without_a_browser_nothing_is_opened(shell: Shell, claude: Claude) -> None:
    with shell.login("claude", *shell.code_options(), PATH=opener(shell.folder, 0)) as command:
        visit(go(shell, claude, command.address()))
        output = logged_in(shell, command)
    assert "Opening the browser" not in output
    assert not (shell.folder / "opened").exists()


def test_help(shell: Shell) -> None:
    def shown(*arguments: str, code: int = 0) -> str:
        with shell.login(*arguments) as command:
            return " ".join(command.ends(code).split())

    everything = shown("--help")
    assert all(f" {name} " in everything for name in ("claude", "vertex"))
    claude = shown("claude", "--help")
    options = ("--config", "--no-browser", "--callback-port", "--prefix", "--proxy-url", "--timeout", "--no-ip-lookup")
    assert all(option in claude for option in options)
    assert "Claude and Codex always redirect to their default port" in claude
    assert "default: 300" in claude
    assert "No such command 'nobody'" in shown("nobody", code=2)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--callback-port", "65536"), 2, "is not in the range 0<=x<=65535"), (("--timeout", "soon"), 2, "is not a valid"),
        (("--prefix", "a/b"), 2, "a prefix is one word"), (("--nonsense",), 2, "No such option"),
        (("more",), 2, "unexpected extra argument"),
    ],
)  # fmt: skip
def test_usage(shell: Shell, options: tuple[str, ...], code: int, words: str) -> None:
    with shell.login("claude", *options) as command:
        assert words in command.ends(code)


def test_a_configuration_that_does_not_do(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {}, {"port": "x"})
    with shell.login("claude", *shell.code_options()) as command:
        output = command.ends(1)
    assert re.search(r"error: .*config\.yaml cannot be used:\n +.*port", output)


def test_no_folder_for_logins() -> None:
    """An empty ``auth-dir`` of a configuration is the usual folder (config.md 13.2); should none arrive, none is guessed."""
    with pytest.raises(LoginError, match="auth-dir is empty"):
        checked_auth_dir(" ")


class Flow:
    """A flow that remembers what it got."""

    app: OAuthApp = APPS["gemini"]

    def __init__(self) -> None:
        self.port = 0
        self.finished: list[Callback] = []
        self.error: LoginError | None = None

    def start(self, port: int = 0) -> Authorization:
        self.port = port
        return Authorization("https://login.example/?x=1", "S", "http://localhost/cb")

    def finish(self, begun: Authorization, callback: Callback) -> TokenFile:
        self.finished.append(callback)
        if self.error is not None:
            raise self.error
        return TokenFile("x.json", {"type": "x"}, "somebody")


class Person:
    """A ``Terminal``: what is typed comes from ``lines`` as soon as somebody reads."""

    def __init__(self, *lines: Any) -> None:
        self.lines = list(lines)
        self.said: list[str] = []
        self.warned: list[str] = []
        self.prompted = threading.Event()
        self.prompts = 0

    def say(self, text: str = "") -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def prompt(self, question: str) -> None:
        self.prompts += 1
        self.prompted.set()

    def next_line(self, timeout: float | None = None) -> Any:
        if self.lines:
            return self.lines.pop(0)
        threading.Event().wait(0.01)
        raise TimeoutError


class Login:
    """A login with these parts, in a thread of its own."""

    def __init__(self, person: Person, **options: Any) -> None:
        self.flow, self.port = Flow(), fresh_port()
        wanted = LoginOptions(browser=False, port=self.port, ip_lookup=False, **options)
        browser = Browser("linux", lambda name: None, lambda command: 1)
        self.login = CodeLogin(self.flow, person, None, wanted, browser)  # type: ignore[arg-type]
        self.outcome: TokenFile | LoginError | OverflowError | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.outcome = self.login.run()
        except (LoginError, OverflowError) as error:
            self.outcome = error

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def calls_back(self, query: str) -> None:
        url = f"http://127.0.0.1:{self.port}/oauth2callback?{query}"

        def answered() -> bool:
            try:
                urllib.request.urlopen(url, timeout=5).close()
            except urllib.error.URLError:
                return False
            return True

        eventually(answered, "the listener answers")

    def __enter__(self) -> Login:
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        assert [one.name for one in threading.enumerate() if one.name in ("paste", "oauth-callback")] == []


def test_defaults() -> None:
    assert (LoginOptions().paste_after, LoginOptions().timeout, LoginOptions().port) == (15.0, 300.0, 0)


def test_a_callback_comes_before_the_question() -> None:
    person = Person("?code=B&state=S")
    with Login(person, paste_after=30) as login:
        login.calls_back("code=A&state=S")
    assert login.flow.finished == [Callback("A", "S")]
    assert (person.prompts, person.lines, login.flow.port) == (0, ["?code=B&state=S"], login.port)
    assert isinstance(login.outcome, TokenFile)


def test_the_first_of_two_counts() -> None:
    person = Person()
    with Login(person, paste_after=0.02) as login:
        assert person.prompted.wait(5)
        login.calls_back("code=A&state=S")
        eventually(lambda: login.flow.finished, "the login goes on")
        person.lines.append("?code=B&state=S")
    assert login.flow.finished == [Callback("A", "S")]


@pytest.mark.parametrize("line", ["\n", END])
def test_waits_on_after(line: object) -> None:
    person = Person(line)
    with Login(person, paste_after=0.02) as login:
        assert person.prompted.wait(5)
        eventually(lambda: not person.lines, "the line is read")
        login.calls_back("code=A&state=S")
    assert (login.flow.finished, person.prompts) == ([Callback("A", "S")], 1)


def test_the_deadline_runs_while_the_question_is_open() -> None:
    begun = time.monotonic()
    person = Person("rubbish", "more rubbish")
    with Login(person, paste_after=0.02, timeout=1.5) as login:
        pass
    assert 1.4 < time.monotonic() - begun < 10
    assert isinstance(login.outcome, LoginError)
    assert (login.outcome.code, login.outcome.status, login.outcome.exit_code) == ("callback_timeout", 408, 1)
    assert (person.prompts, person.warned) == (3, ["invalid callback URL"] * 2)


def test_number_signs_are_claudes_only() -> None:
    person = Person("A#S", "?code=B&state=S")
    with Login(person, paste_after=0.02) as login:
        pass
    assert login.flow.finished == [Callback("B", "S")]
    assert person.warned == ["callback URL missing code"]


def test_what_the_flow_says_goes_up() -> None:
    with Login(Person("?code=A&state=S"), paste_after=0.02) as login:
        login.flow.error = LoginError("no", code="odd")
    assert login.outcome is login.flow.error


def test_what_is_shown() -> None:
    person = Person("?code=A&state=S")
    with Login(person, paste_after=0.02) as login:
        pass
    text = "\n".join(person.said)
    assert f"ssh -L {login.port}:127.0.0.1:{login.port} root@" in text
    assert "https://login.example/?x=1" in person.said
    assert text.index("ssh -L") < text.index("https://login.example")

"""``cliproxy login gemini``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cliproxy.cli.logins.common import code_options, guarded, open_desk, options_of
from cliproxy.cli.terminal import Terminal
from cliproxy.errors import LoginError
from cliproxy.oauth.flow import Authorization, Callback, TokenFile
from cliproxy.oauth.gemini import GeminiFlow
from cliproxy.oauth.gemini_choice import Project
from cliproxy.oauth.gemini_projects import set_up_for_command

_QUESTION = """
Google maps the free-tier project that you see to a project which it manages:
  frontend (yours):    {frontend}
  backend (Google's):  {backend}
That they differ is normal for the free tier. Only backend projects have access to preview models (gemini-3-*).
  [1] Backend (recommended)
  [2] Frontend"""


class PersonAtTerminal:
    """Answers questions about projects. ``choice``: ``ask``, or ``backend`` or ``frontend`` instead of the question."""

    def __init__(self, terminal: Terminal, choice: str = "ask") -> None:
        self._terminal, self._choice = terminal, choice
        self.projects: Sequence[Project] = ()

    def show(self, projects: Sequence[Project]) -> None:
        """Number them from 1."""
        self.projects = projects
        if not projects:
            self._terminal.say("No Google Cloud projects are available to this account.")
            return
        self._terminal.say("Google Cloud projects of this account:")
        for number, project in enumerate(projects, 1):
            self._terminal.say(f"  [{number}] {_both(project)}")
        self._terminal.say("  ALL selects every project.")

    def pick(self, default: str) -> str:
        """One line; the end of input takes the default."""
        return self._terminal.ask(f"Project id, number, or ALL [{default}]: ") or ""

    def prefers_backend(self, frontend: str, backend: str) -> bool:
        """Only a plain 2 is the frontend."""
        if self._choice == "ask":
            self._terminal.say(_QUESTION.format(frontend=frontend, backend=backend))
            return self._terminal.ask("Enter choice [1]: ") != "2"
        self._terminal.say(f"Free-tier project {frontend} is mapped to {backend}: taking the {self._choice} project.")
        return self._choice == "backend"

    def note(self, text: str) -> None:
        """Print it."""
        self._terminal.say(text)

    def warn(self, text: str) -> None:
        """Print it as a warning."""
        self._terminal.warn(text)

    def explain(self) -> None:
        """What to do about a login that needs a project and has none."""
        self._terminal.say("A Gemini login needs a Google Cloud project, and there is none to use here.")
        for project in self.projects:
            self._terminal.say(f"  {_both(project)}")
        self._terminal.say("Name one (https://console.cloud.google.com/ shows and makes them):")
        self._terminal.say("  cliproxy login gemini --project-id PROJECT_ID")


class LoginWithProjects:
    """The login as one code flow: the account, then its projects."""

    def __init__(self, flow: GeminiFlow, preset: str, person: PersonAtTerminal) -> None:
        self.app = flow.app
        self._flow, self._preset, self._person = flow, preset, person

    def start(self, port: int = 0) -> Authorization:
        """Begin."""
        return self._flow.start(port)

    def finish(self, begun: Authorization, callback: Callback) -> TokenFile:
        """Log in, ask what there is to ask, set up.

        :raises LoginError: a step failed.
        """
        session = self._flow.finish(begun, callback)
        self._person.note(f"Logged in to Google as {session.email}.")
        try:
            return set_up_for_command(session, self._preset, self._person)
        except LoginError as error:
            if error.code in ("no_project", "project_selection_required"):
                self._person.explain()
            raise


@click.command()
@click.option(
    "--project-choice", type=click.Choice(["ask", "backend", "frontend"]), default="ask", show_default=True,
    help="Which project of a free-tier account: Google's (backend, with preview models) or the one that you see.",
)  # fmt: skip
@click.option("--project-id", default="", metavar="TEXT", help="Project: an id, several joined by commas, or ALL.")
@code_options
@guarded
def gemini(
    config: str | None, prefix: str, proxy_url: str, no_browser: bool, callback_port: int, timeout: float,
    no_ip_lookup: bool, project_id: str, project_choice: str,
) -> None:  # fmt: skip
    """A Google account, as Gemini CLI uses it."""
    desk = open_desk(config, options_of(no_browser, callback_port, timeout, no_ip_lookup), prefix, proxy_url)
    flow = GeminiFlow(desk.app("gemini"), desk.client)
    person = PersonAtTerminal(desk.terminal, project_choice)
    desk.save(desk.authorize(LoginWithProjects(flow, project_id, person)))


def _both(project: Project) -> str:
    return f"{project.id} ({project.name})" if project.name else project.id

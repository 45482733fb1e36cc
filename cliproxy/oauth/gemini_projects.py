"""Setting up the Google Cloud projects of a Gemini login (oauth-login.md 4): list, onboard, check, name the file.

The command line and the web login run the same code; they differ in who is asked (``Person``), in ``auto`` and in the
file's name. Which project is the final one is decided in ``gemini_choice``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from cliproxy.errors import LoginError, UpstreamError, UpstreamStatus
from cliproxy.oauth.flow import TokenFile
from cliproxy.oauth.gemini import GoogleSession, token_file
from cliproxy.oauth.gemini_choice import Person, Project, candidates, decide, is_free_user, select
from cliproxy.providers.headers import GOOGLE_NODE
from cliproxy.providers.tokens.client import text_of

log = logging.getLogger(__name__)

CODE_ASSIST = "https://cloudcode-pa.googleapis.com"
RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com"
SERVICE_USAGE = "https://serviceusage.googleapis.com"

ATTEMPTS = 60
"""How often ``onboardUser`` is asked at most."""
PAUSE = 5.0
"""Seconds between two of them."""

_SERVICE = "cloudaicompanion.googleapis.com"
_METADATA = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}
_CHECK_HEADERS = {"Content-Type": "application/json", "User-Agent": GOOGLE_NODE["User-Agent"]}
_FALLBACK_TIER = "legacy-tier"
_MAX_PAGES = 200
_MAX_WORDS = 8192

_NOT_ONBOARDED = "Failed to complete Gemini CLI onboarding"
_NOT_CHECKED = "Failed to verify Cloud AI API status"
"""What the dashboard shows (13)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long an onboarding waits. ``still_wanted``: False once nobody waits for this login any more."""

    sleep: Callable[[float], None] = time.sleep
    still_wanted: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Nobody:
    """The person of a web login: takes the backend, and hears nothing but the log."""

    def show(self, projects: Sequence[Project]) -> None:
        """Nothing."""

    def pick(self, default: str) -> str:
        """The default."""
        return ""

    def prefers_backend(self, frontend: str, backend: str) -> bool:
        """Always."""
        log.info("Gemini login: free-tier project %s is mapped to its backend project %s", frontend, backend)
        return True

    def note(self, text: str) -> None:
        """Into the log."""
        log.debug("Gemini login: %s", text)

    def warn(self, text: str) -> None:
        """Into the log."""
        log.warning("Gemini login: %s", text)


def set_up_for_command(session: GoogleSession, preset: str, person: Person, pace: Pace | None = None) -> TokenFile:
    """The token file of a login at the command line. ``preset``: an id, ids joined by ``,``, ``ALL``, or empty.

    :raises LoginError: any step failed; nothing is to be saved.
    """
    chosen = select(list_projects(session), preset, person)
    final = final_projects(session, chosen, person, pace or Pace())
    return _checked_file(session, final, auto=False, web=False)


def set_up_for_web(session: GoogleSession, requested: str, pace: Pace | None = None) -> TokenFile:
    """The token file of a web login. ``requested``: as ``preset``; empty takes the first listed project.

    :raises LoginError: its text is what the dashboard shows; the cause has the details. ``login_abandoned`` when nobody
        waits any more.
    """
    requested, person = requested.strip(), Nobody()
    try:
        final = final_projects(session, _requested(session, requested), person, pace or Pace())
        return _checked_file(session, final, auto=not requested, web=True)
    except LoginError as error:
        if error.code == "login_abandoned":
            raise
        text = _NOT_CHECKED if error.code == "project_activation_required" else _NOT_ONBOARDED
        raise LoginError(text, code=error.code) from error


def list_projects(session: GoogleSession) -> list[Project]:
    """All projects of the account, whatever their state, page by page (4.1).

    :raises LoginError: ``project_list_failed``.
    """
    found: list[Project] = []
    page, seen = "", set[str]()
    while page not in seen and len(seen) < _MAX_PAGES:
        seen.add(page)
        query = f"?{urlencode({'pageToken': page})}" if page else ""
        with _step("failed to get project list", "project_list_failed"):
            answer = session.get(f"{RESOURCE_MANAGER}/v1/projects{query}")
        found.extend(_projects(answer.get("projects")))
        page = text_of(answer, "nextPageToken")
    return found


def final_projects(session: GoogleSession, chosen: Iterable[str], person: Person, pace: Pace) -> tuple[str, ...]:
    """Onboard the candidates in order; their final ids, each once.

    :raises LoginError: one of them failed.
    """
    return tuple(dict.fromkeys([set_up_project(session, candidate, person, pace) for candidate in chosen]))


def set_up_project(session: GoogleSession, candidate: str, person: Person, pace: Pace) -> str:
    """Onboard one candidate; its final project id (4.3). An empty candidate takes what Google proposes.

    :raises LoginError: ``onboarding_failed``, ``onboarding_timeout``, ``login_abandoned``, or
        ``project_selection_required`` when Google proposes none.
    """
    candidate = candidate.strip()
    person.note(f"Setting up project {candidate or 'of the account'} ...")
    body = {"metadata": _METADATA, **({"cloudaicompanionProject": candidate} if candidate else {})}
    answer = _code_assist(session, "loadCodeAssist", body, "load code assist")
    tier = _default_tier(answer)
    project = candidate or _project_of(answer)
    if not project:
        raise LoginError("project selection required", code="project_selection_required")
    named = _onboarded(session, project, tier or _FALLBACK_TIER, pace)
    decision = decide(
        project, named, explicit=bool(candidate), free=is_free_user(project, tier or _FALLBACK_TIER, bool(tier)),
        prefers_backend=person.prefers_backend,
    )  # fmt: skip
    if decision.warning:
        person.warn(decision.warning)
    return decision.project


def check_service(session: GoogleSession, project: str) -> None:
    """See that the Cloud AI API is enabled in a project, or enable it (4.5).

    :raises LoginError: ``project_activation_required``.
    """
    url = f"{SERVICE_USAGE}/v1/projects/{quote(project, safe=':')}/services/{_SERVICE}"
    try:
        if session.get(url, _CHECK_HEADERS).get("state") == "ENABLED":
            return
    except UpstreamError:
        pass  # whatever it was: enabling tells
    try:
        session.post(f"{url}:enable", {}, _CHECK_HEADERS)
    except UpstreamError as error:
        words = _message(error.text)
        if error.code == UpstreamError.code or (error.status == 400 and "already enabled" in words.lower()):
            return  # the first: a 2xx answer whose body is no JSON object; only its status counts
        text = f"project activation required: {words[:_MAX_WORDS]}"
        raise LoginError(text, code="project_activation_required") from error


def _requested(session: GoogleSession, requested: str) -> tuple[str, ...]:
    """The candidates of a web login."""
    if requested and requested.lower() != "all":
        return candidates((), requested)
    projects = list_projects(session)
    return candidates(projects, requested or (projects[0].id if projects else ""))


def _checked_file(session: GoogleSession, final: Sequence[str], *, auto: bool, web: bool) -> TokenFile:
    for project in final:
        check_service(session, project)
    return token_file(session, ",".join(final), auto=auto, web=web)


def _onboarded(session: GoogleSession, project: str, tier: str, pace: Pace) -> str:
    """Ask until it is done; the project that the answer names, or empty."""
    body = {"tierId": tier, "metadata": _METADATA, "cloudaicompanionProject": project}
    for attempt in range(ATTEMPTS):
        if attempt:
            pace.sleep(PAUSE)
        if not pace.still_wanted():
            raise LoginError("the login was given up", code="login_abandoned")
        answer = _code_assist(session, "onboardUser", body, "onboard user")
        if answer.get("done") is True:
            response = answer.get("response")
            return _project_of(response) if isinstance(response, dict) else ""
    raise LoginError(f"onboard user: onboarding timed out after {ATTEMPTS} attempts", code="onboarding_timeout")


def _code_assist(session: GoogleSession, method: str, body: Mapping[str, Any], step: str) -> dict[str, Any]:
    with _step(step, "onboarding_failed"):
        return session.post(f"{CODE_ASSIST}/v1internal:{method}", body, GOOGLE_NODE)


@contextmanager
def _step(name: str, code: str) -> Iterator[None]:
    """Failures of a call as this step's."""
    try:
        yield
    except UpstreamStatus as error:
        words = f"api request failed with status {error.status}: {error.text.strip()[:_MAX_WORDS]}"
        raise LoginError(f"{name}: {words}", code=code) from error
    except UpstreamError as error:
        raise LoginError(f"{name}: {error.text}", code=code) from error


def _default_tier(answer: Mapping[str, Any]) -> str:
    """The id of the first default tier; empty when the answer names none."""
    tiers = answer.get("allowedTiers")
    for tier in tiers if isinstance(tiers, list) else ():
        if isinstance(tier, dict) and tier.get("isDefault") is True and (found := text_of(tier, "id")):
            return found
    return ""


def _project_of(answer: Mapping[str, Any]) -> str:
    """The managed project of an answer: a string, or an object with ``id``; empty for anything else."""
    project = answer.get("cloudaicompanionProject")
    return text_of(project, "id") if isinstance(project, dict) else text_of(answer, "cloudaicompanionProject")


def _projects(listed: object) -> Iterable[Project]:
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and (project := text_of(entry, "projectId")):
            yield Project(project, text_of(entry, "name"))


def _message(body: str) -> str:
    """Google's own words in an error body, else the body."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.strip()
    error = content.get("error") if isinstance(content, dict) else None
    return (text_of(error, "message") if isinstance(error, dict) else "") or body.strip()

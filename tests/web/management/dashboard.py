"""A person with a dashboard who adds an account: an application, and the fake of a provider behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from oauth.sites import Site
from upstream.waiting import eventually

if TYPE_CHECKING:
    from management.conftest import Manager

OK = {"status": "ok"}


def error(text: str) -> dict[str, str]:
    """The form of these routes' errors."""
    return {"status": "error", "error": text}


class Visitor:
    """An application whose provider is a fake, and a person with a dashboard."""

    def __init__(self, manager: Manager, site: Site, authority: Any, port: int) -> None:
        self.manager, self.site, self.authority, self.port = manager, site, authority, port

    def start(self, query: str = "") -> tuple[str, str]:
        """(the address to open, the state)."""
        found = self.manager.get(self.site.path + query)
        assert list(found) == ["status", "url", "state"]
        assert found["status"] == "ok"
        return found["url"], found["state"]

    def status(self, state: str) -> Any:
        """What the dashboard is told."""
        return self.manager.get(f"get-auth-status?state={state}")

    def ended(self, state: str) -> Any:
        """The status when it is no longer ``wait``."""
        return eventually(
            lambda: None if (found := self.status(state)) == {"status": "wait"} else found, "the login ends"
        )

    def files(self) -> list[str]:
        """The names of all token files."""
        return sorted(path.name for path in self.manager.auths.iterdir() if path.suffix == ".json")

    def post(self, **body: Any) -> tuple[int, Any]:
        """(status, JSON) of ``oauth-callback``."""
        answer = self.manager.ask("POST", "oauth-callback", body)
        return answer.status_code, answer.json


Visit = Callable[..., Visitor]

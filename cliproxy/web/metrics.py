"""``GET /metrics`` for Prometheus (design D21)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from flask import Blueprint, Response, request

from cliproxy.config.settings import Settings
from cliproxy.pool.view import CredentialView
from cliproxy.records.metrics import CONTENT_TYPE, CredentialState, Metrics
from cliproxy.web.management.authentication import ManagementAuthenticator, ManagementRefused


class MetricsView:
    """The view: all figures; needs the management key unless ``metrics.public`` is true.

    ``flush`` is called before they are shown, to count what still waits in the usage queue.
    """

    def __init__(
        self,
        metrics: Metrics,
        management: ManagementAuthenticator,
        settings: Callable[[], Settings],
        flush: Callable[[], object],
    ) -> None:
        self._metrics, self._management, self._settings, self._flush = metrics, management, settings, flush

    def __repr__(self) -> str:
        return f"<MetricsView {self._metrics!r}>"

    def __call__(self) -> Response:
        """Answer the current request."""
        headers: dict[str, str] = {}
        if not self._settings().metrics_public:
            try:
                self._management.check(request.environ)
            except ManagementRefused as refusal:
                return refusal.response
            headers = self._management.headers
        self._flush()
        return Response(self._metrics.render(), content_type=CONTENT_TYPE, headers=headers)


def blueprint(view: MetricsView) -> Blueprint:
    """The route."""
    found = Blueprint("metrics", __name__)
    found.add_url_rule("/metrics", endpoint="metrics", view_func=view, methods=["GET"])
    return found


def credential_states(views: Iterable[CredentialView]) -> Iterator[CredentialState]:
    """The pool's credentials without anything that says whose they are."""
    for view in views:
        credential = view.credential
        yield CredentialState(
            credential.index, credential.executor_key, view.state, len(view.cooldowns), view.next_retry_after
        )

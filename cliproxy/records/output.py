"""Log lines and log files as the configuration wants them, at start and live (logging.md 4.3, 5, 6, 13)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cliproxy.records import applog
from cliproxy.records.log_dir import resolve_log_directory
from cliproxy.records.rotating import MAIN_LOG
from cliproxy.records.size_cap import SizeCap

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogPlan:
    """What the configuration says: ``logging-to-file``, ``auth-dir``, ``logs-max-total-size-mb`` (MiB, <= 0 = none)."""

    to_file: bool = False
    auth_dir: str | None = None
    max_total_mb: int = 0


class LogOutput:
    """Knows the log directory, directs the application log and keeps the size cap.

    ``directory`` is resolved when the object is made and again by each ``apply`` with another plan. Its ``cap.run`` is
    for a housekeeping job of every 60 s.
    """

    def __init__(
        self, plan: LogPlan, environ: Mapping[str, str], *, cwd: Path | None = None, own_thread: bool = True
    ) -> None:
        self._environ, self._cwd, self._own_thread = environ, cwd, own_thread
        self._plan: LogPlan | None = None
        self.directory = resolve_log_directory(environ, plan.auth_dir, cwd)
        self.cap = SizeCap()

    def __repr__(self) -> str:
        return f"<LogOutput {self.directory}, {self._plan}>"

    def apply(self, plan: LogPlan) -> None:
        """Put a plan into force.

        :raises OSError: the log directory cannot be used; the old destination stays.
        """
        if plan == self._plan:
            return
        directory = resolve_log_directory(self._environ, plan.auth_dir, self._cwd)
        applog.configure(directory if plan.to_file else None, own_thread=self._own_thread)
        self.directory, self._plan = directory, plan
        self.cap.set(directory, plan.max_total_mb << 20, (MAIN_LOG,) if plan.to_file else ())

    def reapply(self, plan: LogPlan) -> None:
        """A new plan while the server runs: what cannot be done is logged, the cap is kept at once."""
        if plan == self._plan:
            return
        try:
            self.apply(plan)
        except OSError as error:
            log.error("failed to configure log output: %s", error)
            return
        self.cap.run()

    def close(self) -> None:
        """The process ends: everything is written."""
        applog.close()

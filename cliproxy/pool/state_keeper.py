"""Writes the pool's state soon after it changed, off the request path, and does what the command line asks for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from cliproxy.blocking import off_hub
from cliproxy.pool.auth_lock import AuthLock
from cliproxy.pool.lifecycle import CredentialSource
from cliproxy.pool.mailbox import Wish, carry_out
from cliproxy.pool.pool import Pool
from cliproxy.pool.state_file import dump_state, state_path, write_state

log = logging.getLogger(__name__)

COUNTERS_EVERY = 5.0
"""Seconds between writes when only counters have changed; a change of health is written at the next look."""
_PATIENCE = 60.0


class StateKeeper:
    """Keeps the state file of the auth directory, if no other process does. ``clock`` gives Unix seconds."""

    def __init__(self, pool: Pool, source: CredentialSource, clock: Callable[[], float] = time.time) -> None:
        self._pool, self._source, self._clock = pool, source, clock
        self._lock = AuthLock(source.auth_dir)
        self._waiting_since: float | None = None
        self._saved = (0, 0)
        self._saved_at = 0.0
        self._failing = False

    def __repr__(self) -> str:
        return f"<StateKeeper {state_path(self._source.auth_dir)}>"

    def look(self) -> None:
        """Carry out wishes, then write what is new; to be called every second."""
        if not self._is_ours():
            return
        wishes = carry_out(self._source.auth_dir, self._carry_out)
        changes, uses = self._pool.changes, self._pool.uses
        if (
            wishes
            or changes != self._saved[0]
            or (uses != self._saved[1] and self._clock() - self._saved_at >= COUNTERS_EVERY)
        ):
            self.save()
        for path in wishes:  # only now: whoever waits for it reads what came of it
            path.unlink(missing_ok=True)

    def save(self) -> None:
        """Write now."""
        if not self._lock.held:
            return
        self._saved = (self._pool.changes, self._pool.uses)
        self._saved_at = self._clock()
        path, now = state_path(self._source.auth_dir), self._saved_at
        content = self._pool.read(lambda entries: dump_state(entries, now))
        try:
            off_hub(lambda: write_state(path, content))
        except OSError as error:
            if not self._failing:
                log.warning("cooldowns cannot be saved for the next start: %s", error)
            self._failing, self._saved = True, (-1, -1)
        else:
            self._failing = False

    def stop(self) -> None:
        """Write a last time and let another process take over."""
        if self._is_ours() and (self._pool.changes, self._pool.uses) != self._saved:
            self.save()
        self._lock.release()

    def _is_ours(self) -> bool:
        if self._lock.path.parent != state_path(self._source.auth_dir).parent:
            self._lock.release()
            self._lock = AuthLock(self._source.auth_dir)
        try:
            if self._lock.acquire():
                return True
        except OSError as error:
            if not self._failing:
                log.warning("the auth directory cannot be locked, cooldowns are not saved: %s", error)
            self._failing = True
            return False
        self._grow_impatient()
        return False

    def _grow_impatient(self) -> None:
        """The one before us may be ending; only one that stays is worth a word."""
        now = self._clock()
        if self._waiting_since is None:
            self._waiting_since = now
        elif self._waiting_since and now - self._waiting_since > _PATIENCE:
            self._waiting_since = 0.0
            log.warning("another server uses %s: cooldowns and token refreshes are not shared", self._source.auth_dir)

    def _carry_out(self, wish: Wish) -> None:
        if wish.action == "reset":
            self._pool.reset(wish.credential_id)
        else:
            self._source.set_disabled(wish.credential_id, wish.action == "disable")
        log.info("%s %s: done, as asked for on the command line", wish.action, wish.credential_id)

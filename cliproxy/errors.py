"""The one error family. Every error knows its HTTP status, a short code and the text a person reads.

CliproxyError
├── ConfigError            the configuration is wrong; carries every problem found
├── RequestError           the client's request is at fault (400, 413, 415 ...)
├── UnknownModel           no provider offers the model (502)
├── LoginError             a login did not work; says what to do, knows the command's exit code
├── PoolError              no credential could be asked
│   ├── AuthNotFound       nobody offers the model
│   ├── AuthUnavailable    credentials exist but are blocked
│   ├── ExecutorNotFound   a provider without an implementation
│   ├── ProviderNotFound   an empty provider list
│   └── ModelCooldown      all are in quota cooldown (429, Retry-After)
└── UpstreamError          the other side failed, or the way there
    ├── UpstreamStatus     an answer outside 200-299; text is its body, byte for byte
    ├── UpstreamTransport  DNS, refused, reset, TLS, a cut body: no status
    ├── FirstByteTimeout   nothing came within the provider's limit (504)
    ├── IdleTimeout        a started stream went silent (no status)
    └── RefreshRejected    a login is over: its refresh token is not accepted any more

Local faults (RequestError, PoolError) and remote faults (UpstreamError) are different classes on purpose: only the
latter say anything about a credential. Statuses and texts: client-api.md 6.3, providers.md 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class CliproxyError(Exception):
    """Base of all; never raised itself.

    ``status`` is the HTTP status or None when there is none (shown to clients as 500); ``text`` is what the common
    error writer (client-api.md 6.1) gets: plain words or an upstream's JSON body; ``headers`` are response headers.
    """

    status: int | None = 500
    code: str = "internal_error"

    def __init__(self, text: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.headers: Mapping[str, str] = headers or {}


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a configuration file. ``line`` counts from 1; 0 when unknown. ``key`` is a dotted path."""

    message: str
    key: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.key}: {self.message}" if self.key else f"{where}{self.message}"


class ConfigError(CliproxyError):
    """A configuration that cannot be used; ``problems`` holds all faults of the file, in file order."""

    code = "invalid_config"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class RequestError(CliproxyError):
    """The client's request cannot be handled as sent."""

    code = "invalid_request"

    def __init__(self, text: str, *, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text, headers=headers)
        self.status = status


class UnknownModel(CliproxyError):
    """No provider offers the model, or none is configured."""

    status = 502
    code = "unknown_model"

    def __init__(self, model: str) -> None:
        super().__init__(f"unknown provider for model {model}")
        self.model = model


class LoginError(CliproxyError):
    """A login did not work (oauth-login.md 14). ``exit_code`` is the command line's."""

    status = 400
    code = "login_failed"

    def __init__(self, text: str, *, code: str = "", status: int = 400, exit_code: int = 1) -> None:
        super().__init__(text)
        self.code = code or type(self).code
        self.status = status
        self.exit_code = exit_code


class PoolError(CliproxyError):
    """No credential could be asked; text has the form ``code: words``."""

    words = "no auth available"

    def __init__(self, text: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text or f"{self.code}: {self.words}", headers=headers)


class AuthNotFound(PoolError):
    """No credential offers the model, or all were tried."""

    code = "auth_not_found"


class AuthUnavailable(PoolError):
    """Credentials exist but are blocked, not all of them by quota."""

    code = "auth_unavailable"


class ExecutorNotFound(PoolError):
    """A credential names a provider that has no implementation."""

    code = "executor_not_found"
    words = "executor not registered"


class ProviderNotFound(PoolError):
    """The pool was asked without any provider."""

    code = "provider_not_found"
    words = "no provider supplied"


class ModelCooldown(PoolError):
    """Every credential of the model waits for its quota; ``text`` is the JSON body of client-api.md 6.3."""

    status = 429
    code = "model_cooldown"


class UpstreamError(CliproxyError):
    """An attempt with one credential failed. ``retry_after`` in seconds, when the upstream named one."""

    status = None
    code = "upstream_error"

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text, headers=headers)
        if status is not None:
            self.status = status
        self.retry_after = retry_after
        self.format = ""
        """The wire format that a JSON ``text`` is written in, when its provider said so."""


class UpstreamStatus(UpstreamError):
    """The upstream answered outside 200-299, or said so inside its stream."""

    code = "upstream_status"


class UpstreamTransport(UpstreamError):
    """The upstream could not be reached, or its answer broke off."""

    code = "upstream_transport"


class FirstByteTimeout(UpstreamError):
    """No byte of the answer came within the first-byte limit (providers.md 2.1)."""

    status = 504
    code = "first_byte_timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"upstream sent no data within {seconds:g}s")


class IdleTimeout(UpstreamError):
    """A started answer was silent for longer than the idle limit (providers.md 2.1)."""

    code = "idle_timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"upstream sent no data within {seconds:g}s")


class RefreshRejected(UpstreamError):
    """The refresh token was refused for good (``invalid_grant`` and the like, beyond.md 13.6): log in again."""

    code = "refresh_rejected"

"""RFC 3339 times with up to nanoseconds, kept as they were written (management-api.md 17.3)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

_FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
_ZERO_SECOND = (1 - _EPOCH_DAY) * 86400


@dataclass(frozen=True, slots=True)
class Moment:
    """One point in time. ``text`` is RFC 3339; day and hour are read in the text's own zone.

    ``second`` is Unix seconds, ``nanosecond`` 0 to 999999999 on top of it: the same for two texts of the same point.
    """

    text: str
    second: int
    nanosecond: int

    @property
    def day(self) -> str:
        """``YYYY-MM-DD``."""
        return self.text[:10]

    @property
    def hour(self) -> int:
        """0 to 23."""
        return int(self.text[11:13])

    @property
    def is_zero(self) -> bool:
        """True for ``0001-01-01T00:00:00Z``, which stands for no time at all."""
        return self.second == _ZERO_SECOND and not self.nanosecond

    @classmethod
    def of(cls, unix: float) -> Moment:
        """The local time of Unix seconds, to the microsecond."""
        microseconds = round(unix * 1e6)
        second, fraction = divmod(microseconds, 1_000_000)
        local = time.localtime(second)
        minutes = (local.tm_gmtoff or 0) // 60
        zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}" if minutes else "Z"
        tail = f".{fraction:06}".rstrip("0") if fraction else ""
        text = (
            f"{local.tm_year:04}-{local.tm_mon:02}-{local.tm_mday:02}"
            f"T{local.tm_hour:02}:{local.tm_min:02}:{local.tm_sec:02}{tail}{zone}"
        )
        return cls(text, second, fraction * 1000)

    @classmethod
    def parse(cls, text: str) -> Moment:
        """The time that a text names.

        :raises ValueError: it is no RFC 3339 time.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"no RFC 3339 time: {text[:40]!r}")
        year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
        fraction, zone = match[7] or "", match[8]
        days = datetime(year, month, day, hour, minute, second, tzinfo=UTC).toordinal() - _EPOCH_DAY
        since = days * 86400 + hour * 3600 + minute * 60 + second
        return cls(text, since - _offset(zone), int(fraction[:9].ljust(9, "0")))


def _offset(zone: str) -> int:
    """Seconds east of Greenwich."""
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"no offset: {zone}")
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def utc_now(unix: float) -> str:
    """Unix seconds as RFC 3339 in UTC, with microseconds where there are some."""
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")

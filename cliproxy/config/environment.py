"""``.env`` in the working directory (config.md 2): read first, never overriding what is set."""

from __future__ import annotations

import logging
import re
from collections.abc import MutableMapping
from pathlib import Path

log = logging.getLogger(__name__)

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*$")


def load_dotenv(environment: MutableMapping[str, str], path: str | Path = ".env") -> None:
    """Add the variables of a ``.env`` file; a missing file is silent, a malformed one a warning."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        log.warning("cannot read %s: %s", path, error)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            log.warning("%s line %d is not NAME=value: file ignored from here on", path, number)
            return
        environment.setdefault(match[1], _value(match[2]))


def _value(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        inner = text[1:-1]
        return inner.replace("\\n", "\n").replace('\\"', '"') if text[0] == '"' else inner
    return re.split(r"\s+#", text, maxsplit=1)[0]

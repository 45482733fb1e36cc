"""The first configuration of a new machine (design D11): ``python -m cliproxy.config.first_run PATH``.

Only ``scripts/serve`` calls it. Prints ``CLIENT_KEY`` and ``MANAGEMENT_KEY`` once; the file holds the latter's hash.
"""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path

from cliproxy.config.files import atomic_write
from cliproxy.config.load import load_text
from cliproxy.config.management_key import hash_key

_SAMPLES = re.compile(r"^api-keys:[^\n]*\n(?:[ \t]*(?:-|#)[^\n]*\n)+", re.MULTILINE)


def first_config(example: str, client_key: str, management_hash: str) -> str:
    """The example with one client key, a management key, loopback only and the demo on; comments stay.

    :raises ValueError: the example has lost one of the lines that are replaced.
    """
    text = example
    for pattern, line in (
        (_SAMPLES, f'api-keys:\n  - "{client_key}"\n'),
        (re.compile(r"^host:.*$", re.MULTILINE), 'host: "127.0.0.1"'),
        (re.compile(r"^  secret-key:.*$", re.MULTILINE), f'  secret-key: "{management_hash}"'),
        (re.compile(r"^#? ?demo:.*$", re.MULTILINE), "demo: true"),
    ):
        text, count = pattern.subn(line.replace("\\", "\\\\"), text, count=1)
        if not count:
            raise ValueError(f"config.example.yaml has no line like {pattern.pattern!r}")
    load_text(text)
    return text


def main(target: str, example: str) -> None:
    """Write the file, unless there is one."""
    path = Path(target)
    if path.exists():
        return
    client_key, management_key = f"sk-{secrets.token_urlsafe(24)}", secrets.token_urlsafe(24)
    text = first_config(Path(example).read_text("utf-8"), client_key, hash_key(management_key))
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text.encode())
    print(f"CLIENT_KEY={client_key}\nMANAGEMENT_KEY={management_key}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""The session of docs/management-curl.md, command by command on a real server (issue 8)."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from end_to_end.proxy import ROOT, Start
from end_to_end.transcript import Shell, Step, differences, steps
from upstream.needed import missing

from cliproxy.web.management.openapi.document import GROUPS
from cliproxy.web.management.openapi.operation import Group

PAGE = (ROOT / "docs" / "management-curl.md").read_text()
CONFIG = re.search(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def only_looks(command: str) -> bool:
    """Whether a command may be repeated until it shows what it should."""
    return command.startswith(("api $M", 'api "$M')) and " -" not in command.partition("|")[0] and ">" not in command


def test_the_session(start: Start, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("the curl transcript needs curl: apt-get install curl")
    assert CONFIG is not None
    proxy = start(CONFIG[1], env={"MANAGEMENT_PASSWORD": "manager"})
    shell = Shell(tmp_path, {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "URL": proxy.base_url})
    try:
        found = list(differences(shell, steps(PAGE), only_looks))
    finally:
        shell.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_every_group_is_touched(group: Group) -> None:
    commands = "".join(step.command for step in steps(PAGE))
    paths = {operation.path.partition("{")[0] for operation in group.operations}
    assert any(re.search(rf"\$(?:M/|URL){re.escape(path)}(?![\w-])", commands) for path in paths)


def test_what_fits() -> None:
    """The marks of the document, and that anything else must be the same."""
    step = Step(1, "x", '{"id":"<hex>","at":"<time>","n":<number>}\n...\nend ...\n')
    good = '{"id":"a1b2","at":"2026-01-02T03:04:05.678+01:00","n":4.5}\n1\n2\nend of it\n'
    assert step.fits(good)
    assert step.fits(good.replace("1\n2\n", ""))
    assert not step.fits(good.replace("a1b2", "xyz"))
    assert not step.fits(good.replace("end", "End"))
    assert not step.fits(good + "more\n")


def test_steps() -> None:
    text = "a\n```console\n$ one <<E\n> two\n> E\nout\n$ three\n```\n```sh\n$ no\n```\n"
    assert list(steps(text)) == [Step(3, "one <<E\ntwo\nE\n", "out\n"), Step(7, "three\n", "")]

"""The first configuration of a new machine (config.md 3, design D11)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cliproxy.config.first_run import first_config, main
from cliproxy.config.load import load_file, load_text, refuse_sample_keys
from cliproxy.config.management_key import verify_key

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.yaml"
TEXT = EXAMPLE.read_text("utf-8")


def test_first_config() -> None:
    text = first_config(TEXT, "sk-mine", "$2b$10$" + "x" * 53)
    loaded = load_text(text)
    refuse_sample_keys(loaded)
    settings = loaded.settings
    assert (settings.host, settings.api_keys, settings.demo) == ("127.0.0.1", ("sk-mine",), True)
    assert settings.remote_management.secret_key == "$2b$10$" + "x" * 53
    kept = set(re.findall(r"^#.*$", TEXT, re.MULTILINE))
    assert kept == set(re.findall(r"^#.*$", text, re.MULTILINE))


@pytest.mark.parametrize("key", ["api-keys:", "host:", "  secret-key:", "demo:"])
def test_first_config_of_a_damaged_example(key: str) -> None:
    with pytest.raises(ValueError, match=key.strip(" :")):
        first_config(TEXT.replace(f"\n{key}", "\n#x:"), "sk-mine", "h")


def test_only_these_lines_differ() -> None:
    before, after = TEXT.splitlines(), first_config(TEXT, "sk-mine", "h").splitlines()
    assert set(after) - set(before) == {'  - "sk-mine"', '  secret-key: "h"', "demo: true"}
    assert set(before) - set(after) == {
        '  - "your-api-key-1"', '  - "your-api-key-2"', '  - "your-api-key-3"', '  secret-key: ""', "demo: false",
    }  # fmt: skip


def test_as_scripts_serve_calls_it(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    command = [sys.executable, "-m", "cliproxy.config.first_run", str(path), str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=EXAMPLE.parent, timeout=60)
    assert re.fullmatch(r"CLIENT_KEY=sk-\S{32}\nMANAGEMENT_KEY=\S{32}\n", done.stdout)
    assert done.stderr == ""
    refuse_sample_keys(load_file(path))


def test_first_run_prints_the_keys_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep" / "config.yaml"
    main(str(path), str(EXAMPLE))
    printed = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    settings = load_file(path).settings
    assert settings.api_keys == (printed["CLIENT_KEY"],)
    assert verify_key(printed["MANAGEMENT_KEY"], settings.remote_management.secret_key)
    assert printed["MANAGEMENT_KEY"] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    main(str(path), str(EXAMPLE))
    assert (path.read_bytes(), capsys.readouterr().out) == (before, "")

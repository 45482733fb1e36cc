"""The application log, error logs and request logs through the API (management-api.md 16)."""

from __future__ import annotations

import os
from pathlib import Path
from time import localtime, strftime
from typing import Any

import pytest
from management.conftest import Manage, Manager
from upstream.waiting import eventually
from werkzeug.test import TestResponse

from cliproxy.web.management import downloads, logs

TO_FILE = "logging-to-file: true\n"
T0 = 1_767_300_000
ID = "a1b2c3d4"
REQUEST_LOG = f"v1-responses-2026-01-02T030405-{ID}.log"


def folder(manager: Manager) -> Path:
    """The log directory, made."""
    found = manager.folder / "logs"
    found.mkdir(exist_ok=True)
    return found


def fetch(manager: Manager, path: str, **headers: str) -> TestResponse:
    """A download, read to its end and closed. Headers with underscores."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return manager.ask("GET", path, headers=sent, buffered=True)


def move(manager: Manager, directory: Path) -> None:
    """As if the configuration had moved the log directory."""
    manager.app.extensions["cliproxy.lifecycle"]._output.directory = directory


def lines(*numbers: int) -> str:
    """Lines of these seconds after T0."""
    return "".join(f"[{strftime('%Y-%m-%d %H:%M:%S', localtime(T0 + n))}] line {n}\n" for n in numbers)


@pytest.fixture
def manager(manage: Manage) -> Manager:
    """One that writes ``main.log``, with two rotated files before it."""
    made = manage(TO_FILE)
    where = folder(made)
    (where / "main-2026-01-01T00-00-00.000.log").write_text(lines(1, 2))
    (where / "main.log.1").write_text(lines(3))
    return made


def shown(manager: Manager, query: str) -> Any:
    return manager.get(f"logs?{query}")


class TestLog:
    """16.1 and 16.2."""

    def test_everything(self, manager: Manager) -> None:
        found = manager.get("logs")
        assert [line[-6:] for line in found["lines"][:3]] == ["line 1", "line 2", "line 3"]
        assert found["line-count"] == len(found["lines"]) > 3
        assert found["latest-timestamp"] > T0 + 3

    def test_only_what_is_newer(self, manager: Manager) -> None:
        (folder(manager) / "main.log").write_text(lines(4, 5))
        assert [line[-1] for line in shown(manager, f"after={T0 + 2}")["lines"]] == ["3", "4", "5"]
        found = shown(manager, f"after={T0 + 5}")
        assert found == {"lines": [], "line-count": 5, "latest-timestamp": T0 + 5}
        assert shown(manager, f"after={T0 + 99}")["latest-timestamp"] == T0 + 99

    @pytest.mark.parametrize("after", ["", "0", "-5", "soon", "1_0", "9" * 30, "1.5", "%D9%A1"])
    def test_times_that_are_none(self, manager: Manager, after: str) -> None:
        (folder(manager) / "main.log").write_text(lines(4))
        found = shown(manager, f"after={after}")
        assert (len(found["lines"]), found["latest-timestamp"]) == (4, T0 + 4)

    def test_the_last_ones(self, manager: Manager) -> None:
        (folder(manager) / "main.log").write_text(lines(4, 5))
        found = shown(manager, "limit=%202%20")
        assert [line[-1] for line in found["lines"]] == ["4", "5"]
        assert found["line-count"] == 5
        assert [line[-1] for line in shown(manager, f"limit=1&after={T0 + 1}")["lines"]] == ["5"]

    @pytest.mark.parametrize(
        ("limit", "words"),
        [("x", "a positive integer"), ("1.0", "a positive integer"), ("1_0", "a positive integer"),
         ("9" * 40, "a positive integer"), ("0", "greater than zero"), ("-3", "greater than zero")],
    )  # fmt: skip
    def test_limits_that_are_none(self, manager: Manager, limit: str, words: str) -> None:
        assert manager.refused("GET", f"logs?limit={limit}") == (400, {"error": f"invalid limit: must be {words}"})

    def test_off(self, manage: Manage) -> None:
        manager = manage()
        for method in ("GET", "DELETE"):
            assert manager.refused(method, "logs?limit=x") == (400, {"error": "logging to file disabled"})

    def test_no_directory(self, manage: Manage) -> None:
        manager = manage(TO_FILE)
        move(manager, manager.folder / "missing")
        assert shown(manager, "limit=x") == {"lines": [], "line-count": 0, "latest-timestamp": 0}
        for after, latest in ((7, 7), (-7, 0)):
            assert shown(manager, f"after={after}") == {"lines": [], "line-count": 0, "latest-timestamp": latest}
        assert manager.refused("DELETE", "logs") == (404, {"error": "log directory not found"})

    def test_a_line_that_is_too_long(self, manager: Manager) -> None:
        path = folder(manager) / "main.log.1"
        path.write_bytes(b"x" * (9 << 20))
        words = f"failed to read log file {path}: a line is longer than 8 MiB"
        assert manager.refused("GET", "logs") == (500, {"error": words})

    def test_cleared(self, manager: Manager) -> None:
        (folder(manager) / REQUEST_LOG).write_text("stays")
        answer = manager.done("DELETE", "logs")
        assert answer == {"success": True, "message": "Logs cleared successfully", "removed": 2}
        assert sorted(path.name for path in folder(manager).iterdir()) == ["main.log", REQUEST_LOG]
        manager.app.logger.warning("written after that")
        eventually(
            lambda: any("written after that" in line for line in manager.get("logs")["lines"]), "the log goes on"
        )
        assert not any("line 1" in line for line in manager.get("logs")["lines"])


class TestErrorLogs:
    """16.3 and 16.4."""

    def test_newest_first(self, manage: Manage) -> None:
        manager = manage()
        assert manager.get("request-error-logs") == {"files": []}
        for name, moment in (("error-a-1.log", T0), ("error-b-2.log", T0 + 9), ("a-3.log", T0), ("error-c.txt", T0)):
            (folder(manager) / name).write_text("1234")
            os.utime(folder(manager) / name, (moment + 0.75,) * 2)
        assert manager.get("request-error-logs") == {
            "files": [
                {"name": "error-b-2.log", "size": 4, "modified": T0 + 9},
                {"name": "error-a-1.log", "size": 4, "modified": T0},
            ]
        }
        assert manager.done("PUT", "request-log", {"value": True})
        assert manager.get("request-error-logs") == {"files": []}
        assert fetch(manager, "request-error-logs/error-a-1.log").text == "1234"

    @pytest.mark.parametrize(
        ("name", "status", "words"),
        [
            ("main.log", 404, "log file not found"),
            ("error-9.log", 404, "log file not found"),
            ("error-folder.log", 400, "invalid log file"),
            ("error-link.log", 400, "invalid log file path"),
            ("error-..%5Cx.log", 400, "invalid log file name"),
            ("%20", 400, "invalid log file name"),
        ],
    )
    def test_names_that_are_none(self, manage: Manage, name: str, status: int, words: str) -> None:
        manager = manage()
        (folder(manager) / "main.log").touch()
        (folder(manager) / "error-folder.log").mkdir()
        (folder(manager) / "error-link.log").symlink_to(manager.config)
        assert manager.refused("GET", f"request-error-logs/{name}") == (status, {"error": words})

    def test_paths_are_no_names(self, manage: Manage) -> None:
        answer = manage().ask("GET", "request-error-logs/..%2Fconfig.yaml")
        assert (answer.status_code, answer.text) == (404, "404 page not found")


class TestDownload:
    """What both ways to a file have in common (16.4, 16.5)."""

    @pytest.fixture
    def path(self, manage: Manage) -> Path:
        """A request log of 600 kB, which is more than is read at once."""
        self.manager = manage()
        found = folder(self.manager) / REQUEST_LOG
        found.write_bytes(b"0123456789" * 60_000)
        os.utime(found, (T0 + 0.5,) * 2)
        return found

    def ask(self, **headers: str) -> TestResponse:
        return fetch(self.manager, f"request-log-by-id/{ID}", **headers)

    def test_whole(self, path: Path) -> None:
        answer = self.ask()
        assert (answer.status_code, answer.data) == (200, path.read_bytes())
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{REQUEST_LOG}"'
        assert answer.headers["Content-Length"] == "600000"
        assert answer.headers["Last-Modified"] == "Thu, 01 Jan 2026 20:40:00 GMT"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["X-CPA-VERSION"]

    @pytest.mark.parametrize(
        ("asked", "begin", "end"),
        [("bytes=0-0", 0, 1), ("bytes=5-14", 5, 15), ("bytes=262140-262150", 262140, 262151),
         ("bytes=599999-", 599999, 600000), ("bytes=-3", 599997, 600000), ("bytes=7-9999999", 7, 600000)],
    )  # fmt: skip
    def test_a_part(self, path: Path, asked: str, begin: int, end: int) -> None:
        answer = self.ask(Range=asked)
        assert (answer.status_code, answer.data) == (206, path.read_bytes()[begin:end])
        assert answer.headers["Content-Range"] == f"bytes {begin}-{end - 1}/600000"
        assert answer.headers["Content-Length"] == str(end - begin)

    @pytest.mark.parametrize("asked", ["bytes=600000-", "bytes=x", "lines=0-1"])
    def test_a_part_that_is_none(self, path: Path, asked: str) -> None:
        answer = self.ask(Range=asked)
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */600000")
        assert answer.headers["X-CPA-VERSION"]

    def test_several_parts(self, path: Path) -> None:
        answer = self.ask(Range="bytes=0-1,5-6")
        assert (answer.status_code, len(answer.data)) == (200, 600_000)

    def test_only_when_changed(self, path: Path) -> None:
        known = self.ask().headers["Last-Modified"]
        answer = self.ask(If_Modified_Since=known)
        assert (answer.status_code, answer.data) == (304, b"")
        assert self.ask(Range="bytes=0-0", If_Range=known).status_code == 206
        os.utime(path, (T0 + 60,) * 2)
        assert self.ask(If_Modified_Since=known).status_code == 200
        assert self.ask(Range="bytes=0-0", If_Range=known).status_code == 200

    def test_an_empty_one(self, path: Path) -> None:
        path.write_bytes(b"")
        answer = self.ask()
        assert (answer.status_code, answer.data, answer.headers["Content-Length"]) == (200, b"", "0")

    def test_no_head(self, path: Path) -> None:
        assert self.manager.ask("HEAD", f"request-log-by-id/{ID}").status_code == 404

    def test_gone_since_it_was_found(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logs, "request_log_path", lambda *_: path.with_name("gone"))
        words = {"error": "log file not found for the given request ID"}
        assert self.manager.refused("GET", f"request-log-by-id/{ID}") == (404, words)

    def test_not_readable(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logs, "request_log_path", lambda *_: path.parent)
        words = {"error": "failed to read log file: Is a directory"}
        assert self.manager.refused("GET", f"request-log-by-id/{ID}") == (500, words)

    def test_every_block_is_read_beside_the_hub(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes: list[int] = []

        def watched(work: Any) -> Any:
            result = work()
            sizes.append(len(result) if isinstance(result, bytes) else -1)
            return result

        monkeypatch.setattr(downloads, "off_hub", watched)
        self.ask()
        assert sizes == [-1, 1 << 18, 1 << 18, 600_000 - (1 << 19), 0]

    def test_files_are_closed(self, path: Path) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for headers in (
            {},
            {"Range": "bytes=1-2"},
            {"Range": "bytes=x"},
            {"If_Modified_Since": "Thu, 01 Jan 2099 00:00:00 GMT"},
        ):
            self.ask(**headers)
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.log", 'attachment; filename="a.log"'),
        ('a"b\\c.log', 'attachment; filename="a\\"b\\\\c.log"'),
        ("a\r\nX: b.log", 'attachment; filename="a__X: b.log"'),
        ("ä.log", "attachment; filename=\"_.log\"; filename*=UTF-8''%C3%A4.log"),
        ("\udcff.log", "attachment; filename=\"_.log\"; filename*=UTF-8''%FF.log"),
    ],
)
def test_names_of_downloads(name: str, header: str) -> None:
    assert downloads.disposition(name) == header


class TestById:
    """16.5."""

    def test_error_logs_too(self, manage: Manage) -> None:
        manager = manage()
        (folder(manager) / "error-v1-x-2026-01-02T030405-0badcafe.log").write_text("why")
        assert fetch(manager, "request-log-by-id/0badcafe").text == "why"
        assert fetch(manager, "request-log-by-id/%200badcafe%20").text == "why"

    @pytest.mark.parametrize(
        ("wanted", "status", "words"),
        [
            ("%20", 400, "missing request ID"),
            ("a%5Cb", 400, "invalid request ID"),
            ("ffffffff", 404, "log file not found for the given request ID"),
        ],
    )
    def test_ids_that_are_none(self, manage: Manage, wanted: str, status: int, words: str) -> None:
        manager = manage()
        folder(manager)
        assert manager.refused("GET", f"request-log-by-id/{wanted}") == (status, {"error": words})

    def test_no_directory(self, manage: Manage) -> None:
        words = {"error": "log directory not found"}
        assert manage().refused("GET", f"request-log-by-id/{ID}") == (404, words)


class TestList:
    """Ours: what logs there are."""

    FIELDS = ("id", "name", "size", "modified", "error", "method", "url", "status", "ttfb_ms", "duration_ms")

    def test_logs_of_real_requests(self, manage: Manage) -> None:
        manager = manage("request-log: true\ndemo: true\n")
        for stream in (True, False):
            body = {"model": "demo-echo", "stream": stream, "messages": [{"role": "user", "content": "again"}]}
            answer = manager.app.test_client().post("/v1/chat/completions?key=abcdefghijkl", json=body, buffered=True)
            assert answer.status_code == 200
            answer.close()
        found = eventually(
            lambda: (list_ := manager.get("request-logs")["files"]) and len(list_) == 2 and list_, "both"
        )
        assert [tuple(one) for one in found] == [self.FIELDS] * 2
        for one in found:
            assert (one["method"], one["url"], one["status"]) == ("POST", "/v1/chat/completions?key=abcd...ijkl", 200)
            assert 0 <= one["duration_ms"] < 60_000
            assert fetch(manager, f"request-log-by-id/{one['id']}").headers["Content-Length"] == str(one["size"])
        (ttfb,) = [one["ttfb_ms"] for one in found if one["ttfb_ms"] is not None]
        assert 0 <= ttfb < 60_000

    def test_limits(self, manage: Manage) -> None:
        manager = manage()
        assert manager.get("request-logs") == {"files": []}
        for number in range(103):
            (folder(manager) / f"v1-2026-01-02T030405-{number}.log").touch()
        assert len(manager.get("request-logs")["files"]) == 100
        assert len(manager.get("request-logs?limit=500")["files"]) == 103
        assert len(manager.get("request-logs?limit=1")["files"]) == 1
        for limit in ("0", "501", "x", "-1", "1.5", "9" * 40):
            words = {"error": "invalid limit: must be a whole number from 1 to 500"}
            assert manager.refused("GET", f"request-logs?limit={limit}") == (400, words)


def test_the_directory_follows_the_configuration(manage: Manage) -> None:
    manager = manage()
    move(manager, manager.folder / "elsewhere")
    (manager.folder / "elsewhere").mkdir()
    (manager.folder / "elsewhere" / "error-a-1.log").write_text("x")
    assert [file["name"] for file in manager.get("request-error-logs")["files"]] == ["error-a-1.log"]

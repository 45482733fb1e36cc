"""Runs one scenario of a ``LogWriter`` under gevent's patches; prints what it saw as JSON."""

import atexit


def late() -> None:
    """Runs after everything else at the end of the process, ``logging``'s own end included."""
    if sys.argv[1] == "exit":
        logging.getLogger("cliproxy").info("the very last")


atexit.register(late)

from gevent import monkey  # noqa: E402

monkey.patch_all()

import json  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from cliproxy.records import applog  # noqa: E402
from cliproxy.records.log_writer import LogWriter  # noqa: E402
from cliproxy.records.rotating import RotatingFile  # noqa: E402

really_sleep = monkey.get_original("time", "sleep")
real_ident = monkey.get_original("_thread", "get_ident")
start_real_thread = monkey.get_original("_thread", "start_new_thread")


class FakeFile(RotatingFile):
    """Keeps what it gets; ``error`` is raised, ``seconds`` is how long a write hangs."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.entries: list[bytes] = []
        self.writes = 0
        self.threads: set[int] = set()
        self.error: OSError | None = None
        self.stuck = False

    def write(self, entries: Any) -> None:
        while self.stuck:
            really_sleep(0.01)
        if self.error is not None:
            raise self.error
        self.writes += 1
        self.threads.add(real_ident())
        self.entries += entries


def wait_for(condition: Any) -> bool:
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            return False
        gevent.sleep(0.005)
    return True


def make(directory: Path, **options: Any) -> tuple[FakeFile, LogWriter, list[str]]:
    file, warnings = FakeFile(directory), []
    return file, LogWriter(file, warn=warnings.append, lost=lambda n: b"%d lost" % n, **options), warnings


def order(directory: Path) -> Any:
    file, writer, _ = make(directory)
    for number in range(5000):
        writer.write(b"%06d\n" % number)
        if number % 100 == 0:
            gevent.sleep(0)
    writer.close()
    return {
        "lines": len(file.entries), "sorted": file.entries == sorted(file.entries),
        "own thread": real_ident() not in file.threads, "few writes": file.writes < 1000,
    }  # fmt: skip


def stuck(directory: Path) -> Any:
    """The hub goes on while a write hangs; the buffer is bounded; afterwards everything is as before."""
    file, writer, warnings = make(directory, buffer=1000)
    file.stuck = True
    began = time.monotonic()
    ticks = 0
    for _ in range(50):
        writer.write(b"x" * 99 + b"\n")
        gevent.sleep(0.001)
        ticks += 1
    lost = writer.lost
    quick = time.monotonic() - began < 5
    file.stuck = False
    done = wait_for(lambda: writer.lost + len(file.entries) == 51)  # one of them tells of the lost ones
    writer.write(b"after")
    resumed = done and wait_for(lambda: file.entries[-1] == b"after")
    told = b"%d lost" % lost in file.entries
    writer.close()
    return {
        "ticks": quick and ticks == 50, "warnings": len(warnings), "lost": 35 <= lost <= 45, "resumed": resumed,
        "told": told,
    }  # fmt: skip


def full(directory: Path) -> Any:
    file, writer, warnings = make(directory)
    file.error = OSError(28, "No space left on device")
    for entry in (b"one", b"two"):
        writer.write(entry)
        wait_for(lambda: not writer._entries and writer._worker._pump is None)
    file.error = None
    writer.write(b"four")
    writer.close()
    return {"warnings": len(warnings), "entries": [entry.decode() for entry in file.entries]}


def two_outages(directory: Path) -> Any:
    file, writer, warnings = make(directory)
    for number, entry in enumerate((b"a", b"b", b"c", b"d")):
        file.error = None if number % 2 else OSError(28, "No space left on device")
        writer.write(entry)
        wait_for(lambda: not writer._entries and writer._worker._pump is None)
    writer.close()
    return {"warnings": len(warnings), "entries": [entry.decode() for entry in file.entries]}


def threads(directory: Path) -> Any:
    """Real threads may log too: their entries are written although no greenlet of theirs ever runs."""
    applog.install()
    applog.configure(directory)
    done: list[int] = []

    def talk(number: int) -> None:
        for count in range(100):
            logging.getLogger("cliproxy").info("entry %d", number * 100 + count)
        done.append(number)

    for number in range(4):
        start_real_thread(talk, (number,))
    wait_for(lambda: len(done) == 4)
    wait_for(lambda: (directory / "main.log").read_text().count("\n") == 400)
    text = (directory / "main.log").read_text()
    seen = {int(line.rpartition(" ")[2]) for line in text.splitlines()}
    applog.close()
    return {"lines": text.count("\n"), "missing": len(set(range(400)) - seen)}


def at_exit(directory: Path) -> Any:
    """Nothing is waited for: the end of the process writes what waits."""
    applog.install()
    applog.configure(directory)
    for number in range(1000):
        logging.getLogger("cliproxy").info("entry %d", number)
    return None


def hanging_exit(directory: Path) -> Any:
    file, writer, _ = make(directory)
    file.stuck = True
    writer.write(b"a")
    gevent.sleep(0.05)
    writer.write(b"b")
    writer.write(b"c")
    began = time.monotonic()
    writer.close(0.3)
    took = time.monotonic() - began
    file.stuck = False
    return {"quick": 0.2 < took < 3, "lost": writer.lost}


def reconfigured(directory: Path) -> Any:
    applog.install()
    counts = []
    for name in ("first", "second"):
        applog.configure(directory / name)
        for number in range(100):
            logging.getLogger("cliproxy").info("entry %d", number)
    applog.configure(None)
    for name in ("first", "second"):
        counts.append((directory / name / "main.log").read_text().count("\n"))
    return dict(zip(("first", "second"), counts, strict=True))


SCENARIOS = {
    "order": order, "stuck": stuck, "full": full, "two outages": two_outages, "threads": threads, "exit": at_exit,
    "hanging exit": hanging_exit, "reconfigured": reconfigured,
}  # fmt: skip

if __name__ == "__main__":
    print(json.dumps(SCENARIOS[sys.argv[1]](Path(sys.argv[2]))))

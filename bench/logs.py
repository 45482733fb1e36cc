"""What request logs cost: the same streams through a proxy with ``request-log`` off and one with it on.

``python -m bench.logs`` prints CPU per chunk with the ratio (budget 1.5), and the memory of a stream (budget 256 kB).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.driver import CHAT, MESSAGES, ROOT, Scenario, Server, configure, free_port, run, verdict

STREAMS, CHUNKS, ROUNDS = 100, 500, 8
RATIO, KILOBYTES = 1.5, 256.0


def scenarios() -> list[Scenario]:
    unit = STREAMS * CHUNKS
    return [
        Scenario("chat, paced", CHAT, f"paced-{CHUNKS}", STREAMS, 1, unit, RATIO),
        Scenario("chat, burst", CHAT, f"burst-{CHUNKS}", STREAMS, 1, unit, RATIO),
        Scenario("claude -> chat, paced", MESSAGES, f"paced-{CHUNKS}", STREAMS, 1, unit, RATIO),
        Scenario("claude -> chat, burst", MESSAGES, f"burst-{CHUNKS}", STREAMS, 1, unit, RATIO),
    ]


def written(folder: Path) -> list[Path]:
    """The logs of the last round, once no temporary file is left."""
    logs = folder / "logs"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and (any(logs.glob("*.tmp")) or len(list(logs.glob("*.log"))) < STREAMS):
        time.sleep(0.05)
    return list(logs.glob("*.log"))


def clear(folder: Path) -> None:
    for path in (folder / "logs").glob("*.log"):
        path.unlink()


def compare(off: Server, on: Server, scenario: Scenario, folder: Path) -> tuple[float, float, bool]:
    """(CPU per chunk without, with, every file complete)."""
    figures: dict[str, list[float]] = {"off": [], "on": []}
    complete = True
    for number in range(ROUNDS + 1):
        for server in (off, on) if number % 2 else (on, off):
            before = server.cpu()
            run(server, scenario)
            if server is on:
                files = written(folder)
                complete &= len(files) == STREAMS and all(_is_complete(path) for path in files)
                clear(folder)
            if number:
                figures[server.name].append((server.cpu() - before) / scenario.unit * 1e6)
    return statistics.median(figures["off"]), statistics.median(figures["on"]), complete


def _is_complete(path: Path) -> bool:
    data = path.read_bytes()
    return data.endswith((b"data: [DONE]\n\n", b'data: {"type":"message_stop"}\n\n')) and b"TRUNCATED" not in data


def memory_per_stream(server: Server) -> float:
    """Kilobytes that a stream takes at its middle."""
    before = server.memory()
    arguments = [str(server.port), CHAT, f"paced-{CHUNKS}", str(STREAMS), "1", "bench-chat"]
    load = subprocess.Popen([sys.executable, "-m", "bench.load", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    most = before
    while load.poll() is None:
        most = max(most, server.memory())
        time.sleep(0.1)
    return (most - before) * 1024 / STREAMS


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        upstream = subprocess.Popen([sys.executable, "-m", "bench.upstream", str(port)], cwd=ROOT)
        running: list[Server] = []
        fine = True
        try:
            for kind in ("off", "on"):
                folder = Path(name, kind)
                folder.mkdir()
                environment = configure(folder, f"http://127.0.0.1:{port}")
                if kind == "on":
                    with (folder / "config.yaml").open("a") as file:
                        file.write("request-log: true\n")
                running.append(Server(kind, "wsgi:app", free_port(), environment, folder))
            folder = Path(name, "on")
            memory = [memory_per_stream(server) for server in running]
            written(folder)
            clear(folder)
            print(f"{'scenario':28}{'off':>12}{'on':>12}{'ratio':>8}{'budget':>8}")
            for scenario in scenarios():
                off, on, complete = compare(*running, scenario, folder)
                fine &= on / off <= RATIO and complete
                words = "all files complete" if complete else "FILES MISSING OR CUT"
                mark = verdict(on / off, RATIO)
                figures = f"{off:9.1f} us{on:9.1f} us{on / off:8.2f}{RATIO:8.2f}"
                print(f"{scenario.name:28}{figures}  {mark}  {words}", flush=True)
            fine &= memory[1] <= KILOBYTES
            print(f"memory per stream: off {memory[0]:.0f} kB, on {memory[1]:.0f} kB  {verdict(memory[1], KILOBYTES)}")
        finally:
            for server in running:
                server.stop()
            upstream.terminate()
            upstream.wait()
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()

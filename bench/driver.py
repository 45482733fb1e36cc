"""Starts upstream, bare relay and proxy, loads both in turn and prints what the proxy adds (design.md 6).

CPU is that of the worker process alone, from /proc; every figure is the median of rounds that alternate between relay
and proxy, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


@dataclass(frozen=True)
class Scenario:
    """``unit`` events or requests are what CPU is divided by; ``budget`` is the ratio to the relay.

    ``model`` says which upstream stands behind the proxy; the relay always gets that upstream's own ``relay_path``.
    """

    name: str
    path: str
    mode: str
    clients: int
    count: int
    unit: int
    budget: float
    model: str = "bench-chat"
    relay_path: str = CHAT


def scenarios(quick: bool) -> list[Scenario]:
    scale = 1 if quick else 3
    claude = ("bench-claude", MESSAGES)
    events = 2000
    paced = 100 if quick else 200
    burst, bursts = f"burst-{events}", 8 * 2 * scale * events
    return [
        Scenario("chat, no stream", CHAT, "", 8, 100 * scale, 8 * 100 * scale, 1.2),
        Scenario("chat, burst", CHAT, burst, 8, 2 * scale, bursts, 1.0),
        Scenario("chat, paced 60 streams", CHAT, f"paced-{paced}", 60, 1, 60 * paced, 1.0),
        Scenario("claude, burst", MESSAGES, burst, 8, 2 * scale, bursts, 1.0, *claude),
        Scenario("claude, paced 60 streams", MESSAGES, f"paced-{paced}", 60, 1, 60 * paced, 1.0, *claude),
        Scenario("claude -> chat, burst", MESSAGES, burst, 8, 2 * scale, bursts, 1.6),
        Scenario("claude -> chat, paced 60", MESSAGES, f"paced-{paced}", 60, 1, 60 * paced, 1.2),
        Scenario("chat -> claude, burst", CHAT, burst, 8, 2 * scale, bursts, 1.6, *claude),
        Scenario("chat -> claude, paced 60", CHAT, f"paced-{paced}", 60, 1, 60 * paced, 1.2, *claude),
    ]


LARGE = Scenario("claude -> chat, 200 kB", MESSAGES, "large", 4, 40, 4 * 40, 0)
LARGE_BUDGET = 6.0
"""Milliseconds of CPU above the relay for a request of 100 turns and 20 tools."""


class Server:
    """One gunicorn; ``worker`` is the pid whose CPU and memory count."""

    def __init__(self, name: str, target: str, port: int, environment: dict[str, str], folder: Path) -> None:
        self.name, self.port = name, port
        log = (folder / f"{name}.log").open("w")
        started = time.monotonic()
        command = [
            sys.executable, "-m", "gunicorn", "-k", "gevent", "-b", f"127.0.0.1:{port}", "--chdir", str(ROOT),
            "--keep-alive", "75", "--worker-connections", "4000", target,
        ]  # fmt: skip
        if name == "relay":  # without our settings, but with the same parser and limits
            command[3:3] = ["-c", str(folder / "relay.conf.py")]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True
        )
        self.start_seconds = wait_until_up(port) - started
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.worker = int(children[0])

    def cpu(self) -> float:
        """Seconds on a processor so far, user and system."""
        tasks = Path(f"/proc/{self.worker}/task").glob("*/schedstat")
        return sum(int(path.read_text().split()[0]) for path in tasks) / 1e9

    def memory(self, field: str = "VmRSS") -> float:
        """Megabytes."""
        status = Path(f"/proc/{self.worker}/status").read_text()
        return int(status.split(f"{field}:")[1].split()[0]) / 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(40)


def wait_until_up(port: int) -> float:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return time.monotonic()
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"nothing answers on port {port}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Round:
    """One run of one scenario: microseconds of CPU per unit, TTFB in ms."""

    cpu: float
    p50: float
    p99: float


def run(server: Server, scenario: Scenario) -> Round:
    before = server.cpu()
    path = scenario.relay_path if server.name == "relay" else scenario.path
    arguments = [str(server.port), path, scenario.mode, str(scenario.clients), str(scenario.count), scenario.model]
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{server.name}, {scenario.name}: {done.stderr[-2000:]}{done.stdout[-500:]}")
    result = json.loads(done.stdout)
    return Round((server.cpu() - before) / scenario.unit * 1e6, result["p50"], result["p99"])


def ttfb(server: Server, count: int) -> Round:
    """One client, one request after the other."""
    return run(server, Scenario("one client", CHAT, "burst-1", 1, count, count, 0))


def median(rounds: list[Round]) -> Round:
    return Round(*(statistics.median(getattr(r, field) for r in rounds) for field in ("cpu", "p50", "p99")))


def compare(relay: Server, proxy: Server, scenario: Scenario, rounds: int) -> tuple[Round, Round]:
    measured: dict[str, list[Round]] = {"relay": [], "proxy": []}
    for server in (relay, proxy):
        run(server, scenario)
    for number in range(rounds):
        for server in (relay, proxy) if number % 2 else (proxy, relay):
            measured[server.name].append(run(server, scenario))
    return median(measured["relay"]), median(measured["proxy"])


def open_streams(server: Server, count: int) -> float:
    """Kilobytes per open stream."""
    before = server.memory()
    arguments = [str(server.port), CHAT, "paced-300", str(count), "1", "bench-chat"]
    load = subprocess.Popen([sys.executable, "-m", "bench.load", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL)
    time.sleep(2.5)
    grown = server.memory() - before
    load.wait()
    return grown * 1024 / count


def verdict(value: float, budget: float) -> str:
    return "OK" if value <= budget else "OVER"


def configure(folder: Path, upstream: str) -> dict[str, str]:
    (folder / "relay.conf.py").write_text("from gevent import monkey\n\nmonkey.patch_all()\n")
    (folder / "config.yaml").write_text(
        f"""host: 127.0.0.1
auth-dir: {folder}/auths
api-keys: [bench-key]
openai-compatibility:
  - name: bench
    base-url: {upstream}/v1
    api-key-entries: [{{api-key: up-key}}]
    models: [{{name: up-model, alias: bench-chat}}]
claude-api-key:
  - api-key: up-key
    base-url: {upstream}
    models: [{{name: up-model, alias: bench-claude}}]
"""
    )
    return {
        "CLIPROXY_CONFIG": str(folder / "config.yaml"), "BENCH_UPSTREAM": upstream, "WRITABLE_PATH": str(folder),
    }  # fmt: skip


def report(relay: Server, proxy: Server, quick: bool) -> bool:
    rounds = 2 if quick else 3
    fine = True
    idle = proxy.memory()
    print(f"{'scenario':28}{'relay':>12}{'proxy':>12}{'ratio':>8}{'budget':>8}")
    for scenario in scenarios(quick):
        # Wake-ups differ most from run to run: more rounds where they are what is measured.
        base, ours = compare(relay, proxy, scenario, 3 * rounds if scenario.mode.startswith("paced") else rounds)
        ratio = ours.cpu / base.cpu
        fine &= ratio <= scenario.budget
        mark = verdict(ratio, scenario.budget)
        costs = f"{base.cpu:9.1f} us{ours.cpu:9.1f} us"
        print(f"{scenario.name:28}{costs}{ratio:8.2f}{scenario.budget:8.2f}  {mark}", flush=True)
    base, ours = compare(relay, proxy, LARGE, rounds)
    above = (ours.cpu - base.cpu) / 1000
    fine &= above <= LARGE_BUDGET
    costs = f"{base.cpu / 1000:9.2f} ms{ours.cpu / 1000:9.2f} ms"
    mark = verdict(above, LARGE_BUDGET)
    print(f"{LARGE.name:28}{costs}   {above:.2f} ms above the relay (budget {LARGE_BUDGET})  {mark}")
    ttfb(relay, 50), ttfb(proxy, 50)
    base = median([ttfb(relay, 200) for _ in range(rounds)])
    ours = median([ttfb(proxy, 200) for _ in range(rounds)])
    added = ours.p50 - base.p50
    fine &= added <= 1.0
    relayed = f"relay p50 {base.p50:.2f} ms, p99 {base.p99:.2f} ms"
    print(f"\nTTFB, one client       {relayed}; proxy p50 {ours.p50:.2f} ms, p99 {ours.p99:.2f} ms")
    print(f"added TTFB p50         {added:.2f} ms (budget 1.00)  {verdict(added, 1.0)}")
    per_stream = open_streams(proxy, 200 if quick else 400)
    for name, value, budget, unit in (
        ("idle memory", idle, 90, "MB"),
        ("memory per open stream", per_stream, 40, "kB"),
        ("start to first answer", proxy.start_seconds, 1.5, "s"),
    ):
        fine &= value <= budget
        print(f"{name:23}{value:.2f} {unit} (budget {budget})  {verdict(value, budget)}")
    print(f"peak memory            {proxy.memory('VmHWM'):.1f} MB (relay {relay.memory('VmHWM'):.1f} MB)")
    return fine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        upstream = subprocess.Popen([sys.executable, "-m", "bench.upstream", str(port)], cwd=ROOT)
        running: list[Server] = []
        try:
            environment = configure(folder, f"http://127.0.0.1:{port}")
            running.append(Server("relay", "bench.relay:app", free_port(), environment, folder))
            running.append(Server("proxy", "wsgi:app", free_port(), environment, folder))
            fine = report(*running, quick=options.quick)
        finally:
            for server in running:
                server.stop()
            upstream.terminate()
            upstream.wait()
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()

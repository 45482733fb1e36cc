# gevent must patch before anything else is imported: urllib3 keeps the SSLContext it finds (docs/operations.md).
from gevent import monkey

monkey.patch_all()

import gc
import os
import resource
import signal
import ssl
import sys

from cliproxy.config.environment import load_dotenv
from cliproxy.config.load import config_path, load_file, refuse_sample_keys
from cliproxy.config.settings import Settings
from cliproxy.errors import ConfigError
from cliproxy.records.output import LogOutput, LogPlan
from cliproxy.web.gunicorn_log import GunicornLog

_CONNECTIONS = 4000


def _settings() -> Settings:
    """The configuration, or a list of all its problems and exit 1."""
    load_dotenv(os.environ)
    path = config_path()
    try:
        loaded = load_file(path)
        refuse_sample_keys(loaded)
    except ConfigError as error:
        print(f"failed to load config: {path}", file=sys.stderr)
        for problem in error.problems:
            print(f"  {problem}", file=sys.stderr)
        sys.exit(1)
    settings = loaded.settings
    if settings.tls.enable and not (settings.tls.cert and settings.tls.key):
        print("failed to start HTTPS server: tls.cert or tls.key is empty", file=sys.stderr)
        sys.exit(1)
    return settings


def _binds(settings: Settings) -> list[str]:
    """An empty host means all interfaces: one dual-stack socket where the system has IPv6."""
    if settings.host:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return [f"{host}:{settings.port}"]
    dual = os.path.exists("/proc/net/if_inet6") and _bindv6only() == "0"
    return [f"[::]:{settings.port}"] if dual else [f"0.0.0.0:{settings.port}"]


def _bindv6only() -> str:
    try:
        with open("/proc/sys/net/ipv6/bindv6only") as file:
            return file.read().strip()
    except OSError:
        return ""


_config = _settings()

bind = _binds(_config)
worker_class = "gevent"
workers = 1
worker_connections = _CONNECTIONS
keepalive = 75
timeout = 120
graceful_timeout = 30
backlog = 2048
header_map = "dangerous"  # Codex clients send Session_id
limit_request_line = 65536
limit_request_fields = 200
limit_request_field_size = 65536
http_parser = "auto"
accesslog = None
logger_class = GunicornLog
loglevel = "warning"
preload_app = False
control_socket_disable = True
if _config.tls.enable:
    certfile = _config.tls.cert
    keyfile = _config.tls.key


def on_starting(server):
    """State lives in one process: more workers would each have their own cooldowns, cursors and sessions."""
    if server.cfg.workers != 1 or int(os.environ.get("WEB_CONCURRENCY") or 1) != 1:
        print(
            "cliproxy runs one worker: cooldowns, rotation and login sessions live in its memory. "
            "Remove -w / WEB_CONCURRENCY (greenlets give the concurrency).",
            file=sys.stderr,
        )
        sys.exit(1)
    if not issubclass(server.cfg.worker_class, _gevent_worker()):
        print("cliproxy needs the gevent worker: gunicorn -k gevent wsgi:app", file=sys.stderr)
        sys.exit(1)
    _configure_log()
    server.handle_int = server.handle_term  # Ctrl-C stops as gracefully as TERM
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _CONNECTIONS + 1024
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _configure_log():
    """The master's own messages go where the worker's go; a directory that cannot be used ends the start here."""
    plan = LogPlan(_config.logging_to_file, _config.auth_dir, _config.logs_max_total_size_mb)
    try:
        LogOutput(plan, os.environ, own_thread=False).apply(plan)
    except OSError as error:
        print(f"failed to configure log output: {error}", file=sys.stderr)
        sys.exit(1)


def _gevent_worker():
    from gunicorn.workers.ggevent import GeventWorker

    return GeventWorker


def when_ready(server):
    for place in server.cfg.address:
        host, port = place[:2] if isinstance(place, tuple) else (place, "")
        print(f"API server started successfully on: {host}:{port}", flush=True)
    if not _config.api_keys and _config.host not in ("127.0.0.1", "::1", "localhost"):
        print("warning: no api-keys are configured and the server listens beyond this machine", file=sys.stderr)


def post_worker_init(worker):
    import gevent
    import urllib3.util.ssl_

    from cliproxy.web import draining

    if not urllib3.util.ssl_.SSLContext.__module__.startswith("gevent"):
        worker.log.error("urllib3 was imported before gevent patched ssl: TLS connections would block all streams")
        sys.exit(1)
    lifecycle = _lifecycle(worker)
    draining.install(worker, lifecycle.drain if lifecycle is not None else None)
    # A client that speaks HTTP to the TLS port, or hangs up in the handshake, is no fault of ours.
    gevent.get_hub().NOT_ERROR += (ssl.SSLError, ConnectionError)
    # What start-up made lives for ever: the collector need not look at it again, nor so often at the rest.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10000, 20, 50)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the master decides


def _lifecycle(worker):
    return getattr(worker.wsgi, "extensions", {}).get("cliproxy.lifecycle")


def worker_exit(server, worker):
    lifecycle = _lifecycle(worker)
    if lifecycle is not None:
        lifecycle.stop()

"""Wires the parts together. No logic lives here.

``create_app()`` under a WSGI server reads the configuration file and keeps watching it; ``create_app(settings)`` takes
ready settings and touches no file but the auth directory (embedding, tests).
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path

from flask import Flask

from cliproxy import __version__
from cliproxy.config.editing import ConfigEditor
from cliproxy.config.environment import load_dotenv
from cliproxy.config.live import LiveSettings, file_digest
from cliproxy.config.load import config_path, load_file, refuse_sample_keys
from cliproxy.config.settings import Settings
from cliproxy.config.watch import ConfigWatcher
from cliproxy.oauth.desk import LoginDesk
from cliproxy.oauth.web_login import WebLogins
from cliproxy.pool.dispatch import Dispatcher
from cliproxy.pool.housekeeping import Housekeeper, Job
from cliproxy.pool.lifecycle import CredentialSource, ensure_auth_dir
from cliproxy.pool.pool import Pool
from cliproxy.pool.refresh import RefreshScheduler
from cliproxy.pool.state_file import Memory, read_state, state_path
from cliproxy.pool.state_keeper import StateKeeper
from cliproxy.pool.stores.file import FileStore
from cliproxy.pool.token_keeper import PoolTokens
from cliproxy.providers.aistudio import AiStudioProvider
from cliproxy.providers.amp_secrets import AmpSecrets, SecretsFile
from cliproxy.providers.antigravity import AntigravityProvider
from cliproxy.providers.code_assist import CodeAssist
from cliproxy.providers.credential import Credential
from cliproxy.providers.http import HttpClient
from cliproxy.providers.pipeline import Pipeline
from cliproxy.providers.registry import Providers
from cliproxy.providers.relay import Relays
from cliproxy.records import applog
from cliproxy.records.access_log import AccessRecord
from cliproxy.records.metrics import Metrics
from cliproxy.records.output import LogOutput, LogPlan
from cliproxy.records.recent import RecentRequests
from cliproxy.records.request_log.logger import RequestLogger
from cliproxy.records.timeline import Timeline
from cliproxy.records.usage.queue import UsageQueue
from cliproxy.records.usage.statistics import UsageStatistics
from cliproxy.records.usage.store import UsageStore, database_path
from cliproxy.routing.embedded import EmbeddedProviders, MakeProvider, ProviderParts
from cliproxy.routing.executor import Routing
from cliproxy.routing.fetched_models import FetchedModels
from cliproxy.routing.registration import models_for
from cliproxy.routing.registry import ModelRegistry
from cliproxy.routing.resolver import Resolver
from cliproxy.translation.hub import Hub
from cliproxy.web import claude, gemini, internal, models, openai, relay, responses, server, system
from cliproxy.web.access_log import AccessLog
from cliproxy.web.amp.module import AmpModule
from cliproxy.web.authentication import Authenticator
from cliproxy.web.callbacks import callbacks_blueprint
from cliproxy.web.logs import RequestLogs
from cliproxy.web.management.api import management_blueprint
from cliproxy.web.management.assembly import Parts, all_routes
from cliproxy.web.management.authentication import ManagementAuthenticator
from cliproxy.web.management.panel import panel_blueprint
from cliproxy.web.metrics import MetricsView, credential_states
from cliproxy.web.metrics import blueprint as metrics_blueprint
from cliproxy.web.modules import ModuleContext, register_all
from cliproxy.web.services import EXTENSION, Services

log = logging.getLogger(__name__)


def create_app(
    settings: Settings | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    request_logger: RequestLogger | None = None,
    providers: Iterable[MakeProvider] = (),
) -> Flask:
    """The WSGI application, ready to serve. What it runs beside the requests ends with ``Lifecycle.stop``.

    :param settings: use these and watch nothing; None reads ``config``, ``CLIPROXY_CONFIG`` or ``./config.yaml``.
    :param request_logger: writes request logs instead of files; it decides itself which ones (``docs/embedding.md``).
    :param providers: make providers beside those of the configuration.
    :raises ConfigError: the file cannot be used; with every problem in it.
    :raises ValueError: a provider's key is taken.
    """
    path, digest = None, ""
    if settings is None:
        load_dotenv(os.environ)
        path = config_path(os.fspath(config) if config is not None else None)
        digest = file_digest(path) or ""
        loaded = load_file(path)
        refuse_sample_keys(loaded)
        if loaded.rewritten:
            digest = file_digest(path) or ""
        settings = loaded.settings
    applog.install(settings.debug)
    output = LogOutput(_log_plan(settings), os.environ)
    if path is not None:
        output.apply(_log_plan(settings))
        for warning in loaded.warnings:
            log.warning("config: %s", warning)
    return _assemble(LiveSettings(settings, digest), path, output, request_logger, providers)


def _log_plan(settings: Settings) -> LogPlan:
    return LogPlan(settings.logging_to_file, settings.auth_dir, settings.logs_max_total_size_mb)


def _assemble(
    live: LiveSettings,
    path: Path | None,
    output: LogOutput,
    request_logger: RequestLogger | None,
    makers: Iterable[MakeProvider],
) -> Flask:
    settings = live.current
    http = HttpClient(live, os.environ)
    registry = ModelRegistry()
    pipeline = Pipeline(Hub(), live, registry.capability)
    tokens = PoolTokens()
    providers = Providers(http, live, pipeline, tokens, os.environ)
    embedded = EmbeddedProviders(makers, ProviderParts(http, live, pipeline), providers)

    fetched = FetchedModels(providers.antigravity.fetch_models, lambda changed: pool.register_again(changed))

    def register(credential: Credential, settings: Settings) -> None:
        asked = credential.provider == AntigravityProvider.key and not credential.disabled
        listed = fetched.of(credential) if asked else embedded.models_of(credential)
        models = models_for(credential, settings, listed)
        registry.register(credential.id, credential.executor_key, models)

    store = FileStore("")
    saved = read_state(state_path(ensure_auth_dir(store.auth_dir or settings.auth_dir)), time.time())
    pool = Pool(
        catalog=registry, registrar=register, providers=providers, settings=live, remembered=Memory(saved),
    )  # fmt: skip
    source = CredentialSource(pool, store, settings)
    refresher = RefreshScheduler(pool, source)
    tokens.bind(pool, refresher)
    relays = Relays(source.connect, source.disconnect)
    providers.register(AiStudioProvider.key, AiStudioProvider(relays, live, pipeline))
    metrics = Metrics(lambda: credential_states(pool.views()), __version__)
    timeline, recent = Timeline(), RecentRequests()
    counted = database_path(settings.usage_database, output.directory)
    usage = UsageStatistics(
        UsageQueue(metrics.take, timeline.take), UsageStore(counted, enabled=settings.usage_statistics_enabled)
    )  # fmt: skip
    editor = ConfigEditor(live, path)
    logins = WebLogins(LoginDesk(live, store, http, source.catch_up, os.environ, lambda: source.auth_dir))
    dispatcher = Dispatcher(pool, settings=live, usage=usage, renew=tokens.after_refusal)
    found = Services(
        settings=live, authenticator=Authenticator(settings.api_keys), resolver=Resolver(registry), registry=registry,
        dispatcher=dispatcher, relays=relays, code_assist=CodeAssist(http),
    )  # fmt: skip
    app = Flask("cliproxy", static_folder=None)
    app.extensions[EXTENSION] = found
    server.install(app)
    parts = Parts(editor, output, usage, timeline, recent, logins, pool, source, registry, http)
    _add_routes(app, live, parts, metrics)
    routes = Routing.of(pool, registry, dispatcher, settings)
    app.extensions[f"{EXTENSION}.routing"] = routes
    amp = AmpModule(routes, AmpSecrets(SecretsFile.of_user()), http)
    register_all([amp], ModuleContext(app, found, settings, lambda environ: found.authenticator.check(environ)))
    logs = RequestLogs(settings, output.directory, request_logger)
    logs.install(app, settings)

    def finished(done: AccessRecord) -> None:
        for told in (metrics.finished, timeline.finished, recent.finished):
            told(done)

    app.wsgi_app = AccessLog(app.wsgi_app, finished)  # type: ignore[method-assign]  # the outermost layer
    lifecycle = Lifecycle(live, pool, source, refresher, http, found, amp, output, logs, usage, logins, path)
    app.extensions[f"{EXTENSION}.lifecycle"] = lifecycle
    lifecycle.start(app)
    for key in embedded.keys:
        source.connect(key, key)
    return app


def _add_routes(app: Flask, live: LiveSettings, parts: Parts, metrics: Metrics) -> None:
    """Everything but the modules' routes."""
    management = ManagementAuthenticator(live, os.environ)
    for module in (system, models, openai, responses, claude, gemini, internal, relay):
        app.register_blueprint(module.blueprint)
    app.register_blueprint(metrics_blueprint(MetricsView(metrics, management, live, parts.usage.queue.flush)))
    app.register_blueprint(management_blueprint(management, all_routes(parts)))
    app.register_blueprint(panel_blueprint(live, os.environ))
    app.register_blueprint(callbacks_blueprint(parts.logins))


class Lifecycle:
    """What runs beside the requests: the watcher and the reactions to a new configuration. ``stop`` ends it."""

    def __init__(
        self,
        live: LiveSettings,
        pool: Pool,
        source: CredentialSource,
        refresher: RefreshScheduler,
        http: HttpClient,
        found: Services,
        amp: AmpModule,
        output: LogOutput,
        logs: RequestLogs,
        usage: UsageStatistics,
        logins: WebLogins,
        path: Path | None,
    ) -> None:
        self._live, self._source, self._http, self._services, self._path = live, source, http, found, path
        self._amp, self._output, self._logs, self._usage, self._logins = amp, output, logs, usage, logins
        self._watcher: ConfigWatcher | None = None
        self._keeper = StateKeeper(pool, source)
        self._refresher = refresher
        self._housekeeper = Housekeeper(
            [
                Job(1, self._keeper.look, "saving cooldowns"),
                Job(5, source.save_again, "saving tokens again"),
                Job(30, lambda: _ask_for_missing_models(pool), "asking for models"),
                Job(output.cap.EVERY, output.cap.run, "keeping the size limit of the logs"),
                Job(5, self._refresher.check, "looking for tokens to refresh"),
            ]
        )
        self._keep_alive: system.KeepAlive | None = None

    def start(self, app: Flask) -> None:
        """Load the credentials and begin to watch."""
        self._live.subscribe(self._settings_changed)
        self._source.tidy()
        self._logins.tidy()
        self._source.load()
        if password := os.environ.get("CLIPROXY_PASSWORD", ""):
            self._keep_alive = system.KeepAlive(password)
            app.add_url_rule("/keep-alive", view_func=self._keep_alive.view, methods=["GET"])
        self._housekeeper.start()
        if self._path is not None:
            self._watch(self._path)
            if self._keep_alive is not None:
                self._keep_alive.start()

    def drain(self) -> None:
        """The server begins to stop: connections without an end of their own are closed."""
        self._services.relays.close_all()

    def stop(self) -> None:
        """Stop watching and close idle upstream connections. Running requests are not touched."""
        if self._watcher is not None:
            self._watcher.stop()
        if self._keep_alive is not None:
            self._keep_alive.stop()
        self._logins.stop()
        self._housekeeper.stop()
        self._refresher.stop()
        self._keeper.stop()
        self._http.close()
        self._usage.stop()
        self._logs.stop()
        self._output.close()

    def _watch(self, path: Path) -> None:
        self._watcher = ConfigWatcher(
            path,
            self._source.auth_dir,
            on_config=lambda: _ignore(self._live.reload(path)),
            on_auth_change=lambda event: _ignore(self._source.file_changed(event.path, removed=event.kind == "delete")),
        )
        self._watcher.start()
        log.info("file watcher started for config and auth directory changes")

    def _settings_changed(self, old: Settings, new: Settings) -> None:
        applog.set_debug(new.debug)
        if self._path is not None:
            self._output.reapply(_log_plan(new))
        self._source.settings_changed(old, new)
        self._logs.settings_changed(old, new, self._output.directory)
        self._usage.switch(new.usage_statistics_enabled)
        self._services.authenticator = Authenticator(new.api_keys)
        if (old.ampcode, old.oauth_model_alias) != (new.ampcode, new.oauth_model_alias):
            self._amp.on_config_updated(new)
        if new.ws_auth and not old.ws_auth:
            self._services.relays.close_all()
            log.debug("ws-auth enabled; existing websocket sessions terminated to enforce authentication")
        elif old.ws_auth and not new.ws_auth:
            log.debug("ws-auth disabled; existing websocket sessions remain connected")
        if self._watcher is not None:
            self._watcher.set_auth_dir(self._source.auth_dir)


def _ask_for_missing_models(pool: Pool) -> None:
    """Once more for accounts whose list could not be had so far."""
    for view in pool.views():
        if view.credential.provider == AntigravityProvider.key and not view.credential.disabled and not view.models:
            pool.register_again(view.credential.id)


def _ignore(result: object) -> None:
    """Drop a result that a callback has no use for."""

"""Composition root: builds the gateway's parts, connects them and starts their loops."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.installed_services import installed_services
from makima_kernel.service.runtime import Service
from makima_kernel.telemetry import metrics
from makima_schemas import subjects
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus

from makima_gateway.api.application import application
from makima_gateway.api.context import Gateway
from makima_gateway.auth.agent_tokens import AgentTokens
from makima_gateway.auth.broker_logins import BrokerLogins
from makima_gateway.auth.id_secret import IdSecret
from makima_gateway.auth.ownership import Owners
from makima_gateway.auth.sessions import Sessions
from makima_gateway.auth.tokens import Tokens
from makima_gateway.batch.ledger import BatchLedger
from makima_gateway.dashboard.queries import DashboardQueries
from makima_gateway.http.server import Tls, listen, serve
from makima_gateway.http.turns import Turns
from makima_gateway.monitor.log_tail import LogTail
from makima_gateway.monitor.monitor import Monitor
from makima_gateway.monitor.names import Names
from makima_gateway.monitor.pulse import Pulse
from makima_gateway.monitor.row_board import RowBoard
from makima_gateway.monitor.stale_reminders import StaleReminders
from makima_gateway.monitor.stale_reminders import decode as decode_stale
from makima_gateway.needs_you.queries import NeedsYouQueries
from makima_gateway.read_model.agent_queries import AgentQueries
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.projection import ReadModel
from makima_gateway.read_model.queries import Queries
from makima_gateway.read_model.sorted_contracts import SortedContracts
from makima_gateway.read_model.version_watch import Shares, VersionWatch
from makima_gateway.system.handled_letters import HandledLetters
from makima_gateway.system.maintenance import MaintenanceReader
from makima_gateway.system.replicas import Replicas
from makima_gateway.system.series import SystemSeries
from makima_gateway.system.vital_signs import VitalSigns

NAME: Final = "gateway"
GAUGES_EVERY_SECONDS: Final = 5.0


async def build(service: Service) -> None:
    bound = listen(service.settings.host, service.settings.port)
    tls = Tls.of(service.settings.tls_cert_file, service.settings.tls_key_file)
    queries, tokens = Queries(service.pool), Tokens(service.pool)
    agent_tokens = AgentTokens(service.pool, service.settings.quotas.agent_tokens_per_contract)
    sessions = Sessions(service.pool, tokens, timedelta(days=service.settings.http.session_lifetime_days))
    broker_logins = BrokerLogins(tokens, service.settings)
    await _first_admin(service, tokens)
    projector = service.project(ReadModel())
    latest_heartbeats = LatestHeartbeats()
    enhanced = service.settings.feature_flags.enhanced_contract_status
    board = RowBoard(queries, service.log, latest_heartbeats, enhanced=enhanced)
    log_tail = LogTail(queries, projector, board)
    names, watched = Names(queries), Replicas(service.nats)
    pulse = Pulse(service.log, watched, log_tail.subscriptions)
    reminders = StaleReminders(log_tail.subscriptions.notify_all, names)
    owners = Owners(queries, service.log)
    limits = service.settings.http
    shares = Shares(limits.waits_at_once_per_token, limits.waits_at_once_per_owner)
    version_watch = VersionWatch(queries, projector, shares)
    series = SystemSeries()
    signs = VitalSigns(service.log, projector, latest_heartbeats, watched)
    gateway = Gateway(
        bus=service.bus,
        log=service.log,
        nats=service.nats,
        queries=queries,
        agents=AgentQueries(service.pool),
        dashboard_queries=DashboardQueries(service.pool),
        sorted_contracts=SortedContracts(service.pool),
        needs_you=NeedsYouQueries(service.pool, queries, service.log),
        owners=owners,
        tokens=tokens,
        sessions=sessions,
        agent_tokens=agent_tokens,
        batch_ledger=BatchLedger(service.pool),
        handled_letters=HandledLetters(service.pool),
        broker_logins=broker_logins,
        ids=await IdSecret.load(service.pool),
        projector=projector,
        latest_heartbeats=latest_heartbeats,
        monitor=Monitor(
            log_tail,
            latest_heartbeats,
            reminders,
            service.log,
            queries,
            owners,
            tokens,
            names,
            pulse,
            sessions,
            service.settings.feature_flags.enhanced_contract_status,
        ),
        health=service.health,
        # Its rounds begin with the request that asks, not before it.
        replicas=Replicas(service.nats, {each.name for each in installed_services()}),
        series=series,
        maintenance=MaintenanceReader(service.log),
        settings=service.settings,
        searches=Turns(
            service.settings.http.searches_at_once_per_token, service.settings.http.request_wait_seconds
        ),
        syncs=Turns(
            service.settings.http.requests_at_once_per_token, service.settings.http.request_wait_seconds
        ),
        version_watch=version_watch,
    )
    app = application(gateway)
    service.loop("state feed", lambda: latest_heartbeats.run(service.nats))
    service.loop("vital signs", lambda: series.run(signs.sample))
    service.loop("monitor log tail", log_tail.run)
    service.loop("monitor pulse", pulse.run)
    service.loop("waiting requests", version_watch.run)
    service.loop("tokens", tokens.run)
    service.loop("sessions", sessions.run)
    service.loop("clean-up of sessions", sessions.clean_up_regularly)
    service.loop("tokens of agents", agent_tokens.run)
    service.loop("logins", broker_logins.run)
    service.healthy_when("logins", broker_logins.ready)
    service.broker.subscriber(
        subjects.MONITOR_STALE, decoder=decode_stale, no_reply=True, title="stale-contracts"
    )(reminders.remind)
    sockets = metrics.exported(metrics.open_sockets)
    service.status.report(
        "open_sockets", lambda: sum(one.value for of in sockets.collect() for one in of.samples)
    )
    service.loop("gauges", _gauges(queries, gateway.agents))
    listens = service.listens("http")

    def listening() -> None:
        scheme = "https" if tls else "http"
        url = f"{scheme}://{service.settings.host}:{bound.getsockname()[1]}"
        service.logger.info("gateway.listening", url=url)
        listens.set()

    def end_waiting() -> None:
        log_tail.close()
        version_watch.close()

    service.loop(
        "http",
        lambda: serve(app, bound, limits, on_listening=listening, close_sockets=end_waiting, tls=tls),
    )


async def _first_admin(service: Service, tokens: Tokens) -> None:
    """Create the first administrator's token, unless it exists.

    The settings contain only the SHA-256 of its secret (`admin_token_sha256`); the operator has the secret.
    """
    wanted = service.settings.admin_token_sha256
    if wanted is not None and await tokens.ensure_admin(bytes.fromhex(wanted)):
        service.logger.info("token.created", role="admin", by="settings")


def _gauges(queries: Queries, agent_queries: AgentQueries) -> Callable[[], Awaitable[None]]:
    """A loop that sets the gauges of the read model every `GAUGES_EVERY_SECONDS` (interfaces.md, Metrics)."""

    async def run() -> None:
        while True:
            try:
                counted = {status: (contracts, stale) for status, contracts, stale in await queries.gauges()}
                for status in ContractStatus:
                    metrics.exported(metrics.contracts_by_status).labels(status).set(
                        counted.get(status, (0, 0))[0]
                    )
                metrics.exported(metrics.contracts_stale_count).set(
                    sum(stale for _, stale in counted.values())
                )
                agents = {status: (count, stuck) for status, count, stuck in await agent_queries.gauges()}
                for each in AgentStatus:
                    metrics.exported(metrics.agents_by_status).labels(each).set(agents.get(each, (0, 0))[0])
                metrics.exported(metrics.agents_stuck).set(sum(stuck for _, stuck in agents.values()))
            except DATABASE_UNAVAILABLE as error:
                structlog.get_logger().warning(
                    "gateway.gauges_failed", reason=f"{type(error).__name__}: {error}"
                )
            await asyncio.sleep(GAUGES_EVERY_SECONDS)

    return run

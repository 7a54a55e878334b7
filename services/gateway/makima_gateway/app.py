"""The gateway, built and joined."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from makima_kernel.event_log.errors import AWAY
from makima_kernel.service.runtime import Service
from makima_kernel.telemetry import metrics
from makima_schemas.contract.model import ContractStatus

from makima_gateway.api.application import application
from makima_gateway.api.context import Gateway
from makima_gateway.auth.broker_logins import Logins
from makima_gateway.auth.ownership import Owners
from makima_gateway.auth.tokens import Tokens
from makima_gateway.batch.ledger import Batches
from makima_gateway.dashboard.queries import Overviews
from makima_gateway.http.server import listen, serve
from makima_gateway.monitor.log_tail import Hub
from makima_gateway.monitor.monitor import Monitor
from makima_gateway.monitor.stale_reminders import Reminders
from makima_gateway.read_model.latest_heartbeats import StateFeed
from makima_gateway.read_model.projection import ReadModel
from makima_gateway.read_model.queries import Queries

NAME: Final = "gateway"
GAUGES_EVERY_SECONDS: Final = 5.0


async def build(service: Service) -> None:
    bound = listen(service.settings.host, service.settings.port)
    queries, tokens = Queries(service.pool), Tokens(service.pool)
    logins = Logins(tokens, service.settings.nats_url, service.settings.nats_dir)
    await _first_admin(service, tokens)
    await logins.refresh()
    projector = service.project(ReadModel())
    feed = StateFeed()
    hub = Hub(queries, projector)
    reminders = Reminders(hub.ears.wake_all)
    owners = Owners(queries, service.log)
    gateway = Gateway(
        bus=service.bus,
        log=service.log,
        nats=service.nats,
        queries=queries,
        overviews=Overviews(service.pool),
        owners=owners,
        tokens=tokens,
        batches=Batches(service.pool),
        logins=logins,
        projector=projector,
        feed=feed,
        monitor=Monitor(
            hub, feed, reminders, service.log, queries, owners, tokens, service.settings.feature_flags.enhanced_contract_status
        ),
        health=service.health,
        settings=service.settings,
    )
    app = application(gateway)
    service.loop("state feed", lambda: feed.run(service.nats))
    service.loop("monitor hub", hub.run)
    service.loop("tokens", tokens.run)
    service.loop("logins", logins.run)
    service.ready_when("logins", logins.ready)
    service.loop("reminders", lambda: reminders.run(service.nats))
    service.loop("gauges", _gauges(queries))
    service.loop("http", lambda: serve(app, bound, hub.close))
    service.logger.info("gateway.listening", url=f"http://{service.settings.host}:{bound.getsockname()[1]}")


async def _first_admin(service: Service, tokens: Tokens) -> None:
    """Whoever set the system up has its secret; we were told the hash."""
    wanted = service.settings.admin_token_sha256
    if wanted is not None and await tokens.ensure_admin(bytes.fromhex(wanted)):
        service.logger.info("token.created", role="admin", by="settings")


def _gauges(queries: Queries) -> Callable[[], Awaitable[None]]:
    """The gauges of the read model (interfaces.md, Metrics)."""

    async def run() -> None:
        while True:
            try:
                counted = {status: (contracts, stale) for status, contracts, stale in await queries.gauges()}
                for status in ContractStatus:
                    metrics.contracts_by_status.labels(status).set(counted.get(status, (0, 0))[0])
                metrics.contracts_stale_count.set(sum(stale for _, stale in counted.values()))
            except AWAY as error:
                structlog.get_logger().warning("gateway.gauges_stand", reason=f"{type(error).__name__}: {error}")
            await asyncio.sleep(GAUGES_EVERY_SECONDS)

    return run

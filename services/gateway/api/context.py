"""What the routes work with: built once in `app`, reached by a dependency."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_kernel.service.health import Health
from makima_kernel.service.settings import Settings
from nats.aio.client import Client
from starlette.requests import HTTPConnection

from services.gateway.auth.broker_logins import Logins
from services.gateway.auth.ownership import Owners
from services.gateway.auth.tokens import Tokens
from services.gateway.batch.ledger import Batches
from services.gateway.dashboard.queries import Overviews
from services.gateway.monitor.monitor import Monitor
from services.gateway.read_model.latest_heartbeats import StateFeed
from services.gateway.read_model.queries import Queries


@dataclass(frozen=True, slots=True)
class Gateway:
    bus: Bus
    log: Log
    nats: Client
    queries: Queries
    overviews: Overviews
    owners: Owners
    tokens: Tokens
    batches: Batches
    logins: Logins
    projector: Projector
    feed: StateFeed
    monitor: Monitor
    health: Health
    settings: Settings


def gateway(connection: HTTPConnection) -> Gateway:
    return cast("Gateway", connection.app.state.gateway)


Here = Annotated[Gateway, Depends(gateway)]

"""The parts of the gateway that the routes use, as a FastAPI dependency."""

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

from makima_gateway.auth.agent_tokens import AgentTokens
from makima_gateway.auth.broker_logins import BrokerLogins
from makima_gateway.auth.id_secret import IdSecret
from makima_gateway.auth.ownership import Owners
from makima_gateway.auth.sessions import Sessions
from makima_gateway.auth.tokens import Tokens
from makima_gateway.batch.ledger import BatchLedger
from makima_gateway.dashboard.queries import DashboardQueries
from makima_gateway.http.turns import Turns
from makima_gateway.monitor.monitor import Monitor
from makima_gateway.needs_you.queries import NeedsYouQueries
from makima_gateway.read_model.agent_queries import AgentQueries
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.queries import Queries
from makima_gateway.read_model.sorted_contracts import SortedContracts
from makima_gateway.read_model.version_watch import VersionWatch
from makima_gateway.system.handled_letters import HandledLetters
from makima_gateway.system.maintenance import MaintenanceReader
from makima_gateway.system.replicas import Replicas
from makima_gateway.system.series import SystemSeries


@dataclass(frozen=True, slots=True)
class Gateway:
    """Built once in `makima_gateway.app` and held in `app.state.gateway`. Only routes use it."""

    bus: Bus  # sends commands and queries to the owning services
    log: Log  # the event log, for history, export and list of events
    nats: Client  # publishes the heartbeats that daemons send by HTTP
    queries: Queries
    agents: AgentQueries
    dashboard_queries: DashboardQueries
    sorted_contracts: SortedContracts
    needs_you: NeedsYouQueries
    owners: Owners
    tokens: Tokens
    sessions: Sessions
    agent_tokens: AgentTokens
    batch_ledger: BatchLedger
    handled_letters: HandledLetters
    broker_logins: BrokerLogins
    ids: IdSecret  # makes the ids of everything that is created
    projector: Projector  # tells which log position the read model shows
    latest_heartbeats: LatestHeartbeats
    monitor: Monitor
    health: Health
    replicas: Replicas
    series: SystemSeries  # vital signs of the last hour
    maintenance: MaintenanceReader
    settings: Settings
    searches: Turns  # of each token: lists with `q`
    syncs: Turns  # of each token: requests that wait for a supervisor's heartbeat, and hold no other turn
    version_watch: VersionWatch  # wakes requests that wait for a contract to change

    @property
    def enhanced(self) -> bool:
        """Whether clients see the new statuses of contracts; else they see those of old in their place."""
        return self.settings.feature_flags.enhanced_contract_status

    @property
    def advances(self) -> bool:
        """Whether contracts may advance by themselves."""
        return self.settings.contracts.auto_advance_phases and self.settings.feature_flags.auto_complete


async def gateway(connection: HTTPConnection) -> Gateway:
    """The parts. A coroutine: FastAPI runs any other dependency in a worker thread, for each request."""
    return cast("Gateway", connection.state.gateway)


CurrentGateway = Annotated[Gateway, Depends(gateway)]
